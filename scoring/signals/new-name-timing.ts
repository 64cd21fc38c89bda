/**
 * When new names appear below this parent: how many of late (log2, each name halved every five minutes), and the share of pauses
 * between them that are as long as the pause before, even / (pauses + 8).
 * Rate: the windows of Nadler et al. 2019 and of ibHH (NDSS 2024). Even pauses: beacons (Hu et al., BAYWATCH, DSN 2016).
 * The rate is blind to slow streams, the rhythm to jitter above a tenth of the pause and to names less than a second apart.
 */
import type { Observation } from '../observation.ts';
import { doublings } from './doublings.ts';

/** Few pauses say little: eight even ones count as half. */
const EMPTY_PAUSES = 8;

/** 0 for one new name of late; one more for every doubling. */
export function newNameDoublings({ counts }: Observation): number {
  return doublings(counts.recentNewNames);
}

/** 0 to just below 1. */
export function evenPauseShare({ counts }: Observation): number {
  return counts.evenPauses / (counts.pauses + EMPTY_PAUSES);
}
