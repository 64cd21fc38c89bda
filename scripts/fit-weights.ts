/**
 * Fits the points per signal on the recordings and writes `scoring/model/weights.ts`.
 * Usage: `node scripts/fit-weights.ts FOLDER [--folds]`. Deterministic: full-batch descent from a fixed start, no random numbers.
 *
 * Model: logistic regression on piecewise-linear steps of each signal, all coefficients ≥ 0, so that no signal ever lowers a score;
 * each curve's total is bounded, so that none is conclusive alone. Rows are queries at their place in the stream of one session below
 * one parent; streams weigh alike whatever their length, and attacks are a tenth of the weight.
 * With `--folds` it also prints the error of each tool in a fit that left it out.
 */
import { writeFileSync } from 'node:fs';
import { SIGNAL_RULES, type SignalName } from '../scoring/assess.ts';
import type { Observation } from '../scoring/observation.ts';
import { PRESETS } from '../scoring/presets.ts';
import { type Curve, roundToStep } from '../scoring/signals/curve.ts';
import { triedVolumeDoublings } from '../scoring/signals/information-volume.ts';
import { type Recording, readRecordings } from './recorded-queries.ts';
import { readPopular, replay, standingByLists } from './replay-scoring.ts';

interface Shape {
  readonly knots: readonly number[];
  /** The most points the signal may give. */
  readonly cap: number;
}

/** Where curves may bend, and how much each may give. Caps keep any one signal far below the refusal threshold of 60. */
const SHAPES: Partial<Readonly<Record<SignalName, Shape>>> = {
  'label-entropy': { knots: [2, 3, 3.5, 4, 4.5], cap: 10 },
  'label-surprise': { knots: [3.5, 4, 4.5, 5, 5.5, 6], cap: 20 },
  'name-length': { knots: [30, 45, 60, 90, 150], cap: 10 },
  'longest-label': { knots: [12, 18, 26, 36, 50], cap: 10 },
  'label-count': { knots: [3, 5, 8, 12], cap: 2 },
  'query-type': { knots: [0, 0.2, 0.5, 0.9], cap: 20 },
  'fan-out': { knots: [1, 2, 3, 4, 5, 6, 7, 8], cap: 24 },
  'parent-bits': { knots: [50, 100, 200, 400, 768], cap: 30 },
  'tried-volume': { knots: [6, 7, 8, 9, 10, 11, 12, 13, 14], cap: 36 },
  'session-bits': { knots: [512, 1024, 2048, 4096], cap: 4 },
  'unlisted-parents': { knots: [8, 16, 32, 64, 128], cap: 4 },
};

/** Curves that no recording at hand can teach: small, far from sufficient alone, each with the reason. */
const SET_BY_HAND: Partial<Readonly<Record<SignalName, Curve>>> = {
  // No recording has ages: halves the way between a month and a year.
  'domain-youth': toCurve('0:0 335:5 358:12'),
  // No benign recording holds such a query, so the fit would put any weight on it.
  'tunnel-form': toCurve('0:0 1:2 3:8 5:15 7:20 9:24'),
  // Everything is new in an installation's first week, and no recording knows a fleet.
  'parent-novelty': toCurve('0:0 7:2'),
  // On no recording's list, and a way around the resolver rather than a leak.
  'doh-endpoint': toCurve('0:0 1:5'),
  // Name lists have no times and most captures were made in one burst: a fit would learn how they were made.
  'never-repeated': toCurve('0.4:0 0.6:2 0.8:4'),
  'new-name-rate': toCurve('4:0 6:1 8:2'),
  'even-pauses': toCurve('0.3:0 0.6:2.5 0.8:4'),
  // Benign captures hold one invented address for every answer, so a fit would trust what comes back blindly. Volume: keys and mail
  // policies in TXT come to 2-8 kbit a parent, dnscat2 to 14 and iodine to 26 kbit in 30 queries, 40-125 kbit in 150-350. Density:
  // such keys reach 5 bits per octet, iodine 4.8 (Base32) to 7.4 (NULL), dnscat2 4.3, dns2tcp 2.7.
  'downlink-bits': toCurve('8192:0 32768:3 131072:6'),
  'downlink-entropy': toCurve('4.5:0 6:2 7.5:4'),
  // Gone devices and search suffixes: up to 0.94 in benign captures, 0 in those of attacks.
  'nxdomain-share': toCurve('0.5:0 0.9:2'),
};

/** `value:points` pairs, ascending. */
function toCurve(text: string): Curve {
  return text.split(' ').map((corner) => {
    const [value = '', points = ''] = corner.split(':');
    return [Number(value), Number(points)];
  });
}

/** Benign recordings whose names carry data by design; lists vouch for their parents, so the fit must not learn to let them pass. */
const LEFT_TO_LISTS: ReadonlySet<string> = new Set(['benign-antivirus']);
/** Streams below popular parents show what benign fan-out looks like, but are scored at a tenth in use. */
const POPULAR_STREAM_WEIGHT = 0.25;
/** Even odds at the prior are 50 points. */
const EVEN_ODDS_POINTS = 50;

const POINTS_PER_NAT = 8;
/** Share of attacks the fit assumes. */
const ATTACK_PRIOR = 0.1;
/** An attack's query counts in full once this much was tried; before, one name is not yet evidence. */
const FULL_EVIDENCE_BITS = 3000;
/** Keeps the base from being negative: no query starts below 0. */
const MAX_OFFSET = EVEN_ODDS_POINTS / POINTS_PER_NAT;
const STEPS = 1500;
const FOLDS = 4;
const LEARNING_RATE = 0.5;
const RIDGE = 3e-3;

interface Row {
  readonly tool: string;
  readonly attack: boolean;
  readonly steps: Float64Array;
  weight: number;
}

interface Fit {
  readonly coefficients: Float64Array;
  offset: number;
}

const COLUMNS = columns();

function columns(): { readonly name: SignalName; readonly from: number; readonly to: number }[] {
  return SIGNAL_RULES.flatMap(({ name }) => {
    const knots = SHAPES[name]?.knots ?? [];
    return knots.slice(1).map((to, index) => ({ name, from: knots[index] ?? to, to }));
  });
}

function rowsOf(recordings: readonly Recording[], popular: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  const standingOf = standingByLists(popular);
  // Scores must not shape what they are fitted on: nothing is refused or quarantined by score here, budgets act.
  const rules = { thresholds: { flag: 101, refuse: 101, quarantine: 101 }, budgets: PRESETS.agent.budgets, standingOf };
  for (const recording of recordings) {
    if (LEFT_TO_LISTS.has(recording.name)) continue;
    const streams = new Map<string, Row[]>();
    replay(recording.queries, rules, ({ query, parent, observation }) => {
      if (observation.standing === 'trusted') return;
      const key = `${query.session} ${parent}`;
      const stream = streams.get(key) ?? [];
      streams.set(key, stream);
      const measured = new Map(SIGNAL_RULES.map(({ name, measure }) => [name, measure(observation)]));
      const steps = Float64Array.from(COLUMNS, ({ name, from, to }) => clamp(((measured.get(name) ?? 0) - from) / (to - from)));
      stream.push({
        tool: recording.tool,
        attack: recording.attack,
        steps,
        weight: rowWeight(recording.attack, observation),
      });
    });
    for (const stream of streams.values()) {
      for (const row of stream) rows.push({ ...row, weight: row.weight / Math.sqrt(stream.length) });
    }
  }
  for (const attack of [true, false]) {
    const side = rows.filter((row) => row.attack === attack);
    const total = side.reduce((sum, row) => sum + row.weight, 0);
    for (const row of side) row.weight *= (attack ? ATTACK_PRIOR : 1 - ATTACK_PRIOR) / total;
  }
  return rows;
}

function rowWeight(attack: boolean, observation: Observation): number {
  if (attack) return Math.min(2 ** triedVolumeDoublings(observation) / FULL_EVIDENCE_BITS, 1);
  return observation.standing === 'popular' ? POPULAR_STREAM_WEIGHT : 1;
}

/** Projected full-batch descent with per-coefficient step sizes (AdaGrad; Duchi, Hazan and Singer 2011). */
function fitRows(rows: readonly Row[]): Fit {
  const fitted: Fit = { coefficients: new Float64Array(COLUMNS.length).fill(0.1), offset: MAX_OFFSET / 2 };
  const squares = new Float64Array(COLUMNS.length + 1).fill(1e-12);
  for (let step = 0; step < STEPS; step++) {
    const slopes = slopesAt(fitted, rows);
    const moves = slopes.map((slope, index) => {
      add(squares, index, slope * slope);
      return (LEARNING_RATE * slope) / Math.sqrt(squares[index] ?? 1);
    });
    COLUMNS.forEach((_, column) => {
      fitted.coefficients[column] = Math.max((fitted.coefficients[column] ?? 0) - (moves[column] ?? 0), 0);
    });
    fitted.offset = clamp((fitted.offset - (moves[COLUMNS.length] ?? 0)) / MAX_OFFSET) * MAX_OFFSET;
    bound(fitted.coefficients);
  }
  return fitted;
}

/** Slope of the penalised log-loss by each coefficient, and last by the offset. */
function slopesAt({ coefficients, offset }: Fit, rows: readonly Row[]): Float64Array {
  const slopes = new Float64Array(COLUMNS.length + 1);
  for (const row of rows) {
    const error = row.weight * (1 / (1 + Math.exp(-logit(coefficients, offset, row))) - (row.attack ? 1 : 0));
    for (let column = 0; column < COLUMNS.length; column++) add(slopes, column, error * (row.steps[column] ?? 0));
    add(slopes, COLUMNS.length, -error);
  }
  for (let column = 0; column < COLUMNS.length; column++) add(slopes, column, RIDGE * (coefficients[column] ?? 0));
  return slopes;
}

function logit(coefficients: Float64Array, offset: number, row: Row): number {
  let sum = -offset;
  for (let column = 0; column < COLUMNS.length; column++) sum += (coefficients[column] ?? 0) * (row.steps[column] ?? 0);
  return sum;
}

/** Scales a signal's coefficients down to its cap. */
function bound(coefficients: Float64Array): void {
  for (const [name, shape] of Object.entries(SHAPES)) {
    let total = 0;
    COLUMNS.forEach((column, index) => {
      if (column.name === name) total += coefficients[index] ?? 0;
    });
    const limit = shape.cap / POINTS_PER_NAT;
    if (total <= limit) continue;
    COLUMNS.forEach((column, index) => {
      if (column.name === name) coefficients[index] = ((coefficients[index] ?? 0) * limit) / total;
    });
  }
}

function add(cells: Float64Array, index: number, amount: number): void {
  cells[index] = (cells[index] ?? 0) + amount;
}

function clamp(share: number): number {
  return Math.min(Math.max(share, 0), 1);
}

function curvesOf({ coefficients }: Fit): Map<SignalName, Curve> {
  const curves = new Map(Object.entries(SET_BY_HAND) as [SignalName, Curve][]);
  for (const [name, shape] of Object.entries(SHAPES)) {
    let points = 0;
    const corners: [number, number][] = [[shape.knots[0] ?? 0, 0]];
    COLUMNS.forEach((column, index) => {
      if (column.name !== name) return;
      points += (coefficients[index] ?? 0) * POINTS_PER_NAT;
      corners.push([column.to, roundToStep(points)]);
    });
    curves.set(name as SignalName, corners);
  }
  return curves;
}

function write(fitted: Fit): void {
  const curves = curvesOf(fitted);
  const lines = SIGNAL_RULES.map(({ name }) => {
    const corners = (curves.get(name) ?? []).map(([value, points]) => `[${value}, ${points}]`).join(', ');
    return `  '${name}': [${corners}],`;
  });
  const base = roundToStep(EVEN_ODDS_POINTS - POINTS_PER_NAT * fitted.offset);
  const text = `/**
 * Points per signal: the base and one never-falling curve each. Written by \`scripts/fit-weights.ts\`; do not edit.
 * 50 points are even odds at a prior of 1:9, and every ${POINTS_PER_NAT} points multiply the odds by e. Set by hand there:
 * ${Object.keys(SET_BY_HAND).join(', ')}.
 */
import type { Curve } from '../signals/curve.ts';

export const BASE_POINTS = ${base};

// biome-ignore format: one signal a line.
export const CURVES = {
${lines.join('\n')}
} as const satisfies Record<string, Curve>;
`;
  writeFileSync(new URL('../scoring/model/weights.ts', import.meta.url), text);
}

/** How tools fare in fits that never saw them: each fold leaves out every fourth tool; errors are shares on the wrong side of even odds. */
function reportLeftOut(rows: readonly Row[]): void {
  const tools = [...new Set(rows.map((row) => row.tool))];
  for (let fold = 0; fold < FOLDS; fold++) {
    const heldTools = new Set(tools.filter((_, index) => index % FOLDS === fold));
    const { coefficients, offset } = fitRows(rows.filter((row) => !heldTools.has(row.tool)));
    for (const tool of heldTools) {
      const held = rows.filter((row) => row.tool === tool);
      const total = held.reduce((sum, row) => sum + row.weight, 0);
      const wrong = held.reduce((sum, row) => sum + (logit(coefficients, offset, row) > 0 === row.attack ? 0 : row.weight), 0);
      process.stdout.write(`left out ${tool.padEnd(24)} ${((100 * wrong) / total).toFixed(1)} % on the wrong side\n`);
    }
  }
}

function main(): void {
  const folder = process.argv[2];
  if (folder === undefined) {
    process.stderr.write('usage: node scripts/fit-weights.ts FOLDER [--folds]\n');
    process.exitCode = 2;
    return;
  }
  const rows = rowsOf(readRecordings(folder), readPopular(folder));
  process.stdout.write(`${rows.length} rows, ${COLUMNS.length} coefficients\n`);
  write(fitRows(rows));
  if (process.argv.includes('--folds')) reportLeftOut(rows);
}

main();
