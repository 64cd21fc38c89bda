/**
 * The meters through the whole pipeline: what teaches them and what doesn't, what forced repeats cost, and that whatever one session
 * or the fleet had sent below a parent cost at least what it can say.
 */
import { describe, expect, test } from 'vitest';
import { RCODE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { addressRecord } from '../../src/wire/rdata.ts';
import { BottledKennel } from './bottled-kennel.ts';

const CLIENT = '10.0.0.5';
const SECOND = 1_000;
const DAY = 86_400_000;
const PARENT = 'example.net';
const HEX = '4157535f5345435245545f4b4559';

function config(preset = 'agent', budgets = ''): string {
  return `
mode: enforce
upstreams: ["udp://192.0.2.53"]
limits: { queriesPerSecond: 100000, burst: 100000 }
policies:
  - name: p
    match: {}
    preset: ${preset}
    default: allow
    firstContact: off
    thresholds: { flag: 98, refuse: 99, quarantine: 100 }
    ${budgets}
    block: [{ section: b, owner: o, reason: r, names: ["**.blocked.example.net"] }]
`;
}

type Answer = 'address' | 'expires at once' | 'nothing';

function start(answer: Answer, text = config()): BottledKennel {
  const kennel = new BottledKennel(text);
  kennel.ages.set(PARENT, 3_000);
  kennel.script = ({ name, type }) => {
    if (answer === 'nothing' || type !== 'A') return null;
    const records = [addressRecord(requireName(name), '198.51.100.7', answer === 'address' ? 300 : 0)];
    return { rcode: RCODE.NOERROR, answers: records, authority: [], authenticData: false };
  };
  return kennel;
}

/** What sending the name would cost this session and the fleet now. */
function prices(kennel: BottledKennel, label: string, client = CLIENT): unknown {
  const { meters, sessions, clock } = kennel.pipeline;
  const allLabels = [label, 'example', 'net'];
  const key = requireName(`${label}.${PARENT}`);
  const name = { parent: PARENT, labels: [label], allLabels, key, qtype: 1, weight: 1, unlisted: true, refillBitsPerDay: 0 };
  return meters.price(sessions.open(client, clock.wallMs()).meters, name, clock.wallMs());
}

function spentBelow(kennel: BottledKennel): number {
  return kennel.pipeline.meters.spentInMemory(kennel.pipeline.sessions.open(CLIENT, kennel.pipeline.clock.wallMs()).meters, PARENT) ?? 0;
}

/** A small seeded generator of whole numbers below `bound`. */
function generator(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

describe('the meters learn', () => {
  test('nothing from what was blocked, answered from the cache, or of a type or with octets that are never forwarded', async () => {
    const [quiet, busy] = [start('address'), start('address')];
    for (const kennel of [quiet, busy]) await kennel.ask(`www.${PARENT}`);
    const before = prices(busy, HEX);
    for (let i = 0; i < 20; i++) {
      await busy.ask(`www.${PARENT}`);
      await busy.ask(`${HEX}${i}.blocked.${PARENT}`);
      await busy.ask(`${HEX}.${PARENT}`, { type: 'NULL' });
      await busy.ask(`${HEX}é.${PARENT}`);
    }
    expect(busy.sent).toEqual(quiet.sent);
    expect(prices(busy, HEX)).toEqual(before);
    expect(prices(busy, HEX)).toEqual(prices(quiet, HEX));
    expect(spentBelow(busy)).toBe(spentBelow(quiet));
  });

  test('nothing about one session from what another sends, except the fleet’s', async () => {
    const kennel = start('address');
    await kennel.ask(`www.${PARENT}`);
    const before = prices(kennel, HEX) as { parentBits: number; sessionBits: number; fleetBits: number };
    await kennel.ask(`${HEX}.${PARENT}`, { client: '10.0.0.6' });
    const after = prices(kennel, HEX) as typeof before;
    expect(after).toMatchObject({ parentBits: before.parentBits, sessionBits: before.sessionBits });
    expect(after.fleetBits).toBeLessThan(before.fleetBits);
  });
});

describe('a secret told by the choice among four known names', () => {
  test.each<readonly [Answer, number]>([
    ['expires at once', 61],
    ['nothing', 6],
  ])('is paid for when upstream answers %s, so that each can be asked again', async (answer, pauseSeconds) => {
    const kennel = start(answer);
    const names = ['a', 'b', 'c', 'd'].map((label) => `${label}.${PARENT}`);
    for (const name of names) await kennel.ask(name);
    kennel.pass(pauseSeconds * SECOND);
    const [sentBefore, spentBefore] = [kennel.sent.length, spentBelow(kennel)];
    const choose = generator(7);
    for (let i = 0; i < 150; i++) {
      await kennel.ask(names[choose(4)] ?? '');
      kennel.pass(pauseSeconds * SECOND);
    }
    expect(kennel.sent.length - sentBefore).toBe(150);
    expect(spentBelow(kennel) - spentBefore).toBeGreaterThanOrEqual(150 * 2 * 0.97);
  });
});

test('polling one name every minute for a day costs at most 10 bits', async () => {
  const kennel = start('expires at once');
  await kennel.ask(`www.${PARENT}`);
  const before = spentBelow(kennel);
  for (let minute = 0; minute < 1_440; minute++) {
    kennel.pass(60 * SECOND);
    await kennel.ask(`www.${PARENT}`);
  }
  expect(kennel.sent).toHaveLength(1_441);
  expect(spentBelow(kennel) - before).toBeLessThanOrEqual(10);
});

test('the whole fleet lets out no more below one parent than its budget, whoever asks, however many', async () => {
  const kennel = start('address');
  const random = generator(3);
  for (let i = 0; i < 400; i++) {
    await kennel.ask(`${random(2 ** 31).toString(16)}.${PARENT}`, { client: `10.0.${random(20)}.9` });
    kennel.pass(SECOND);
  }
  const octets = kennel.sent.length * 4;
  expect(kennel.pipeline.meters.fleetSpent(PARENT, 0)).toBeLessThanOrEqual(1_024);
  expect(octets).toBeLessThanOrEqual(1_024 / 8);
  kennel.pass(365 * DAY);
  const before = kennel.sent.length;
  await kennel.ask(`${HEX}.${PARENT}`, { client: '10.0.30.9' });
  expect(kennel.sent).toHaveLength(before);
});

test('the fleet knows since when it has sent below a parent, after a restart too', async () => {
  const kennel = start('address');
  const { meters, clock } = kennel.pipeline;
  await kennel.ask(`${HEX}.blocked.${PARENT}`);
  expect(meters.firstSentMs(PARENT)).toBeNull();
  const sentAtMs = clock.wallMs();
  await kennel.ask(`www.${PARENT}`);
  kennel.pass(DAY);
  await kennel.ask(`api.${PARENT}`);
  expect(meters.firstSentMs(PARENT)).toBe(sentAtMs);
  expect(new BottledKennel(config(), kennel).pipeline.meters.firstSentMs(PARENT)).toBe(sentAtMs);
});

test('names below popular parents cost the session nothing over all unlisted parents', async () => {
  const kennel = start('address');
  for (let i = 0; i < 10; i++) await kennel.ask(`${HEX}${i}.github.com`);
  const session = kennel.pipeline.sessions.open(CLIENT, kennel.pipeline.clock.wallMs());
  expect(kennel.sent.length).toBeGreaterThan(0);
  expect(session.meters.total?.spentBits).toBe(0);
});
