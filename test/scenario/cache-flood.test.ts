/** The short form of `npm run bench:random-names`: random names of one session against what the others use. */
import { expect, test } from 'vitest';
import { type FloodReport, NameFlood } from '../lab/name-flood.ts';

/** Far fewer than are asked. */
const CACHE = '{ maxEntries: 2500, maxMegabytes: 1 }';
const MAX_OCTETS = 1024 * 1024;

test.each([
  ['once', 50_000, 1, 0.999],
  ['twice, as if somebody had a use for it', 10_000, 2, 0.98],
])(
  'each random name asked %s: the cache stays within its bounds, and popular names are still hit',
  async (_how, names, timesEach, hits) => {
    const reports: FloodReport[] = [];
    const flood = new NameFlood({ names, popularNames: 100, popularEvery: 5, reportEvery: names / 10, timesEach, cache: CACHE });
    await flood.run((report) => reports.push(report));
    expect(reports).toHaveLength(11);
    for (const { cacheEntries, cacheOctets, popularHits } of reports) {
      expect(cacheEntries).toBeLessThanOrEqual(2_500);
      expect(cacheOctets).toBeLessThanOrEqual(MAX_OCTETS);
      expect(popularHits).toBeGreaterThan(hits);
    }
    expect(reports.at(-1)?.cacheOctets).toBeGreaterThan(0.99 * MAX_OCTETS);
  },
  60_000,
);
