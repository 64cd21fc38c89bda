/**
 * Code length of a query type: adaptive counts over the types that may leave, in the context of what was sent before it.
 * Owns the list's prior; which types may leave at all is the policy's work.
 */

import { FIRST_TYPE_CELL } from './cells.ts';
import type { CountTable } from './count-table.ts';

/** Share of each type before anything was sent, by type number; roughly what stub resolvers and mail servers ask. */
const PRIOR_SHARES: readonly (readonly [qtype: number, share: number])[] = [
  [1, 0.4], // A
  [28, 0.25], // AAAA
  [65, 0.12], // HTTPS
  [12, 0.04], // PTR
  [16, 0.04], // TXT
  [33, 0.03], // SRV
  [15, 0.02], // MX
  [5, 0.02], // CNAME
  [6, 0.01], // SOA
  [2, 0.01], // NS
  [43, 0.008], // DS
  [48, 0.008], // DNSKEY
  [64, 0.008], // SVCB
  [257, 0.004], // CAA
  [35, 0.004], // NAPTR
  [52, 0.004], // TLSA
  [44, 0.002], // SSHFP
  [46, 0.002], // RRSIG
  [47, 0.002], // NSEC
  [50, 0.002], // NSEC3
  [51, 0.002], // NSEC3PARAM
  [256, 0.002], // URI
];
const OTHER = PRIOR_SHARES.length;
/** What is left for all other types together, each at equal odds within it. */
const OTHER_SHARE = 1 - PRIOR_SHARES.reduce((sum, [, share]) => sum + share, 0);
const OTHER_TYPES_BITS = Math.log2(65_536 - PRIOR_SHARES.length);
/** How many observations the prior weighs: types settle quickly, so little. */
const PRIOR_WEIGHT = 2;

const SLOTS = OTHER + 1;
/** A context's cells: one per slot, and its total. */
const TOTAL = SLOTS;
const CELLS_PER_CONTEXT = SLOTS + 1;
const SLOT_OF_TYPE = new Map(PRIOR_SHARES.map(([qtype], slot) => [qtype, slot]));

/** The context of a new name's first type; further types are coded in the context of the type before them. */
const FIRST_TYPE = 0;

/** −log2 q(qtype) as the first type of a new name: over all 65,536 types the q sum to at most 1. */
export function firstTypeBits(counts: CountTable, qtype: number): number {
  return slotBits(share(counts, FIRST_TYPE, slotOf(qtype)), qtype);
}

/** −log2 q(qtype) as a further type of a name that was sent with `held`, in that order: over all others the q sum to at most 1. */
export function furtherTypeBits(counts: CountTable, held: readonly number[], qtype: number): number {
  const context = contextAfter(held);
  let possible = 1;
  for (const heldType of held) {
    const slot = slotOf(heldType);
    if (slot !== OTHER) possible -= share(counts, context, slot);
  }
  return slotBits(share(counts, context, slotOf(qtype)) / possible, qtype);
}

export function learnFirstType(counts: CountTable, qtype: number): void {
  learn(counts, FIRST_TYPE, slotOf(qtype));
}

export function learnFurtherType(counts: CountTable, held: readonly number[], qtype: number): void {
  learn(counts, contextAfter(held), slotOf(qtype));
}

/** q(slot | context), by counts added to the prior. */
function share(counts: CountTable, context: number, slot: number): number {
  const first = FIRST_TYPE_CELL + context * CELLS_PER_CONTEXT;
  return (counts.count(first + slot) + PRIOR_WEIGHT * priorShare(slot)) / (counts.count(first + TOTAL) + PRIOR_WEIGHT);
}

function learn(counts: CountTable, context: number, slot: number): void {
  const first = FIRST_TYPE_CELL + context * CELLS_PER_CONTEXT;
  counts.addTo(first + TOTAL, first + slot);
}

/** Bits of a new name's first type before anything was sent. */
export function untrainedTypeBits(qtype: number): number {
  return slotBits(priorShare(slotOf(qtype)), qtype);
}

function slotBits(share: number, qtype: number): number {
  return slotOf(qtype) === OTHER ? OTHER_TYPES_BITS - Math.log2(share) : -Math.log2(share);
}

function priorShare(slot: number): number {
  return PRIOR_SHARES[slot]?.[1] ?? OTHER_SHARE;
}

function contextAfter(held: readonly number[]): number {
  return 1 + slotOf(held.at(-1) ?? 0);
}

function slotOf(qtype: number): number {
  return SLOT_OF_TYPE.get(qtype) ?? OTHER;
}
