/**
 * Where to flag, refuse and quarantine: the rule by which the thresholds follow from the benign half of the development data.
 */
import { STANDING_WEIGHTS } from '../../scoring/assess.ts';
import type { Thresholds } from '../../scoring/observation.ts';
import { type Curve, type FlatCurve, flatten, pointsAt, roundToStep } from '../../scoring/signals/curve.ts';
import type { Fitted } from './fit.ts';
import { type Row, SIGNAL_NAMES } from './labelled-streams.ts';

/** Thresholds are multiples of this: finer ones would follow single recordings. */
const STEP = 5;

/** Shares of benign queries that may reach a threshold. */
const MAY_FLAG = 5e-3;
const MAY_REFUSE = 1e-4;

/** Between the highest benign score seen and a quarantine: what nobody recorded may score higher. */
const QUARANTINE_MARGIN = 10;

/** The score of a row under these points: the sum, weighed by standing, within 0 and 100. */
export function scoreOf({ basePoints, curves }: Fitted, { measured, standing }: Row): number {
  let points = basePoints;
  SIGNAL_NAMES.forEach((name, signal) => {
    const value = measured[signal] ?? Number.NaN;
    const curve = curves.get(name);
    if (curve !== undefined && !Number.isNaN(value)) points += pointsAt(flattened(curve), value);
  });
  return Math.min(Math.max(roundToStep(points * STANDING_WEIGHTS[standing]), 0), 100);
}

const FLATTENED = new WeakMap<Curve, FlatCurve>();

function flattened(curve: Curve): FlatCurve {
  const flat = FLATTENED.get(curve) ?? flatten(curve);
  FLATTENED.set(curve, flat);
  return flat;
}

/** The lowest thresholds that the benign rows allow. */
export function thresholdsFor(fitted: Fitted, benign: readonly Row[]): Thresholds {
  const scores = benign.map((row) => scoreOf(fitted, row)).sort((a, b) => b - a);
  const exceededBy = (share: number): number => scores[Math.floor(scores.length * share)] ?? 0;
  const flag = above(exceededBy(MAY_FLAG));
  const refuse = Math.max(above(exceededBy(MAY_REFUSE)), flag + STEP);
  const quarantine = Math.max(above((scores[0] ?? 0) + QUARANTINE_MARGIN), refuse + STEP);
  return { flag, refuse, quarantine };
}

/** The first multiple of `STEP` above a score. */
function above(score: number): number {
  return (Math.floor(score / STEP) + 1) * STEP;
}
