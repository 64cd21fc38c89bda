/**
 * Logistic regression on piecewise-linear steps of each signal. All coefficients are ≥ 0, so that no signal ever lowers a score, and each
 * curve's total is bounded, so that none is conclusive alone. Full-batch descent from a fixed start: nothing random, the same data give
 * the same points.
 */
import type { SignalName } from '../../scoring/assess.ts';
import { type Curve, roundToStep } from '../../scoring/signals/curve.ts';
import { type Row, SIGNAL_NAMES } from './labelled-streams.ts';

export interface Shape {
  /** Where the curve may bend. */
  readonly knots: readonly number[];
  /** The most points the signal may give. */
  readonly cap: number;
}

export type Shapes = Partial<Readonly<Record<SignalName, Shape>>>;

export interface Fitted {
  readonly basePoints: number;
  readonly curves: ReadonlyMap<SignalName, Curve>;
}

/** Even odds at the prior are 50 points, and every 8 points multiply the odds by e. */
export const EVEN_ODDS_POINTS = 50;
export const POINTS_PER_NAT = 8;
/** Share of the weight that attacks have. */
export const ATTACK_PRIOR = 0.1;

/** Keeps the base from being negative: no query starts below 0. */
const MAX_OFFSET = EVEN_ODDS_POINTS / POINTS_PER_NAT;
const STEPS = 1500;
const LEARNING_RATE = 0.5;
const RIDGE = 3e-3;

/** One step of one curve: 0 below `from`, 1 above `to`. */
interface Column {
  readonly signal: number;
  readonly name: SignalName;
  readonly from: number;
  readonly to: number;
}

/** Fits the points of the signals that have a shape. */
export function fitPoints(rows: readonly Row[], shapes: Shapes): Fitted {
  const columns = columnsOf(shapes);
  const caps = SIGNAL_NAMES.map((name) => (shapes[name]?.cap ?? 0) / POINTS_PER_NAT);
  const steps = stepsOf(rows, columns);
  const weights = balanced(rows);
  const width = columns.length;
  const coefficients = new Float64Array(width).fill(0.1);
  let offset = MAX_OFFSET / 2;
  const squares = new Float64Array(width + 1).fill(1e-12);
  for (let step = 0; step < STEPS; step++) {
    const slopes = slopesAt(coefficients, offset, rows, steps, weights);
    for (let column = 0; column <= width; column++) {
      const slope = slopes[column] ?? 0;
      squares[column] = (squares[column] ?? 0) + slope * slope;
      const move = (LEARNING_RATE * slope) / Math.sqrt(squares[column] ?? 1);
      if (column < width) coefficients[column] = Math.max((coefficients[column] ?? 0) - move, 0);
      else offset = Math.min(Math.max(offset - move, 0), MAX_OFFSET);
    }
    bound(coefficients, columns, caps);
  }
  return { basePoints: roundToStep(EVEN_ODDS_POINTS - POINTS_PER_NAT * offset), curves: curvesOf(coefficients, columns, shapes) };
}

function columnsOf(shapes: Shapes): Column[] {
  return SIGNAL_NAMES.flatMap((name, signal) => {
    const knots = shapes[name]?.knots ?? [];
    return knots.slice(1).map((to, index) => ({ signal, name, from: knots[index] ?? to, to }));
  });
}

/** All rows' steps in one array, a row after the other. An absent signal has climbed no step. */
function stepsOf(rows: readonly Row[], columns: readonly Column[]): Float32Array {
  const steps = new Float32Array(rows.length * columns.length);
  rows.forEach(({ measured }, row) => {
    columns.forEach(({ signal, from, to }, column) => {
      const value = measured[signal] ?? Number.NaN;
      if (!Number.isNaN(value)) steps[row * columns.length + column] = Math.min(Math.max((value - from) / (to - from), 0), 1);
    });
  });
  return steps;
}

/** Weights that sum to the prior on the attacks' side and to the rest on the other; each tool on a side weighs the same. */
function balanced(rows: readonly Row[]): Float64Array {
  const totals = new Map<string, number>();
  for (const row of rows) totals.set(keyOf(row), (totals.get(keyOf(row)) ?? 0) + row.weight);
  const tools = { true: 0, false: 0 };
  for (const key of totals.keys()) tools[key.startsWith('attack') ? 'true' : 'false'] += 1;
  return Float64Array.from(rows, (row) => {
    const share = row.attack ? ATTACK_PRIOR / tools.true : (1 - ATTACK_PRIOR) / tools.false;
    return (row.weight / (totals.get(keyOf(row)) ?? 1)) * share;
  });
}

function keyOf({ attack, tool }: Row): string {
  return `${attack ? 'attack' : 'benign'} ${tool}`;
}

/** Slopes of the penalised log-loss by each coefficient, and last by the offset. */
function slopesAt(
  coefficients: Float64Array,
  offset: number,
  rows: readonly Row[],
  steps: Float32Array,
  weights: Float64Array,
): Float64Array {
  const width = coefficients.length;
  const slopes = new Float64Array(width + 1);
  for (let row = 0; row < rows.length; row++) {
    const start = row * width;
    let logit = -offset;
    for (let column = 0; column < width; column++) logit += (coefficients[column] ?? 0) * (steps[start + column] ?? 0);
    const error = (weights[row] ?? 0) * (1 / (1 + Math.exp(-logit)) - (rows[row]?.attack === true ? 1 : 0));
    for (let column = 0; column < width; column++) slopes[column] = (slopes[column] ?? 0) + error * (steps[start + column] ?? 0);
    slopes[width] = (slopes[width] ?? 0) - error;
  }
  for (let column = 0; column < width; column++) slopes[column] = (slopes[column] ?? 0) + RIDGE * (coefficients[column] ?? 0);
  return slopes;
}

/** Scales a signal's coefficients down to its cap. */
function bound(coefficients: Float64Array, columns: readonly Column[], caps: readonly number[]): void {
  const totals = new Float64Array(caps.length);
  columns.forEach(({ signal }, column) => {
    totals[signal] = (totals[signal] ?? 0) + (coefficients[column] ?? 0);
  });
  columns.forEach(({ signal }, column) => {
    const total = totals[signal] ?? 0;
    const cap = caps[signal] ?? 0;
    if (total > cap) coefficients[column] = ((coefficients[column] ?? 0) * cap) / total;
  });
}

function curvesOf(coefficients: Float64Array, columns: readonly Column[], shapes: Shapes): Map<SignalName, Curve> {
  const curves = new Map<SignalName, Curve>();
  for (const name of SIGNAL_NAMES) {
    const shape = shapes[name];
    if (shape === undefined) continue;
    let points = 0;
    const corners: [number, number][] = [[shape.knots[0] ?? 0, 0]];
    columns.forEach((column, index) => {
      if (column.name !== name) return;
      points += (coefficients[index] ?? 0) * POINTS_PER_NAT;
      corners.push([column.to, roundToStep(points)]);
    });
    curves.set(name, corners);
  }
  return curves;
}
