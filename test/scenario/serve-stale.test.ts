/** What was true last, while upstreams fail (RFC 8767): who is told it, how, and what is sent meanwhile. */
import { describe, expect, test } from 'vitest';
import type { UpstreamResponse } from '../../src/pipeline/ports.ts';
import { RCODE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { addressRecord, soaRecord } from '../../src/wire/rdata.ts';
import { BottledKennel, type Reply } from './bottled-kennel.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const NAME = 'www.example.net';

interface Options {
  readonly serveStale?: string;
  readonly budgets?: string;
  readonly isolate?: boolean;
}

function start({ serveStale = '1d', budgets = 'off' }: Options = {}): BottledKennel {
  const kennel = new BottledKennel(`
mode: enforce
upstreams: ["udp://192.0.2.53"]
limits: off
cache: { serveStale: ${serveStale} }
policies:
  - { name: p, match: {}, preset: agent, default: allow, budgets: ${budgets}, thresholds: { flag: 98, refuse: 99, quarantine: 100 } }
`);
  kennel.ages.set('example.net', 3_000);
  kennel.script = ({ name }) => address(name);
  return kennel;
}

function address(name: string): UpstreamResponse {
  return answered(RCODE.NOERROR, { answers: [addressRecord(requireName(name), '198.51.100.7', 60)], authenticData: true });
}

function answered(rcode: number, parts: Partial<UpstreamResponse> = {}): UpstreamResponse {
  return { rcode, answers: [], authority: [], authenticData: false, ...parts };
}

const fails = (): null => null;
const servfail = (): UpstreamResponse => answered(RCODE.SERVFAIL);

const codes = (reply: Reply | null): number[] => (reply?.ede ?? []).map(({ code }) => code);
const ttls = (reply: Reply | null): number[] => (reply?.answers ?? []).map((record) => ('ttl' in record ? (record.ttl ?? 0) : 0));

function spentBits(kennel: BottledKennel): number {
  const session = kennel.pipeline.sessions.peek('10.0.0.5');
  return session === null ? 0 : (kennel.pipeline.meters.spentInMemory(session.meters, 'example.net') ?? 0);
}

/** Until all that waits for nothing but promises has gone on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('when upstreams fail', () => {
  test.each([
    ['are silent', fails],
    ['say SERVFAIL', servfail],
    ['refuse', () => answered(RCODE.REFUSED)],
  ])('and %s, the last answer is served with TTL 30 and EDE 3, after one send that is charged', async (_how, script) => {
    const kennel = start();
    expect(codes(await kennel.ask(NAME))).toEqual([]);
    const bits = spentBits(kennel);
    kennel.script = script;
    kennel.pass(61 * SECOND);
    const reply = await kennel.ask(NAME);
    expect(reply).toMatchObject({ rcode: 'NOERROR', flags: { ad: false } });
    expect([ttls(reply), codes(reply)]).toEqual([[30], [3]]);
    expect(kennel.sent.length).toBe(2);
    expect(spentBits(kennel)).toBeGreaterThan(bits);
    expect(kennel.errors).toEqual([]);
  });

  test('a client without OPT sees no EDE', async () => {
    const kennel = start();
    await kennel.ask(NAME);
    kennel.script = fails;
    kennel.pass(61 * SECOND);
    expect(await kennel.ask(NAME, { plain: true })).toMatchObject({ rcode: 'NOERROR', ede: [] });
  });

  test('nobody asks again for half a minute, whoever wants it, and nothing is charged meanwhile', async () => {
    const kennel = start();
    await kennel.ask(NAME);
    kennel.script = fails;
    kennel.pass(61 * SECOND);
    await kennel.ask(NAME);
    const bits = spentBits(kennel);
    for (let second = 0; second < 29; second++) {
      kennel.pass(SECOND);
      expect(codes(await kennel.ask(NAME, { client: `10.0.0.${5 + (second % 3)}` }))).toEqual([3]);
    }
    expect(kennel.sent.length).toBe(2);
    expect(spentBits(kennel)).toBe(bits);
    kennel.pass(SECOND);
    await kennel.ask(NAME);
    expect(kennel.sent.length).toBe(3);
  });

  test('an answer that comes again is served as ever', async () => {
    const kennel = start();
    await kennel.ask(NAME);
    const { script } = kennel;
    kennel.script = fails;
    kennel.pass(61 * SECOND);
    await kennel.ask(NAME);
    kennel.script = script;
    kennel.pass(30 * SECOND);
    const reply = await kennel.ask(NAME);
    expect([ttls(reply), codes(reply)]).toEqual([[60], []]);
  });

  test('NXDOMAIN and NODATA are served stale too, failures never', async () => {
    const kennel = start();
    const soa = [soaRecord(requireName('example.net'), 60, 60)];
    kennel.script = ({ name }) => answered(name.startsWith('gone') ? RCODE.NXDOMAIN : RCODE.NOERROR, { authority: soa });
    for (const name of ['gone.example.net', 'empty.example.net']) await kennel.ask(name);
    kennel.script = servfail;
    await kennel.ask('broken.example.net');
    kennel.script = fails;
    kennel.pass(61 * SECOND);
    const gone = await kennel.ask('gone.example.net', { type: 'AAAA' });
    expect([gone?.rcode, codes(gone)]).toEqual(['NXDOMAIN', [19]]);
    const empty = await kennel.ask('empty.example.net');
    expect([empty?.rcode, empty?.answers, codes(empty)]).toEqual(['NOERROR', [], [3]]);
    const broken = await kennel.ask('broken.example.net');
    expect([broken?.rcode, codes(broken)]).toEqual(['SERVFAIL', [22]]);
  });

  test('a stale answer ends with its time, and is none where the config wants none', async () => {
    for (const [serveStale, afterMs] of [
      ['1d', 24 * HOUR + 61 * SECOND],
      ['off', 61 * SECOND],
    ] as const) {
      const kennel = start({ serveStale });
      await kennel.ask(NAME);
      kennel.script = fails;
      kennel.pass(afterMs);
      expect((await kennel.ask(NAME))?.rcode).toBe('SERVFAIL');
    }
  });

  test('known to be down, nothing is sent or charged, and the answer is there at once', async () => {
    const kennel = start();
    await kennel.ask(NAME);
    const bits = spentBits(kennel);
    kennel.allDown = true;
    kennel.pass(61 * SECOND);
    expect(codes(await kennel.ask(NAME))).toEqual([3]);
    expect(kennel.sent.length).toBe(1);
    expect(spentBits(kennel)).toBe(bits);
    // No attempt has failed, so the first query after they are back asks.
    kennel.allDown = false;
    expect(codes(await kennel.ask(NAME))).toEqual([]);
  });
});

describe('when upstreams are slow', () => {
  test('the client waits 1.8 s, and the refresh goes on for those who come later', async () => {
    const kennel = start();
    await kennel.ask(NAME);
    kennel.pass(61 * SECOND);
    const silence = Promise.withResolvers<void>();
    kennel.silence = silence.promise;
    let reply: Reply | null = null;
    const asked = kennel.ask(NAME).then((answer) => {
      reply = answer;
    });
    kennel.pass(1_799);
    await settled();
    expect(reply).toBeNull();
    kennel.pass(1);
    await asked;
    expect([ttls(reply), codes(reply)]).toEqual([[30], [3]]);
    // Another session joins what is under way, and pays for nothing.
    const joined = kennel.ask(NAME, { client: '10.0.0.6' });
    kennel.pass(SECOND);
    silence.resolve();
    expect(ttls(await joined)).toEqual([60]);
    expect(kennel.sent.length).toBe(2);
    expect(ttls(await kennel.ask(NAME))).toEqual([60]);
    expect(kennel.errors).toEqual([]);
  });

  test('without an answer from before the client waits for the upstream', async () => {
    const kennel = start();
    const silence = Promise.withResolvers<void>();
    kennel.silence = silence.promise;
    const asked = kennel.ask(NAME);
    kennel.pass(4 * SECOND);
    silence.resolve();
    expect(codes(await asked)).toEqual([]);
  });
});

describe('who could not have the answer fresh does not get it stale', () => {
  test('a session whose budget is spent', async () => {
    const kennel = start({ budgets: '{ parentBits: 100, sessionBits: 2048 }' });
    await kennel.ask(NAME, { client: '10.0.0.9' });
    for (const word of ['alpha', 'bravo', 'charlie', 'delta', 'foxtrot']) await kennel.ask(`${word}.example.net`);
    kennel.script = fails;
    kennel.pass(61 * SECOND);
    const sent = kennel.sent.length;
    const refused = await kennel.ask(NAME);
    expect([refused?.rcode, codes(refused)]).toEqual(['NXDOMAIN', [15]]);
    expect(kennel.decisions.at(-1)?.reason).toBe('parent-budget');
    expect(kennel.sent.length).toBe(sent);
    // Also while nobody may ask: then there is nothing to pay for, and still he could not have had it.
    expect(codes(await kennel.ask(NAME, { client: '10.0.0.9' }))).toEqual([3]);
    kennel.pass(31 * SECOND);
    await kennel.ask(NAME, { client: '10.0.0.9' });
    expect((await kennel.ask(NAME))?.rcode).toBe('NXDOMAIN');
  });

  test('a quarantined session', async () => {
    const kennel = start();
    await kennel.ask(NAME);
    const evidence = { epoch: 0, policy: 'p', parent: 'x', qname: 'x', qtype: 'A', score: 80, signals: [], leakBits: 0, reason: 'score' };
    await kennel.pipeline.quarantines.quarantine({ session: '10.0.0.5', ...evidence, forMs: 48 * HOUR }).durable;
    kennel.script = fails;
    kennel.pass(61 * SECOND);
    expect(codes(await kennel.ask(NAME))).toEqual([15, 18]);
    expect(kennel.sent.length).toBe(1);
  });

  test('names that are kept without a budget are served stale while their schedule finds nobody', async () => {
    const kennel = start({ budgets: '{ parentBits: 250, sessionBits: 2048 }' });
    const names = ['www', 'alpha', 'bravo', 'charlie', 'delta', 'foxtrot', 'hotel'].map((word) => `${word}.example.net`);
    const known: string[] = [];
    for (const name of names) if ((await kennel.ask(name))?.rcode === 'NOERROR') known.push(name);
    for (let round = 0; round < 100 && kennel.pipeline.kept.size === 0; round++) {
      await kennel.live(2 * MINUTE);
      for (const name of known.toReversed()) await kennel.ask(name);
    }
    expect(kennel.pipeline.kept.size).toBeGreaterThan(2);
    expect(kennel.pipeline.kept.size).toBe(known.length);
    kennel.script = fails;
    await kennel.live(HOUR);
    const sent = kennel.sent.length;
    for (const name of known) expect(codes(await kennel.ask(name))).toEqual([3]);
    expect(codes(await kennel.ask('unseen.example.net'))).toEqual([15]);
    expect(kennel.sent.length).toBe(sent);
  });
});
