import { describe, expect, test } from 'vitest';
import { RequestRate } from '../../../src/control/request-rate.ts';

function taken(rate: RequestRate, peer: string, nowMs: number, attempts: number): number {
  let count = 0;
  for (let i = 0; i < attempts; i += 1) if (rate.take(peer, nowMs)) count += 1;
  return count;
}

describe('RequestRate', () => {
  test('allows the burst, then the rate', () => {
    const rate = new RequestRate(10, 50);
    expect(taken(rate, 'a', 0, 100)).toBe(50);
    expect(taken(rate, 'a', 1_000, 100)).toBe(10);
    expect(taken(rate, 'a', 1_000_000, 100)).toBe(50);
  });

  test('peers do not use up each other', () => {
    const rate = new RequestRate(10, 50);
    taken(rate, 'a', 0, 100);
    expect(taken(rate, 'b', 0, 100)).toBe(50);
  });

  test('a crowd of peers does not reset the one that keeps calling', () => {
    const rate = new RequestRate(0, 5);
    taken(rate, 'busy', 0, 5);
    for (let i = 0; i < 5_000; i += 1) {
      rate.take(`peer ${i}`, 0);
      expect(rate.take('busy', 0)).toBe(false);
    }
  });
});
