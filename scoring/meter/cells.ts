/**
 * Which numbers of a meter's one `CountTable` belong to which of its coders. Each coder lays out its own part.
 */
import { CONTEXT_COUNT, SYMBOL_COUNT } from '../model/name-symbols.ts';

/** A context of the name coder: one cell per symbol, and its total. */
export const CELLS_PER_NAME_CONTEXT = SYMBOL_COUNT + 1;
export const NAME_CELLS = CONTEXT_COUNT * CELLS_PER_NAME_CONTEXT;

export const FIRST_TYPE_CELL = NAME_CELLS;
/** Room for 32 contexts of 32 cells. */
export const FIRST_FLAG_CELL = FIRST_TYPE_CELL + 32 * 32;
