/**
 * Code length of a name's labels: an adaptive order-2 coder whose prior is the benign trigram model.
 * Owns how labels are coded and learned; the counts are one scope's, and which labels are coded, and when, is the meter's work.
 */
import { benignProbability } from '../model/benign-prior.ts';
import {
  CONTEXT_COUNT,
  END,
  ESCAPE,
  ESCAPED_OCTETS,
  nextContext,
  SEPARATOR,
  START_CONTEXT,
  SYMBOL_COUNT,
  symbolOf,
} from '../model/name-symbols.ts';
import { CELLS_PER_NAME_CONTEXT, NAME_CELLS } from './cells.ts';
import type { CountTable } from './count-table.ts';

/** How many observations the benign model weighs against what this scope has sent; code lengths with 2 to 8 differ by less than 3 %. */
const PRIOR_WEIGHT = 4;
const ESCAPED_OCTET_BITS = Math.log2(ESCAPED_OCTETS);
/** Cells that are learned. 2,048 bits of budget fill fewer than 700. */
const MAX_CELLS = 4096;
/** Cell of a context's total, one past its symbols. */
const TOTAL = SYMBOL_COUNT;

/** 4 p_benign by cell. */
const WEIGHTED_PRIORS = weightedPriors();

/** Ratios are multiplied up to here before a logarithm is taken: one ratio is below 2^60, a double ends at 2^1024. */
const MUCH = 2 ** 900;

/** The symbols of the name being coded, as cells, with the cells of their totals: filled by `readCells`, used before anything else runs. */
let cells = new Uint32Array(1024);
let totals = new Uint32Array(1024);
/** Whose they are: the same labels are priced and learned in two scopes in a row. */
let readLabels: readonly string[] | null = null;
let readCount = 0;
let readLength = 0;

/**
 * −log2 q(labels | counts) of the first `count` labels (leftmost first), closed by an end mark, with
 * q(symbol | context) = (c(context, symbol) + 4 p_benign(symbol | context)) / (n(context) + 4). Over all label sequences the q sum to
 * at most 1. Without counts: before anything was sent.
 */
export function nameBits(counts: CountTable | null, labels: readonly string[], count: number = labels.length): number {
  const length = readCells(labels, count);
  const ownCells = cells;
  const ownTotals = totals;
  let bits = 0;
  let ratio = 1;
  for (let at = 0; at < length; at++) {
    const cell = ownCells[at] ?? 0;
    const total = ownTotals[at] ?? 0;
    const seen = counts === null ? 0 : counts.count(total);
    const prior = WEIGHTED_PRIORS[cell] ?? 0;
    ratio *= seen === 0 || counts === null ? PRIOR_WEIGHT / prior : (seen + PRIOR_WEIGHT) / (counts.count(cell) + prior);
    if (cell + TOTAL === total + ESCAPE) bits += ESCAPED_OCTET_BITS;
    if (ratio > MUCH) {
      bits += Math.log2(ratio);
      ratio = 1;
    }
  }
  return bits + Math.log2(ratio);
}

/** Bits of `labels` before anything was sent. */
export function benignBits(labels: readonly string[]): number {
  return nameBits(null, labels);
}

/** Learns labels that were sent. When full, cells not held yet stay at their prior, which is as proper a code. */
export function learnName(counts: CountTable, labels: readonly string[], count: number = labels.length): void {
  const length = readCells(labels, count);
  for (let at = 0; at < length; at++) {
    const cell = cells[at] ?? 0;
    if (counts.size < MAX_CELLS || counts.count(cell) > 0) counts.addTo(totals[at] ?? 0, cell);
  }
}

/** Reads symbols in coding order (leftmost label first, `END` last) into `cells` and `totals`; returns how many. */
function readCells(labels: readonly string[], count: number): number {
  if (labels === readLabels && count === readCount) return readLength;
  let length = 0;
  let context = START_CONTEXT;
  for (let index = 0; index < count; index++) {
    const label = labels[index] ?? '';
    makeRoom(length + label.length + 2);
    if (index > 0) {
      put(length++, context, SEPARATOR);
      context = nextContext(context, SEPARATOR);
    }
    for (let at = 0; at < label.length; at++) {
      const symbol = symbolOf(label.charCodeAt(at));
      put(length++, context, symbol);
      context = nextContext(context, symbol);
    }
  }
  put(length++, context, END);
  readLabels = labels;
  readCount = count;
  readLength = length;
  return length;
}

function put(at: number, context: number, symbol: number): void {
  const first = context * CELLS_PER_NAME_CONTEXT;
  cells[at] = first + symbol;
  totals[at] = first + TOTAL;
}

/** A DNS name has at most 255 octets; a caller that codes something longer pays for it once. */
function makeRoom(length: number): void {
  if (length < cells.length) return;
  const larger = new Uint32Array(2 * length);
  const largerTotals = new Uint32Array(2 * length);
  larger.set(cells);
  largerTotals.set(totals);
  cells = larger;
  totals = largerTotals;
}

function weightedPriors(): Float64Array {
  const table = new Float64Array(NAME_CELLS);
  for (let context = 0; context < CONTEXT_COUNT; context++) {
    for (let symbol = 0; symbol < SYMBOL_COUNT; symbol++) {
      table[context * CELLS_PER_NAME_CONTEXT + symbol] = PRIOR_WEIGHT * benignProbability(context, symbol);
    }
  }
  return table;
}
