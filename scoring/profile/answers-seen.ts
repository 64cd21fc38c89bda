/**
 * What came back from upstreams below one parent: how much of it was new, and how dense it was. Tunnels run in both directions, and
 * a query that says little may be answered with a payload. Owns the counts; what they are worth is `signals/downlink.ts`.
 * Only RDATA not seen before counts, so that asking for the same record again adds nothing.
 */
import { type HashKey, keyedHashOfOctets } from '../sketch/keyed-hash.ts';
import { SeenValues } from '../sketch/seen-values.ts';
import type { Answered } from './session-profile.ts';

const TYPE_A = 1;
const TYPE_AAAA = 28;

/** Scratch of `entropyBits`. */
const octetCounts = new Uint32Array(256);

export class AnswersSeen {
  readonly #seen = new SeenValues();
  newOctets = 0;
  freeFormOctets = 0;
  freeFormBits = 0;

  /** Adds the RDATA of one answer section. Reads each octet twice at most. */
  add(rdata: Answered['rdata'], key: HashKey): void {
    for (const { type, octets } of rdata) {
      if (octets.length === 0 || !this.#seen.add(keyedHashOfOctets(octets, key))) continue;
      this.newOctets += octets.length;
      if (type === TYPE_A || type === TYPE_AAAA) continue;
      this.freeFormOctets += octets.length;
      this.freeFormBits += entropyBits(octets);
    }
  }
}

/** n H = n log2 n − Σ c log2 c over the counts c of the octets, in bits. */
function entropyBits(octets: Uint8Array): number {
  octetCounts.fill(0);
  for (const octet of octets) octetCounts[octet] = (octetCounts[octet] ?? 0) + 1;
  let bits = octets.length * Math.log2(octets.length);
  for (const count of octetCounts) if (count > 1) bits -= count * Math.log2(count);
  return Math.max(bits, 0);
}
