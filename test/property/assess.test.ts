/** Sums are exact, scores stay in range and never fall when a sign grows, and no sign is enough alone. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assess } from '../../scoring/assess.ts';
import { BASE_POINTS, CURVES } from '../../scoring/model/weights.ts';
import type { Observation } from '../../scoring/observation.ts';
import { PRESETS } from '../../scoring/presets.ts';

const octet = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const label = fc.oneof(
  fc.string({ unit: octet, minLength: 1, maxLength: 63 }),
  fc.string({ unit: fc.constantFrom(...'abcdef0123456789'), minLength: 1, maxLength: 63 }),
);

const observations: fc.Arbitrary<Observation> = fc.record({
  labels: fc.array(label, { maxLength: 6 }),
  nameOctets: fc.integer({ min: 1, max: 255 }),
  qtype: fc.constantFrom(1, 28, 16, 10, 5, 65399),
  standing: fc.constantFrom('trusted', 'allowlisted', 'popular', 'encoder', 'unlisted'),
  age: fc.oneof(fc.constant('unknown' as const), fc.integer({ min: 0, max: 10_000 })),
  fanOut: fc.integer({ min: 1, max: 100_000 }),
  parentQueries: fc.integer({ min: 1, max: 100_000 }),
  bulkTypeQueries: fc.integer({ min: 0, max: 100_000 }),
  unforwardableQueries: fc.integer({ min: 0, max: 100_000 }),
  leakBits: fc.double({ min: 0, max: 3000, noNaN: true }),
  parentBits: fc.double({ min: 0, max: 100_000, noNaN: true }),
  sessionBits: fc.double({ min: 0, max: 100_000, noNaN: true }),
  unlistedParents: fc.integer({ min: 0, max: 100_000 }),
  parentKnownDays: fc.double({ min: 0, max: 10_000, noNaN: true }),
  dohEndpoint: fc.boolean(),
  secret: fc.boolean(),
});

describe('the score', () => {
  test('is exactly the sum of its contributions and stays within 0 and 100', () => {
    fc.assert(
      fc.property(observations, (observation) => {
        const { score, signals } = assess(observation);
        expect(signals.reduce((sum, { contribution }) => sum + contribution, 0)).toBe(score);
        expect([...signals].reverse().reduce((sum, { contribution }) => sum + contribution, 0)).toBe(score);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(100);
      }),
    );
  });

  test.each([
    'nameOctets',
    'fanOut',
    'bulkTypeQueries',
    'unforwardableQueries',
    'leakBits',
    'parentBits',
    'sessionBits',
    'unlistedParents',
  ] as const)('never falls when %s grows', (field) => {
    fc.assert(
      fc.property(observations, fc.integer({ min: 0, max: 1000 }), (observation, more) => {
        const grown = { ...observation, [field]: observation[field] + more };
        expect(assess(grown).score).toBeGreaterThanOrEqual(assess(observation).score);
      }),
    );
  });

  test('never falls when the domain is younger', () => {
    fc.assert(
      fc.property(observations, fc.nat(5000), fc.nat(5000), (observation, one, other) => {
        const younger = assess({ ...observation, age: Math.min(one, other) }).score;
        expect(younger).toBeGreaterThanOrEqual(assess({ ...observation, age: Math.max(one, other) }).score);
      }),
    );
  });

  test('never reaches even the refusal threshold by one signal alone', () => {
    for (const corners of Object.values(CURVES)) {
      const most = Math.max(...corners.map(([, points]) => points));
      for (const { thresholds } of Object.values(PRESETS)) expect(BASE_POINTS + most).toBeLessThan(thresholds.refuse);
    }
  });

  test('has curves that never fall', () => {
    for (const corners of Object.values(CURVES)) {
      const points = corners.map(([, given]) => given as number);
      expect(points).toEqual([...points].sort((one, other) => one - other));
    }
  });
});
