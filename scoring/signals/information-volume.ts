/**
 * Bits that have left in names and types: below this parent with this query, and below all unlisted parents of the session;
 * over how many of those parents they are spread; and how much was tried, refused or not.
 * Source: Paxson et al. 2013 (information bound per client and domain); the bits are the leak meter's.
 * Blind to whatever stays below a few hundred bits, and to timing.
 */
import type { Observation } from '../observation.ts';
import { doublings } from './doublings.ts';

export function parentVolumeBits({ parentBits, leakBits }: Observation): number {
  return parentBits + leakBits;
}

export function sessionVolumeBits({ sessionBits, leakBits }: Observation): number {
  return sessionBits + leakBits;
}

export function unlistedParentCount({ counts }: Observation): number {
  return counts.unlistedParents;
}

/**
 * log2 of the bits that all names asked below this parent would hold if they were like this one: fanOut × −Σ log2 p_benign,
 * of which the second part counts as at least one bit.
 * Goes on growing when the budget is spent and nothing leaves any more, so that a thief who keeps trying is seen.
 */
export function triedVolumeDoublings({ counts, name }: Observation): number {
  return doublings(counts.fanOut) + name.benignBitsDoublings;
}
