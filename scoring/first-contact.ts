/**
 * When a parent is new to everybody: unlisted, never asked for by the fleet until lately, and nothing known about its age.
 * Owns the rule and how much one name may say meanwhile; the comparison is `decide.ts`'s, switching it on the policy's.
 */
import type { DomainAge } from './observation.ts';

/** A domain younger than this is as good as unknown: what is registered for one attack is rarely older. */
const YOUNG_DAYS = 30;

/**
 * After this time a parent is no longer new, whatever is known of it: where no registry answers, waiting must end somewhere. Tenants of
 * a private suffix have no age but this one, because the age of their landlord says nothing about them.
 */
const KNOWN_AFTER_DAYS = 7;

/**
 * What all names below a parent may cost a session together while the parent is new: 32 octets, so that a key of 36 does not leave in
 * pieces either. Half of what the tightest preset lets out below a parent that is known.
 */
export const FIRST_CONTACT_TOTAL_BITS = 256;

/** The apex and its types stay below this (2 to 5 bits), and pass although the total is used up. */
const APEX_BITS = 6;

/** Whether names below the parent get only a few bits. `parentKnownDays`: since the fleet first sent a name below it, 0 for never. */
export function isFirstContact(age: DomainAge, parentKnownDays: number): boolean {
  if (age === 'no-date') return false;
  if (age !== 'unknown' && age >= YOUNG_DAYS) return false;
  return parentKnownDays < KNOWN_AFTER_DAYS;
}

/** Bits a new name may cost: what the policy gives one name, or what is left of the total. `parentBits`: spent below the parent. */
export function firstContactLimit(nameBits: number, parentBits: number): number {
  return Math.max(Math.min(nameBits, FIRST_CONTACT_TOTAL_BITS - parentBits), APEX_BITS);
}
