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
  /** Σ 2^−rank over the registers: multiples of 2^−33 up to 512, so it stays exact however often it changes. */
  #sum = REGISTERS;
  #empty = REGISTERS;

  /** Adds an item by its hash; adding it again changes nothing. */
  add(hash: Hash64): void {
    const index = hash.low & (REGISTERS - 1);
    const rank = Math.clz32(hash.high) + 1;
    const before = this.#registers[index] ?? 0;
    if (rank <= before) return;
    this.#registers[index] = rank;
    this.#sum += 2 ** -rank - 2 ** -before;
    if (before === 0) this.#empty -= 1;
  }

  /** Whether `add` would change nothing. True for every item that was added, and for some that were not. */
  covers(hash: Hash64): boolean {
    return Math.clz32(hash.high) + 1 <= (this.#registers[hash.low & (REGISTERS - 1)] ?? 0);
  }

  /** The estimated number of distinct items. */
  estimate(): number {
    const raw = (ALPHA * REGISTERS * REGISTERS) / this.#sum;
    // Linear counting below 5/2 of the registers (ibid., figure 3).
    return raw <= 2.5 * REGISTERS && this.#empty > 0 ? REGISTERS * Math.log(REGISTERS / this.#empty) : raw;
  }
}
