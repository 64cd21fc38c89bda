/**
 * Fits points and thresholds on labelled traffic and writes `scoring/model/weights.ts`; with `--report FILE` also what each signal is
 * worth and how the fit does on sessions and tools it has not seen. Usage: `node scripts/calibrate.ts FOLDER [--report FILE] [--dry]`.
 *
 * Deterministic: simulated thefts are drawn from a fixed seed, the descent starts from a fixed point. Which half of the sessions is for
 * fitting is decided by a hash of tool and session.
 */
import { writeFileSync } from 'node:fs';
import type { SignalName } from '../scoring/assess.ts';
import type { Thresholds } from '../scoring/observation.ts';
import type { Curve } from '../scoring/signals/curve.ts';
import { ATTACK_PRIOR, EVEN_ODDS_POINTS, type Fitted, fitPoints, POINTS_PER_NAT } from './calibrate/fit.ts';
import { type LabelledTrace, type Row, rowsOf, SIGNAL_NAMES } from './calibrate/labelled-streams.ts';
import { reportOf } from './calibrate/report.ts';
import { HAND_SET, SHAPES } from './calibrate/shapes.ts';
import { isHeldOut } from './calibrate/split.ts';
import { thresholdsFor } from './calibrate/thresholds.ts';
import { labelledTraces } from './calibrate/traces.ts';

const WEIGHTS = new URL('../scoring/model/weights.ts', import.meta.url);

async function main(): Promise<void> {
  const [folder, ...options] = process.argv.slice(2);
  if (folder === undefined) {
    process.stderr.write('usage: node scripts/calibrate.ts FOLDER [--report FILE] [--dry]\n');
    process.exitCode = 2;
    return;
  }
  const traces = await labelledTraces(folder);
  const fitting = await rowsOfAll(traces.filter((trace) => !isHeldOut(trace)));
  process.stderr.write(`${traces.length} traces; ${fitting.length} queries to fit on\n`);
  const fitted = withHandSet(fitPoints(fitting, SHAPES));
  const thresholds = thresholdsFor(
    fitted,
    fitting.filter(({ attack }) => !attack),
  );
  const text = weightsText(fitted, thresholds);
  if (options.includes('--dry')) process.stdout.write(text);
  else writeFileSync(WEIGHTS, text);
  const report = options[options.indexOf('--report') + 1];
  if (!options.includes('--report') || report === undefined) return;
  const judging = await rowsOfAll(traces.filter(isHeldOut));
  const refit = (rows: readonly Row[]): Fitted => withHandSet(fitPoints(rows, SHAPES));
  writeFileSync(report, reportOf({ traces, fitting, judging, fitted, thresholds, refit }));
}

async function rowsOfAll(traces: readonly LabelledTrace[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const trace of traces) rows.push(...(await rowsOf(trace)));
  return rows;
}

function withHandSet({ basePoints, curves }: Fitted): Fitted {
  const all = new Map<SignalName, Curve>(curves);
  for (const name of SIGNAL_NAMES) {
    const curve = HAND_SET[name];
    if (curve !== undefined) all.set(name, curve.corners);
  }
  return { basePoints, curves: all };
}

function weightsText({ basePoints, curves }: Fitted, { flag, refuse, quarantine }: Thresholds): string {
  const lines = SIGNAL_NAMES.map((name) => {
    const corners = (curves.get(name) ?? [[0, 0]]).map(([value, points]) => `[${value}, ${points}]`).join(', ');
    return `  '${name}': [${corners}],`;
  });
  const byHand = SIGNAL_NAMES.filter((name) => HAND_SET[name] !== undefined).map((name) => `\`${name}\``);
  return `/**
 * Points per signal (the base and one never-falling curve each) and the thresholds. Written by \`scripts/calibrate.ts\`; do not edit.
 * ${EVEN_ODDS_POINTS} points are even odds at a prior of ${ATTACK_PRIOR}, and every ${POINTS_PER_NAT} points multiply the odds by e.
 * Set by hand, with the reasons in \`scripts/calibrate/shapes.ts\`:
 * ${byHand.join(', ')}.
 */
import type { Thresholds } from '../observation.ts';
import type { Curve } from '../signals/curve.ts';

export const FITTED_THRESHOLDS: Thresholds = { flag: ${flag}, refuse: ${refuse}, quarantine: ${quarantine} };

export const BASE_POINTS = ${basePoints};

// biome-ignore format: one signal a line.
export const CURVES = {
${lines.join('\n')}
} as const satisfies Record<string, Curve>;
`;
}

await main();
