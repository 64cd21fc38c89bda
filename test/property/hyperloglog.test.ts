/** The sketch errs as little as its theorem says, and never forgets an item. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DistinctNames, SAMPLE_SIZE } from '../../scoring/sketch/distinct-names.ts';
import { HYPERLOGLOG_STANDARD_ERROR, HyperLogLog } from '../../scoring/sketch/hyperloglog.ts';
import { type Hash64, keyedHash } from '../../scoring/sketch/keyed-hash.ts';

function hashesOf(seed: number, count: number): Hash64[] {
  return Array.from({ length: count }, (_, index) => keyedHash(`item ${index}`, { low: seed, high: ~seed }));
}

describe('the sketch of distinct names', () => {
  test('errs by less than four standard errors for every seed and size tried', () => {
    const sizes = [10, 64, 100, 300, 700, 1200, 1500, 3000, 10_000];
    for (const size of sizes) {
      for (let seed = 1; seed <= 8; seed++) {
        const sketch = new HyperLogLog();
        for (const hash of hashesOf(seed, size)) sketch.add(hash);
        expect(Math.abs(sketch.estimate() - size) / size).toBeLessThan(4 * HYPERLOGLOG_STANDARD_ERROR);
      }
    }
  });

  test('says the same whatever the order and however often items come', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(500), { maxLength: 400 }), fc.nat(), (items, seed) => {
        const key = { low: seed, high: 7 };
        const forwards = new HyperLogLog();
        const backwards = new HyperLogLog();
        for (const item of items) forwards.add(keyedHash(String(item), key));
        for (const item of [...items].reverse().concat(items)) backwards.add(keyedHash(String(item), key));
        expect(backwards.estimate()).toBe(forwards.estimate());
        for (const item of items) expect(forwards.covers(keyedHash(String(item), key))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test('counts exactly while small, never falls, and announces what it will say', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(300), { maxLength: 400 }), (items) => {
        const counter = new DistinctNames();
        const truth = new Set<number>();
        let before = 0;
        for (const item of items) {
          truth.add(item);
          const hash = keyedHash(String(item), { low: 3, high: 4 });
          const announced = counter.countWith(hash, counter.find(hash));
          counter.add(hash, 0);
          if (truth.size <= SAMPLE_SIZE) expect(counter.count).toBe(truth.size);
          if (truth.size < SAMPLE_SIZE) expect(announced).toBe(truth.size);
          expect(counter.count).toBeGreaterThanOrEqual(before);
          before = counter.count;
        }
      }),
      { numRuns: 50 },
    );
  });
});
