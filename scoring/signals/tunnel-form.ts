/**
 * Queries below this parent in a form that is never forwarded: a type outside the policy's, or octets above 126 in a label.
 * log2(1 + n): iodine and its like go on trying NULL, PRIVATE and Base128 for hundreds of queries, and nothing else does.
 * Evaded by using ordinary types and letters from the first query on, which the other signals see.
 */
import type { Observation } from '../observation.ts';
import { doublings } from './doublings.ts';

/** 0 without such a query; one more for every doubling. */
export function tunnelFormDoublings({ counts }: Observation): number {
  return doublings(1 + counts.unforwardableQueries);
}
