/**
 * The calibration in words: what the fit was made of, what each signal is worth, where the thresholds come from, and how it does on
 * sessions and tools that took no part. Markdown for `docs/evaluation/`.
 */
import type { Thresholds } from '../../scoring/observation.ts';
import { flatten, pointsAt } from '../../scoring/signals/curve.ts';
import { EVEN_ODDS_POINTS, type Fitted } from './fit.ts';
import type { LabelledTrace, Row } from './labelled-streams.ts';
import { SIGNAL_NAMES } from './labelled-streams.ts';
import { HAND_SET } from './shapes.ts';
import { scoreOf } from './thresholds.ts';

export interface Calibration {
  readonly traces: readonly LabelledTrace[];
  readonly fitting: readonly Row[];
  /** Of the sessions held out. */
  readonly judging: readonly Row[];
  readonly fitted: Fitted;
  readonly thresholds: Thresholds;
  readonly refit: (rows: readonly Row[]) => Fitted;
}

const FOLDS = 4;

export function reportOf(calibration: Calibration): string {
  const { fitting, judging, fitted, thresholds } = calibration;
  return `# Calibration

Written by \`node scripts/calibrate.ts FOLDER --report docs/evaluation/calibration.md\`; do not edit.

Points are fitted by logistic regression on piecewise-linear steps of each signal, with non-negative steps and a bound on each
curve. A row is one query at its place in what one session asked below one parent, replayed through the pipeline with budgets and
without verdicts by score or first contact. Attacks are a tenth of the weight; each tool on a side weighs the same; within a tool a
stream weighs as the root of its length; an attack's query counts in proportion to what has been tried so far. Half of the sessions,
by a hash of tool and session, took part; the other half was held out.

| | sessions | rows to fit on | rows held out |
|---|---|---|---|
| attacks | ${count(calibration.traces, true)} | ${ofSide(fitting, true).length} | ${ofSide(judging, true).length} |
| benign | ${count(calibration.traces, false)} | ${ofSide(fitting, false).length} | ${ofSide(judging, false).length} |

## What each signal contributes

Mean points in rows held out, before standing is weighed; most points the curve gives. Base: ${fitted.basePoints}.

| signal | benign | attack | most | |
|---|---|---|---|---|
${contributions(fitted, judging)}

## Thresholds

Flag: reached by at most 1 in 200 benign rows of the fit. Refuse: by at most 1 in 10,000. Quarantine: 10 points above the highest
of them. Multiples of 5. Result: flag ${thresholds.flag}, refuse ${thresholds.refuse}, quarantine ${thresholds.quarantine}.

Rows held out at or above a threshold; streams are what one session asked below one parent, and count by their highest score:

| threshold | benign rows | attack rows |
|---|---|---|
${sweep(fitted, judging, thresholds)}

## Tools left out

Share of a tool's weight on the wrong side of even odds (${EVEN_ODDS_POINTS} points) in a fit that never saw the tool, all sessions.
Low and slow encodings are expected on the wrong side at first: the meter ends them, not the score.

| tool | side | wrong side |
|---|---|---|
${folds(calibration)}
`;
}

function count(traces: readonly LabelledTrace[], attack: boolean): number {
  return traces.filter((trace) => trace.attack === attack).length;
}

function ofSide(rows: readonly Row[], attack: boolean): Row[] {
  return rows.filter((row) => row.attack === attack);
}

function contributions({ curves }: Fitted, rows: readonly Row[]): string {
  return SIGNAL_NAMES.map((name, signal) => {
    const curve = curves.get(name) ?? [];
    const flat = flatten(curve);
    const mean = (attack: boolean): string => {
      const values = ofSide(rows, attack).map(({ measured }) => {
        const value = measured[signal] ?? Number.NaN;
        return Number.isNaN(value) ? 0 : pointsAt(flat, value);
      });
      return (values.reduce((sum, points) => sum + points, 0) / Math.max(values.length, 1)).toFixed(2);
    };
    const most = curve.at(-1)?.[1] ?? 0;
    const reason = HAND_SET[name]?.reason;
    return `| \`${name}\` | ${mean(false)} | ${mean(true)} | ${most} | ${reason === undefined ? 'fitted' : `by hand: ${reason}`} |`;
  }).join('\n');
}

function sweep(fitted: Fitted, rows: readonly Row[], thresholds: Thresholds): string {
  const scores = [false, true].map((attack) => ofSide(rows, attack).map((row) => scoreOf(fitted, row)));
  const all = [...new Set([20, 30, 40, 50, 60, 70, 80, 90, thresholds.flag, thresholds.refuse, thresholds.quarantine])].sort(
    (a, b) => a - b,
  );
  return all
    .map((threshold) => {
      const cells = scores.map((side) => share(side.filter((score) => score >= threshold).length, side.length));
      return `| ${threshold} | ${cells.join(' | ')} |`;
    })
    .join('\n');
}

function folds({ fitting, judging, refit }: Calibration): string {
  const rows = [...fitting, ...judging];
  const tools = [...new Set(rows.map(({ attack, tool }) => `${attack ? 'attack' : 'benign'}\n${tool}`))].sort();
  const lines: string[] = [];
  for (let fold = 0; fold < FOLDS; fold++) {
    const held = new Set(tools.filter((_, index) => index % FOLDS === fold));
    const keyOf = ({ attack, tool }: Row): string => `${attack ? 'attack' : 'benign'}\n${tool}`;
    const fitted = refit(rows.filter((row) => !held.has(keyOf(row))));
    for (const key of held) {
      const own = rows.filter((row) => keyOf(row) === key);
      const total = own.reduce((sum, { weight }) => sum + weight, 0);
      const wrong = own
        .filter((row) => scoreOf(fitted, row) >= EVEN_ODDS_POINTS !== row.attack)
        .reduce((sum, { weight }) => sum + weight, 0);
      const [side = '', tool = ''] = key.split('\n');
      lines.push(`| ${tool} | ${side} | ${share(wrong, total)} |`);
    }
  }
  return lines.sort().join('\n');
}

function share(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(2)} %`;
}
