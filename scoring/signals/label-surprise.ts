/**
 * How unlike benign host names the labels are: code length per octet against the trigram model, in bits.
 * (−Σ log2 p_benign(symbol | two before)) / (octets + 1); n-grams against tunnels: Born and Gustafson 2010.
 * Sees hex and base32 in a single label. Blind to words; one short label says little, so it is shrunk towards the typical value.
 */
import type { Observation } from '../observation.ts';

/** Median of the benign names, and how many symbols it weighs: a three-letter label must not look like a tunnel. */
const TYPICAL_BITS = 3.6;
const TYPICAL_WEIGHT = 8;

export function labelSurpriseBits({ name }: Observation): number {
  const { benignBits, symbols } = name;
  return (benignBits + TYPICAL_BITS * TYPICAL_WEIGHT) / (symbols + TYPICAL_WEIGHT);
}
