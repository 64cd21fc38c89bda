import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Candidate, explored, preference } from '../../../src/upstream/strategy.ts';
import { seededRandom } from '../../lab/seeded-random.ts';

const NOW_MS = 1_000_000;

function candidate(parts: Partial<Candidate> = {}): Candidate {
  return { smoothedMs: 10, failingShare: 0, isInDoubt: false, lastAskedMs: NOW_MS, ...parts };
}

const anyCandidate = fc.record({
  smoothedMs: fc.option(fc.double({ min: 0, max: 5000, noNaN: true })),
  failingShare: fc.double({ min: 0, max: 1, noNaN: true }),
  isInDoubt: fc.boolean(),
  lastAskedMs: fc.constantFrom(Number.NEGATIVE_INFINITY, NOW_MS - 10_000, NOW_MS - 1, NOW_MS),
});
const anyCandidates = fc.array(anyCandidate, { minLength: 1, maxLength: 8 });
const anyStrategy = fc.constantFrom('ordered' as const, 'fastest' as const);

describe('who is asked first', () => {
  test.each([
    ['in order, whatever was measured', 'ordered', [{ smoothedMs: 90 }, { smoothedMs: 1 }], [0, 1]],
    ['the fastest', 'fastest', [{ smoothedMs: 90 }, { smoothedMs: 1 }], [1, 0]],
    ['as written where two are equally fast', 'fastest', [{}, {}, {}], [0, 1, 2]],
    ['one that was measured before one that was not', 'fastest', [{ smoothedMs: null }, { smoothedMs: 400 }], [1, 0]],
    ['one that answers before one that refuses quickly', 'fastest', [{ smoothedMs: 1, failingShare: 0.5 }, { smoothedMs: 300 }], [1, 0]],
    ['one in doubt last, in order', 'ordered', [{ isInDoubt: true }, {}, {}], [1, 2, 0]],
    ['one in doubt last, by speed', 'fastest', [{ smoothedMs: 1, isInDoubt: true }, { smoothedMs: 50 }], [1, 0]],
  ] as const)('%s', (_what, strategy, candidates, expected) => {
    expect(
      preference(
        strategy,
        candidates.map((parts) => candidate(parts)),
      ),
    ).toEqual(expected);
  });

  test('property: everyone once, those in doubt last, the rest as the strategy says', () => {
    fc.assert(
      fc.property(anyStrategy, anyCandidates, (strategy, candidates) => {
        const order = preference(strategy, candidates);
        expect([...order].sort((a, b) => a - b)).toEqual(candidates.map((_, index) => index));
        const ordered = order.flatMap((index) => candidates[index] ?? []);
        const firstInDoubt = ordered.findIndex(({ isInDoubt }) => isInDoubt);
        if (firstInDoubt >= 0) expect(ordered.slice(firstInDoubt).every(({ isInDoubt }) => isInDoubt)).toBe(true);
        const sound = order.filter((index) => candidates[index]?.isInDoubt === false);
        if (strategy === 'ordered') expect(sound).toEqual([...sound].sort((a, b) => a - b));
      }),
    );
  });

  test('property: becoming slower never moves an upstream forward', () => {
    fc.assert(
      fc.property(anyCandidates, fc.nat(), fc.double({ min: 0, max: 1000, noNaN: true }), (candidates, which, moreMs) => {
        const index = which % candidates.length;
        const slower = candidates.map((one, i) =>
          i === index && one.smoothedMs !== null ? { ...one, smoothedMs: one.smoothedMs + moreMs } : one,
        );
        expect(preference('fastest', slower).indexOf(index)).toBeGreaterThanOrEqual(preference('fastest', candidates).indexOf(index));
      }),
    );
  });
});

describe('who is explored', () => {
  const stale = { lastAskedMs: NOW_MS - 5000 };
  const always = () => 0;

  test('one that was not asked for 5 s', () => {
    expect(explored('fastest', [candidate(), candidate(stale)], 0, NOW_MS, always)).toBe(1);
    expect(explored('fastest', [candidate(), candidate({ lastAskedMs: NOW_MS - 4999 })], 0, NOW_MS, always)).toBeNull();
  });

  test('by one question in four', () => {
    const seeded = seededRandom(1);
    const random = () => seeded.below(1000) / 1000;
    const questions = Array.from({ length: 1000 }, () => explored('fastest', [candidate(), candidate(stale)], 0, NOW_MS, random));
    expect(questions.filter((index) => index !== null).length).toBeGreaterThan(200);
    expect(questions.filter((index) => index !== null).length).toBeLessThan(300);
  });

  test('property: never the one that is asked anyway, one in doubt, or one just asked; in order nobody', () => {
    fc.assert(
      fc.property(anyStrategy, anyCandidates, fc.nat(), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (...drawn) => {
        const [strategy, candidates, which, random] = drawn;
        const preferred = which % candidates.length;
        const index = explored(strategy, candidates, preferred, NOW_MS, () => random);
        if (index === null) return;
        expect(strategy).toBe('fastest');
        expect(index).not.toBe(preferred);
        expect(candidates[index]).toMatchObject({ isInDoubt: false });
        expect(NOW_MS - (candidates[index]?.lastAskedMs ?? NOW_MS)).toBeGreaterThanOrEqual(5000);
      }),
    );
  });
});
