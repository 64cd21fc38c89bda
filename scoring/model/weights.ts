/**
 * Points per signal (the base and one never-falling curve each) and the thresholds. Written by `scripts/calibrate.ts`; do not edit.
 * 50 points are even odds at a prior of 0.1, and every 8 points multiply the odds by e.
 * Set by hand, with the reasons in `scripts/calibrate/shapes.ts`:
 * `tunnel-form`, `never-repeated`, `new-name-rate`, `even-pauses`, `domain-youth`, `parent-novelty`, `doh-endpoint`, `nxdomain-share`, `downlink-bits`, `downlink-entropy`.
 */
import type { Thresholds } from '../observation.ts';
import type { Curve } from '../signals/curve.ts';

export const FITTED_THRESHOLDS: Thresholds = { flag: 55, refuse: 60, quarantine: 75 };

export const BASE_POINTS = 0;

// biome-ignore format: one signal a line.
export const CURVES = {
  'label-entropy': [[2, 0], [3, 0], [3.5, 0], [4, 0], [4.5, 1.5]],
  'label-surprise': [[3.5, 0], [4, 1], [4.5, 1], [5, 3.25], [5.5, 9], [6, 18.75]],
  'name-length': [[30, 0], [45, 5], [60, 10.25], [90, 12], [150, 12]],
  'longest-label': [[12, 0], [18, 3], [26, 6.5], [36, 10], [50, 12]],
  'label-count': [[3, 0], [5, 1.75], [8, 3.25], [12, 4]],
  'query-type': [[0, 0], [0.2, 6.5], [0.5, 13], [0.9, 19.25]],
  'tunnel-form': [[0, 0], [1, 2], [3, 8], [5, 15], [7, 20], [9, 24]],
  'fan-out': [[1, 0], [2, 2.5], [3, 5.5], [4, 7.75], [5, 8], [6, 8], [7, 8], [8, 15], [9, 18], [10, 18]],
  'never-repeated': [[0.4, 0], [0.6, 2], [0.8, 4]],
  'new-name-rate': [[4, 0], [6, 1], [8, 2]],
  'even-pauses': [[0.3, 0], [0.6, 2.5], [0.8, 4]],
  'domain-youth': [[0, 0], [335, 5], [358, 12]],
  'parent-novelty': [[0, 0], [7, 2]],
  'doh-endpoint': [[0, 0], [1, 5]],
  'parent-bits': [[50, 0], [100, 5], [200, 9.25], [400, 13.5], [768, 14]],
  'tried-volume': [[6, 0], [7, 1.5], [8, 4.25], [9, 8.5], [10, 12.25], [11, 12.5], [12, 12.5], [13, 12.5], [14, 13], [15, 16], [16, 16.25], [17, 16.5]],
  'session-bits': [[512, 0], [1024, 0], [2048, 0], [4096, 0]],
  'unlisted-parents': [[8, 0], [16, 0], [32, 0], [64, 0], [128, 0]],
  'nxdomain-share': [[0.5, 0], [0.9, 2]],
  'downlink-bits': [[8192, 0], [32768, 3], [131072, 6]],
  'downlink-entropy': [[4.5, 0], [6, 2], [7.5, 4]],
} as const satisfies Record<string, Curve>;
