import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UpstreamHealth } from '../../../src/upstream/upstream-health.ts';

/** Three time-outs in a row, one after the other; returns when the last one ended. */
function silence(health: UpstreamHealth, fromMs: number): number {
  for (const startMs of [fromMs, fromMs + 1500, fromMs + 3000]) health.noteFailure('timeout', startMs, false, startMs + 1500);
  return fromMs + 4500;
}

describe('going down', () => {
  test('two failures in a row leave an upstream up, the third takes it down', () => {
    const health = new UpstreamHealth();
    health.noteFailure('unreachable', 0, false, 1);
    health.noteFailure('unreachable', 1, false, 2);
    expect(health.availability(2)).toBe('up');
    health.noteFailure('unreachable', 2, false, 3);
    expect(health.availability(3)).toBe('down');
  });

  test('an answer in between starts the count again', () => {
    const health = new UpstreamHealth();
    health.noteFailure('unreachable', 0, false, 1);
    health.noteFailure('unreachable', 1, false, 2);
    health.noteAnswer(5, false, 10);
    health.noteFailure('unreachable', 20, false, 21);
    expect(health.failures).toBe(1);
    expect(health.isUp).toBe(true);
  });

  test('questions that time out side by side count as one failure', () => {
    const health = new UpstreamHealth();
    for (let query = 0; query < 10; query++) health.noteFailure('timeout', query, false, 1500 + query);
    expect(health.failures).toBe(1);
  });

  test('questions that a lost connection takes with it count as one failure', () => {
    const health = new UpstreamHealth();
    for (let query = 0; query < 10; query++) health.noteFailure('unreachable', query, false, 100);
    expect(health.failures).toBe(1);
    expect(health.isUp).toBe(true);
  });

  test('a time-out counts for nothing when the upstream answered something else meanwhile', () => {
    const health = new UpstreamHealth();
    for (let round = 0; round < 10; round++) {
      const askedAtMs = round * 2000;
      health.noteAnswer(5, false, askedAtMs + 700);
      health.noteFailure('timeout', askedAtMs, false, askedAtMs + 1500);
    }
    expect(health.failures).toBe(0);
    expect(health.isUp).toBe(true);
  });
});

describe('the way back', () => {
  test('after silence the very next question is the trial, and nobody else gets through meanwhile', () => {
    const health = new UpstreamHealth();
    const nowMs = silence(health, 0);
    expect(health.availability(nowMs)).toBe('due');
    health.startTrial();
    expect(health.availability(nowMs)).toBe('down');
  });

  test('after "unreachable" the first trial waits for a second', () => {
    const health = new UpstreamHealth();
    for (let query = 0; query < 3; query++) health.noteFailure('unreachable', 0, false, 0);
    expect(health.availability(999)).toBe('down');
    expect(health.availability(1000)).toBe('due');
  });

  test('failed trials double the pause up to half a minute', () => {
    const health = new UpstreamHealth();
    let nowMs = silence(health, 0);
    const pausesMs: number[] = [];
    for (let trial = 0; trial < 7; trial++) {
      health.startTrial();
      health.noteFailure('timeout', nowMs, true, nowMs);
      const failedAtMs = nowMs;
      while (health.availability(nowMs) !== 'due') nowMs += 500;
      pausesMs.push(nowMs - failedAtMs);
    }
    expect(pausesMs).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  test('stragglers from before going down do not lengthen the pause', () => {
    const health = new UpstreamHealth();
    for (let query = 0; query < 20; query++) health.noteFailure('unreachable', 0, false, 0);
    expect(health.availability(1000)).toBe('due');
  });

  test('any answer brings it back at once and resets the pause', () => {
    const health = new UpstreamHealth();
    const nowMs = silence(health, 0);
    health.startTrial();
    health.noteFailure('timeout', nowMs, true, nowMs);
    health.noteAnswer(7, false, nowMs + 10);
    expect(health.availability(nowMs + 10)).toBe('up');
    expect(health.failures).toBe(0);
    silence(health, nowMs + 20);
    health.startTrial();
    health.noteFailure('timeout', nowMs + 9000, true, nowMs + 9000);
    expect(health.availability(nowMs + 10_000)).toBe('due');
  });

  test('a trial without evidence leaves the next one due', () => {
    const health = new UpstreamHealth();
    const nowMs = silence(health, 0);
    health.startTrial();
    health.noteNothing(true);
    expect(health.availability(nowMs)).toBe('due');
  });
});

test('the smoothed latency starts at the first answer and follows slowly', () => {
  const health = new UpstreamHealth();
  expect(health.smoothedMs).toBeNull();
  health.noteAnswer(8, false, 0);
  expect(health.smoothedMs).toBe(8);
  health.noteAnswer(16, false, 1);
  expect(health.smoothedMs).toBe(9);
});

describe('how long an answer is waited for', () => {
  test('400 ms before anything was measured', () => {
    expect(new UpstreamHealth().waitMs).toBe(400);
  });

  test('steady answers bring it down to the floor, however fast they are', () => {
    const health = new UpstreamHealth();
    for (let answer = 0; answer < 50; answer++) health.noteAnswer(5, false, answer);
    expect(health.waitMs).toBe(200);
  });

  test('answers that differ widely lengthen it beyond the slowest', () => {
    const health = new UpstreamHealth();
    for (let answer = 0; answer < 50; answer++) health.noteAnswer(answer % 2 === 0 ? 20 : 320, false, answer);
    expect(health.waitMs).toBeGreaterThan(320);
    expect(health.waitMs).toBeLessThan(1500);
  });

  test('no name, however slow, lengthens it beyond 1.5 s', () => {
    const health = new UpstreamHealth();
    for (let answer = 0; answer < 50; answer++) health.noteAnswer(4500, false, answer);
    expect(health.waitMs).toBe(1500);
  });

  test('property: within its bounds after any answers', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 10_000, noNaN: true })), (latencies) => {
        const health = new UpstreamHealth();
        for (const latencyMs of latencies) health.noteAnswer(latencyMs, false, 0);
        expect(health.waitMs).toBeGreaterThanOrEqual(200);
        expect(health.waitMs).toBeLessThanOrEqual(1500);
      }),
    );
  });
});

describe('in doubt', () => {
  test('an upstream silent for longer than its answers take is in doubt until it answers', () => {
    const health = new UpstreamHealth();
    health.noteAsked(0);
    expect(health.isInDoubt(400)).toBe(false);
    expect(health.isInDoubt(401)).toBe(true);
    health.noteAnswer(450, false, 450);
    expect(health.isInDoubt(450)).toBe(false);
  });

  test('one that answers others is not, whatever one slow name does', () => {
    const health = new UpstreamHealth();
    for (let nowMs = 0; nowMs < 3000; nowMs += 100) {
      health.noteAsked(nowMs);
      health.noteAnswer(5, false, nowMs + 5);
      expect(health.isInDoubt(nowMs + 99)).toBe(false);
    }
  });

  test('a counted failure leaves it in doubt, and a question that waits is enough to find out', () => {
    const health = new UpstreamHealth();
    health.noteAsked(0);
    health.noteFailure('timeout', 0, false, 1500);
    expect([health.isInDoubt(1500), health.isBeingAsked]).toEqual([true, false]);
    health.noteAsked(1501);
    expect([health.isInDoubt(1501), health.isBeingAsked]).toEqual([true, true]);
  });

  test('one that is down is not in doubt: that is known', () => {
    const health = new UpstreamHealth();
    silence(health, 0);
    expect(health.isInDoubt(10_000)).toBe(false);
  });
});

test('alone, an upstream is tried again after two seconds at the latest', () => {
  const health = new UpstreamHealth();
  let nowMs = silence(health, 0);
  for (let trial = 0; trial < 6; trial++) {
    health.startTrial();
    nowMs += 1500;
    health.noteFailure('timeout', nowMs - 1500, true, nowMs);
  }
  expect(health.availability(nowMs + 1999, true)).toBe('down');
  expect(health.availability(nowMs + 2000, true)).toBe('due');
  expect(health.availability(nowMs + 2000)).toBe('down');
});

test('the share of failures follows what is answered', () => {
  const health = new UpstreamHealth();
  for (let answer = 0; answer < 40; answer++) health.noteAnswer(1, true, answer);
  expect(health.failingShare).toBeGreaterThan(0.9);
  for (let answer = 0; answer < 40; answer++) health.noteAnswer(1, false, answer);
  expect(health.failingShare).toBeLessThan(0.1);
});
