/**
 * What several signals need of a name alone, computed once per list of labels: a query for a name seen before costs a look-up.
 * Owns the memo (weak: it lives as long as the caller keeps the labels); the formulas are explained where they are used.
 */
import { benignBits } from '../meter/name-coder.ts';

export interface NameShape {
  /** −Σ log2 p_benign over the labels, separators and end. */
  readonly benignBits: number;
  /** Octets of all labels, separators and the end mark: what `benignBits` is spread over. */
  readonly symbols: number;
  /** Shannon entropy of the two leftmost labels, bits per octet. */
  readonly entropyBits: number;
  readonly longestLabelOctets: number;
}

const LEFTMOST_LABELS = 2;

const octetCounts = new Uint8Array(256);
const shapes = new WeakMap<readonly string[], NameShape>();

/** The shape of these labels. They must not be changed afterwards. */
export function shapeOf(labels: readonly string[]): NameShape {
  const known = shapes.get(labels);
  if (known !== undefined) return known;
  const shape = measure(labels);
  shapes.set(labels, shape);
  return shape;
}

function measure(labels: readonly string[]): NameShape {
  let octets = 0;
  let longestLabelOctets = 0;
  for (const label of labels) {
    octets += label.length;
    longestLabelOctets = Math.max(longestLabelOctets, label.length);
  }
  return {
    benignBits: benignBits(labels),
    symbols: octets + Math.max(labels.length, 1),
    entropyBits: entropyOf(labels.slice(0, LEFTMOST_LABELS).join('')),
    longestLabelOctets,
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
