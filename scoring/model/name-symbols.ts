/**
 * The alphabet in which host names are coded: 38 common octets, a label separator, an end mark and one escape.
 * Owns the mapping from octets to symbols and back to sizes; probabilities live in `trigram-prior.ts` and `benign-prior.ts`.
 */

const COMMON_OCTETS = 'abcdefghijklmnopqrstuvwxyz0123456789-_';

/** Between two labels. */
export const SEPARATOR = COMMON_OCTETS.length;
/** Stands for any octet outside the common ones; which one follows at equal odds. Also a context symbol. */
export const ESCAPE = SEPARATOR + 1;
/** After the last label. Never a context, because nothing follows it. */
export const END = ESCAPE + 1;

export const SYMBOL_COUNT = END + 1;
/** Symbols that can precede another one. */
export const CONTEXT_SYMBOL_COUNT = END;
export const CONTEXT_COUNT = CONTEXT_SYMBOL_COUNT * CONTEXT_SYMBOL_COUNT;
/** The context at the start of a name. */
export const START_CONTEXT = contextOf(SEPARATOR, SEPARATOR);
/** Octets that only the escape reaches. */
export const ESCAPED_OCTETS = 256 - COMMON_OCTETS.length;

const SYMBOL_OF_OCTET = buildSymbolTable();

/** The symbol of an octet (0-255): a common one or `ESCAPE`. */
export function symbolOf(octet: number): number {
  return SYMBOL_OF_OCTET[octet] ?? ESCAPE;
}

/** The index of the context made by the two symbols before the next one. */
export function contextOf(beforeLast: number, last: number): number {
  return beforeLast * CONTEXT_SYMBOL_COUNT + last;
}

/** The context after `symbol` was coded in `context`. */
export function nextContext(context: number, symbol: number): number {
  return (context % CONTEXT_SYMBOL_COUNT) * CONTEXT_SYMBOL_COUNT + symbol;
}

/** Calls `visit` with every (context, symbol) of a name in coding order: leftmost label first, `END` last. */
export function visitSymbols(labels: readonly string[], visit: (context: number, symbol: number) => void): void {
  let context = START_CONTEXT;
  for (let index = 0; index < labels.length; index++) {
    if (index > 0) {
      visit(context, SEPARATOR);
      context = nextContext(context, SEPARATOR);
    }
    const label = labels[index] ?? '';
    for (let at = 0; at < label.length; at++) {
      const symbol = symbolOf(label.charCodeAt(at));
      visit(context, symbol);
      context = nextContext(context, symbol);
    }
  }
  visit(context, END);
}

function buildSymbolTable(): Uint8Array {
  const table = new Uint8Array(256).fill(ESCAPE);
  for (let symbol = 0; symbol < COMMON_OCTETS.length; symbol++) table[COMMON_OCTETS.charCodeAt(symbol)] = symbol;
  return table;
}
