import { describe, expect, test } from 'vitest';
import { createInFlight } from '../../../src/cache/in-flight.ts';

/** An exchange that ends when told. */
function exchange() {
  return Promise.withResolvers<string>();
}

function neverStarted(): Promise<string> {
  throw new Error('a second exchange was started');
}

describe('joining', () => {
  test('whoever asks what is in flight waits for the same answer', async () => {
    const inFlight = createInFlight<string>(10);
    const first = exchange();
    const asked = inFlight.join('key', () => first.promise);
    expect(inFlight.isInFlight('key')).toBe(true);
    expect(inFlight.isInFlight('other')).toBe(false);
    const joined = inFlight.join('key', neverStarted);
    first.resolve('answer');
    expect(await Promise.all([asked, joined])).toEqual(['answer', 'answer']);
  });

  test.each([
    ['answered', (ending: ReturnType<typeof exchange>) => ending.resolve('answer')],
    ['failed', (ending: ReturnType<typeof exchange>) => ending.reject(new Error('broken'))],
  ])('an exchange that has %s is forgotten', async (_how, end) => {
    const inFlight = createInFlight<string>(10);
    const first = exchange();
    const asked = inFlight.join('key', () => first.promise);
    end(first);
    await Promise.allSettled([asked]);
    expect([inFlight.size, inFlight.isInFlight('key')]).toEqual([0, false]);
    expect(await inFlight.join('key', () => Promise.resolve('second'))).toBe('second');
  });

  test('what cannot be started is not in flight', () => {
    const inFlight = createInFlight<string>(10);
    expect(() => inFlight.join('key', neverStarted)).toThrow('a second exchange');
    expect(inFlight.isInFlight('key')).toBe(false);
  });
});

test('past the bound exchanges run, but nobody can join them', async () => {
  const inFlight = createInFlight<string>(1);
  const first = exchange();
  const asked = inFlight.join('one', () => first.promise);
  const second = inFlight.join('two', () => Promise.resolve('unregistered'));
  expect([inFlight.size, inFlight.isInFlight('two')]).toEqual([1, false]);
  first.resolve('registered');
  expect(await Promise.all([asked, second])).toEqual(['registered', 'unregistered']);
});

test('after a flush nobody joins what is under way, which goes on and counts', async () => {
  const inFlight = createInFlight<string>(10);
  const [first, second] = [exchange(), exchange()];
  const asked = inFlight.join('key', () => first.promise);
  inFlight.closeAll();
  expect([inFlight.isInFlight('key'), inFlight.size]).toEqual([false, 1]);
  const later = inFlight.join('key', () => second.promise);
  first.resolve('old');
  expect(await asked).toBe('old');
  // The end of the old one leaves the new one to be joined.
  expect([inFlight.isInFlight('key'), inFlight.size]).toEqual([true, 1]);
  second.resolve('new');
  expect(await Promise.all([later, inFlight.join('key', neverStarted)])).toEqual(['new', 'new']);
});
