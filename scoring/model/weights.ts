/**
 * Points per signal: the base and one never-falling curve each. Standing weighs are in `../assess.ts`.
 */
import type { Curve } from '../signals/curve.ts';

export const BASE_POINTS = 0;

export const CURVES = {
  'label-entropy': [
    [2.5, 0],
    [4.5, 16],
  ],
  'label-surprise': [
    [3.8, 0],
    [5.5, 20],
  ],
  'name-length': [
    [30, 0],
    [80, 14],
  ],
  'longest-label': [
    [16, 0],
    [40, 10],
  ],
  'label-count': [
    [4, 0],
    [10, 4],
  ],
  'query-type': [
    [0, 0],
    [0.8, 18],
  ],
  'fan-out': [
    [2, 0],
    [6, 24],
    [9, 36],
  ],
  'domain-youth': [
    [0, 0],
    [335, 6],
    [365, 14],
  ],
  'parent-bits': [
    [100, 0],
    [768, 26],
  ],
  'session-bits': [
    [1024, 0],
    [4096, 6],
  ],
  'unlisted-parents': [
    [20, 0],
    [100, 6],
  ],
} as const satisfies Record<string, Curve>;
