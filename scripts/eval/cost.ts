/**
 * What judging costs: nanoseconds a query and octets a session. Prints Markdown; figures differ from run to run and machine to machine.
 * Usage: `node --expose-gc scripts/eval/cost.ts`
 */
import { cpus } from 'node:os';
import { stdout, version } from 'node:process';
import { type Judgement, judgeQuery } from '../../src/pipeline/judge.ts';
import { classifyName } from '../../src/policy/classify-name.ts';
import { Replay } from '../../src/replay/replay.ts';
import { RRTYPE } from '../../src/wire/codes.ts';
import { type QName, requireName } from '../../src/wire/name.ts';
import { configOf } from './conditions.ts';
import { figure, table } from './markdown.ts';
import { randomFrom } from './random.ts';
import { randomText } from './secret-payloads.ts';
import { quantile } from './statistics.ts';
import { ATTACKER_ANSWER, clientAddress, HOUR_MS, START_MS } from './stream.ts';
import { WORD_LIST } from './word-list.ts';

/** Large, because processor time is counted in steps of some milliseconds. */
const BATCH = 40_000;
const BATCHES = 12;
const CLIENT = '10.0.0.1';
/** As many as the budget below one parent lets through. */
const KNOWN_NAMES = 30;
const SESSIONS = 100_000;
const NAMES_A_SESSION = 5;

/** Nanoseconds of processor time of one call in each batch; the first quarter is for the compiler and left out. */
function nanosecondsOf(call: (at: number) => void): number[] {
  const batches: number[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    const before = process.threadCpuUsage();
    for (let at = 0; at < BATCH; at++) call(batch * BATCH + at);
    batches.push((process.threadCpuUsage(before).user * 1_000) / BATCH);
  }
  return batches.slice(BATCHES / 4);
}

async function costOfJudging(): Promise<(readonly [what: string, batches: readonly number[], target: string])[]> {
  const replay = new Replay({ config: configOf({ preset: 'interactive', age: 'unknown' }) });
  const { pipeline } = replay;
  const random = randomFrom('cost');
  const asked = Array.from({ length: KNOWN_NAMES }, (_unused, at) => requireName(`${WORD_LIST[at]}.some-company.com`));
  const asking = async (qname: QName, atMs: number): Promise<void> => {
    await replay.ask({ atMs, client: CLIENT, qname, qtype: RRTYPE.A, response: { ...ATTACKER_ANSWER, ttlSeconds: 600 } });
  };
  let atMs = START_MS;
  for (const qname of [...asked, requireName('www.other-company.com')]) {
    atMs += 100;
    await asking(qname, atMs);
  }
  const session = pipeline.sessions.peek(CLIENT);
  if (session === null) throw new Error('the session is gone');
  const policy = pipeline.policies.choose(CLIENT);
  const judging = (qname: QName): Judgement => {
    const classified = classifyName(policy, pipeline.naming, qname, RRTYPE.A);
    if (classified.kind !== 'routed') throw new Error('not a name that is judged');
    return judgeQuery(pipeline, session, policy, classified, qname, RRTYPE.A);
  };
  // A name that the budget refused is not known: it would be priced as new each time.
  const allHad = (how: Judgement['lookUp']['kind']): void => {
    for (const qname of asked) if (judging(qname).lookUp.kind !== how) throw new Error(`the answer is not ${how}`);
  };
  const pick = (at: number): QName => asked[at % asked.length] ?? requireName('www.some-company.com');
  allHad('fresh');
  const hits = nanosecondsOf((at) => judging(pick(at)));
  // An hour later every answer has expired.
  await asking(requireName('www.other-company.com'), atMs + HOUR_MS);
  allHad('send');
  const expired = nanosecondsOf((at) => judging(pick(at)));
  const fresh = Array.from({ length: BATCH * BATCHES }, () =>
    requireName(`${randomText(random, 12, 'abcdefghijklmnopqrstuvwxyz0123456789')}.${random.pick(WORD_LIST)}.some-company.com`),
  );
  const novel = nanosecondsOf((at) => judging(fresh[at] ?? pick(at)));
  await replay.finish();
  return [
    ['name in the cache', hits, '0.3 µs'],
    ['known name, answer expired', expired, '2 µs'],
    ['new name of 30 octets', novel, '10 µs'],
  ];
}

async function memoryOfSessions(): Promise<{ before: number; after: number; kept: number }> {
  const replay = new Replay({ config: configOf({ preset: 'interactive', age: 'unknown' }) });
  const before = heapOctets();
  for (let client = 0; client < SESSIONS; client++) {
    for (let at = 0; at < NAMES_A_SESSION; at++) {
      const qname = requireName(`${WORD_LIST[(client * 7 + at) % 256]}.${WORD_LIST[(client + at * 31) % 256]}-site.com`);
      await replay.ask({ atMs: START_MS + client, client: clientAddress(client), qname, qtype: RRTYPE.A, response: ATTACKER_ANSWER });
    }
  }
  await replay.finish();
  const after = heapOctets();
  let kept = 0;
  for (let client = 0; client < SESSIONS; client++) if (replay.pipeline.sessions.peek(clientAddress(client)) !== null) kept += 1;
  return { before, after, kept };
}

function heapOctets(): number {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

const judged = await costOfJudging();
const memory = await memoryOfSessions();
const megabytes = (octets: number): string => `${figure(octets / 1e6)} MB`;
stdout.write(
  [
    '# Cost',
    '',
    `Made by \`npm run eval\` on Node ${version}, ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} processors that other work may share.`,
    `Classifying and judging one query, sockets and messages left out: processor time of the thread. ${BATCHES * 0.75} batches of ${BATCH} queries; the median and the quickest batch.`,
    '',
    table(
      ['query', 'median', 'quickest', 'target', 'met (median)'],
      judged.map(([what, batches, target]) => {
        const middle = quantile(batches, 0.5) / 1_000;
        const least = Math.min(...batches) / 1_000;
        return [
          what,
          `${middle.toFixed(2)} µs`,
          `${least.toFixed(2)} µs`,
          `≤ ${target}`,
          middle <= Number.parseFloat(target) ? 'yes' : '**no**',
        ];
      }),
    ),
    `${figure(SESSIONS)} sessions, ${NAMES_A_SESSION} names each: the heap grows from ${megabytes(memory.before)} to ${megabytes(memory.after)};`,
    `${figure(memory.kept)} sessions are kept in memory at once, the others in the store. (Here the store is memory too: some 200 octets for`,
    'each session and parent that was ever charged. A running Kennel has it on disk.)',
    '',
  ].join('\n'),
);
