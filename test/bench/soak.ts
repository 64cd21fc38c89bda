/**
 * An hour of mixed traffic against Kennel in a process of its own: popular names, new names, listed names, a thief who is quarantined, a
 * reload and another list every minute, and an upstream that falls silent now and then. Fails when memory or handles go on growing
 * after the first quarter, when queries stay unanswered, or when the thief is let off.
 * Run: `npm run soak`; SOAK_MINUTES sets the length.
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kennel, startKennelOnLoopback } from '../lab/kennel-process.ts';
import { type SeededRandom, seededRandom } from '../lab/seeded-random.ts';
import { type AuthorityProcess, startAuthorityProcess } from './authority-process.ts';
import { readMetrics } from './control-metrics.ts';
import { WindowClient } from './window-client.ts';

const MINUTES = Number(process.env.SOAK_MINUTES ?? 60);

const PER_SECOND = { popular: 200, fresh: 60, listed: 20, stolen: 2 } as const;
const LISTED_NAMES = 20_000;
const SAMPLE_MS = 5_000;
const ROUND_MS = 60_000;
/** Of each minute, one of the two upstreams says nothing. */
const SILENCE_MS = 10_000;
const TICK_MS = 50;

/** What the collector's own rhythm may add between the second quarter and the last; a leak of 100 octets a query adds more in an hour. */
const MAX_GROWTH = 1.15;
/** Sockets towards upstreams come and go. */
const MAX_MORE_HANDLES = 40;
const LEAST_ANSWERED = 0.999;

interface Sample {
  readonly residentOctets: number;
  readonly handles: number;
}

interface World {
  readonly kennel: Kennel;
  readonly upstreams: readonly AuthorityProcess[];
  readonly clients: Readonly<Record<keyof typeof PER_SECOND, WindowClient>>;
  readonly listFile: string;
}

function writeList(path: string, round: number): void {
  const names = Array.from({ length: LISTED_NAMES }, (_, n) => `tracker-${n}.round${n % 10 === 0 ? round : 0}.example`);
  writeFileSync(path, `${names.join('\n')}\n`);
}

const NAME: Readonly<Record<keyof typeof PER_SECOND, (n: number, random: SeededRandom) => string>> = {
  popular: (n) => `www.site${n % 200}.popular.example`,
  fresh: (n, random) => `${random.below(2 ** 32).toString(36)}-${n.toString(36)}.parent${n % 300}.example`,
  listed: (n) => `tracker-${n % LISTED_NAMES}.round0.example`,
  stolen: (n, random) => `${Array.from({ length: 48 }, () => random.below(16).toString(16)).join('')}.${n}.collector.example`,
};

/** Sends what is due at the pace of each client, until the time is over. */
async function traffic({ clients }: World, untilMs: number): Promise<void> {
  const random = seededRandom(11);
  const startedMs = performance.now();
  const sent = { popular: 0, fresh: 0, listed: 0, stolen: 0 };
  while (performance.now() < untilMs) {
    for (const kind of ['popular', 'fresh', 'listed', 'stolen'] as const) {
      const due = ((performance.now() - startedMs) / 1000) * PER_SECOND[kind];
      for (; sent[kind] < due; sent[kind]++) void clients[kind].ask(NAME[kind](sent[kind], random));
    }
    await sleep(TICK_MS);
  }
}

/** Every minute: one upstream goes and comes back, the list is another one, the config is read again. */
async function disturb({ kennel, upstreams, listFile }: World, untilMs: number): Promise<number> {
  let reloads = 0;
  for (let round = 1; performance.now() + ROUND_MS / 2 < untilMs; round++) {
    const roundMs = performance.now();
    const failing = upstreams[round % upstreams.length];
    failing?.silence(true);
    writeList(listFile, round);
    await sleep(SILENCE_MS);
    failing?.silence(false);
    const { status, stderr } = await kennel.verb('reload');
    if (status !== 0) throw new Error(`reload ended with ${status}: ${stderr}`);
    reloads += 1;
    await sleep(Math.max(0, Math.min(roundMs + ROUND_MS, untilMs) - performance.now()));
  }
  return reloads;
}

async function watch({ kennel }: World, untilMs: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  while (performance.now() < untilMs) {
    await sleep(SAMPLE_MS);
    if (!kennel.isRunning()) throw new Error(`Kennel has ended:\n${kennel.log().slice(-4_000)}`);
    const sample = { residentOctets: kennel.residentOctets(), handles: readdirSync(`/proc/${kennel.pid()}/fd`).length };
    samples.push(sample);
    if (samples.length % 12 === 0) process.stdout.write(`${(samples.length / 12).toFixed(0).padStart(4)} min ${text(sample)}\n`);
  }
  return samples;
}

function text({ residentOctets, handles }: Sample): string {
  return `${(residentOctets / 2 ** 20).toFixed(1)} MiB resident, ${handles} handles`;
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

function typical(samples: readonly Sample[]): Sample {
  return {
    residentOctets: median(samples.map(({ residentOctets }) => residentOctets)),
    handles: median(samples.map(({ handles }) => handles)),
  };
}

/** What is wrong, one line each. */
function problemsOf(samples: readonly Sample[], answered: number, quarantined: number): string[] {
  const quarter = samples.length >> 2;
  const early = typical(samples.slice(quarter, 2 * quarter));
  const late = typical(samples.slice(-quarter));
  process.stdout.write(`second quarter: ${text(early)}\nlast quarter:   ${text(late)}\n`);
  return [
    ...(late.residentOctets > early.residentOctets * MAX_GROWTH ? ['resident memory grows'] : []),
    ...(late.handles > early.handles + MAX_MORE_HANDLES ? ['handles grow'] : []),
    ...(answered < LEAST_ANSWERED ? ['queries stay unanswered'] : []),
    ...(quarantined === 1 ? [] : [`${quarantined} sessions are quarantined, not 1`]),
  ];
}

async function soak(world: World): Promise<string[]> {
  const untilMs = performance.now() + MINUTES * 60_000;
  const [, reloads, samples] = await Promise.all([traffic(world, untilMs), disturb(world, untilMs), watch(world, untilMs)]);
  // The last queries have had their time then.
  await sleep(6_000);
  let asked = 0;
  let answered = 0;
  for (const [kind, { outcomes }] of Object.entries(world.clients)) {
    process.stdout.write(`${kind.padEnd(8)} ${JSON.stringify(outcomes)}\n`);
    if (kind === 'stolen') continue;
    asked += outcomes.answered + outcomes.servfail + outcomes.refused + outcomes.silent;
    answered += outcomes.answered;
  }
  const metrics = await readMetrics(world.kennel);
  const quarantined = metrics.get('kennel_sessions{state="quarantined"}') ?? 0;
  process.stdout.write(
    `answered ${((100 * answered) / asked).toFixed(3)} % of ${asked}; ${reloads} reloads; ${quarantined} session quarantined; ` +
      `internal errors ${metrics.get('kennel_internal_errors_total') ?? 0}\n`,
  );
  const problems = problemsOf(samples, answered / asked, quarantined);
  return metrics.get('kennel_internal_errors_total') === 0 ? problems : [...problems, 'internal errors were counted'];
}

const upstreams = [await startAuthorityProcess(), await startAuthorityProcess()];
const listFile = join(tmpdir(), `kennel-soak-${process.pid}.txt`);
writeList(listFile, 0);
const kennel = await startKennelOnLoopback({
  // Whoever asks for new names all the time would be taken for a thief.
  mode: 'observe',
  upstreams: upstreams.map(({ url }) => url),
  limits: 'off',
  reputation: 'off',
  cache: { maxEntries: 10_000 },
  lists: [{ name: 'trackers', file: listFile, refresh: '10m' }],
  policies: [
    { name: 'measured', match: { cidr: ['127.0.2.0/24'] } },
    { name: 'everyone', match: {}, mode: 'enforce' },
  ],
});
const open = (from: string): Promise<WindowClient> => WindowClient.open(kennel.port, from);
const clients = {
  popular: await open('127.0.2.1'),
  fresh: await open('127.0.2.2'),
  listed: await open('127.0.2.3'),
  stolen: await open('127.0.9.9'),
};
let problems: readonly string[] = ['did not come to its end'];
try {
  problems = await soak({ kennel, upstreams, clients, listFile });
} finally {
  for (const client of Object.values(clients)) client.close();
  await kennel.remove();
  for (const upstream of upstreams) upstream.close();
  rmSync(listFile, { force: true });
}
process.stdout.write(problems.length === 0 ? 'passed\n' : `failed: ${problems.join('; ')}\n`);
process.exit(problems.length === 0 ? 0 : 1);
