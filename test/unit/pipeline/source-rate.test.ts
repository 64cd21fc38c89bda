/** How much goes to networks that somebody may be forging. */
import { describe, expect, test } from 'vitest';
import { SourceRates } from '../../../src/pipeline/source-rate.ts';

const KEY = [1, 2, 3, 4] as const;
const SECOND = 1_000;

function shares(rates: SourceRates, count: number, { address = '203.0.113.7', slip = 1, atMs = 0 } = {}): Record<string, number> {
  const counts: Record<string, number> = { full: 0, bare: 0, silence: 0 };
  for (let index = 0; index < count; index++) {
    const share = rates.shareOfUnverified(address, slip, atMs);
    counts[share] = (counts[share] ?? 0) + 1;
  }
  return counts;
}

describe('unverified sources of one network', () => {
  test('get 200 answers at once and 200 a second, then TC=1 for every second query at most', () => {
    const rates = new SourceRates(KEY);
    expect(shares(rates, 1_000)).toEqual({ full: 200, bare: 400, silence: 400 });
    expect(shares(rates, 1_000, { atMs: SECOND / 2 })).toMatchObject({ full: 100 });
    expect(shares(rates, 1_000, { atMs: 60 * SECOND })).toMatchObject({ full: 200 });
  });

  test('get more seldom TC=1 with a larger limits.slip and never with 0', () => {
    expect(shares(new SourceRates(KEY), 1_000, { slip: 10 })).toEqual({ full: 200, bare: 80, silence: 720 });
    expect(shares(new SourceRates(KEY), 1_000, { slip: 0 })).toEqual({ full: 200, bare: 0, silence: 800 });
  });

  test('share one rate over a /24, and over a /56 of IPv6', () => {
    const rates = new SourceRates(KEY);
    shares(rates, 200, { address: '203.0.113.7' });
    expect(shares(rates, 10, { address: '203.0.113.250' })).toMatchObject({ full: 0 });
    expect(shares(rates, 10, { address: '203.0.114.7' })).toMatchObject({ full: 10 });
    shares(rates, 200, { address: '2001:db8:0:100::1' });
    expect(shares(rates, 10, { address: '2001:db8:0:1ff:ffff::9' })).toMatchObject({ full: 0 });
    expect(shares(rates, 10, { address: '2001:db8:0:200::1' })).toMatchObject({ full: 10 });
  });

  test('cannot be freed by asking from 200,000 other networks: the table forgets nobody', () => {
    const rates = new SourceRates(KEY);
    shares(rates, 200);
    for (let network = 0; network < 200_000; network++) {
      rates.shareOfUnverified(`${1 + (network % 99)}.${(network >> 8) & 255}.${(network >> 16) & 255}.${network & 255}`, 1, 0);
    }
    expect(shares(rates, 100)).toMatchObject({ full: 0 });
  });

  test('share their place with others where the key says so, not where the asker wants it', () => {
    const places = (key: readonly [number, number, number, number]) => {
      const rates = new SourceRates(key);
      shares(rates, 200);
      let together = 0;
      for (let network = 0; network < 65_536; network++) {
        if (rates.shareOfUnverified(`10.${network >> 8}.${network & 255}.1`, 0, 0) === 'silence') together++;
      }
      return together;
    };
    // 65,536 networks over 16,384 places: about 4 fall upon the hot one, each alone far below its own rate.
    for (const key of [KEY, [9, 9, 9, 9], [0, 0, 0, 1]] as const) expect(places(key)).toBeLessThan(20);
  });
});

test('strangers of one network are told 20 times at once, then 5 times a second', () => {
  const rates = new SourceRates(KEY);
  const told = (atMs: number) => Array.from({ length: 100 }, () => rates.answersStranger('203.0.113.7', atMs)).filter(Boolean).length;
  expect(told(0)).toBe(20);
  expect(told(SECOND)).toBe(5);
  expect(rates.answersStranger('198.51.100.1', SECOND)).toBe(true);
});
