/**
 * How many entries of a list a caller of the API wants. Owns the reading of `?limit=` and the words for what is no limit.
 */

/** `text` is the query string's value; absent, it is `otherwise`. The problem is a sentence for the caller. */
export function readLimit(text: unknown, most: number, otherwise: number): { readonly limit: number } | { readonly problem: string } {
  const limit = Number(text ?? otherwise);
  return Number.isInteger(limit) && limit >= 1 && limit <= most ? { limit } : { problem: `limit: a whole number from 1 to ${most}` };
}
