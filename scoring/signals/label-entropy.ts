/**
 * Shannon entropy of the leftmost labels, in bits per octet.
 * H = −Σ p(c) log2 p(c) over the octets of the two leftmost labels together (Paxson et al. 2013 §3; Ahmed et al. 2019 take it per name).
 * Grows with length up to log2 of the length, so short names cannot score high. Blind to words and to short labels.
 */
import type { Observation } from '../observation.ts';

const LEFTMOST_LABELS = 2;

/** 0 for the apex, up to 6.9 for 126 different octets. */
export function labelEntropyBits({ labels }: Observation): number {
  const counts = new Map<number, number>();
  let octets = 0;
  for (const label of labels.slice(0, LEFTMOST_LABELS)) {
    for (let at = 0; at < label.length; at++) {
      const octet = label.charCodeAt(at);
      counts.set(octet, (counts.get(octet) ?? 0) + 1);
      octets++;
    }
  }
  let bits = 0;
  for (const count of counts.values()) bits -= (count / octets) * Math.log2(count / octets);
  return bits;
}
