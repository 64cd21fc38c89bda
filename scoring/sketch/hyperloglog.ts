/**
 * How many distinct items were seen, in a fixed number of octets (Flajolet, Fusy, Gandouet and Meunier 2007).
 * For display and for the fan-out signal only: it can err, so no budget ever depends on it.
 */
import type { Hash64 } from './keyed-hash.ts';

const INDEX_BITS = 9;
const REGISTERS = 2 ** INDEX_BITS;
/** Bias correction for 128 registers and more (ibid., figure 3). */
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);

/** Relative standard error of the estimate (ibid., theorem 1): 4.6 %. */
export const HYPERLOGLOG_STANDARD_ERROR = 1.04 / Math.sqrt(REGISTERS);

export class HyperLogLog {
  readonly #registers = new Uint8Array(REGISTERS);

  /** Adds an item by its hash; adding it again changes nothing. */
  add(hash: Hash64): void {
    const index = hash.low & (REGISTERS - 1);
    const rank = Math.clz32(hash.high) + 1;
    if (rank > (this.#registers[index] ?? 0)) this.#registers[index] = rank;
  }

  /** Whether `add` would change nothing. True for every item that was added, and for some that were not. */
  covers(hash: Hash64): boolean {
    return Math.clz32(hash.high) + 1 <= (this.#registers[hash.low & (REGISTERS - 1)] ?? 0);
  }

  /** The estimated number of distinct items. */
  estimate(): number {
    let sum = 0;
    let empty = 0;
    for (const rank of this.#registers) {
      sum += 2 ** -rank;
      if (rank === 0) empty++;
    }
    const raw = (ALPHA * REGISTERS * REGISTERS) / sum;
    // Linear counting below 5/2 of the registers (ibid., figure 3).
    return raw <= 2.5 * REGISTERS && empty > 0 ? REGISTERS * Math.log(REGISTERS / empty) : raw;
  }
}
