/**
 * The evaluation's statistics on data whose answers are known.
 */
import { describe, expect, test } from 'vitest';
import { randomFrom } from '../../../scripts/eval/random.ts';
import { areaUnderRoc, median, quantile, rateOf, rocPoints } from '../../../scripts/eval/statistics.ts';

test('quantiles are interpolated', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([1, 2, 3, 4])).toBe(2.5);
  expect(quantile([0, 10], 0.25)).toBe(2.5);
  expect(median([])).toBeNaN();
});

describe('a rate', () => {
  test('without events has the rule of three as its bound', () => {
    const sessions = Array.from({ length: 100 }, () => ({ events: 0, trials: 10 }));
    expect(rateOf(sessions, 'a')).toMatchObject({ rate: 0, low: 0, high: 0.003, by: 'rule of three' });
  });

  test('has the interval that drawing independent trials gives', () => {
    // 100 of 1,000 trials, each a session: the standard error is 0.0095.
    const sessions = Array.from({ length: 1_000 }, (_unused, at) => ({ events: at % 10 === 0 ? 1 : 0, trials: 1 }));
    const { rate, low, high } = rateOf(sessions, 'a');
    expect(rate).toBe(0.1);
    expect(low).toBeCloseTo(0.1 - 1.96 * 0.0095, 2);
    expect(high).toBeCloseTo(0.1 + 1.96 * 0.0095, 2);
  });

  test('is wider when the events come in one session', () => {
    const together = [{ events: 100, trials: 100 }, ...Array.from({ length: 9 }, () => ({ events: 0, trials: 100 }))];
    const { low, high } = rateOf(together, 'a');
    expect(low).toBe(0);
    expect(high).toBeGreaterThan(0.25);
  });

  test('is the same for the same seed', () => {
    const sessions = [1, 2, 3, 4].map((events) => ({ events, trials: 10 }));
    expect(rateOf(sessions, 'a')).toEqual(rateOf(sessions, 'a'));
  });
});

test('ROC points count sessions at or above each threshold', () => {
  expect(rocPoints([10, 50, 90], [0, 10, 60], [10, 60, 95])).toEqual([
    { threshold: 10, truePositive: 1, falsePositive: 2 / 3 },
    { threshold: 60, truePositive: 1 / 3, falsePositive: 1 / 3 },
    { threshold: 95, truePositive: 0, falsePositive: 0 },
  ]);
});

test('the area under the curve is the odds of a pair in the right order', () => {
  expect(areaUnderRoc([5, 6], [1, 2])).toBe(1);
  expect(areaUnderRoc([1], [1])).toBe(0.5);
  expect(areaUnderRoc([1, 3], [2, 2])).toBe(0.5);
});

test('random numbers are repeatable, spread and independent of other seeds', () => {
  const drawn = (seed: string): number[] => Array.from({ length: 10_000 }, randomFrom(seed).next);
  expect(drawn('a')).toEqual(drawn('a'));
  expect(drawn('a').slice(0, 5)).not.toEqual(drawn('b').slice(0, 5));
  expect(Math.abs(median(drawn('a')) - 0.5)).toBeLessThan(0.02);
  expect([...randomFrom('a').shuffled([1, 2, 3, 4])].sort()).toEqual([1, 2, 3, 4]);
});
