import { describe, expect, test } from 'vitest';
import type { Budgets } from '../../../scoring/observation.ts';
import { ALL } from '../../../src/pipeline/ports.ts';
import { registrableDomain } from '../../../src/policy/registrable-domain.ts';
import { LEASE_BITS, type MeteredName, Meters, SessionMeters } from '../../../src/session/meters.ts';
import { type Session, SessionTable } from '../../../src/session/session.ts';
import { PRUNED } from '../../../src/storage/meters.ts';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { fromLabels, fromPresentation, ROOT } from '../../../src/wire/name.ts';
import { MemoryMeterStore } from './memory-meter-store.ts';

const CLIENT = '10.0.0.5';
const NOW = 1_800_000_000_000;
const DAY = 86_400_000;
const LIMITS = { sessionParents: 4, fleetParents: 8, codeOctets: 1_000_000 };
const BUDGETS: Budgets = {
  parentBits: 768,
  sessionBits: 2048,
  fleetParentBits: 1024,
  parentRefillBitsPerDay: 0,
  sessionRefillBitsPerDay: 0,
  encoderBits: null,
  encoderRefillBitsPerDay: 0,
};

function below(parent: string, label: string, weight = 1): MeteredName {
  const allLabels = [label, ...parent.split('.')];
  const key = fromLabels(allLabels) ?? ROOT;
  return { parent, labels: [label], allLabels, key, qtype: RRTYPE.A, weight, unlisted: true, refillBitsPerDay: 0 };
}

describe('the charge', () => {
  test('goes to the session below the parent, to the session as a whole and to the fleet', () => {
    const meters = new Meters(new MemoryMeterStore(), LIMITS);
    const session = new SessionMeters(CLIENT);
    const paid = meters.charge(session, 0, below('a.example', '4157535f53454352'), NOW);
    expect(paid.parentBits).toBeGreaterThan(40);
    expect(paid.sessionBits).toBeGreaterThan(paid.parentBits);
    expect(paid.fleetBits).toBe(paid.parentBits);
    const left = meters.read(session, 'a.example', BUDGETS, NOW).remaining;
    expect(left.parentBits).toBeCloseTo(768 - paid.parentBits);
    expect(left.sessionBits).toBeCloseTo(2048 - paid.sessionBits);
    expect(left.fleetBits).toBeCloseTo(1024 - paid.fleetBits);
  });

  test('costs what the price said a moment before, and pricing changes nothing', () => {
    const meters = new Meters(new MemoryMeterStore(), LIMITS);
    const session = new SessionMeters(CLIENT);
    const name = below('a.example', 'build-42');
    const first = meters.price(session, name, NOW);
    for (let i = 0; i < 20; i++) meters.price(session, below('a.example', `build-${i}`), NOW);
    expect(meters.price(session, name, NOW)).toEqual(first);
    expect(meters.charge(session, 0, name, NOW)).toEqual(first);
  });

  test.each([ALL, PRUNED, '*'])('below a name that reads %s does not overwrite what the session as a whole has spent', (text) => {
    const store = new MemoryMeterStore();
    const session = new SessionMeters(CLIENT);
    const meters = new Meters(store, LIMITS);
    const { parent } = registrableDomain(fromPresentation(text) ?? ROOT);
    meters.charge(session, 0, below(parent, 'x'), NOW);
    for (let i = 0; i < 20; i++) meters.charge(session, 0, below('a.example', `4157535f5345435${i}`), NOW);
    const lasting = store.loadMeter({ session: CLIENT, parent: ALL })?.leasedBits ?? 0;
    meters.charge(session, 0, below(parent, '4157535f53454352'), NOW);
    expect(lasting).toBeGreaterThan(500);
    expect(store.loadMeter({ session: CLIENT, parent: ALL })?.leasedBits).toBeGreaterThanOrEqual(lasting);
    expect(store.loadMeter({ session: CLIENT, parent: PRUNED })).toBeNull();
  });

  test('of another session below the same parent is seen by the fleet meter only', () => {
    const meters = new Meters(new MemoryMeterStore(), LIMITS);
    const [one, other] = [new SessionMeters(CLIENT), new SessionMeters('10.0.0.6')];
    meters.charge(one, 0, below('a.example', '4157535f53454352'), NOW);
    const left = meters.read(other, 'a.example', BUDGETS, NOW).remaining;
    expect(left.parentBits).toBe(768);
    expect(left.sessionBits).toBe(2048);
    expect(left.fleetBits).toBeLessThan(1024);
  });

  test('counts by the weight of the standing, and not at all for exactly allowlisted names', () => {
    const meters = new Meters(new MemoryMeterStore(), LIMITS);
    const full = meters.price(new SessionMeters(CLIENT), below('a.example', 'artifact-7'), NOW);
    const tenth = meters.price(new SessionMeters(CLIENT), below('a.example', 'artifact-7', 0.1), NOW);
    expect(tenth.parentBits).toBeCloseTo(full.parentBits / 10);
    const none = meters.price(new SessionMeters(CLIENT), below('a.example', 'artifact-7', 0), NOW);
    expect(none).toEqual({ parentBits: 0, sessionBits: 0, fleetBits: 0 });
  });
});

describe('the session over all unlisted parents', () => {
  test('pays for unlisted names alone, and learns from them alone', () => {
    const meters = new Meters(new MemoryMeterStore(), LIMITS);
    const [session, other] = [new SessionMeters(CLIENT), new SessionMeters('10.0.0.6')];
    for (const label of ['www', 'api', '4157535f53454352']) {
      const listed = { ...below('popular.example', label, 0.1), unlisted: false };
      expect(meters.price(session, listed, NOW).sessionBits).toBe(0);
      expect(meters.charge(session, 0, listed, NOW).parentBits).toBeGreaterThan(0);
      meters.noteExpiry(session, listed, NOW + 1, NOW);
    }
    expect(meters.spent(session, 'popular.example', NOW).sessionBits).toBe(0);
    const unlisted = below('a.example', '4157535f53454352');
    expect(meters.price(session, unlisted, NOW)).toEqual(meters.price(other, unlisted, NOW));
    meters.charge(session, 0, unlisted, NOW);
    expect(meters.spent(session, 'a.example', NOW).sessionBits).toBeGreaterThan(0);
  });

  test('is not metered for the names of a legitimate encoder, which are metered in full below it', () => {
    const meters = new Meters(new MemoryMeterStore(), LIMITS);
    const session = new SessionMeters(CLIENT);
    const name = { ...below('dnsbl.example', '2.0.0.127'.replaceAll('.', '-')), unlisted: false };
    const paid = meters.charge(session, 0, name, NOW);
    expect(paid).toEqual({ parentBits: paid.fleetBits, sessionBits: 0, fleetBits: paid.parentBits });
    expect(paid.parentBits).toBeGreaterThan(10);
  });
});

describe('the fleet below one parent', () => {
  const interactive: Budgets = { ...BUDGETS, parentRefillBitsPerDay: 256, sessionRefillBitsPerDay: 2048 };

  test('is not refilled by another policy: what sessions without a refill have let out stays spent', () => {
    const meters = new Meters(new MemoryMeterStore(), LIMITS);
    const [agent, person] = [new SessionMeters(CLIENT), new SessionMeters('10.0.0.6')];
    for (let i = 0; i < 8; i++) meters.charge(agent, 0, below('a.example', `4157535f5345${i}352`), NOW);
    const left = meters.read(agent, 'a.example', BUDGETS, NOW).remaining.fleetBits;
    for (let day = 1; day <= 30; day++) {
      const paid = meters.charge(person, 0, { ...below('a.example', `day-${day}`), refillBitsPerDay: 256 }, NOW + day * DAY);
      expect(paid.fleetBits).toBeGreaterThan(0);
      meters.read(person, 'a.example', interactive, NOW + day * DAY);
    }
    expect(meters.read(agent, 'a.example', BUDGETS, NOW + 30 * DAY).remaining.fleetBits).toBe(left);
    expect(meters.read(person, 'a.example', interactive, NOW + 60 * DAY).remaining.fleetBits).toBe(1024);
    expect(meters.fleetSpent('a.example', 0)).toBeCloseTo(1024 - (left ?? 0));
  });

  test('comes back after a restart with the bits of each rate', () => {
    const store = new MemoryMeterStore();
    const before = new Meters(store, LIMITS);
    before.charge(new SessionMeters(CLIENT), 0, below('a.example', '4157535f53454352'), NOW);
    before.charge(new SessionMeters(CLIENT), 0, { ...below('a.example', '4157535f53454353'), refillBitsPerDay: 256 }, NOW);
    const after = new Meters(store, LIMITS);
    const session = new SessionMeters('10.0.0.7');
    for (const budgets of [BUDGETS, interactive]) {
      expect(after.read(session, 'a.example', budgets, NOW).remaining.fleetBits).toBeLessThanOrEqual(1024 - LEASE_BITS);
    }
    expect(after.fleetSpent('a.example', 256)).toBeGreaterThanOrEqual(LEASE_BITS);
  });
});

describe('the first send below a parent', () => {
  test('is told with its time, whoever sent it, across evictions and restarts', () => {
    const store = new MemoryMeterStore();
    const meters = new Meters(store, LIMITS);
    const session = new SessionMeters(CLIENT);
    const name = below('a.example', 'www');
    meters.price(session, name, NOW);
    meters.read(session, 'a.example', BUDGETS, NOW);
    expect(meters.firstSentMs('a.example')).toBeNull();
    meters.charge(session, 0, name, NOW + 1);
    meters.charge(new SessionMeters('10.0.0.6'), 0, below('a.example', 'api'), NOW + 2);
    for (let i = 0; i < 50; i++) meters.charge(session, 0, below(`p${i}.example`, 'www'), NOW + 3);
    expect(meters.firstSentMs('a.example')).toBe(NOW + 1);
    expect(new Meters(store, LIMITS).firstSentMs('a.example')).toBe(NOW + 1);
  });

  test('is not a name that costs nothing, nor one whose charge could not be written', () => {
    const store = new MemoryMeterStore();
    const meters = new Meters(store, LIMITS);
    meters.charge(new SessionMeters(CLIENT), 0, below('a.example', 'www', 0), NOW);
    store.full = true;
    expect(() => meters.charge(new SessionMeters(CLIENT), 0, below('a.example', 'www'), NOW)).toThrow('full');
    expect(meters.firstSentMs('a.example')).toBeNull();
  });
});

test('known pairs are told per scope: below the parent for the session and the fleet, whole for all unlisted parents', () => {
  const meters = new Meters(new MemoryMeterStore(), LIMITS);
  const [one, other] = [new SessionMeters(CLIENT), new SessionMeters('10.0.0.6')];
  meters.charge(one, 0, below('a.example', 'www'), NOW);
  meters.charge(one, 0, { ...below('a.example', 'www'), qtype: RRTYPE.AAAA }, NOW);
  meters.charge(other, 0, below('a.example', 'api'), NOW);
  const told = (scope: 'parent' | 'session' | 'fleet'): string[] =>
    meters.knownPairs(one, 'a.example', 64, scope).map(({ labels, qtype }) => `${labels.join('.')} ${qtype}`);
  expect(told('parent')).toEqual(['www 1', 'www 28']);
  expect(told('fleet')).toEqual(['www 1', 'www 28', 'api 1']);
  expect(told('session')).toEqual(['www.a.example 1', 'www.a.example 28']);
  expect(meters.knowsPair(one, { ...below('a.example', 'www'), qtype: RRTYPE.AAAA }, NOW)).toBe(true);
  expect(meters.knowsPair(other, below('a.example', 'www'), NOW)).toBe(false);
});

describe('the lease', () => {
  test('is written before a bit of it is spent, and covers everything spent', () => {
    const store = new MemoryMeterStore();
    const meters = new Meters(store, LIMITS);
    const session = new SessionMeters(CLIENT);
    let spent = 0;
    for (let i = 0; i < 30; i++) {
      spent += meters.charge(session, 0, below('a.example', `x${i * 7919}`), NOW).parentBits;
      const leased = store.loadMeter({ session: CLIENT, parent: 'a.example' })?.leasedBits ?? 0;
      expect(leased).toBeGreaterThanOrEqual(spent);
      expect(leased - spent).toBeLessThan(LEASE_BITS);
    }
    expect(store.meterWrites).toBeLessThan(30);
  });

  test('that cannot be written charges nothing and lets the caller know', () => {
    const store = new MemoryMeterStore();
    const meters = new Meters(store, LIMITS);
    const session = new SessionMeters(CLIENT);
    store.full = true;
    expect(() => meters.charge(session, 0, below('a.example', 'x'), NOW)).toThrow('full');
    expect(meters.spent(session, 'a.example', NOW)).toEqual({ parentBits: 0, sessionBits: 0 });
  });

  test('counts as used after a crash', () => {
    const store = new MemoryMeterStore();
    const before = new Meters(store, LIMITS);
    const { parentBits } = before.charge(new SessionMeters(CLIENT), 0, below('a.example', '4157535f53454352'), NOW);
    const after = new Meters(store, LIMITS).spent(new SessionMeters(CLIENT), 'a.example', NOW);
    expect(after.parentBits).toBeGreaterThanOrEqual(parentBits);
    expect(after.parentBits % LEASE_BITS).toBe(0);
  });
});

test('a parent pushed out of memory comes back with every bit it has spent', () => {
  const meters = new Meters(new MemoryMeterStore(), LIMITS);
  const session = new SessionMeters(CLIENT);
  const { parentBits } = meters.charge(session, 0, below('a.example', '4157535f53454352'), NOW);
  for (let i = 0; i < 20; i++) meters.charge(session, 0, below(`p${i}.example`, 'www'), NOW);
  expect(meters.spent(session, 'a.example', NOW).parentBits).toBeGreaterThanOrEqual(parentBits);
  expect(meters.read(session, 'a.example', BUDGETS, NOW).remaining.fleetBits).toBeLessThanOrEqual(1024 - parentBits);
});

test('names that are only priced push no meter out', () => {
  const meters = new Meters(new MemoryMeterStore(), LIMITS);
  const session = new SessionMeters(CLIENT);
  const name = below('a.example', 'www');
  meters.charge(session, 0, name, NOW);
  for (let i = 0; i < 2_000; i++) meters.price(new SessionMeters('10.6.6.6'), below(`p${i}.example`, 'www'), NOW);
  expect(meters.knows(session, name, NOW)).toBe(true);
});

test('what all codes remember together is bounded: the one charged longest ago forgets its names but not its bits', () => {
  const meters = new Meters(new MemoryMeterStore(), { ...LIMITS, codeOctets: 200_000 });
  const [quiet, busy] = [new SessionMeters(CLIENT), new SessionMeters('10.6.6.6')];
  const name = below('a.example', 'www');
  meters.charge(quiet, 0, name, NOW);
  const spent = meters.spent(quiet, 'a.example', NOW);
  const hex = (i: number): string => (i * 2_654_435_761).toString(16).padStart(16, 'f');
  for (let i = 0; i < 200; i++) meters.charge(busy, 0, below('b.example', hex(i)), NOW);
  expect(meters.knows(busy, below('b.example', hex(199)), NOW)).toBe(true);
  expect(meters.knows(quiet, name, NOW)).toBe(false);
  expect(meters.spent(quiet, 'a.example', NOW)).toEqual(spent);
  // A code larger than the bound itself starts anew as well.
  for (let i = 0; i < 2_000; i++) meters.charge(busy, 0, below('b.example', hex(i)), NOW);
  expect(busy.total?.code.octets).toBeLessThanOrEqual(200_000);
});

describe('the refill', () => {
  const refilled: Budgets = { ...BUDGETS, parentRefillBitsPerDay: 256, sessionRefillBitsPerDay: 2048 };

  test.each(['evicted', 'restarted'])('of a meter that is %s is not given a second time', (how) => {
    const store = new MemoryMeterStore();
    let meters = new Meters(store, LIMITS);
    let session = new SessionMeters(CLIENT);
    let left = 768;
    const spendAt = (nowMs: number): void => {
      for (let i = 0; i < 40; i++) {
        const name = below('a.example', `4157535f${(i * 7919 + nowMs).toString(16)}`);
        left = meters.read(session, 'a.example', refilled, nowMs).remaining.parentBits ?? 0;
        if (meters.price(session, name, nowMs).parentBits > left) return;
        meters.charge(session, 0, name, nowMs);
      }
    };
    spendAt(NOW);
    spendAt(NOW + DAY);
    if (how === 'evicted') for (let i = 0; i < 20; i++) meters.charge(session, 0, below(`p${i}.example`, 'www'), NOW + DAY);
    else [meters, session] = [new Meters(store, LIMITS), new SessionMeters(CLIENT)];
    expect(meters.read(session, 'a.example', refilled, NOW + DAY).remaining.parentBits).toBeLessThanOrEqual(left);
  });

  test('gives bits back by the day and never more than the budget', () => {
    const meters = new Meters(new MemoryMeterStore(), LIMITS);
    const session = new SessionMeters(CLIENT);
    for (let i = 0; i < 8; i++) meters.charge(session, 0, below('a.example', `4157535f5345${i}352`), NOW);
    const spent = 768 - (meters.read(session, 'a.example', refilled, NOW).remaining.parentBits ?? 0);
    expect(spent).toBeGreaterThan(256);
    expect(meters.read(session, 'a.example', refilled, NOW + DAY).remaining.parentBits).toBeCloseTo(768 - spent + 256);
    expect(meters.read(session, 'a.example', refilled, NOW + 30 * DAY).remaining.parentBits).toBe(768);
  });

  test('has happened before what was spent is told', () => {
    const meters = new Meters(new MemoryMeterStore(), LIMITS);
    const session = new SessionMeters(CLIENT);
    for (let i = 0; i < 8; i++) meters.charge(session, 0, below('a.example', `4157535f5345435${i}`), NOW);
    const before = meters.read(session, 'a.example', refilled, NOW).spent.parentBits;
    const after = meters.read(session, 'a.example', refilled, NOW + DAY).spent.parentBits;
    expect(after).toBeCloseTo(before - 256);
  });

  test('of a session that comes under a policy with a rate starts then: time without a rate is not made up for', () => {
    const meters = new Meters(new MemoryMeterStore(), LIMITS);
    const session = new SessionMeters(CLIENT);
    for (let i = 0; i < 8; i++) meters.charge(session, 0, below('a.example', `4157535f5345${i}352`), NOW);
    const left = meters.read(session, 'a.example', BUDGETS, NOW + 100 * DAY).remaining.parentBits ?? 0;
    expect(meters.read(session, 'a.example', refilled, NOW + 100 * DAY).remaining.parentBits).toBe(left);
    expect(meters.read(session, 'a.example', refilled, NOW + 101 * DAY).remaining.parentBits).toBeCloseTo(left + 256);
  });

  test('is never more than what the clock has moved forward, however it jumps', () => {
    const meters = new Meters(new MemoryMeterStore(), LIMITS);
    const session = new SessionMeters(CLIENT);
    for (let i = 0; i < 8; i++) meters.charge(session, 0, below('a.example', `4157535f5345${i}352`), NOW);
    const before = meters.read(session, 'a.example', refilled, NOW).remaining.parentBits ?? 0;
    let forwardMs = 0;
    let at = NOW;
    for (const jumpMs of [3_600_000, -DAY, 7_200_000, -60_000, 60_000, -365 * DAY, 3_600_000]) {
      at += jumpMs;
      forwardMs += Math.max(0, jumpMs);
      const { parentBits } = meters.read(session, 'a.example', refilled, at).remaining;
      expect((parentBits ?? 0) - before).toBeLessThanOrEqual((256 * forwardMs) / DAY + 1e-6);
    }
  });

  test('does not happen without a rate, nor when the clock is set back', () => {
    const meters = new Meters(new MemoryMeterStore(), LIMITS);
    const session = new SessionMeters(CLIENT);
    meters.charge(session, 0, below('a.example', '4157535f53454352'), NOW);
    const left = meters.read(session, 'a.example', BUDGETS, NOW).remaining.parentBits;
    expect(meters.read(session, 'a.example', BUDGETS, NOW + 365 * DAY).remaining.parentBits).toBe(left);
    expect(meters.read(session, 'a.example', refilled, NOW - DAY).remaining.parentBits).toBe(left);
  });
});

test('a release lets the session start at 0 but not the fleet', () => {
  const store = new MemoryMeterStore();
  const meters = new Meters(store, LIMITS);
  const session = new SessionMeters(CLIENT);
  meters.charge(session, 0, below('a.example', '4157535f53454352'), NOW);
  const fleetBefore = meters.read(session, 'a.example', BUDGETS, NOW).remaining.fleetBits;
  store.openSessionEpoch({ session: CLIENT, epoch: 1, score: 0, firstSeenMs: NOW, lastSeenMs: NOW }, [
    { session: CLIENT, parent: 'a.example' },
  ]);
  meters.openEpoch(session, ['a.example']);
  const left = meters.read(session, 'a.example', BUDGETS, NOW).remaining;
  expect(left).toEqual({ parentBits: 768, sessionBits: 2048, fleetBits: fleetBefore });
});

describe('the addresses of one IPv6 /64', () => {
  const RANDOM = '4157535f53454352';

  function three(meters: Meters, ipv6NetworkBits?: number): readonly SessionMeters[] {
    const sessions = ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1'].map((address) => new SessionMeters(address, ipv6NetworkBits));
    // Everybody was seen before anything was spent.
    for (const session of sessions) meters.read(session, 'a.example', BUDGETS, NOW);
    return sessions;
  }

  test('spend one budget below a parent, and one over all parents', () => {
    const meters = new Meters(new MemoryMeterStore(), LIMITS);
    const [one, neighbour, stranger] = three(meters) as [SessionMeters, SessionMeters, SessionMeters];
    const { parentBits, sessionBits } = meters.charge(one, 0, below('a.example', RANDOM), NOW);
    expect(sessionBits).toBeGreaterThan(0);
    expect(meters.read(neighbour, 'a.example', BUDGETS, NOW).remaining.parentBits).toBeCloseTo(768 - parentBits);
    expect(meters.read(neighbour, 'b.example', BUDGETS, NOW).remaining.sessionBits).toBeCloseTo(2048 - sessionBits);
    expect(meters.read(stranger, 'a.example', BUDGETS, NOW).remaining).toMatchObject({ parentBits: 768, sessionBits: 2048 });
    // What one has sent is known for the other, and so no way to say it a second time for less.
    expect(meters.price(neighbour, below('a.example', RANDOM), NOW)).toEqual(meters.price(one, below('a.example', RANDOM), NOW));
    expect(meters.totalSpentInMemory(neighbour)).toBeCloseTo(sessionBits);
  });

  test('spend their own budgets where the config says that addresses are pinned to hosts', () => {
    const meters = new Meters(new MemoryMeterStore(), LIMITS);
    const [one, neighbour] = three(meters, 128) as [SessionMeters, SessionMeters];
    meters.charge(one, 0, below('a.example', RANDOM), NOW);
    expect(meters.read(neighbour, 'a.example', BUDGETS, NOW).remaining).toMatchObject({ parentBits: 768, sessionBits: 2048 });
  });

  test('have spent it after a restart, and after others have pushed the meter out', () => {
    const store = new MemoryMeterStore();
    const meters = new Meters(store, { ...LIMITS, sessionParents: 4 });
    const [one, neighbour] = three(meters) as [SessionMeters, SessionMeters];
    const { sessionBits } = meters.charge(one, 0, below('a.example', RANDOM), NOW);
    for (let i = 0; i < 200; i++) meters.charge(new SessionMeters(`2001:db8:1:${i}::1`), 0, below('b.example', 'www'), NOW);
    for (const session of [neighbour, one]) {
      expect(meters.read(session, 'c.example', BUDGETS, NOW).remaining.sessionBits).toBeLessThanOrEqual(2048 - sessionBits);
    }
    // Whoever held the meter before it was pushed out spends from the one that all share now.
    const before = meters.read(one, 'c.example', BUDGETS, NOW).remaining.sessionBits ?? 0;
    meters.charge(neighbour, 0, below('c.example', RANDOM), NOW);
    expect(meters.read(one, 'c.example', BUDGETS, NOW).remaining.sessionBits).toBeLessThan(before);
    const restarted = new Meters(store, LIMITS);
    const later = new SessionMeters('2001:db8::77');
    expect(restarted.read(later, 'a.example', BUDGETS, NOW).remaining.sessionBits).toBeLessThan(before);
  });

  test('start anew together with a release of one of them', () => {
    const store = new MemoryMeterStore();
    const meters = new Meters(store, LIMITS);
    const table = new SessionTable(store, 10, { low: 1, high: 2 });
    const [one, neighbour] = ['2001:db8::1', '2001:db8::2'].map((address) => table.open(address, NOW)) as [Session, Session];
    meters.charge(one.meters, 0, below('a.example', RANDOM), NOW);
    meters.charge(neighbour.meters, 0, below('b.example', RANDOM), NOW);
    table.openEpoch(one, 1, ['a.example']);
    meters.openEpoch(one.meters, ['a.example']);
    for (const { meters: session } of [one, neighbour]) {
      expect(meters.read(session, 'a.example', BUDGETS, NOW).remaining).toMatchObject({ parentBits: 768, sessionBits: 2048 });
    }
    expect(meters.read(neighbour.meters, 'b.example', BUDGETS, NOW).remaining.parentBits).toBeLessThan(768);
    const { sessionBits } = meters.charge(one.meters, 1, below('c.example', RANDOM), NOW);
    expect(meters.read(neighbour.meters, 'c.example', BUDGETS, NOW).remaining.sessionBits).toBeCloseTo(2048 - sessionBits);
  });
});
