/**
 * Whatever happens to the meters (restarts, evictions, codes that start anew, clocks that jump, releases), no account ever shows less
 * than what was spent and not yet refilled, and what was priced is what is charged.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Budgets } from '../../scoring/observation.ts';
import { type MeteredName, Meters, SessionMeters } from '../../src/session/meters.ts';
import { fromLabels, ROOT } from '../../src/wire/name.ts';
import { MemoryMeterStore } from '../unit/session/memory-meter-store.ts';

const START = 1_800_000_000_000;
const DAY = 86_400_000;
/** So small that every few charges evict a meter and make codes start anew. */
const LIMITS = { sessionParents: 2, fleetParents: 2, codeOctets: 6_000 };
const SESSIONS = ['10.0.0.5', '10.0.0.6', '2001:db8::1', '2001:db8::2'];
const PARENTS = ['a.example', 'b.example', 'c.example', 'd.example'];

/** Odd sessions come under a policy that refills. */
function budgetsOf(session: string): Budgets {
  const rate = SESSIONS.indexOf(session) % 2 === 0 ? 0 : 256;
  return {
    parentBits: 1e6,
    sessionBits: 1e6,
    fleetParentBits: 1e6,
    parentRefillBitsPerDay: rate,
    sessionRefillBitsPerDay: 4 * rate,
    encoderBits: null,
    encoderRefillBitsPerDay: 0,
  };
}

const session = fc.constantFrom(...SESSIONS.slice(0, 2));
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      session,
      parent: fc.constantFrom(...PARENTS),
      label: fc.stringMatching(/^[a-f0-9]{1,20}$/),
      weight: fc.constantFrom(1, 1, 0.1, 0),
      unlisted: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1_000, DAY / 24, DAY / 3, -DAY / 24, 3 * DAY) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), session, parent: fc.constantFrom(...PARENTS) }) },
);

/** What each account must at least show: decays by as much as the clock moves forward, at the account's rate. */
class Expected {
  readonly bits = new Map<string, { bits: number; ratePerDay: number }>();

  spend(key: string, bits: number, ratePerDay: number): void {
    this.bits.set(key, { bits: (this.bits.get(key)?.bits ?? 0) + bits, ratePerDay });
  }

  pass(ms: number): void {
    for (const [key, { bits, ratePerDay }] of this.bits) {
      this.bits.set(key, { bits: Math.max(0, bits - (ratePerDay * Math.max(0, ms)) / DAY), ratePerDay });
    }
  }
}

describe('the accounts of the meters', () => {
  test('never show less than what was spent and not refilled', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 80 }), (steps) => {
        const store = new MemoryMeterStore();
        const expected = new Expected();
        let meters = new Meters(store, LIMITS);
        let sessions = new Map(SESSIONS.map((key) => [key, new SessionMeters(key)]));
        let nowMs = START;
        for (const one of steps) {
          if (one.kind === 'restart') {
            meters = new Meters(store, LIMITS);
            sessions = new Map(SESSIONS.map((key) => [key, new SessionMeters(key)]));
          } else if (one.kind === 'pass') {
            nowMs += one.ms;
            expected.pass(one.ms);
          } else if (one.kind === 'release') {
            release(store, meters, metersOf(sessions, one.session), one.parent, nowMs);
            expected.bits.delete(`${one.session} ${one.parent}`);
            expected.bits.delete(one.session);
          } else {
            send(meters, metersOf(sessions, one.session), one, expected, nowMs);
          }
          checkAll(meters, sessions, expected, nowMs);
          expect(meters.learnedOctets).toBeLessThanOrEqual(LIMITS.codeOctets);
        }
      }),
      { numRuns: 150 },
    );
  });
});

function checkAll(meters: Meters, sessions: ReadonlyMap<string, SessionMeters>, expected: Expected, nowMs: number): void {
  for (const key of SESSIONS.slice(0, 2)) {
    const budgets = budgetsOf(key);
    for (const parent of PARENTS) {
      const { remaining } = meters.read(metersOf(sessions, key), parent, budgets, nowMs);
      const shown = [
        [`${key} ${parent}`, remaining.parentBits],
        [key, remaining.sessionBits],
        [`fleet ${budgets.parentRefillBitsPerDay} ${parent}`, remaining.fleetBits],
      ] as const;
      for (const [account, left] of shown) {
        expect(1e6 - (left ?? 0)).toBeGreaterThanOrEqual((expected.bits.get(account)?.bits ?? 0) - 1e-6);
      }
    }
  }
}

interface Sending {
  readonly session: string;
  readonly parent: string;
  readonly label: string;
  readonly weight: number;
  readonly unlisted: boolean;
}

function send(meters: Meters, asking: SessionMeters, { session: key, parent, ...one }: Sending, expected: Expected, nowMs: number): void {
  const budgets = budgetsOf(key);
  const { parentRefillBitsPerDay: rate, sessionRefillBitsPerDay } = budgets;
  const name = metered(parent, one.label, one.weight, one.unlisted, rate);
  const price = meters.price(asking, name, nowMs);
  meters.read(asking, parent, budgets, nowMs);
  expect(meters.charge(asking, 0, name, nowMs)).toEqual(price);
  meters.noteExpiry(asking, name, nowMs + 60_000, nowMs);
  expected.spend(`${key} ${parent}`, price.parentBits, rate);
  expected.spend(key, price.sessionBits, sessionRefillBitsPerDay);
  expected.spend(`fleet ${rate} ${parent}`, price.fleetBits, rate);
  if (one.weight > 0) expect(meters.firstSentMs(parent)).not.toBeNull();
}

function release(store: MemoryMeterStore, meters: Meters, released: SessionMeters, parent: string, nowMs: number): void {
  const counters = { session: released.session, epoch: 1, score: 0, firstSeenMs: nowMs, lastSeenMs: nowMs };
  store.openSessionEpoch(counters, [{ session: released.owner, parent }]);
  meters.openEpoch(released, [parent]);
}

function metersOf(sessions: ReadonlyMap<string, SessionMeters>, key: string): SessionMeters {
  const found = sessions.get(key);
  if (found === undefined) throw new Error(`no session ${key}`);
  return found;
}

function metered(parent: string, label: string, weight: number, unlisted: boolean, refillBitsPerDay: number): MeteredName {
  const allLabels = [label, ...parent.split('.')];
  return { parent, labels: [label], allLabels, key: fromLabels(allLabels) ?? ROOT, qtype: 1, weight, unlisted, refillBitsPerDay };
}
