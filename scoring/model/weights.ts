/**
 * Points per signal: the base and one never-falling curve each. Written by `scripts/fit-weights.ts`; do not edit.
 * 50 points are even odds at a prior of 1:9, and every 8 points multiply the odds by e. Set by hand there:
 * domain-youth, tunnel-form, parent-novelty, doh-endpoint, never-repeated, new-name-rate, even-pauses, downlink-bits, downlink-entropy, nxdomain-share.
 */
import type { Curve } from '../signals/curve.ts';

export const BASE_POINTS = 0;

// biome-ignore format: one signal a line.
export const CURVES = {
  'label-entropy': [[2, 0], [3, 3.5], [3.5, 5.25], [4, 6], [4.5, 7.5]],
  'label-surprise': [[3.5, 0], [4, 4.25], [4.5, 9.25], [5, 14.25], [5.5, 18.25], [6, 20]],
  'name-length': [[30, 0], [45, 1.75], [60, 2], [90, 3], [150, 4.25]],
  'longest-label': [[12, 0], [18, 2.5], [26, 3.75], [36, 4.75], [50, 6.25]],
  'label-count': [[3, 0], [5, 0], [8, 0], [12, 0]],
  'query-type': [[0, 0], [0.2, 3], [0.5, 6.25], [0.9, 9.25]],
  'tunnel-form': [[0, 0], [1, 2], [3, 8], [5, 15], [7, 20], [9, 24]],
  'fan-out': [[1, 0], [2, 2], [3, 3], [4, 3.75], [5, 4.5], [6, 6.5], [7, 8.75], [8, 11.25]],
  'never-repeated': [[0.4, 0], [0.6, 2], [0.8, 4]],
  'new-name-rate': [[4, 0], [6, 1], [8, 2]],
  'even-pauses': [[0.3, 0], [0.6, 2.5], [0.8, 4]],
  'domain-youth': [[0, 0], [335, 5], [358, 12]],
  'parent-novelty': [[0, 0], [7, 2]],
  'doh-endpoint': [[0, 0], [1, 5]],
  'parent-bits': [[50, 0], [100, 6], [200, 10.75], [400, 15.5], [768, 20.75]],
  'tried-volume': [[6, 0], [7, 3], [8, 5.75], [9, 7.75], [10, 9.75], [11, 11.75], [12, 14], [13, 17], [14, 20]],
  'session-bits': [[512, 0], [1024, 0], [2048, 0], [4096, 0]],
  'unlisted-parents': [[8, 0], [16, 0], [32, 0], [64, 0], [128, 0]],
  'nxdomain-share': [[0.5, 0], [0.9, 2]],
  'downlink-bits': [[8192, 0], [32768, 3], [131072, 6]],
  'downlink-entropy': [[4.5, 0], [6, 2], [7.5, 4]],
} as const satisfies Record<string, Curve>;
