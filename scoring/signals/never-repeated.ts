/**
 * Share of the names below this parent that were asked once and never again half a minute later: share × names / (names + 8).
 * A tunnel never says the same twice, a person's or a program's names come back (PowerDNS UDR; Paxson et al. 2013 drop what repeats).
 * Counted by names, so that repeating one name a thousand times moves nothing. Evaded by asking each name twice, 30 s apart or more.
 */
import type { Observation } from '../observation.ts';

/** Few names say little: eight names asked once count as half. */
const EMPTY_NAMES = 8;

/** 0 to just below 1. */
export function neverRepeatedShare({ counts }: Observation): number {
  return (counts.onceAskedShare * counts.fanOut) / (counts.fanOut + EMPTY_NAMES);
}
