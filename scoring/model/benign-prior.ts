/**
 * Reads the committed trigram table and answers how likely a symbol is after two others in benign host names.
 * Owns the table's encoding (shared with the training script) and the guarantee that each row is a proper distribution.
 */
import { CONTEXT_COUNT, SYMBOL_COUNT } from './name-symbols.ts';
import { QUANTA_PER_BIT, QUANTUM_ALPHABET } from './quanta.ts';
import { TRIGRAM_ROWS } from './trigram-prior.ts';

/** Rows are scaled to sum to a hair below 1, so that rounding in floating point never lifts a sum above it. */
const ROW_SUM = 1 - 2 ** -40;

const PROBABILITIES = readTable(TRIGRAM_ROWS);

/** p(symbol | context) of the benign model; over all symbols of a context these sum to at most 1. */
export function benignProbability(context: number, symbol: number): number {
  return PROBABILITIES[context * SYMBOL_COUNT + symbol] ?? 0;
}

function readTable(text: string): Float64Array {
  const rows = text.trim().split('\n');
  if (rows.length !== CONTEXT_COUNT) throw new Error(`the trigram table has ${rows.length} rows, not ${CONTEXT_COUNT}`);
  const table = new Float64Array(CONTEXT_COUNT * SYMBOL_COUNT);
  rows.forEach((row, context) => {
    readRow(row, table.subarray(context * SYMBOL_COUNT, (context + 1) * SYMBOL_COUNT));
  });
  return table;
}

function readRow(row: string, cells: Float64Array): void {
  if (row.length !== SYMBOL_COUNT) throw new Error(`a row of the trigram table has ${row.length} symbols, not ${SYMBOL_COUNT}`);
  let sum = 0;
  for (let symbol = 0; symbol < SYMBOL_COUNT; symbol++) {
    const quanta = QUANTUM_ALPHABET.indexOf(row.charAt(symbol));
    if (quanta < 0) throw new Error('the trigram table holds a character outside its alphabet');
    const weight = 2 ** (-quanta / QUANTA_PER_BIT);
    cells[symbol] = weight;
    sum += weight;
  }
  for (let symbol = 0; symbol < SYMBOL_COUNT; symbol++) cells[symbol] = ((cells[symbol] ?? 0) / sum) * ROW_SUM;
}
