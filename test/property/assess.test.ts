/** Sums are exact, scores stay in range and never fall when a sign grows, and no sign is enough alone. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assess, SIGNAL_RULES } from '../../scoring/assess.ts';
import { BASE_POINTS, CURVES } from '../../scoring/model/weights.ts';
import type { AnswerCounts, Observation, ParentCounts } from '../../scoring/observation.ts';
import { PRESETS } from '../../scoring/presets.ts';
import { measureName, type NameFeatures } from '../../scoring/signals/name-features.ts';

const octet = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const label = fc.oneof(
  fc.string({ unit: octet, minLength: 1, maxLength: 63 }),
  fc.string({ unit: fc.constantFrom(...'abcdef0123456789'), minLength: 1, maxLength: 63 }),
);

const names: fc.Arbitrary<NameFeatures> = fc
  .tuple(fc.array(label, { maxLength: 6 }), fc.integer({ min: 1, max: 255 }))
  .map(([labels, nameOctets]) => measureName(labels, nameOctets));

const count = fc.integer({ min: 0, max: 100_000 });

const answers: fc.Arbitrary<AnswerCounts> = fc.record({
  answeredNames: fc.integer({ min: 0, max: 64 }),
  nxdomainNames: fc.integer({ min: 0, max: 64 }),
  newOctets: fc.integer({ min: 0, max: 1e9 }),
  freeFormOctets: fc.integer({ min: 0, max: 1e9 }),
  freeFormBits: fc.double({ min: 0, max: 8e9, noNaN: true }),
});

const counts: fc.Arbitrary<ParentCounts> = fc.record({
  fanOut: fc.integer({ min: 1, max: 100_000 }),
  parentQueries: fc.integer({ min: 1, max: 100_000 }),
  bulkTypeQueries: count,
  unforwardableQueries: count,
  unlistedParents: count,
  repeatedNames: fc.integer({ min: 0, max: 64 }),
  askedOnceNames: fc.integer({ min: 0, max: 64 }),
  recentNewNames: fc.double({ min: 0, max: 100_000, noNaN: true }),
  pauses: count,
  evenPauses: count,
  answers: fc.option(answers),
});

const observations: fc.Arbitrary<Observation> = fc.record({
  name: names,
  qtype: fc.constantFrom(1, 28, 16, 10, 5, 65399),
  standing: fc.constantFrom('trusted', 'allowlisted', 'popular', 'encoder', 'unlisted'),
  age: fc.oneof(fc.constant('unknown' as const), fc.constant('no-date' as const), fc.integer({ min: 0, max: 10_000 })),
  counts,
  leakBits: fc.double({ min: 0, max: 3000, noNaN: true }),
  parentBits: fc.double({ min: 0, max: 100_000, noNaN: true }),
  sessionBits: fc.double({ min: 0, max: 100_000, noNaN: true }),
  parentKnownDays: fc.double({ min: 0, max: 10_000, noNaN: true }),
  dohEndpoint: fc.boolean(),
  secret: fc.constant(false),
});

describe('the score', () => {
  test('is exactly the sum of its contributions and stays within 0 and 100', () => {
    fc.assert(
      fc.property(observations, (observation) => {
        const { score, signals } = assess(observation);
        expect(signals.reduce((sum, { contribution }) => sum + contribution, 0)).toBe(score);
        // Multiples of a quarter: sums are exact in any order.
        for (const { contribution } of signals) expect(Number.isInteger(4 * contribution)).toBe(true);
        expect([...signals].reverse().reduce((sum, { contribution }) => sum + contribution, 0)).toBe(score);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(100);
      }),
    );
  });

  test.each(['leakBits', 'parentBits', 'sessionBits'] as const)('never falls when %s grows', (field) => {
    fc.assert(
      fc.property(observations, fc.integer({ min: 0, max: 1000 }), (observation, more) => {
        const grown = { ...observation, [field]: observation[field] + more };
        expect(assess(grown).score).toBeGreaterThanOrEqual(assess(observation).score);
      }),
    );
  });

  test.each([
    'fanOut',
    'bulkTypeQueries',
    'unforwardableQueries',
    'unlistedParents',
    'askedOnceNames',
    'recentNewNames',
    'evenPauses',
  ] as const)('never falls when %s grows', (field) => {
    fc.assert(
      fc.property(observations, fc.integer({ min: 0, max: 1000 }), (observation, more) => {
        const grown = { ...observation, counts: { ...observation.counts, [field]: observation.counts[field] + more } };
        expect(assess(grown).score).toBeGreaterThanOrEqual(assess(observation).score);
      }),
    );
  });

  test.each(['nxdomainNames', 'newOctets', 'freeFormBits'] as const)('never falls when %s of the answers grows', (field) => {
    fc.assert(
      fc.property(observations, answers, fc.integer({ min: 0, max: 1000 }), (observation, held, more) => {
        const scoreOf = (seen: AnswerCounts) => assess({ ...observation, counts: { ...observation.counts, answers: seen } }).score;
        expect(scoreOf({ ...held, [field]: held[field] + more })).toBeGreaterThanOrEqual(scoreOf(held));
      }),
    );
  });

  test('never falls when the name is longer, a resolver of its own, or answers are known', () => {
    fc.assert(
      fc.property(observations, answers, fc.nat(255), (observation, held, more) => {
        const { score } = assess(observation);
        const { name } = observation;
        expect(
          assess({ ...observation, name: { ...name, nameOctets: name.nameOctets + more, points: null } }).score,
        ).toBeGreaterThanOrEqual(score);
        expect(assess({ ...observation, dohEndpoint: true }).score).toBeGreaterThanOrEqual(score);
        const unanswered = assess({ ...observation, counts: { ...observation.counts, answers: null } }).score;
        expect(assess({ ...observation, counts: { ...observation.counts, answers: held } }).score).toBeGreaterThanOrEqual(unanswered);
      }),
    );
  });

  test('never falls when the parent is newer to the fleet', () => {
    fc.assert(
      fc.property(observations, fc.nat(20), fc.nat(20), (observation, one, other) => {
        const newer = assess({ ...observation, parentKnownDays: Math.min(one, other) }).score;
        expect(newer).toBeGreaterThanOrEqual(assess({ ...observation, parentKnownDays: Math.max(one, other) }).score);
      }),
    );
  });

  test('is 100 when a secret was found, and still the sum of what is listed', () => {
    fc.assert(
      fc.property(observations, (observation) => {
        const { score, signals } = assess({ ...observation, secret: true });
        expect(score).toBe(100);
        expect(signals.reduce((sum, { contribution }) => sum + contribution, 0)).toBe(100);
      }),
    );
  });

  test('lists signals of answers exactly where an answer was recorded', () => {
    fc.assert(
      fc.property(observations, (observation) => {
        const shown = assess(observation).signals.filter(({ name }) => /^(nxdomain|downlink)-/.test(name));
        expect(shown.length).toBe(observation.counts.answers === null ? 0 : 3);
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

  test('reads every curve by one rule, from 0 points on', () => {
    expect(SIGNAL_RULES.map(({ name }) => name).sort()).toEqual(Object.keys(CURVES).sort());
    for (const corners of Object.values(CURVES)) expect(corners[0][1]).toBe(0);
  });

  test('has curves that never fall', () => {
    for (const corners of Object.values(CURVES)) {
      const points = corners.map(([, given]) => given as number);
      expect(points).toEqual([...points].sort((one, other) => one - other));
    }
  });
});
