/**
 * Names that were sent before a budget was spent stay answered, for as long as they are asked for, and what clients ask meanwhile
 * changes nothing of what the upstream sees.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cachePartitions } from '../../src/cache/partitions.ts';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { explain } from '../../src/pipeline/explain.ts';
import type { Pipeline } from '../../src/pipeline/pipeline.ts';
import { compileNaming } from '../../src/policy/classify-name.ts';
import { compilePolicies } from '../../src/policy/policy.ts';
import { RCODE, RRTYPE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { addressRecord, soaRecord } from '../../src/wire/rdata.ts';
import { BottledKennel } from './bottled-kennel.ts';

const CLIENT = '10.0.0.5';
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Of a service whose parent nobody vouches for; more than 768 bits can pay for. */
const WORDS = [
  ...['www', 'api', 'cdn', 'static', 'auth', 'login', 'images', 'metrics', 'events', 'download', 'upload', 'search', 'mirror'],
  ...['billing', 'status', 'docs', 'registry', 'packages', 'assets', 'config', 'tokens', 'storage', 'queue', 'video', 'audio', 'maps'],
  ...['weather', 'partner', 'telemetry', 'feedback', 'support', 'account', 'catalog', 'payment', 'invoice', 'archive', 'backup'],
  ...['gateway', 'console', 'webhook', 'reports', 'pipeline', 'artifact', 'compute', 'network', 'balance', 'journal', 'history'],
];

/** Nobody's first contact: how that is limited is another matter. */
const AGED = ['example.net', 'example.org', 'example.edu', 'example.com', 'example.info'];

interface ConfigOptions {
  readonly preset?: string;
  readonly mode?: string;
  readonly budgets?: string;
  readonly block?: string;
  readonly extra?: string;
}

function config({ preset = 'agent', mode = 'enforce', budgets, block, extra = '' }: ConfigOptions = {}): string {
  return `
mode: ${mode}
upstreams: ["udp://192.0.2.53"]
limits: { queriesPerSecond: 100000, burst: 100000 }
${extra}
policies:
  - name: p
    match: {}
    preset: ${preset}
    default: allow
    thresholds: { flag: 98, refuse: 99, quarantine: 100 }
    ${budgets === undefined ? '' : `budgets: ${budgets}`}
    ${block === undefined ? '' : `block: [{ section: b, owner: o, reason: r, names: ["${block}"] }]`}
`;
}

/** A kennel whose upstream says with each address how many minutes have passed. */
function start(text: string, ttlSeconds = 60): BottledKennel {
  const kennel = new BottledKennel(text);
  for (const domain of AGED) kennel.ages.set(domain, 3_000);
  const answer = kennel.pipeline.clock.monotonicMs;
  kennel.script = ({ name, type }) => {
    const qname = requireName(name);
    if (type !== 'A')
      return { rcode: RCODE.NOERROR, answers: [], authority: [soaRecord(qname, ttlSeconds, ttlSeconds)], authenticData: false };
    const minutes = Math.floor(answer() / MINUTE);
    const address = `198.51.${Math.floor(minutes / 256) % 256}.${minutes % 256}`;
    return { rcode: RCODE.NOERROR, answers: [addressRecord(qname, address, ttlSeconds)], authority: [], authenticData: false };
  };
  return kennel;
}

/** Asks for new names below the parent, each with three types, until one is refused; returns those that were answered. */
async function spendOnNames(kennel: BottledKennel, parent = 'example.net', client = CLIENT): Promise<string[]> {
  const known: string[] = [];
  for (const word of WORDS) {
    const name = `${word}.${parent}`;
    if ((await kennel.ask(name, { client }))?.rcode !== 'NOERROR') return known;
    known.push(name);
    for (const type of ['AAAA', 'HTTPS']) await kennel.ask(name, { client, type });
  }
  throw new Error('the budget was never spent');
}

/** Repeats the names out of order until nothing is left to pay with and Kennel asks them by itself. */
async function spendTheRest(kennel: BottledKennel, names: readonly string[], client = CLIENT): Promise<void> {
  for (let round = 0; round < 100; round++) {
    await kennel.live(5 * MINUTE);
    for (let i = 0; i < names.length; i++) {
      await kennel.ask(names[(i * 7 + round * 3) % names.length] ?? '', { client });
      if (kennel.pipeline.kept.size > 0) return;
    }
  }
  throw new Error('the budget was never spent');
}

async function spend(kennel: BottledKennel, parent = 'example.net'): Promise<string[]> {
  const names = await spendOnNames(kennel, parent);
  await spendTheRest(kennel, names);
  return names;
}

function spentBelow(kennel: BottledKennel, parent = 'example.net'): number {
  const session = kennel.pipeline.sessions.peek(CLIENT);
  if (session === null) throw new Error('who asked is not known');
  return kennel.pipeline.meters.spentInMemory(session.meters, parent) ?? 0;
}

const sentPairs = (kennel: BottledKennel, from = 0): string[] => kennel.sent.slice(from).map(({ name, type }) => `${name} ${type}`);

/** All pairs, in order of first sending. */
const inOrder = (names: readonly string[]): string[] => names.flatMap((name) => ['A', 'AAAA', 'HTTPS'].map((type) => `${name} ${type}`));

describe('after a budget is spent', () => {
  test('known names stay answered for hours, with answers not older than seven minutes', async () => {
    const kennel = start(config());
    const names = await spend(kennel);
    expect(names.length).toBeGreaterThan(20);
    for (let minute = 0; minute < 3 * 60; minute += 5) {
      await kennel.live(5 * MINUTE);
      for (const name of names) {
        const reply = await kennel.ask(name);
        expect(reply?.rcode).toBe('NOERROR');
        const [, , high, low] = (reply?.answers ?? [])
          .map((record) => ('data' in record ? String(record.data) : ''))
          .join()
          .split('.')
          .map(Number);
        const answeredAtMinute = (high ?? 0) * 256 + (low ?? 0);
        expect(Math.floor(kennel.pipeline.clock.monotonicMs() / MINUTE) - answeredAtMinute).toBeLessThanOrEqual(7);
        for (const type of ['AAAA', 'HTTPS']) {
          expect(await kennel.ask(name, { type })).toMatchObject({ rcode: 'NOERROR', ede: [] });
        }
      }
    }
    expect(kennel.errors).toEqual([]);
  });

  test('the upstream is asked for all of them in order of first sending, every five minutes, and nothing is charged', async () => {
    const kennel = start(config());
    const names = await spendOnNames(kennel);
    await spendTheRest(kennel, names);
    const begun = kennel.sent.length - kennel.pipeline.kept.size;
    const spent = spentBelow(kennel);
    await kennel.live(15 * MINUTE - SECOND);
    const once = inOrder(names).filter((pair) => kennel.sent.some(({ name, type }) => `${name} ${type}` === pair));
    expect(sentPairs(kennel, begun)).toEqual([...once, ...once, ...once]);
    expect(spentBelow(kennel)).toBe(spent);
    expect(spent).toBeLessThanOrEqual(768);
  });

  test('a long TTL is waited for, a short one is not followed', async () => {
    const kennel = start(config(), 7_200);
    const names = await spend(kennel);
    const begun = kennel.sent.length;
    const addresses = () => kennel.sent.slice(begun).filter(({ type }) => type === 'A').length;
    // A minute and a half before it ends. What does not exist is asked again after an hour (RFC 2308 §5).
    await kennel.live(7_109 * SECOND);
    expect(addresses()).toBe(0);
    await kennel.live(SECOND);
    expect(addresses()).toBe(names.length);
  });

  test('new names, and further types of known ones, stay refused', async () => {
    const kennel = start(config());
    const names = await spend(kennel);
    const sent = kennel.sent.length;
    expect((await kennel.ask('unseen.example.net'))?.rcode).toBe('NXDOMAIN');
    expect(await kennel.ask(names[0] ?? '', { type: 'TXT' })).toMatchObject({ rcode: 'NOERROR', answers: [], ede: [{ code: 15 }] });
    expect(kennel.sent.length).toBe(sent);
    // The refusal of a type is not held against the name.
    expect(await kennel.ask(names[0] ?? '')).toMatchObject({ rcode: 'NOERROR', ede: [] });
    await kennel.live(31 * SECOND);
    expect((await kennel.ask('unseen.example.net', { type: 'AAAA' }))?.rcode).toBe('NXDOMAIN');
  });

  test('explain says that they are answered, and that new ones are not', async () => {
    const kennel = start(config());
    const names = await spendOnNames(kennel);
    await spendTheRest(kennel, names);
    const said = (name: string) => explain(kennel.pipeline, requireName(name), RRTYPE.A, CLIENT, CLIENT);
    expect(said(names[3] ?? '')).toMatchObject({ verdict: 'allow', acting: 'allow', reason: 'allowed', leakBits: 0 });
    expect(said('unseen.example.net')).toMatchObject({ verdict: 'refuse', reason: 'parent-budget' });
  });

  test('explain begins nothing', async () => {
    const kennel = start(config());
    const names = await spend(kennel);
    await kennel.live(25 * HOUR);
    expect(kennel.pipeline.kept.size).toBe(0);
    for (const name of names) explain(kennel.pipeline, requireName(name), RRTYPE.A, CLIENT, CLIENT);
    expect(kennel.pipeline.kept.size).toBe(0);
  });

  test('a search suffix neither opens a way out nor closes the names', async () => {
    const kennel = start(config({ extra: 'searchSuffixes: ["corp.example.com"]' }));
    const names = await spend(kennel);
    const sent = kennel.sent.length;
    expect((await kennel.ask('unseen.example.net.corp.example.com'))?.rcode).toBe('NXDOMAIN');
    expect(kennel.sent.length).toBe(sent);
    expect((await kennel.ask(names[1] ?? ''))?.rcode).toBe('NOERROR');
    // The name under the suffix is a name of its own, which its own parent's budget pays for.
    expect((await kennel.ask(`${names[1]}.corp.example.com`))?.rcode).toBe('NOERROR');
    expect(sentPairs(kennel, sent)).toEqual([`${names[1]}.corp.example.com A`]);
  });

  test('while only observing, names are sent and charged as before', async () => {
    const kennel = start(config({ mode: 'observe' }));
    const names = WORDS.map((word) => `${word}.example.net`);
    for (let hour = 0; hour < 24; hour++) {
      for (const name of names.toReversed()) await kennel.ask(name);
      await kennel.live(HOUR);
    }
    expect(spentBelow(kennel)).toBeGreaterThan(768);
    expect(kennel.sent.length).toBe(24 * names.length);
    expect(kennel.pipeline.kept.size).toBe(0);
  });
});

describe('which scope is spent', () => {
  test('the session’s: its names below all parents are kept', async () => {
    const kennel = start(config({ budgets: '{ parentBits: 768, sessionBits: 400 }' }));
    const parents = ['example.net', 'example.org', 'example.edu'];
    const names: string[] = [];
    for (const word of WORDS) {
      for (const parent of parents) {
        const reply = await kennel.ask(`${word}.${parent}`);
        if (reply?.rcode === 'NOERROR') names.push(`${word}.${parent}`);
      }
    }
    await spendTheRest(kennel, names);
    const begun = kennel.sent.length - names.length;
    expect(sentPairs(kennel, begun)).toEqual(names.map((name) => `${name} A`));
    await kennel.live(3 * HOUR);
    for (const name of names) expect((await kennel.ask(name))?.rcode).toBe('NOERROR');
    expect((await kennel.ask('www.example.info'))?.rcode).toBe('NXDOMAIN');
  });

  test('the fleet’s: its names below the parent are kept, for all who ask', async () => {
    const kennel = start(config({ budgets: '{ parentBits: 200, sessionBits: 2048, fleetParentBits: 300 }' }));
    const clients = ['10.0.0.5', '10.0.0.6', '10.0.0.7', '10.0.0.8'];
    const names: string[] = [];
    for (const [index, word] of WORDS.entries()) {
      const reply = await kennel.ask(`${word}.example.net`, { client: clients[index % 4] ?? '' });
      if (reply?.rcode === 'NOERROR') names.push(`${word}.example.net`);
    }
    for (let round = 0; round < 100 && kennel.pipeline.kept.size === 0; round++) {
      await kennel.live(5 * MINUTE);
      for (const [index, name] of names.toReversed().entries()) await kennel.ask(name, { client: clients[(index + round) % 4] ?? '' });
    }
    await kennel.live(3 * HOUR);
    for (const client of clients) {
      for (const name of names) expect((await kennel.ask(name, { client }))?.rcode).toBe('NOERROR');
      expect((await kennel.ask('unseen.example.net', { client }))?.rcode).toBe('NXDOMAIN');
    }
    expect(sentPairs(kennel, kennel.sent.length - names.length)).toEqual(names.map((name) => `${name} A`));
  });
});

test('sessions that spend the fleet’s budget take no known name from a session that comes later', async () => {
  const kennel = start(config());
  expect((await kennel.ask('www.example.net', { client: '10.0.0.9' }))?.rcode).toBe('NOERROR');
  for (const client of ['10.0.0.5', '10.0.0.6', '10.0.0.7']) {
    for (const word of WORDS) await kennel.ask(`${word}-${client.at(-1)}.example.net`, { client });
  }
  await kennel.live(HOUR);
  expect((await kennel.ask('www.example.net', { client: '10.0.0.20' }))?.rcode).toBe('NOERROR');
  expect((await kennel.ask('unseen.example.net', { client: '10.0.0.20' }))?.rcode).toBe('NXDOMAIN');
  expect(kennel.decisions.at(-1)?.reason).toBe('fleet-budget');
});

describe('what clients ask changes nothing of what the upstream is asked', () => {
  interface Behaviour {
    /** A known one by its number, or one that is new. */
    readonly name: number | string;
    readonly type: string;
    readonly pauseSeconds: number;
    readonly plain: boolean;
  }

  const behaviour: fc.Arbitrary<Behaviour[]> = fc.array(
    fc.record({
      name: fc.oneof(
        fc.nat({ max: 99 }),
        fc.constantFrom('unseen.example.net', 'example.net', 'x1.y2.example.net'),
        fc.stringMatching(/^[a-z0-9]{1,20}$/).map((label) => `${label}.example.net`),
      ),
      type: fc.constantFrom('A', 'A', 'AAAA', 'HTTPS', 'TXT', 'NULL', 'ANY'),
      pauseSeconds: fc.constantFrom(0, 0, 0, 1, 10, 60, 301, 1_000),
      plain: fc.boolean(),
    }),
    { maxLength: 120 },
  );

  /** What the upstream is asked in the hours after the begin, and when. */
  async function watch(ttlSeconds: number, queries: readonly Behaviour[], fails: boolean): Promise<string[]> {
    const kennel = start(config(), ttlSeconds);
    const names = await spend(kennel);
    const { script, sent } = kennel;
    kennel.script = (question) => (fails && kennel.pipeline.clock.monotonicMs() % (7 * MINUTE) < 2 * MINUTE ? null : script(question));
    const seen: string[] = [];
    let seenOf = sent.length;
    const passSeconds = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds; i++) {
        await kennel.live(SECOND);
        for (const { name, type } of sent.slice(seenOf)) seen.push(`${kennel.pipeline.clock.monotonicMs()} ${name} ${type}`);
        seenOf = sent.length;
      }
    };
    let leftSeconds = 4 * 3_600;
    for (const { name, type, pauseSeconds, plain } of queries) {
      const seconds = Math.min(leftSeconds, pauseSeconds);
      leftSeconds -= seconds;
      await passSeconds(seconds);
      await kennel.ask(typeof name === 'number' ? (names[name % names.length] ?? '') : name, { type, plain });
      expect(sent.length, 'a client’s query was sent').toBe(seenOf);
    }
    await passSeconds(leftSeconds);
    expect(kennel.errors).toEqual([]);
    return seen;
  }

  test('one client that asks nothing more and one that asks at random: one sequence', async () => {
    const quiet = new Map<string, string[]>();
    await fc.assert(
      fc.asyncProperty(behaviour, fc.constantFrom(0, 60, 900), fc.boolean(), async (queries, ttlSeconds, fails) => {
        const key = `${ttlSeconds} ${fails}`;
        const expected = quiet.get(key) ?? (await watch(ttlSeconds, [], fails));
        quiet.set(key, expected);
        expect(expected.length).toBeGreaterThan(300);
        expect(await watch(ttlSeconds, queries, fails)).toEqual(expected);
      }),
      { numRuns: 12 },
    );
  }, 60_000);

  test('an answer that was pushed out of the cache is not asked for before its time', async () => {
    const kennel = start(config());
    const names = await spend(kennel);
    await kennel.live(10 * MINUTE + 30 * SECOND);
    const { kept, upstreams, ...rest } = kennel.pipeline;
    const emptied = { ...rest, kept, upstreams, cache: new BottledKennel(config()).pipeline.cache };
    Object.assign(kennel, { pipeline: emptied });
    const sent = kennel.sent.length;
    expect((await kennel.ask(names[0] ?? ''))?.rcode).toBe('SERVFAIL');
    expect(kennel.sent.length).toBe(sent);
    await kennel.live(5 * MINUTE);
    expect((await kennel.ask(names[0] ?? ''))?.rcode).toBe('NOERROR');
  });

  test('a client with budget left pays for its own query, and Kennel’s is sent all the same', async () => {
    const kennel = start(config());
    const names = await spend(kennel);
    await kennel.live(5 * MINUTE - SECOND);
    Object.assign(kennel, { pipeline: { ...kennel.pipeline, cache: new BottledKennel(config()).pipeline.cache } });
    const from = kennel.sent.length;
    const paid = kennel.ask(names[0] ?? '', { client: '10.0.0.9' });
    kennel.pass(SECOND);
    await paid;
    const asked = sentPairs(kennel, from).filter((pair) => pair === `${names[0]} A`);
    expect(asked).toHaveLength(2);
  });
});

describe('it ends', () => {
  test('with a release: the names are paid for again', async () => {
    const kennel = start(config());
    const names = await spend(kennel);
    const quarantined = kennel.pipeline.quarantines.quarantine({
      session: CLIENT,
      epoch: 0,
      policy: 'p',
      parent: 'example.net',
      qname: 'x.example.net',
      qtype: 'A',
      score: 80,
      signals: [],
      leakBits: 0,
      reason: 'score',
      forMs: HOUR,
    });
    await quarantined.durable;
    const [record] = kennel.pipeline.quarantines.list();
    expect(await kennel.pipeline.quarantines.release(record?.id ?? '', { actor: 'test', reason: 'test' })).toMatchObject({ kind: 'ok' });
    kennel.pass(SECOND);
    expect(kennel.pipeline.kept.size).toBe(0);
    await kennel.live(10 * MINUTE);
    const sent = kennel.sent.length;
    await kennel.ask(names[5] ?? '');
    expect(sentPairs(kennel, sent)).toEqual([`${names[5]} A`]);
    expect(spentBelow(kennel)).toBeGreaterThan(0);
    expect(spentBelow(kennel)).toBeLessThan(100);
  });

  test('for a quarantined session, which is answered nothing', async () => {
    const kennel = start(config());
    const names = await spend(kennel);
    await kennel.live(SECOND);
    const evidence = { epoch: 0, policy: 'p', parent: 'x', qname: 'x', qtype: 'A', score: 80, signals: [], leakBits: 0, reason: 'score' };
    await kennel.pipeline.quarantines.quarantine({ session: CLIENT, ...evidence, forMs: 48 * HOUR }).durable;
    const sent = kennel.sent.length;
    await kennel.live(30 * MINUTE);
    expect(kennel.sent.length).toBe(sent);
    expect(kennel.pipeline.kept.size).toBe(0);
    expect((await kennel.ask(names[0] ?? ''))?.rcode).not.toBe('SERVFAIL');
    expect(kennel.sent.length).toBe(sent);
  });

  test('when the budget has refilled', async () => {
    const kennel = start(config({ preset: 'interactive' }));
    const names = await spend(kennel);
    // 256 bits a day: 128 after half a day.
    await kennel.live(11 * HOUR);
    expect(kennel.pipeline.kept.size).toBeGreaterThan(0);
    await kennel.live(2 * HOUR);
    expect(kennel.pipeline.kept.size).toBe(0);
    const sent = kennel.sent.length;
    expect(explain(kennel.pipeline, requireName(names[2] ?? ''), RRTYPE.A, CLIENT, CLIENT)).toMatchObject({ reason: 'allowed' });
    const spent = spentBelow(kennel);
    expect((await kennel.ask(names[2] ?? ''))?.rcode).toBe('NOERROR');
    expect(sentPairs(kennel, sent)).toEqual([`${names[2]} A`]);
    expect(spentBelow(kennel)).toBeGreaterThan(spent);
  });

  test('after a day, and begins anew with the next query', async () => {
    const kennel = start(config());
    const names = await spend(kennel);
    await kennel.live(24 * HOUR);
    expect(kennel.pipeline.kept.size).toBe(0);
    const sent = kennel.sent.length;
    await kennel.live(HOUR);
    expect(kennel.sent.length).toBe(sent);
    expect((await kennel.ask(names.at(-1) ?? ''))?.rcode).toBe('NOERROR');
    expect(sentPairs(kennel, sent)[0]).toBe(`${names[0]} A`);
  });

  test('for a name that the operator has blocked since', async () => {
    const kennel = start(config());
    const names = await spend(kennel);
    await kennel.live(MINUTE);
    const blocked = names[4] ?? '';
    const parsed = parseConfig(config({ block: blocked }), 'after.yaml', { resolvConf: null, stateFolder: '/nowhere' });
    if (!parsed.ok) throw new Error('the config is wrong');
    Object.assign(kennel, { pipeline: { ...kennel.pipeline, policies: compilePolicies(parsed.config) } });
    const kept = kennel.pipeline.kept.size;
    const sent = kennel.sent.length;
    await kennel.live(HOUR);
    expect(kennel.pipeline.kept.size).toBe(kept - 3);
    expect(kennel.sent.length).toBeGreaterThan(sent + 100);
    expect(kennel.sent.slice(sent).filter(({ name }) => name === blocked)).toEqual([]);
    expect((await kennel.ask(blocked))?.rcode).toBe('NXDOMAIN');
  });
});

describe('after a reload', () => {
  const configWith = (extra: string): Config => {
    const parsed = parseConfig(config({ extra }), 'after.yaml', { resolvConf: null, stateFolder: '/nowhere' });
    return parsed.ok ? parsed.config : expect.fail('the config is wrong');
  };

  test.each<[string, (kennel: BottledKennel) => Partial<Pipeline>]>([
    [
      'that sends them to another upstream',
      ({ pipeline }) => {
        const routed = configWith('zones: { example.net: { upstreams: ["udp://198.51.100.9"], trusted: false } }');
        return { naming: compileNaming(routed, pipeline.naming.popular) };
      },
    ],
    ['that takes their upstream away', () => ({ upstreams: new Map() })],
    ['that parts the cache by policy', () => ({ partitions: cachePartitions(configWith('cache: { isolate: true }')) })],
  ])('%s, names are not asked for where they were any more', async (_what, changed) => {
    const kennel = start(config());
    await spend(kennel);
    await kennel.live(MINUTE);
    expect(kennel.pipeline.kept.size).toBeGreaterThan(0);
    const sent = kennel.sent.length;
    Object.assign(kennel, { pipeline: { ...kennel.pipeline, ...changed(kennel) } });
    await kennel.live(HOUR);
    expect(kennel.sent.length).toBe(sent);
    expect(kennel.pipeline.kept.size).toBe(0);
    expect(kennel.errors).toEqual([]);
  });
});

test.each([
  ['an address', 'A', '192.168.1.5'],
  ['an alias of a name elsewhere', 'CNAME', 'www.example.org'],
])('a name that a record makes %s since is not asked for any more', async (_what, type, value) => {
  const kennel = start(config());
  const names = await spend(kennel);
  await kennel.live(MINUTE);
  const taken = names[4] ?? '';
  const records = `records: [{ name: ${taken}, type: ${type}, value: ${value} }]`;
  const parsed = parseConfig(config({ extra: records }), 'after.yaml', { resolvConf: null, stateFolder: '/nowhere' });
  if (!parsed.ok) throw new Error('the config is wrong');
  const naming = compileNaming(parsed.config, kennel.pipeline.naming.popular);
  Object.assign(kennel, { pipeline: { ...kennel.pipeline, naming } });
  const kept = kennel.pipeline.kept.size;
  const sent = kennel.sent.length;
  await kennel.live(HOUR);
  expect(kennel.pipeline.kept.size).toBe(kept - 3);
  expect(kennel.sent.length).toBeGreaterThan(sent + 100);
  expect(kennel.sent.slice(sent).filter(({ name }) => name === taken)).toEqual([]);
});

describe('when the upstream fails', () => {
  test('answers last for a while, then the failure is told, and the schedule alone asks again', async () => {
    const kennel = start(config({ extra: 'cache: { serveStale: off }' }));
    const names = await spend(kennel);
    await kennel.live(MINUTE);
    const { script } = kennel;
    kennel.script = () => null;
    await kennel.live(5 * MINUTE);
    // The refresh has failed; the answer before is still good.
    expect((await kennel.ask(names[0] ?? ''))?.rcode).toBe('NOERROR');
    await kennel.live(5 * MINUTE);
    const sent = kennel.sent.length;
    for (let i = 0; i < 50; i++) expect((await kennel.ask(names[i % names.length] ?? ''))?.rcode).toBe('SERVFAIL');
    expect(kennel.sent.length).toBe(sent);
    kennel.script = script;
    await kennel.live(5 * MINUTE + 10 * SECOND);
    for (const name of names) expect((await kennel.ask(name))?.rcode).toBe('NOERROR');
    expect(kennel.errors).toEqual([]);
  });

  test('SERVFAIL of the upstream is a failure too, and not kept for longer than the retry needs', async () => {
    const kennel = start(config());
    const names = await spend(kennel);
    const { script } = kennel;
    kennel.script = () => ({ rcode: RCODE.SERVFAIL, answers: [], authority: [], authenticData: false });
    await kennel.live(7 * MINUTE);
    kennel.script = script;
    // Asked at 300, 330, 390 and 510 s.
    await kennel.live(100 * SECOND);
    for (const name of names) expect((await kennel.ask(name))?.rcode).toBe('NOERROR');
  });

  test('the first query waits for its failure and is told it', async () => {
    const kennel = start(config({ extra: 'cache: { serveStale: off }' }));
    const names = await spendOnNames(kennel);
    kennel.script = () => null;
    await expect(spendTheRest(kennel, names)).resolves.toBeUndefined();
    const sent = kennel.sent.length;
    await kennel.live(10 * SECOND);
    expect((await kennel.ask(names[0] ?? ''))?.rcode).toBe('SERVFAIL');
    expect(kennel.sent.length).toBe(sent);
  });
});

test('names beyond the 64th are not kept, as many as a budget may know', async () => {
  const kennel = start(config({ budgets: '{ parentBits: 2000, sessionBits: 9000, fleetParentBits: 9000 }' }));
  const names: string[] = [];
  for (let i = 0; i < 400; i++) {
    const name = `h${i}.example.net`;
    if ((await kennel.ask(name))?.rcode !== 'NOERROR') break;
    names.push(name);
  }
  expect(names.length).toBeGreaterThan(70);
  await spendTheRest(kennel, names);
  expect(kennel.pipeline.kept.size).toBe(64);
  await kennel.live(HOUR);
  for (const name of names.slice(0, 64)) expect((await kennel.ask(name))?.rcode).toBe('NOERROR');
  const sent = kennel.sent.length;
  for (const name of names.slice(64)) expect((await kennel.ask(name))?.answers ?? []).toEqual([]);
  expect(kennel.sent.length).toBeLessThanOrEqual(sent + 1);
});
