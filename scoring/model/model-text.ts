/**
 * The whole scoring model as one text: what its SHA-256 is taken over. Owns the order of its parts; taking and comparing the sum is
 * the caller's work, because nothing here may depend on a hash function of the platform.
 */
import { TRIGRAM_ROWS } from './trigram-prior.ts';
import { BASE_POINTS, CURVES, FITTED_THRESHOLDS } from './weights.ts';

/** Changes when any number that a score depends on changes. */
export function modelText(): string {
  return JSON.stringify({ base: BASE_POINTS, curves: CURVES, thresholds: FITTED_THRESHOLDS, trigrams: TRIGRAM_ROWS });
}
