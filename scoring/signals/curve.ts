/**
 * A piecewise-linear, never falling curve from a signal's value to points. The fitted curves are in `../model/weights.ts`.
 */

/** Corners in ascending order of value; constant before the first and after the last. */
export type Curve = readonly (readonly [value: number, points: number])[];

/** Points are multiples of this: sums of such numbers are exact in floating point, in any order. */
export const POINT_STEP = 0.25;

/** A curve as it is read: values and points in turn, without an array for each corner. */
export type FlatCurve = Float64Array;

export function flatten(curve: Curve): FlatCurve {
  return Float64Array.from(curve.flat());
}

/** The points of a value, rounded to `POINT_STEP`. No number gets the most the curve gives: an error must not lower a score. */
export function pointsAt(curve: FlatCurve, value: number): number {
  const last = curve.length - 2;
  if (value <= (curve[0] ?? 0)) return curve[1] ?? 0;
  if (!(value < (curve[last] ?? 0))) return curve[last + 1] ?? 0;
  let at = 2;
  while ((curve[at] ?? 0) < value) at += 2;
  const fromValue = curve[at - 2] ?? 0;
  const fromPoints = curve[at - 1] ?? 0;
  const toValue = curve[at] ?? 0;
  const toPoints = curve[at + 1] ?? 0;
  return roundToStep(fromPoints + ((value - fromValue) / (toValue - fromValue)) * (toPoints - fromPoints));
}

export function roundToStep(points: number): number {
  return Math.round(points / POINT_STEP) * POINT_STEP;
}
