import { describe, expect, test } from 'vitest';
import { type BoundedAnswerCache, createAnswerCache } from '../../../src/cache/answer-cache.ts';
import type { CachedAnswer, UpstreamResponse } from '../../../src/pipeline/ports.ts';
import { RCODE, RRTYPE } from '../../../src/wire/codes.ts';
import { addressRecord } from '../../../src/wire/rdata.ts';
import { name } from '../../lab/permits.ts';

const ROOMY = { maxEntries: 1000, maxOctets: 10_000_000 };

function answerFor(text: string, ttlSeconds: number, records = 1): UpstreamResponse {
  const answers = Array.from({ length: records }, (_, index) => addressRecord(name(text), `192.0.2.${index % 256}`, ttlSeconds));
  return { rcode: RCODE.NOERROR, answers, authority: [], authenticData: false };
}

function store(cache: BoundedAnswerCache, text: string, ttlSeconds = 300, nowMs = 0): CachedAnswer {
  return cache.store('default', name(text), RRTYPE.A, answerFor(text, ttlSeconds), 0, nowMs);
}

function peek(cache: BoundedAnswerCache, text: string, nowMs = 0): CachedAnswer | null {
  return cache.peek('default', name(text), RRTYPE.A, nowMs);
}

describe('an entry', () => {
  test('is served until its TTL has passed, to the millisecond', () => {
    const cache = createAnswerCache(ROOMY);
    const stored = store(cache, 'www.example.com', 10, 500);
    expect(stored).toMatchObject({ storedAtMs: 500, expiresAtMs: 10_500, rcode: RCODE.NOERROR });
    expect(peek(cache, 'www.example.com', 10_499)).toBe(stored);
    expect(peek(cache, 'www.example.com', 10_500)).toBeNull();
  });

  test('that has expired gives its room back when others are stored', () => {
    const cache = createAnswerCache(ROOMY);
    for (const host of ['a', 'b', 'c']) store(cache, host, 10);
    store(cache, 'later', 10, 10_000);
    expect(cache.size).toBe(2);
    store(cache, 'later', 0, 10_000);
    expect([cache.size, cache.octets]).toEqual([0, 0]);
  });

  test('belongs to its group, name and type alone', () => {
    const cache = createAnswerCache(ROOMY);
    store(cache, 'www.example.com');
    expect(cache.peek('other', name('www.example.com'), RRTYPE.A, 0)).toBeNull();
    expect(cache.peek('default', name('www.example.com'), RRTYPE.AAAA, 0)).toBeNull();
    expect(cache.peek('default', name('w.example.com'), RRTYPE.A, 0)).toBeNull();
  });

  test('is replaced by a newer answer, also by one that must not be kept', () => {
    const cache = createAnswerCache(ROOMY);
    store(cache, 'www.example.com', 300);
    store(cache, 'www.example.com', 60);
    expect(peek(cache, 'www.example.com')?.expiresAtMs).toBe(60_000);
    expect(cache.size).toBe(1);
    store(cache, 'www.example.com', 0);
    expect(peek(cache, 'www.example.com')).toBeNull();
    expect([cache.size, cache.octets]).toEqual([0, 0]);
  });

  test('with TTL 0 is returned as it is to be served, but not kept', () => {
    const cache = createAnswerCache(ROOMY);
    const served = store(cache, 'www.example.com', 0, 700);
    expect(served).toMatchObject({ storedAtMs: 700, expiresAtMs: 700 });
    expect(served.answers).toHaveLength(1);
    expect(cache.size).toBe(0);
  });

  test('stored under a floor carries the raised TTL', () => {
    const cache = createAnswerCache(ROOMY);
    const served = cache.store('default', name('www.example.com'), RRTYPE.A, answerFor('www.example.com', 1), 60, 0);
    expect(served.answers.map((record) => record.ttlSeconds)).toEqual([60]);
    expect(peek(cache, 'www.example.com', 59_999)).toBe(served);
  });

  test('keeps whether the upstream vouched for it', () => {
    const cache = createAnswerCache(ROOMY);
    cache.store('default', name('www.example.com'), RRTYPE.A, { ...answerFor('www.example.com', 60), authenticData: true }, 0, 0);
    expect(peek(cache, 'www.example.com')?.authenticData).toBe(true);
  });
});

describe('bounds', () => {
  test('more entries than allowed push out the oldest', () => {
    const cache = createAnswerCache({ ...ROOMY, maxEntries: 3 });
    for (const host of ['a', 'b', 'c', 'd']) store(cache, host);
    expect(['a', 'b', 'c', 'd'].map((host) => peek(cache, host) !== null)).toEqual([false, true, true, true]);
  });

  test('an entry that was served survives those that were not; having been looked at is not enough', () => {
    const cache = createAnswerCache({ ...ROOMY, maxEntries: 3 });
    const served = store(cache, 'a');
    for (const host of ['b', 'c']) store(cache, host);
    cache.touch(served, 0);
    peek(cache, 'b');
    store(cache, 'd');
    expect(['a', 'b', 'c', 'd'].map((host) => peek(cache, host) !== null)).toEqual([true, false, true, true]);
  });

  test('a flood of names never asked again does not push out what is in use', () => {
    const cache = createAnswerCache({ ...ROOMY, maxEntries: 100 });
    const inUse = Array.from({ length: 20 }, (_, index) => `used-${index}`);
    for (const host of inUse) store(cache, host);
    for (let flood = 0; flood < 5000; flood++) {
      store(cache, `flood-${flood}`);
      const used = peek(cache, inUse[flood % 20] ?? '');
      if (used !== null) cache.touch(used, 0);
    }
    expect(inUse.filter((host) => peek(cache, host) !== null)).toEqual(inUse);
    expect(cache.size).toBe(100);
  });

  test('expired entries go first, served or not', () => {
    const cache = createAnswerCache({ ...ROOMY, maxEntries: 2 });
    cache.touch(store(cache, 'short', 1), 0);
    store(cache, 'long', 300);
    store(cache, 'new', 300, 2000);
    expect(peek(cache, 'long', 2000)).not.toBeNull();
  });

  test('octets are bounded too', () => {
    const cache = createAnswerCache({ maxEntries: 1000, maxOctets: 20_000 });
    for (let host = 0; host < 100; host++) store(cache, `host-${host}.example.com`);
    expect(cache.octets).toBeLessThanOrEqual(20_000);
    expect(cache.size).toBeGreaterThan(15);
    expect(cache.size).toBeLessThan(100);
  });

  test('an answer too large for its share is served but not kept, and pushes nobody out', () => {
    const cache = createAnswerCache({ maxEntries: 1000, maxOctets: 100_000 });
    store(cache, 'small');
    const large = cache.store('default', name('large'), RRTYPE.A, answerFor('large', 300, 200), 0, 0);
    expect(large.answers).toHaveLength(200);
    expect(['small', 'large'].map((host) => peek(cache, host) !== null)).toEqual([true, false]);
  });
});

test('an answer that was never stored may be touched', () => {
  const cache = createAnswerCache(ROOMY);
  cache.touch(store(cache, 'www.example.com', 0), 0);
  expect(cache.size).toBe(0);
});
