/**
 * What several signals need of a name alone. Computed once per name (about 3 µs for 30 octets) and kept by the caller beside the
 * name, so that a query for a name seen before measures nothing again. The formulas are explained where they are used.
 */
import { benignBits } from '../meter/name-coder.ts';

export interface NameFeatures {
  /** Octets of the whole name in wire form, 1-255. */
  readonly nameOctets: number;
  /** Labels below the registrable domain. */
  readonly labelCount: number;
  readonly longestLabelOctets: number;
  /** −Σ log2 p_benign over the labels, separators and end. */
  readonly benignBits: number;
  /** log2 of that, at least 0. */
  readonly benignBitsDoublings: number;
  /** Octets of all labels, separators and the end mark: what `benignBits` is spread over. */
  readonly symbols: number;
  /** Shannon entropy of the two leftmost labels, bits per octet. */
  readonly entropyBits: number;
  /** Points of the signals that follow from these alone: `assess` notes them here when it first needs them. */
  points: number | null;
}

const LEFTMOST_LABELS = 2;

const octetCounts = new Uint8Array(256);

/**
 * Measures a name. `labels`: those below the registrable domain, leftmost first, as octet strings (one char per octet, lower-cased);
 * `nameOctets`: length of the whole name in wire form.
 */
export function measureName(labels: readonly string[], nameOctets: number): NameFeatures {
  let octets = 0;
  let longestLabelOctets = 0;
  for (const label of labels) {
    octets += label.length;
    longestLabelOctets = Math.max(longestLabelOctets, label.length);
  }
  const bits = benignBits(labels);
  return {
    nameOctets,
    labelCount: labels.length,
    longestLabelOctets,
    benignBits: bits,
    benignBitsDoublings: Math.log2(Math.max(bits, 1)),
    symbols: octets + Math.max(labels.length, 1),
    entropyBits: entropyOf(labels.slice(0, LEFTMOST_LABELS).join('')),
    points: null,
  };
}

/** H = log2 n − (1/n) Σ c log2 c over the octets' counts c; the scratch table is all zeros again afterwards. */
function entropyOf(text: string): number {
  for (let at = 0; at < text.length; at++) {
    const octet = text.charCodeAt(at) & 0xff;
    octetCounts[octet] = (octetCounts[octet] ?? 0) + 1;
  }
  let sum = 0;
  for (let at = 0; at < text.length; at++) {
    const octet = text.charCodeAt(at) & 0xff;
    const count = octetCounts[octet] ?? 0;
    if (count > 1) sum += count * Math.log2(count);
    octetCounts[octet] = 0;
  }
  return text.length === 0 ? 0 : Math.max(Math.log2(text.length) - sum / text.length, 0);
}
