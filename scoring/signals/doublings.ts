/**
 * log2 of counts, so that each doubling adds the same. Small whole numbers are read from a table: every query needs several.
 */

const TABLE = Float64Array.from({ length: 257 }, (_, count) => Math.log2(Math.max(count, 1)));

/** log2 of a number from 1 on, 0 below. NaN stays NaN. */
export function doublings(count: number): number {
  if (count <= 1) return 0;
  // A fraction as an index would be looked up as a name.
  return (count | 0) === count ? (TABLE[count] ?? Math.log2(count)) : Math.log2(count);
}
