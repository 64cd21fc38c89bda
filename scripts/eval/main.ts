/**
 * `npm run eval`: measures detection and writes `docs/evaluation/`. Exit code 1 when a target is missed without an explanation.
 *
 *   npm run eval -- [--quick] [--data FOLDER] [--out FOLDER] [--seed TEXT] [--no-cost]
 *
 * Data: `../shared/data` where it exists, otherwise the subset in `fixtures/captures`. `--quick`: few seeds, targets only, nothing written
 * unless `--out` is given.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { execPath, exit, stderr, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { loadPopularDomains } from '../../src/policy/popular-domains.ts';
import { loadShippedNames } from '../../src/policy/shipped-names.ts';
import type { AblationResult } from './ablation-run.ts';
import { readList } from './captures.ts';
import { table } from './markdown.ts';
import { type AttackRun, measureAttacks } from './measure-attacks.ts';
import { type BenignRun, measureBenign } from './measure-benign.ts';
import {
  ALL_THRESHOLDS,
  falseQuarantinesText,
  grouped,
  highShare,
  octetsDistribution,
  refusalsText,
  reportText,
  rocSets,
} from './report.ts';
import { SIGNALS } from './signal-off.ts';
import { rocPoints } from './statistics.ts';
import { barPlot, linePlot } from './svg-plots.ts';
import { targetsOf } from './targets.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SUBSET = join(ROOT, 'fixtures/captures');

const FULL = {
  attacks: { encodingSeeds: 3, spreadSeeds: 3, renamings: 3, keys: 30 },
  benign: { people: 8, browsingDays: 5, householdDays: 30, listNames: 8_000, intranetMachines: 8 },
};
const QUICK = {
  attacks: { encodingSeeds: 1, spreadSeeds: 1, renamings: 1, keys: 10 },
  benign: { people: 3, browsingDays: 2, householdDays: 7, listNames: 2_000, intranetMachines: 6 },
};

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    data: { type: 'string' },
    out: { type: 'string' },
    seed: { type: 'string', default: 'kennel' },
    'no-cost': { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const shared = join(ROOT, '../shared/data');
  const folder = options.data === undefined ? (existsSync(shared) ? shared : SUBSET) : resolve(options.data);
  const data =
    folder === SUBSET
      ? 'the subset in `fixtures/captures`'
      : options.data === undefined
        ? 'the development data, of which `fixtures/captures` holds a part'
        : 'a folder given with `--data`';
  stdout.write(`Data: ${data}${folder === SUBSET ? '; the whole data is not here, so figures differ from docs/evaluation' : ''}\n`);
  const { seed, quick } = options;
  const size = quick ? QUICK : FULL;
  const popular = loadPopularDomains();
  const isTaken = (domain: string): boolean => popular.has(domain);
  const popularNames = readList(folder, 'benign/tranco10k.txt.gz').filter((name) => popular.has(name));
  const surroundings = { seed, popular, shipped: loadShippedNames(), popularNames };

  const attacks = await measureAttacks(folder, surroundings, size.attacks);
  note(`${attacks.length} attacks`);
  const benign = await measureBenign(folder, seed, size.benign, isTaken);
  note(`${benign.length} benign runs`);
  const targets = targetsOf(attacks, benign, seed);
  const explanations = readExplanations();
  const ablation = quick ? [] : ablate(folder, seed);
  if (!quick) note('ablation');

  stdout.write(
    table(
      ['case', 'target', 'measured', 'met'],
      targets.map((one) => [one.subject, one.target, one.measured, one.met === null ? '-' : one.met ? 'yes' : 'NO']),
    ),
  );
  const out = options.out ?? (quick ? null : join(ROOT, 'docs/evaluation'));
  if (out !== null) {
    write(out, 'README.md', reportText({ seed, data, attacks, benign, targets, ablation, explanations }));
    write(out, 'false-quarantines.md', falseQuarantinesText(benign));
    write(out, 'benign-refusals.md', refusalsText(benign));
    for (const [name, svg] of plots(attacks, benign)) write(out, name, svg);
    if (!quick && !options['no-cost']) write(out, 'cost.md', costText(folder));
  }
  const unexplained = [
    ...new Set(targets.filter((target) => target.met === false && !explanations.has(target.id)).map((target) => target.id)),
  ];
  for (const id of unexplained) stderr.write(`missed and not explained in docs/evaluation/misses.md: ${id}\n`);
  return unexplained.length > 0 ? 1 : 0;
}

/** `## ID` and the text below it. */
function readExplanations(): Map<string, string> {
  const file = join(ROOT, 'docs/evaluation/misses.md');
  if (!existsSync(file)) return new Map();
  const sections = readFileSync(file, 'utf8').split(/^## /m).slice(1);
  return new Map(
    sections.map((section) => {
      const [id = '', ...lines] = section.split('\n');
      return [id.trim(), lines.join('\n').trim()];
    }),
  );
}

function ablate(folder: string, seed: string): AblationResult[] {
  return ['nothing', ...SIGNALS, 'budgets', 'lists', 'nothing, age unknown', 'first contact'].map((what) => {
    const run = spawnSync(execPath, [join(import.meta.dirname, 'ablation-run.ts'), what, folder, seed], {
      encoding: 'utf8',
      timeout: 300_000,
    });
    if (run.status !== 0) throw new Error(`the ablation of ${what} failed: ${run.stderr}`);
    return JSON.parse(run.stdout) as AblationResult;
  });
}

function costText(folder: string): string {
  const run = spawnSync(execPath, ['--expose-gc', join(import.meta.dirname, 'cost.ts'), folder], { encoding: 'utf8', timeout: 300_000 });
  if (run.status !== 0) throw new Error(`measuring the cost failed: ${run.stderr}`);
  return run.stdout;
}

function plots(attacks: readonly AttackRun[], benign: readonly BenignRun[]): [name: string, svg: string][] {
  const encodings = attacks.filter((run) => run.group === 'encodings');
  const bars = [
    ...grouped(
      encodings.filter((run) => run.condition === 'aged'),
      (run) => run.tool,
    ),
  ].map(([label, runs]) => ({
    label,
    value: highShare(runs, 0.5),
    most: highShare(runs, 1),
  }));
  const oneParent = (condition: string): AttackRun[] => encodings.filter((run) => run.condition === condition);
  const heldOut = rocSets(attacks, benign, true);
  const curve = (scores: readonly number[]): [number, number][] =>
    rocPoints(heldOut.attacks, scores, ALL_THRESHOLDS)
      .map(({ falsePositive, truePositive }): [number, number] => [falsePositive, truePositive])
      .reverse();
  return [
    [
      'octets-by-encoding.svg',
      barPlot('Octets that left below one parent known to be old: median and most', 'octets', bars, { value: 96, label: '96' }),
    ],
    [
      'octets-distribution.svg',
      linePlot({
        title: 'Share of encoded attacks that got at most so many octets out',
        x: { label: 'octets at the attacker’s nameserver', from: 0, to: 120, ticks: [0, 20, 40, 60, 80, 100, 120] },
        y: { label: 'share of runs', from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1] },
        lines: [
          { label: 'agent, parent known to be old', points: octetsDistribution(oneParent('aged'), 120) },
          { label: 'agent, age unknown', points: octetsDistribution(oneParent('unknown'), 120) },
          { label: 'interactive', points: octetsDistribution(oneParent('interactive'), 120) },
          { label: 'homelab', points: octetsDistribution(oneParent('homelab'), 120) },
        ],
        marks: [
          { x: 40, label: '40' },
          { x: 96, label: '96' },
        ],
      }),
    ],
    [
      'roc.svg',
      linePlot({
        title: 'Sessions by their highest score, held out',
        x: {
          label: 'share of benign sessions at or above the threshold (logarithmic)',
          from: 0.001,
          to: 1,
          ticks: [0.001, 0.01, 0.1, 1],
          logarithmic: true,
        },
        y: { label: 'share of attacks', from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1] },
        lines: [
          { label: 'everyday traffic', points: curve(heldOut.everyday) },
          { label: 'hard benign traffic', points: curve(heldOut.hard) },
        ],
      }),
    ],
  ];
}

function write(folder: string, name: string, text: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
}

const startedMs = performance.now();

function note(what: string): void {
  stderr.write(`${what}, ${Math.round((performance.now() - startedMs) / 1_000)} s\n`);
}

exit(await main());
