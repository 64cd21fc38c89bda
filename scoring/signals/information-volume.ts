/**
 * Bits that have left in names and types: below this parent with this query, and below all unlisted parents of the session;
 * and over how many of those parents they are spread. Source: Paxson et al. 2013 (information bound per client and domain);
 * the bits are the leak meter's. Blind to whatever stays below a few hundred bits, and to timing.
 */
import type { Observation } from '../observation.ts';

export function parentVolumeBits({ parentBits, leakBits }: Observation): number {
  return parentBits + leakBits;
}

export function sessionVolumeBits({ sessionBits, leakBits }: Observation): number {
  return sessionBits + leakBits;
}

export function unlistedParentCount({ unlistedParents }: Observation): number {
  return unlistedParents;
}
