/** The rhythm sees a timer behind new names, and forgets with time what was asked in one rush. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NewNameRhythm } from '../../../scoring/profile/new-name-rhythm.ts';

function rhythmOf(times: readonly number[]): NewNameRhythm {
  const rhythm = new NewNameRhythm();
  for (const atMs of times) rhythm.add(1, atMs);
  return rhythm;
}

describe('the rhythm of new names', () => {
  test('finds the pauses of a timer alike, with some jitter too', () => {
    const { pauses, evenPauses } = rhythmOf(Array.from({ length: 20 }, (_, i) => 60_000 * i + 1000 * (i % 3)));
    expect(pauses).toBe(18);
    expect(evenPauses).toBe(18);
  });

  test('loses no more than two comparisons to one long pause', () => {
    const times = Array.from({ length: 20 }, (_, i) => 60_000 * i + (i >= 10 ? 86_400_000 : 0));
    const { pauses, evenPauses } = rhythmOf(times);
    expect(pauses - evenPauses).toBe(2);
  });

  test('takes what comes within a second for one burst', () => {
    const bursts = Array.from({ length: 10 }, (_, i) => [30_000 * i, 30_000 * i + 5, 30_000 * i + 900]).flat();
    const { pauses, evenPauses } = rhythmOf(bursts);
    expect([pauses, evenPauses]).toEqual([8, 8]);
    expect(rhythmOf(Array.from({ length: 500 }, (_, i) => i * 1.5)).pauses).toBe(0);
  });

  test('finds few pauses alike where names come at random', () => {
    let state = 12345;
    let atMs = 0;
    const times = Array.from({ length: 2000 }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      atMs += 1000 - 60_000 * Math.log((state + 1) / 2 ** 32);
      return atMs;
    });
    const { pauses, evenPauses } = rhythmOf(times);
    expect(evenPauses / pauses).toBeLessThan(0.1);
  });

  test('halves what came of late every five minutes', () => {
    const rhythm = rhythmOf([0, 0, 0, 0]);
    expect(rhythm.recentAt(0)).toBe(4);
    expect(rhythm.recentAt(300_000)).toBe(2);
    expect(rhythm.recentAt(3_000_000)).toBeLessThan(0.01);
  });

  test('announces the pause it will count, and never counts more alike than compared', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 60 }), (pausesMs) => {
        const rhythm = new NewNameRhythm();
        let atMs = 0;
        for (const pauseMs of pausesMs) {
          atMs += pauseMs;
          const announced = rhythm.pauseWith(atMs);
          const before = { pauses: rhythm.pauses, evenPauses: rhythm.evenPauses };
          rhythm.add(1, atMs);
          expect(rhythm.pauses).toBe(before.pauses + (announced === 'none' ? 0 : 1));
          expect(rhythm.evenPauses).toBe(before.evenPauses + (announced === 'even' ? 1 : 0));
          expect(rhythm.evenPauses).toBeLessThanOrEqual(rhythm.pauses);
        }
      }),
    );
  });
});
