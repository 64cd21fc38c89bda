/**
 * A piecewise-linear, never falling curve from a signal's value to points. The fitted curves are in `../model/weights.ts`.
 */

/** Corners in ascending order of value; constant before the first and after the last. */
export type Curve = readonly (readonly [value: number, points: number])[];

/** Points are multiples of this: sums of such numbers are exact in floating point, in any order. */
export const POINT_STEP = 0.25;

/** The points of a value, rounded to `POINT_STEP`. No number gets the most the curve gives: an error must not lower a score. */
export function pointsAt(curve: Curve, value: number): number {
  return roundToStep(interpolate(curve, value));
}

export function roundToStep(points: number): number {
  return Math.round(points / POINT_STEP) * POINT_STEP;
}

function interpolate(curve: Curve, value: number): number {
  let before: readonly [number, number] | undefined;
  for (const corner of curve) {
    if (value <= corner[0]) return before === undefined ? corner[1] : between(before, corner, value);
    before = corner;
  }
  return before?.[1] ?? 0;
}

function between(
  [fromValue, fromPoints]: readonly [number, number],
  [toValue, toPoints]: readonly [number, number],
  value: number,
): number {
  return fromPoints + ((value - fromValue) / (toValue - fromValue)) * (toPoints - fromPoints);
}
