/**
 * Shannon entropy of the leftmost labels, in bits per octet.
 * H = −Σ p(c) log2 p(c) over the octets of the two leftmost labels together (Paxson et al. 2013 §3; Ahmed et al. 2019 take it per name).
 * Grows with length up to log2 of the length, so short names cannot score high. Blind to words and to short labels.
 */
import type { Observation } from '../observation.ts';

/** 0 for the apex, up to 7 for 126 different octets. */
export function labelEntropyBits({ name }: Observation): number {
  return name.entropyBits;
}
