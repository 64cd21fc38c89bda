/**
 * When a parent is new to everybody: unlisted, never asked for by the fleet until lately, and nothing known about its age.
 * Owns the rule alone; how many bits a name gets meanwhile is the policy's, the comparison `decide.ts`'s.
 */
import type { DomainAge } from './observation.ts';

/** A domain younger than this is as good as unknown: what is registered for one attack is rarely older. */
const YOUNG_DAYS = 30;

/** After this time a parent is no longer new, whatever is known of it: where no registry answers, waiting must end somewhere. */
const KNOWN_AFTER_DAYS = 7;

/** Whether names below the parent get only a few bits. `parentKnownDays`: since the fleet first sent a name below it, 0 for never. */
export function isFirstContact(age: DomainAge, parentKnownDays: number): boolean {
  if (age === 'no-date') return false;
  if (age !== 'unknown' && age >= YOUNG_DAYS) return false;
  return parentKnownDays < KNOWN_AFTER_DAYS;
}
