import { describe, expect, test } from 'vitest';
import { PlainHistogram, Tally } from '../../../src/telemetry/tally.ts';

describe('Tally', () => {
  test('counts each combination of labels on its own', () => {
    const tally = new Tally();
    tally.add(1, 'udp', 'A');
    tally.add(2, 'udp', 'A');
    tally.add(1, 'udp', 'AAAA');
    tally.add(1, 'tcp', 'A');
    expect(tally.entries()).toEqual([
      { labels: ['udp', 'A'], count: 3 },
      { labels: ['udp', 'AAAA'], count: 1 },
      { labels: ['tcp', 'A'], count: 1 },
    ]);
  });

  test('has no series before the first count', () => {
    expect(new Tally().entries()).toEqual([]);
  });

  test('never has more series than its bound, and loses no count', () => {
    const tally = new Tally(10);
    for (let i = 0; i < 1_000; i += 1) tally.add(1, `policy ${i}`, 'x');
    const entries = tally.entries();
    expect(entries.length).toBe(11);
    expect(entries.reduce((sum, entry) => sum + entry.count, 0)).toBe(1_000);
    expect(entries.at(-1)).toEqual({ labels: ['other', 'other'], count: 990 });
  });
});

describe('PlainHistogram', () => {
  test('a value on a bound belongs to that bucket, and buckets are cumulative', () => {
    const histogram = new PlainHistogram('points', 'Points.', [1, 5]);
    for (const value of [0, 1, 1.5, 5, 6, 7]) histogram.observe(value);
    expect(histogram.text()).toBe(
      [
        '# HELP points Points.',
        '# TYPE points histogram',
        'points_bucket{le="1"} 2',
        'points_bucket{le="5"} 4',
        'points_bucket{le="+Inf"} 6',
        'points_sum 20.5',
        'points_count 6',
        '',
      ].join('\n'),
    );
  });
});
