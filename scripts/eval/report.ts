/**
 * The report as Markdown, from figures alone: the same figures give the same text.
 */
import type { AblationResult } from './ablation-run.ts';
import { figure, percent, shownName, table } from './markdown.ts';
import type { AttackCondition, AttackRun } from './measure-attacks.ts';
import type { BenignRun } from './measure-benign.ts';
import { areaUnderRoc, median, quantile, type RocPoint, rateOf, rocPoints, sum } from './statistics.ts';
import type { Target } from './targets.ts';

export interface Figures {
  readonly seed: string;
  readonly data: string;
  readonly attacks: readonly AttackRun[];
  readonly benign: readonly BenignRun[];
  readonly targets: readonly Target[];
  readonly ablation: readonly AblationResult[];
  /** By target: why it is missed. */
  readonly explanations: ReadonlyMap<string, string>;
}

export function reportText(figures: Figures): string {
  const { targets, explanations, data, seed, attacks, benign, ablation } = figures;
  const missed = [...new Set(targets.filter((target) => target.met === false).map((target) => target.id))];
  return [
    '# Evaluation',
    '',
    'What leaves when somebody steals over DNS through Kennel, and what it costs people who steal nothing. `npm run eval` makes this page; the',
    'same data and seed give the same page. Speed and memory are in [cost.md](cost.md), because no two runs agree on them.',
    '',
    `Data: ${data}. Seed: \`${seed}\`.`,
    '',
    '## Targets',
    '"Octets" are octets of the stolen text that reached the attacker\'s nameserver, the worst of all runs under the `agent` preset unless said',
    'otherwise. The worst condition counts.',
    '',
    table(
      ['case', 'target', 'measured', 'met'],
      targets.map(({ subject, target, measured, met }) => [subject, target, measured, met === null ? '-' : met ? 'yes' : '**no**']),
    ),
    missed.length === 0 ? 'No target is missed.' : '### What is missed, and why',
    ...missed.flatMap((id) => [
      '',
      `**${targets.find((target) => target.id === id)?.subject ?? id}.** ${explanations.get(id) ?? 'Not explained.'}`,
    ]),
    '',
    CONDITIONS,
    '## Attacks',
    ...attackTables(attacks),
    '![Octets that left, by encoding](octets-by-encoding.svg)',
    '',
    '![Share of attacks by octets that left](octets-distribution.svg)',
    '',
    '## Benign traffic',
    ...benignTables(benign, seed),
    '## Scores: attacks against benign sessions',
    ...rocText(attacks, benign),
    '## What each part does',
    ablationText(ablation),
    LIMITS,
  ].join('\n');
}

const CONDITIONS = `## How it is measured
Every query runs through the pipeline that serves queries (\`src/replay/\`), in enforce mode, with the shipped lists, at its own time, from an
empty state. Only sockets are missing.

- **Parents** of recorded attacks are renamed to invented domains under real top-level domains, several times each. Simulated attacks get
  such a parent too. The attacker's nameserver answers with a TTL of 0.
- **Octets** are counted once for each part of the text, when the first query that carries it is forwarded. Where a recording counts what it
  carried, that count is used; for the others it is what the labels of forwarded names could hold at most (iodine 7 bits a character,
  dns2tcp 5, hexadecimal 4, DNSExfiltrator 6). For channels without data in names it is log2 of the choices for each query that arrived.
  base64 loses 14 % of itself, because names leave in lower case.
- **Conditions** of the \`agent\` preset: the parent's age is known and old (3,650 days; first contact is over), unknown, young (3 days), or
  unknown with first contact switched off.
- **Benign** sessions run with unknown ages, the worst case for them; under \`agent\` also with ages known. \`own\` presets are those that the
  traffic makes sense for.
- **Intervals** are 95 %, by drawing whole sessions with replacement; where nothing happened, 3 / queries (rule of three).
- What is not independent: some lists of the benign data also trained the table of letter frequencies (see \`scoring/README.md\`), the
  recordings took part in choosing points, and so did simulated attacks and people of the same kinds, drawn from another seed. These are
  development results.
`;

const LIMITS = `## Limits of this page
- The attackers here do not adapt: they neither stop when refused nor change their encoding. One who stops early gets the same octets
  without a quarantine.
- EDNS options, query identifiers, flags and letter case cannot be replayed, because Kennel writes every upstream query itself from the
  name and the type. Tests of \`src/wire/query-encode.ts\` hold that.
- "Octets" are octets of text. The meters count bits, and a text has fewer bits than eight an octet: 768 bits may be more than 96 octets of it.
- Timing is a channel that no part of Kennel measures. The rate limit bounds it.
- Simulated people and households are regular; real ones are not. One false quarantine per million cannot be shown with this many queries.
`;

function attackTables(attacks: readonly AttackRun[]): string[] {
  const conditions: readonly AttackCondition[] = ['aged', 'unknown', 'young', 'first contact off', 'interactive', 'homelab'];
  const perGroup = [
    ...grouped(attacks, (run) => (run.group === 'recordings' || run.group.startsWith('one query') ? '' : run.group)),
  ].filter(([group]) => group !== '');
  const encodings = [
    ...grouped(
      attacks.filter((run) => run.group === 'encodings'),
      (run) => run.tool,
    ),
  ];
  const recordings = [
    ...grouped(
      attacks.filter((run) => run.group === 'recordings'),
      (run) => run.stream.split('/')[0] ?? '',
    ),
  ];
  const keys = [
    ...grouped(
      attacks.filter((run) => run.group.startsWith('one query')),
      (run) => run.group.slice('one query: '.length),
    ),
  ];
  const cells = (runs: readonly AttackRun[]): string[] =>
    conditions.map((condition) => {
      const octets = runs.filter((run) => run.condition === condition).map((run) => run.payloadOctets);
      return octets.length === 0 ? '-' : `${figure(median(octets))} / ${figure(Math.max(...octets))}`;
    });
  const quarantined = (runs: readonly AttackRun[]): string => {
    const aged = runs.filter((run) => run.condition === 'aged');
    return percent(aged.filter((run) => run.quarantinedAt !== null).length / aged.length);
  };
  const worst = attacks
    .filter((run) => run.group === 'encodings' && ['aged', 'unknown', 'young'].includes(run.condition))
    .sort((a, b) => b.payloadOctets - a.payloadOctets || (a.stream < b.stream ? -1 : 1))
    .slice(0, 12);
  const head = ['aged', 'unknown', 'young', 'first contact off', '`interactive`', '`homelab`', 'quarantined (aged)'];
  return [
    'Median / most octets of all runs. The first four columns are the `agent` preset.',
    '',
    table(
      ['attack', ...head],
      perGroup.map(([group, runs]) => [group, ...cells(runs), quarantined(runs)]),
    ),
    'The runs of an unattended preset that let out the most:',
    '',
    table(
      ['attack', 'condition', 'octets', 'queries that arrived', 'highest score'],
      worst.map((run) => [run.stream, run.condition, figure(run.payloadOctets), run.forwarded, run.highestScore]),
    ),
    'Encodings below one parent, over chunk sizes, paces (10 a second, 1 a minute, 1 an hour), types, texts and seeds:',
    '',
    table(
      ['encoding', ...head],
      encodings.map(([encoding, runs]) => [encoding, ...cells(runs), quarantined(runs)]),
    ),
    'Recordings, over all renamings; "at" is the query that quarantined the session, for the first renaming below an aged parent:',
    '',
    table(
      ['recording', ...head.slice(0, -1), 'at'],
      recordings.map(([name, runs]) => [name, ...cells(runs), runs.find((run) => run.condition === 'aged')?.quarantinedAt ?? '-']),
    ),
    'One key in one query: share that arrived.',
    '',
    table(
      ['key, form', 'aged', 'unknown', 'young', 'first contact off'],
      keys.map(([name, runs]) => [
        name,
        ...conditions.slice(0, 4).map((condition) => {
          const some = runs.filter((run) => run.condition === condition);
          return percent(some.filter((run) => run.forwarded > 0).length / some.length);
        }),
      ]),
    ),
  ];
}

function benignTables(benign: readonly BenignRun[], seed: string): string[] {
  const rows = benign.map((run) => {
    const { result } = run;
    const days = sum(result.sessions.map((session) => session.days.size));
    const perDay = rateOf(
      result.sessions.map(({ quarantines, days: on }) => ({ events: quarantines, trials: on.size })),
      `${seed} ${run.stream} ${run.preset}`,
    );
    const refused = sum([...result.refusedBy.values()]);
    return [
      run.stream,
      `${run.preset}${run.own ? '' : ' (not its own)'}`,
      run.ages,
      figure(result.queries),
      figure(days),
      result.quarantines.length,
      `${thousandths(perDay.rate)} (≤ ${thousandths(perDay.high)})`,
      figure((refused / result.queries) * 1e6),
      [...result.refusedBy]
        .sort((a, b) => b[1] - a[1])
        .map(([reason, count]) => `${reason} ${count}`)
        .join(', '),
      result.flagged,
      result.highestScore,
    ];
  });
  const about = [...new Map(benign.map((run) => [run.stream, run])).values()];
  return [
    ...about.map((run) => `- **${run.stream}** (${run.kind}): ${run.about}.`),
    '',
    table(
      [
        'stream',
        'preset',
        'ages',
        'queries',
        'session-days',
        'false quarantines',
        'per session-day (95 %)',
        'refusals per million',
        'refusals by reason',
        'flags',
        'highest score',
      ],
      rows,
    ),
    'Every false quarantine is listed in [false-quarantines.md](false-quarantines.md), refusals by parent and reason in',
    '[benign-refusals.md](benign-refusals.md).',
    '',
  ];
}

export interface RocSets {
  readonly attacks: readonly number[];
  readonly everyday: readonly number[];
  readonly hard: readonly number[];
}

/** Highest scores under the default preset: of attacks below an aged parent, and of benign sessions. */
export function rocSets(attacks: readonly AttackRun[], benign: readonly BenignRun[], heldOut: boolean): RocSets {
  const ofKind = (kind: BenignRun['kind']): number[] =>
    benign
      .filter((run) => run.preset === 'interactive' && run.kind === kind)
      .flatMap((run) =>
        run.result.sessions.filter(({ session }) => run.heldOut.has(session) === heldOut).map((session) => session.highestScore),
      );
  const scored = attacks.filter((run) => run.condition === 'interactive' && run.heldOut === heldOut);
  return { attacks: scored.map((run) => run.highestScore), everyday: ofKind('everyday'), hard: ofKind('hard') };
}

export const ALL_THRESHOLDS: readonly number[] = Array.from({ length: 401 }, (_unused, at) => at / 4);

function rocText(attacks: readonly AttackRun[], benign: readonly BenignRun[]): string[] {
  const shown = [20, 30, 40, 50, 60, 65, 70, 75, 80, 90];
  const sets = [rocSets(attacks, benign, true), rocSets(attacks, benign, false)] as const;
  const points = sets.map((set) => ({
    everyday: rocPoints(set.attacks, set.everyday, shown),
    hard: rocPoints(set.attacks, set.hard, shown),
  }));
  const share = (list: readonly RocPoint[] | undefined, at: number, which: 'truePositive' | 'falsePositive'): string =>
    percent(list?.[at]?.[which] ?? Number.NaN);
  const [heldOut, rest] = sets;
  return [
    'A session counts by the highest score any of its queries got, all under `interactive`, the preset without a config. The first',
    `columns are held out (${heldOut.attacks.length} attacks, ${heldOut.everyday.length} everyday and ${heldOut.hard.length} hard benign sessions).`,
    'Held out means: no recorded session among them took part in the fit of points and thresholds, by the same hash of tool and session that',
    'the calibration splits by. A recorded attack with a session on either side is in the other columns. Simulations are drawn from another seed than those fitted on, so that none of',
    'them took part; they are split by the same hash, and are not independent in kind: thefts are written the same ways and people browse by the same rule.',
    'Hard benign traffic took no part in the fit at all.',
    'Refusals and budgets act meanwhile, so an attack that is refused early scores less than it would if it were only watched.',
    '',
    table(
      ['threshold', 'attacks', 'everyday', 'hard benign', 'attacks (other half)', 'everyday', 'hard benign'],
      shown.map((threshold, at) => [
        threshold,
        share(points[0]?.everyday, at, 'truePositive'),
        share(points[0]?.everyday, at, 'falsePositive'),
        share(points[0]?.hard, at, 'falsePositive'),
        share(points[1]?.everyday, at, 'truePositive'),
        share(points[1]?.everyday, at, 'falsePositive'),
        share(points[1]?.hard, at, 'falsePositive'),
      ]),
    ),
    `Area under the curve, held out: everyday ${Math.round(areaUnderRoc(heldOut.attacks, heldOut.everyday) * 1e4) / 1e4}, hard ${Math.round(areaUnderRoc(heldOut.attacks, heldOut.hard) * 1e4) / 1e4}; other half: ${Math.round(areaUnderRoc(rest.attacks, rest.everyday) * 1e4) / 1e4}, ${Math.round(areaUnderRoc(rest.attacks, rest.hard) * 1e4) / 1e4}.`,
    '',
    '![ROC curves of what was held out](roc.svg)',
    '',
  ];
}

function ablationText(ablation: readonly AblationResult[]): string {
  if (ablation.length === 0) return 'Not run.\n';
  const [whole] = ablation;
  const change = (value: number, before: number | undefined): string => (value === before ? figure(value) : `**${figure(value)}**`);
  return [
    'The same attacks (`agent`, one parent known to be old) and benign sessions (their own presets), with one part taken away. Bold: differs',
    'from the first line. "Age unknown" lines differ in that condition.',
    '',
    table(
      [
        'without',
        'octets, median',
        'most',
        'attacks quarantined',
        'false quarantines',
        'benign refused by score',
        'by budgets',
        'benign flags',
      ],
      ablation.map((one) => [
        one.what,
        change(one.medianOctets, whole?.medianOctets),
        change(one.mostOctets, whole?.mostOctets),
        `${change(one.attacksQuarantined, whole?.attacksQuarantined)} of ${one.attacks}`,
        change(one.falseQuarantines, whole?.falseQuarantines),
        change(one.refusedByScore, whole?.refusedByScore),
        change(one.refusedByBudget, whole?.refusedByBudget),
        change(one.flags, whole?.flags),
      ]),
    ),
  ].join('\n');
}

/** Every benign session that was quarantined, and what for. */
export function falseQuarantinesText(benign: readonly BenignRun[]): string {
  const rows = benign.flatMap((run) =>
    run.result.quarantines.map(({ session, at, name, parent, reason, score }) => [
      run.stream,
      `${run.preset}${run.own ? '' : ' (not its own)'}`,
      run.ages,
      session,
      at,
      shownName(name),
      parent,
      reason,
      score,
    ]),
  );
  return [
    '# Benign sessions that were quarantined',
    '',
    'Made by `npm run eval`, see [README.md](README.md). "At" is the place of the query in the whole stream.',
    '',
    rows.length === 0 ? 'None.\n' : table(['stream', 'preset', 'ages', 'session', 'at', 'name', 'parent', 'reason', 'score'], rows),
  ].join('\n');
}

const PARENTS_SHOWN = 40;

/** Refusals of benign streams under their own presets, by parent and reason. */
export function refusalsText(benign: readonly BenignRun[]): string {
  const parts = benign
    .filter((run) => run.own && run.kind !== 'lists')
    .map((run) => {
      const refusals = [...run.result.refusals].sort((a, b) => b.queries - a.queries || (a.parent < b.parent ? -1 : 1));
      // All that the score refused, and of what a spent budget or first contact refused the most.
      const byScore = refusals.filter((one) => one.reason === 'score');
      const others = refusals.filter((one) => one.reason !== 'score');
      const shown = [...byScore, ...others.slice(0, PARENTS_SHOWN)];
      const rest = others.slice(PARENTS_SHOWN);
      return [
        `## ${run.stream} (${run.kind}), ${run.preset}, ages ${run.ages}`,
        '',
        `${figure(run.result.queries)} queries, ${figure(sum(refusals.map((one) => one.queries)))} refused below ${refusals.length} parents, ${figure(run.result.heldInQuarantine)} more in quarantine.`,
        '',
        shown.length === 0
          ? ''
          : table(
              ['parent', 'reason', 'queries', 'first score', 'example'],
              shown.map((one) => [one.parent, one.reason, one.queries, one.highestScore, shownName(one.example)]),
            ),
        rest.length === 0
          ? ''
          : `And ${rest.length} parents with ${figure(sum(rest.map((one) => one.queries)))} refusals, ${rest[0]?.queries ?? 0} each at most.\n`,
      ].join('\n');
    });
  return ['# Refusals of benign traffic', '', 'Made by `npm run eval`, see [README.md](README.md).', '', ...parts].join('\n');
}

/** Shares of runs in which at most so many octets left, for the plot. */
export function octetsDistribution(runs: readonly AttackRun[], upTo: number): [number, number][] {
  const octets = runs.map((run) => run.payloadOctets);
  return Array.from({ length: 101 }, (_unused, at) => {
    const x = (at / 100) * upTo;
    return [x, octets.filter((one) => one <= x).length / octets.length];
  });
}

export function highShare(runs: readonly AttackRun[], q: number): number {
  return quantile(
    runs.map((run) => run.payloadOctets),
    q,
  );
}

function thousandths(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

export function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
