/** With `cache.isolate` no session can tell what sessions of another policy have asked (threat 24, docs/threats.md). */
import { describe, expect, test } from 'vitest';
import { RCODE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { addressRecord } from '../../src/wire/rdata.ts';
import { BottledKennel, type Reply } from './bottled-kennel.ts';

const SECOND = 1_000;
const NAME = 'www.example.net';
/** Of policy `a`, of policy `b`, and of the one for everybody else. */
const A = '10.1.0.5';
const B = '10.2.0.5';
const OTHER = '10.3.0.5';

function start(whole: string, ofB: string, budgets = 'off'): BottledKennel {
  const common = `preset: agent, default: allow, budgets: ${budgets}, thresholds: { flag: 98, refuse: 99, quarantine: 100 }`;
  const kennel = new BottledKennel(`
mode: enforce
upstreams: ["udp://192.0.2.53"]
limits: off
cache: { serveStale: 1d ${whole} }
policies:
  - { name: a, match: { cidr: ["10.1.0.0/16"] }, ${common} }
  - { name: b, match: { cidr: ["10.2.0.0/16"] }, ${common} ${ofB} }
  - { name: others, match: {}, ${common} }
`);
  kennel.ages.set('example.net', 3_000);
  kennel.script = ({ name }) => {
    const answers = [addressRecord(requireName(name), '198.51.100.7', 300)];
    return { rcode: RCODE.NOERROR, answers, authority: [], authenticData: false };
  };
  return kennel;
}

const ttl = (reply: Reply | null): number[] => (reply?.answers ?? []).map((record) => ('ttl' in record ? (record.ttl ?? 0) : 0));

/** Other sessions let out what the fleet may below the parent. */
function spendFleetBudget({ pipeline: { sessions, meters, clock } }: BottledKennel): void {
  const session = sessions.open('10.1.0.99', clock.wallMs());
  const labels = Array.from({ length: 3 }, (_, n) => `x7k2q9vz4m8w3j6r1t5y0u2i8o3p5a7s9d1f4g${n}`);
  const name = `${labels.join('.')}.example.net`;
  const spent = { parent: 'example.net', labels, allLabels: [...labels, 'example', 'net'], key: requireName(name), qtype: 1, weight: 1 };
  meters.charge(session.meters, 0, { ...spent, unlisted: true, refillBitsPerDay: 0 }, clock.wallMs());
}

const isolated: [string, string, string][] = [
  ['of all policies', ', isolate: true', ''],
  ['of one policy', '', ', cache: { isolate: true }'],
];

describe.each(isolated)('isolation %s', (_what, whole, ofB) => {
  test('an answer of one policy is not there for another: it is sent, paid for and has its whole TTL', async () => {
    const kennel = start(whole, ofB);
    await kennel.ask(NAME, { client: A });
    kennel.pass(100 * SECOND);
    expect(ttl(await kennel.ask(NAME, { client: B }))).toEqual([300]);
    expect(kennel.sent.length).toBe(2);
    const session = kennel.pipeline.sessions.peek(B);
    expect(session === null ? 0 : kennel.pipeline.meters.spentInMemory(session.meters, 'example.net')).toBeGreaterThan(5);
    // And each policy has its own from now on.
    kennel.pass(100 * SECOND);
    expect([ttl(await kennel.ask(NAME, { client: A })), ttl(await kennel.ask(NAME, { client: B }))]).toEqual([[100], [200]]);
    expect(kennel.sent.length).toBe(2);
  });

  test('nobody joins a query under way of another policy', async () => {
    const kennel = start(whole, ofB);
    const silence = Promise.withResolvers<void>();
    kennel.silence = silence.promise;
    const asked = [A, '10.1.0.6', B, '10.2.0.6'].map((client) => kennel.ask(NAME, { client }));
    expect(kennel.sent.length).toBe(2);
    silence.resolve();
    for (const reply of await Promise.all(asked)) expect(ttl(reply)).toEqual([300]);
  });

  test('a stale answer is the policy’s own', async () => {
    const kennel = start(whole, ofB);
    await kennel.ask(NAME, { client: A });
    kennel.script = () => null;
    kennel.pass(301 * SECOND);
    expect((await kennel.ask(NAME, { client: B }))?.rcode).toBe('SERVFAIL');
    expect((await kennel.ask(NAME, { client: A }))?.rcode).toBe('NOERROR');
  });

  test('an unverified source sees nothing of it either', async () => {
    const kennel = start(whole, ofB);
    await kennel.ask(NAME, { client: A });
    Object.assign(kennel.pipeline, { verifiedClients: { contains: () => false } });
    expect((await kennel.ask(NAME, { client: B }))?.answers).toEqual([]);
    expect((await kennel.ask(NAME, { client: A }))?.answers).toHaveLength(1);
  });

  test('names that the fleet has sent are not kept for a session that has not', async () => {
    const budgets = '{ parentBits: 200, sessionBits: 2048, fleetParentBits: 300 }';
    const kennel = start(whole, ofB, budgets);
    await kennel.ask(NAME, { client: A });
    spendFleetBudget(kennel);
    const known = await kennel.ask(NAME, { client: B });
    const unknown = await kennel.ask('never-asked.example.net', { client: B });
    expect([known?.rcode, unknown?.rcode]).toEqual(['NXDOMAIN', 'NXDOMAIN']);
    expect(kennel.decisions.slice(-2).map(({ reason }) => reason)).toEqual(['fleet-budget', 'fleet-budget']);
  });
});

test('without isolation they are kept for all who ask', async () => {
  const kennel = start('', '', '{ parentBits: 200, sessionBits: 2048, fleetParentBits: 300 }');
  await kennel.ask(NAME, { client: A });
  spendFleetBudget(kennel);
  kennel.pass(301 * SECOND);
  expect((await kennel.ask(NAME, { client: B }))?.rcode).toBe('NOERROR');
  expect((await kennel.ask('never-asked.example.net', { client: B }))?.rcode).toBe('NXDOMAIN');
});

test('without isolation, and between policies that have none, answers are shared', async () => {
  const shared = start('', '');
  await shared.ask(NAME, { client: A });
  shared.pass(100 * SECOND);
  expect(ttl(await shared.ask(NAME, { client: B }))).toEqual([200]);
  const one = start('', ', cache: { isolate: true }');
  for (const client of [A, OTHER, B]) await one.ask(NAME, { client });
  expect(one.sent.length).toBe(2);
});
