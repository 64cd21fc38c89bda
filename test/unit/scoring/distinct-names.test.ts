/** The sample of names is fair, exact about its members and bounded; only time and further queries change what it says. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ASKED_ONCE_AFTER_MS, DistinctNames, REPEATED_AFTER_MS, SAMPLE_SIZE } from '../../../scoring/sketch/distinct-names.ts';
import { keyedHash } from '../../../scoring/sketch/keyed-hash.ts';

const KEY = { low: 11, high: 22 };
const hashOf = (name: string | number) => keyedHash(String(name), KEY);

/** Names asked once and names repeated, as a query for a name never asked would see them at `atMs`. */
function seenAt(names: DistinctNames, atMs: number): { once: number; repeated: number } {
  return { once: names.askedOnceWith(-1, atMs), repeated: names.repeatedWith(-1, atMs) };
}

describe('a sample of distinct names', () => {
  test('counts a name as asked once only when it had the time to be repeated', () => {
    const names = new DistinctNames();
    names.add(hashOf('a'), 0);
    names.add(hashOf('b'), 60_000);
    expect(seenAt(names, ASKED_ONCE_AFTER_MS - 1)).toEqual({ once: 0, repeated: 0 });
    expect(seenAt(names, ASKED_ONCE_AFTER_MS)).toEqual({ once: 1, repeated: 0 });
    expect(seenAt(names, ASKED_ONCE_AFTER_MS + 60_000)).toEqual({ once: 2, repeated: 0 });
  });

  test("does not take a stub resolver's retries, or the AAAA beside the A, for a repeat", () => {
    const names = new DistinctNames();
    for (const atMs of [0, 3, 5000, 10_000, REPEATED_AFTER_MS - 1]) names.add(hashOf('a'), atMs);
    expect(seenAt(names, ASKED_ONCE_AFTER_MS)).toEqual({ once: 1, repeated: 0 });
  });

  test('counts a repeat once, however often it comes, and sees the one in hand', () => {
    const names = new DistinctNames();
    names.add(hashOf('a'), 0);
    names.add(hashOf('b'), 0);
    const place = names.find(hashOf('a'));
    expect(names.repeatedWith(place, ASKED_ONCE_AFTER_MS)).toBe(1);
    expect(names.askedOnceWith(place, ASKED_ONCE_AFTER_MS)).toBe(1);
    for (let i = 0; i < 1000; i++) names.add(hashOf('a'), ASKED_ONCE_AFTER_MS + i);
    expect(seenAt(names, 2 * ASKED_ONCE_AFTER_MS)).toEqual({ once: 1, repeated: 1 });
  });

  test('announces what it will say after the next query', () => {
    const query = fc.record({ name: fc.nat(120), pauseMs: fc.nat(ASKED_ONCE_AFTER_MS / 4) });
    fc.assert(
      fc.property(fc.array(query, { maxLength: 300 }), (queries) => {
        const names = new DistinctNames();
        let atMs = 0;
        for (const { name, pauseMs } of queries) {
          atMs += pauseMs;
          const place = names.find(hashOf(name));
          const repeated = names.repeatedWith(place, atMs);
          const once = names.askedOnceWith(place, atMs);
          const sampleWasFull = names.count >= SAMPLE_SIZE;
          names.add(hashOf(name), atMs);
          if (sampleWasFull) continue;
          expect(seenAt(names, atMs)).toEqual({ once, repeated });
        }
        const { once, repeated } = seenAt(names, atMs + ASKED_ONCE_AFTER_MS);
        expect(once + repeated).toBe(Math.min(new Set(queries.map(({ name }) => name)).size, SAMPLE_SIZE));
      }),
      { numRuns: 60 },
    );
  });

  test('takes its members from all names alike, not from the first ones', () => {
    let repeatedInAll = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const names = new DistinctNames();
      const key = { low: seed, high: 5 };
      // Of 1,000 names the first 500 are never repeated, the others are.
      for (let i = 0; i < 1000; i++) names.add(keyedHash(`n${i}`, key), 0);
      for (let i = 500; i < 1000; i++) names.add(keyedHash(`n${i}`, key), REPEATED_AFTER_MS);
      const { once, repeated } = seenAt(names, ASKED_ONCE_AFTER_MS);
      expect(once + repeated).toBe(SAMPLE_SIZE);
      repeatedInAll += repeated;
    }
    // Half of 1,280, standard deviation 18.
    expect(Math.abs(repeatedInAll - 640)).toBeLessThan(90);
  });

  test('notes answers by name: asking again changes nothing, and a name that did not exist stays noted', () => {
    const names = new DistinctNames();
    for (const name of ['a', 'b', 'c']) names.add(hashOf(name), 0);
    for (let i = 0; i < 100; i++) names.noteAnswer(hashOf('a'), false);
    names.noteAnswer(hashOf('b'), true);
    for (let i = 0; i < 100; i++) names.noteAnswer(hashOf('b'), false);
    names.noteAnswer(hashOf('never asked'), true);
    expect({ answered: names.answered, nxdomain: names.nxdomain }).toEqual({ answered: 2, nxdomain: 1 });
  });

  test('keeps its counts of answers within the sample when names push each other out', () => {
    const names = new DistinctNames();
    for (let i = 0; i < 5000; i++) {
      names.add(hashOf(i), i);
      names.noteAnswer(hashOf(i), i % 4 === 0);
    }
    expect(names.answered).toBe(SAMPLE_SIZE);
    expect(names.nxdomain / names.answered).toBeGreaterThan(0.05);
    expect(names.nxdomain / names.answered).toBeLessThan(0.55);
  });
});
