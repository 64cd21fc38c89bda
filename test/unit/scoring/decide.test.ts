/** The order of refusals, and what each one denies. */
import { describe, expect, test } from 'vitest';
import { type DecideInput, decide, KNOWN_NAMES_RESERVE_BITS } from '../../../scoring/decide.ts';

const THRESHOLDS = { flag: 40, refuse: 60, quarantine: 75 };
const NO_BUDGET = { parentBits: null, sessionBits: null, fleetBits: null };
const CHARGE = { parentBits: 30, sessionBits: 40, fleetBits: 20 };

function input(changes: Partial<DecideInput> & { score?: number } = {}): DecideInput {
  const { score = 0, ...rest } = changes;
  return {
    assessment: { score, signals: [] },
    thresholds: THRESHOLDS,
    standing: 'unlisted',
    listing: 'none',
    typeAllowed: true,
    labelsAllowed: true,
    knownName: false,
    charge: CHARGE,
    remaining: NO_BUDGET,
    quarantined: false,
    secret: null,
    refusedDohEndpoint: false,
    firstContactBits: null,
    ...rest,
  };
}

describe('the decision', () => {
  test('allows what nothing speaks against', () => {
    expect(decide(input())).toEqual({ kind: 'allow', reason: 'allowed', refuseAs: null });
  });

  test.each([
    ['a quarantined session', { quarantined: true, listing: 'allowed' as const }, 'quarantined', 'name'],
    ['a blocked name', { listing: 'blocked' as const, score: 100 }, 'blocked', 'name'],
    ['a type that may not leave', { typeAllowed: false, listing: 'denied-by-default' as const }, 'type', 'type'],
    ['octets above 126', { labelsAllowed: false }, 'label-octets', 'name'],
    ['a name that no list allows under default deny', { listing: 'denied-by-default' as const, score: 60 }, 'default-deny', 'name'],
    ['a score at the refusal threshold', { score: 60 }, 'score', 'name'],
    ['a known name with such a score, for this type only', { score: 60, knownName: true }, 'score', 'type'],
  ])('refuses %s', (_, changes, reason, refuseAs) => {
    expect(decide(input(changes))).toEqual({ kind: 'refuse', reason, refuseAs });
  });

  test('quarantines at the threshold, also when the type or the octets would have been refused anyway', () => {
    for (const changes of [{}, { typeAllowed: false }, { labelsAllowed: false }, { listing: 'denied-by-default' as const }]) {
      expect(decide(input({ ...changes, score: 75 })).kind).toBe('quarantine');
    }
  });

  test('flags from the flag threshold on, and forwards', () => {
    expect(decide(input({ score: 40 }))).toEqual({ kind: 'flag', reason: 'flagged', refuseAs: null });
    expect(decide(input({ score: 39.75 })).kind).toBe('allow');
  });

  test.each([
    ['parentBits', 'parent-budget'],
    ['sessionBits', 'session-budget'],
    ['fleetBits', 'fleet-budget'],
  ] as const)('refuses a new name that does not fit into %s with room for its further types', (scope, reason) => {
    const fits = CHARGE[scope] + KNOWN_NAMES_RESERVE_BITS;
    expect(decide(input({ remaining: { ...NO_BUDGET, [scope]: fits } })).kind).toBe('allow');
    expect(decide(input({ remaining: { ...NO_BUDGET, [scope]: fits - 0.01 } }))).toEqual({ kind: 'refuse', reason, refuseAs: 'name' });
  });

  test('refuses the type, never the name, when a further type of a known name no longer fits', () => {
    const remaining = { ...NO_BUDGET, parentBits: CHARGE.parentBits };
    expect(decide(input({ knownName: true, remaining })).kind).toBe('allow');
    expect(decide(input({ knownName: true, remaining: { ...NO_BUDGET, parentBits: 1 } })).refuseAs).toBe('type');
  });

  test('never fails a budget where nothing would be sent, nor in a trusted zone', () => {
    const remaining = { parentBits: 0, sessionBits: 0, fleetBits: 0 };
    expect(decide(input({ charge: null, remaining })).kind).toBe('allow');
    expect(decide(input({ standing: 'trusted', remaining })).kind).toBe('allow');
  });

  test('lets a name that costs nothing pass when everything is spent, known or not', () => {
    const nothing = { parentBits: 0, sessionBits: 0, fleetBits: 0 };
    expect(decide(input({ standing: 'allowlisted', listing: 'allowed', charge: nothing, remaining: nothing })).kind).toBe('allow');
  });

  test('refuses when a meter has lost its number', () => {
    const charge = { ...CHARGE, parentBits: Number.NaN };
    expect(decide(input({ charge, remaining: { ...NO_BUDGET, parentBits: 768 } })).reason).toBe('parent-budget');
  });

  test('quarantines when a score has lost its number', () => {
    expect(decide(input({ score: Number.NaN })).kind).toBe('quarantine');
  });
});
