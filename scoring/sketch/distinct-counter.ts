/**
 * A count of distinct names that is exact while small and an estimate in bounded memory beyond.
 * Never falls: the estimate starts from what was counted exactly.
 */
import { HyperLogLog } from './hyperloglog.ts';
import type { Hash64 } from './keyed-hash.ts';

/** Distinct items that are counted exactly, up to collisions of 53 bits of hash. */
export const EXACT_LIMIT = 64;

export class DistinctCounter {
  #exact: Set<number> | null = null;
  #sketch: HyperLogLog | null = null;
  #count = 0;

  /** Distinct items added so far. */
  get count(): number {
    return this.#count;
  }

  /** What `count` would be after `add(hash)`. Changes nothing; beyond the exact range a new item counts as one more. */
  countWith(hash: Hash64): number {
    const known = this.#sketch === null ? (this.#exact?.has(identity(hash)) ?? false) : this.#sketch.covers(hash);
    return known ? this.#count : this.#count + 1;
  }

  add(hash: Hash64): void {
    if (this.#sketch !== null) {
      if (this.#sketch.covers(hash)) return;
      this.#sketch.add(hash);
      this.#count = Math.max(this.#count, Math.round(this.#sketch.estimate()));
      return;
    }
    this.#exact ??= new Set();
    this.#exact.add(identity(hash));
    this.#count = this.#exact.size;
    if (this.#count >= EXACT_LIMIT) this.#becomeSketch(this.#exact);
  }

  #becomeSketch(exact: ReadonlySet<number>): void {
    const sketch = new HyperLogLog();
    for (const item of exact) sketch.add({ low: item % 2 ** 32, high: (Math.floor(item / 2 ** 32) << (32 - HIGH_BITS)) >>> 0 });
    this.#sketch = sketch;
    this.#exact = null;
  }
}

/** Bits of the high word kept in a number that is still exact. */
const HIGH_BITS = 21;

function identity(hash: Hash64): number {
  return (hash.high >>> (32 - HIGH_BITS)) * 2 ** 32 + hash.low;
}
