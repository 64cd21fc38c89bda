/**
 * Which values were seen before, in at most 256 octets of bits: exact for the first few, then a Bloom filter (Bloom 1970) of 2,048
 * bits with two keyed hashes. It never forgets. It takes new values for old ones more and more: 3 % of them after 200 values, 40 %
 * after 1,000, all in the end; so what is counted by it is counted too low, never too high, and stops growing.
 */
import type { Hash64 } from './keyed-hash.ts';

const EXACT_LIMIT = 8;
const WORDS = 64;
const BITS_MASK = WORDS * 32 - 1;

export class SeenValues {
  #exact: number[] | null = [];
  #bits: Uint32Array | null = null;

  /** Adds a value by its hash. True when it was not seen before. */
  add(hash: Hash64): boolean {
    if (this.#bits === null) {
      const exact = this.#exact ?? [];
      // 32 bits are enough for eight values.
      if (exact.includes(hash.low)) return false;
      if (exact.length < EXACT_LIMIT) {
        exact.push(hash.low);
        return true;
      }
      this.#bits = new Uint32Array(WORDS);
      for (const low of exact) mark(this.#bits, low);
      this.#exact = null;
    }
    return mark(this.#bits, hash.low);
  }
}

/** Sets the two bits that a hash stands for. True when either was clear. */
function mark(bits: Uint32Array, low: number): boolean {
  const one = set(bits, low & BITS_MASK);
  const other = set(bits, (low >>> 16) & BITS_MASK);
  return one || other;
}

function set(bits: Uint32Array, position: number): boolean {
  const word = bits[position >>> 5] ?? 0;
  const bit = 1 << (position & 31);
  bits[position >>> 5] = word | bit;
  return (word & bit) === 0;
}
