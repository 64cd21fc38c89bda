/**
 * Code length of a name's labels: an adaptive order-2 coder whose prior is the benign trigram model.
 * Owns the counts of what was sent in one scope; which labels are coded, and when they are learned, is the meter's work.
 */
import { benignProbability } from '../model/benign-prior.ts';
import { ESCAPE, ESCAPED_OCTETS, SYMBOL_COUNT, visitSymbols } from '../model/name-symbols.ts';

/** How many observations the benign model weighs against what this scope has sent; code lengths with 2 to 8 differ by less than 3 %. */
const PRIOR_WEIGHT = 4;
const ESCAPED_OCTET_BITS = Math.log2(ESCAPED_OCTETS);
/** Cells that are learned. 2,048 bits of budget fill fewer than 700. */
const MAX_CELLS = 4096;
/** Measured with Node 24. */
const CELL_OCTETS = 40;
/** Cell of a context's total, one past its symbols. */
const TOTAL = SYMBOL_COUNT;
const CELLS_PER_CONTEXT = SYMBOL_COUNT + 1;

/** Bits of `labels` (leftmost first, closed by an end mark) before anything was sent. */
export function benignBits(labels: readonly string[]): number {
  return codeLength(labels, null);
}

export class NameCoder {
  /** Counts by context and symbol, and each context's total. A total is always the sum of its counts. */
  readonly #counts = new Map<number, number>();

  /**
   * −log2 q(labels | sent so far), with q(symbol | context) = (c(context, symbol) + 4 p_benign(symbol | context)) / (n(context) + 4).
   * Over all label sequences the q sum to at most 1.
   */
  bits(labels: readonly string[]): number {
    return codeLength(labels, this.#counts);
  }

  /** Estimated heap octets. */
  get octets(): number {
    return this.#counts.size * CELL_OCTETS;
  }

  /** Learns labels that were sent. When full, cells not held yet stay at their prior, which is as proper a code. */
  learn(labels: readonly string[]): void {
    const counts = this.#counts;
    visitSymbols(labels, (context, symbol) => {
      const cell = context * CELLS_PER_CONTEXT + symbol;
      const seen = counts.get(cell);
      if (seen === undefined && counts.size >= MAX_CELLS) return;
      const total = context * CELLS_PER_CONTEXT + TOTAL;
      counts.set(cell, (seen ?? 0) + 1);
      counts.set(total, (counts.get(total) ?? 0) + 1);
    });
  }
}

function codeLength(labels: readonly string[], counts: ReadonlyMap<number, number> | null): number {
  let bits = 0;
  visitSymbols(labels, (context, symbol) => {
    const prior = benignProbability(context, symbol);
    const total = counts?.get(context * CELLS_PER_CONTEXT + TOTAL) ?? 0;
    if (total === 0) {
      bits -= Math.log2(prior);
    } else {
      const seen = counts?.get(context * CELLS_PER_CONTEXT + symbol) ?? 0;
      bits += Math.log2((total + PRIOR_WEIGHT) / (seen + PRIOR_WEIGHT * prior));
    }
    if (symbol === ESCAPE) bits += ESCAPED_OCTET_BITS;
  });
  return bits;
}
