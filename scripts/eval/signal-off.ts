/**
 * Takes one signal away: its curve is emptied before the scoring library reads it, so it gives no points. Must be imported first, by
 * `ablation-run.ts` alone, whose first argument may name a signal.
 */
import { argv } from 'node:process';
import { CURVES } from '../../scoring/model/weights.ts';

/** The signals that can be taken away. */
export const SIGNALS = Object.keys(CURVES);

const [, , what = ''] = argv;
const curve: unknown = Object.entries(CURVES).find(([name]) => name === what)?.[1];
if (Array.isArray(curve)) curve.length = 0;
