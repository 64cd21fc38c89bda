/** Popular answers are asked for again shortly before they end: judged and charged as a miss would be, or not at all. */
import { describe, expect, test } from 'vitest';
import { RCODE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { addressRecord } from '../../src/wire/rdata.ts';
import { BottledKennel } from './bottled-kennel.ts';

const SECOND = 1_000;
const TTL_SECONDS = 300;
const POPULAR = 'api.github.com';

function start({ prefetch = 'on', mode = 'enforce', policy = '' } = {}): BottledKennel {
  const kennel = new BottledKennel(`
mode: ${mode}
upstreams: ["udp://192.0.2.53"]
limits: off
cache: { prefetch: ${prefetch}, serveStale: off }
policies:
  - { name: p, match: {}, preset: agent, default: allow, thresholds: { flag: 98, refuse: 99, quarantine: 100 }, ${policy} }
`);
  kennel.ages.set('example.net', 3_000);
  kennel.script = ({ name }) => {
    const answers = [addressRecord(requireName(name), '198.51.100.7', TTL_SECONDS)];
    return { rcode: RCODE.NOERROR, answers, authority: [], authenticData: false };
  };
  return kennel;
}

/** One send and hits until just before the last tenth of the TTL. */
async function makePopular(kennel: BottledKennel, name = POPULAR, client = '10.0.0.5'): Promise<void> {
  for (let n = 0; n < 5; n++) {
    await kennel.ask(name, { client });
    kennel.pass(53 * SECOND);
  }
  expect(kennel.sent.length).toBe(1);
}

/** A hit in the last tenth, and all that follows from it. */
async function hitLate(kennel: BottledKennel, name = POPULAR, client = '10.0.0.5'): Promise<void> {
  kennel.pass(6 * SECOND);
  expect((await kennel.ask(name, { client }))?.rcode).toBe('NOERROR');
  await new Promise((resolve) => setImmediate(resolve));
}

function spentBits(kennel: BottledKennel, parent = 'github.com', client = '10.0.0.5'): number {
  const session = kennel.pipeline.sessions.peek(client);
  return session === null ? 0 : (kennel.pipeline.meters.spentInMemory(session.meters, parent) ?? 0);
}

describe('a hit in the last tenth of the TTL', () => {
  test('starts one refresh, which is charged as a repeat, and names go on being answered from the cache', async () => {
    const kennel = start();
    await makePopular(kennel);
    const bits = spentBits(kennel);
    await hitLate(kennel);
    await hitLate(kennel);
    expect(kennel.sent.length).toBe(2);
    expect(spentBits(kennel)).toBeGreaterThan(bits);
    expect(spentBits(kennel) - bits).toBeLessThan(1);
    kennel.pass(60 * SECOND);
    await kennel.ask(POPULAR);
    expect(kennel.sent.length).toBe(2);
    expect(kennel.errors).toEqual([]);
  });

  test('is answered before anything is sent', async () => {
    const kennel = start();
    await makePopular(kennel);
    kennel.pass(6 * SECOND);
    const silence = Promise.withResolvers<void>();
    kennel.silence = silence.promise;
    expect(await kennel.ask(POPULAR)).toMatchObject({ rcode: 'NOERROR', ede: [] });
    silence.resolve();
  });

  test('starts none for a name that was asked for once or twice, earlier in its TTL, or where the config says so', async () => {
    const rare = start();
    await rare.ask(POPULAR);
    rare.pass(280 * SECOND);
    await rare.ask(POPULAR);
    expect(rare.sent.length).toBe(1);

    const early = start();
    for (let n = 0; n < 50; n++) {
      await early.ask(POPULAR);
      early.pass(5 * SECOND);
    }
    expect(early.sent.length).toBe(1);

    const off = start({ prefetch: 'off' });
    await makePopular(off);
    await hitLate(off);
    expect(off.sent.length).toBe(1);
  });

  test('starts none for names whose bits count in full', async () => {
    const kennel = start();
    await makePopular(kennel, 'www.example.net');
    await hitLate(kennel, 'www.example.net');
    expect(kennel.sent.length).toBe(1);
  });

  test('of a session that never sent the name starts none: it would pay for a new one', async () => {
    const kennel = start();
    await makePopular(kennel);
    await kennel.ask(POPULAR, { client: '10.0.0.6' });
    await hitLate(kennel, POPULAR, '10.0.0.6');
    expect(kennel.sent.length).toBe(1);
    expect(spentBits(kennel, 'github.com', '10.0.0.6')).toBe(0);
    // The one that has paid for it before still can.
    kennel.pass(8 * SECOND);
    await kennel.ask(POPULAR);
    expect(kennel.sent.length).toBe(2);
  });

  test.each(['enforce', 'observe'])('starts none when the budget cannot pay for it (%s)', async (mode) => {
    const kennel = start({ mode, policy: 'budgets: { parentBits: 100, sessionBits: 2048 }' });
    await makePopular(kennel);
    const { sessions, meters, clock } = kennel.pipeline;
    const session = sessions.open('10.0.0.5', clock.wallMs());
    const labels = ['x7k2q9vz4m8w3j6r1t5y'];
    const key = requireName('x7k2q9vz4m8w3j6r1t5y.github.com');
    const spent = { parent: 'github.com', labels, allLabels: [...labels, 'github', 'com'], key, qtype: 1, weight: 1 };
    meters.charge(session.meters, 0, { ...spent, unlisted: false, refillBitsPerDay: 0 }, clock.wallMs());
    expect(spentBits(kennel)).toBeGreaterThan(100);
    await hitLate(kennel);
    expect(kennel.sent.length).toBe(1);
  });

  test('starts none in quarantine, also where the name is still allowed from the cache', async () => {
    const kennel = start();
    await makePopular(kennel);
    const evidence = { epoch: 0, policy: 'p', parent: 'x', qname: 'x', qtype: 'A', score: 80, signals: [], leakBits: 0, reason: 'score' };
    await kennel.pipeline.quarantines.quarantine({ session: '10.0.0.5', ...evidence, forMs: 3_600_000 }).durable;
    kennel.pass(6 * SECOND);
    expect((await kennel.ask(POPULAR))?.rcode).toBe('NXDOMAIN');
    expect(kennel.sent.length).toBe(1);
  });

  test('a refresh that fails takes nothing away, and is not tried again', async () => {
    const kennel = start();
    await makePopular(kennel);
    kennel.script = () => null;
    for (let n = 0; n < 4; n++) await hitLate(kennel);
    expect(kennel.sent.length).toBe(2);
    expect(kennel.errors).toEqual([]);
  });
});
