/**
 * How new the parent is to everybody here: 7 days less the days since the fleet first sent a name below it.
 * Source: newly observed domains (PowerDNS NOD, Farsight). Everything is new in the first week of an installation, and every user
 * meets new parents daily, so it is worth little. Evaded by asking for one name and waiting a week.
 */
import type { Observation } from '../observation.ts';

export const NOVELTY_DAYS = 7;

/** Days of novelty: 7 for a parent never asked before, 0 from a week on. */
export function parentNoveltyDays({ parentKnownDays }: Observation): number {
  return NOVELTY_DAYS - Math.min(Math.max(parentKnownDays, 0), NOVELTY_DAYS);
}
