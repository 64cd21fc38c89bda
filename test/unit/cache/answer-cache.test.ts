import { describe, expect, test } from 'vitest';
import { type BoundedAnswerCache, createAnswerCache } from '../../../src/cache/answer-cache.ts';
import type { CachedAnswer, UpstreamResponse } from '../../../src/pipeline/ports.ts';
import { RCODE, RRTYPE } from '../../../src/wire/codes.ts';
import { addressRecord, soaRecord } from '../../../src/wire/rdata.ts';
import type { ResourceRecord } from '../../../src/wire/record.ts';
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

describe('a name that does not exist', () => {
  const SOA = soaRecord(name('example.com'), 300, 300);

  function absent(cache: BoundedAnswerCache, text: string, qtype: number, parts: Partial<UpstreamResponse> = {}, nowMs = 0): void {
    const response = { rcode: RCODE.NXDOMAIN, answers: [], authority: [SOA], authenticData: false, ...parts };
    cache.store('default', name(text), qtype, response, 0, nowMs);
  }

  const known = (cache: BoundedAnswerCache, text: string, qtype: number, nowMs = 0): number | null =>
    cache.peek('default', name(text), qtype, nowMs)?.rcode ?? null;

  test('is absent for every type, for itself alone, and takes the room of one', () => {
    const cache = createAnswerCache(ROOMY);
    for (const qtype of [RRTYPE.A, RRTYPE.AAAA]) absent(cache, 'gone.example.com', qtype);
    for (const qtype of [RRTYPE.A, RRTYPE.AAAA, RRTYPE.MX, RRTYPE.DS]) expect(known(cache, 'gone.example.com', qtype)).toBe(RCODE.NXDOMAIN);
    expect(known(cache, 'a.gone.example.com', RRTYPE.A)).toBeNull();
    expect(known(cache, 'gone.example.com', RRTYPE.MX, 300_000)).toBeNull();
    expect(cache.size).toBe(1);
  });

  test('is there again with the first answer that says so; answers it had stay to their end', () => {
    const cache = createAnswerCache(ROOMY);
    store(cache, 'www.example.com', 60);
    absent(cache, 'www.example.com', RRTYPE.AAAA);
    expect([known(cache, 'www.example.com', RRTYPE.A), known(cache, 'www.example.com', RRTYPE.MX)]).toEqual([
      RCODE.NOERROR,
      RCODE.NXDOMAIN,
    ]);
    expect(known(cache, 'www.example.com', RRTYPE.A, 60_000)).toBe(RCODE.NXDOMAIN);
    store(cache, 'www.example.com', 60, 60_000);
    expect(known(cache, 'www.example.com', RRTYPE.MX, 60_000)).toBeNull();
  });

  test('is no such name where an alias leads to it (RFC 6604 §3), nor without a SOA', () => {
    const cache = createAnswerCache(ROOMY);
    const alias: ResourceRecord = { ...addressRecord(name('a.example.com'), '192.0.2.1', 300), type: RRTYPE.CNAME };
    absent(cache, 'a.example.com', RRTYPE.A, { answers: [alias] });
    cache.store(
      'default',
      name('b.example.com'),
      RRTYPE.A,
      { rcode: RCODE.NXDOMAIN, answers: [], authority: [], authenticData: false },
      60,
      0,
    );
    for (const text of ['a.example.com', 'b.example.com']) {
      expect([known(cache, text, RRTYPE.A), known(cache, text, RRTYPE.AAAA)]).toEqual([RCODE.NXDOMAIN, null]);
    }
  });

  test('is stale for every type as well, unless something newer is known of the type', () => {
    const cache = createAnswerCache({ ...ROOMY, serveStaleSeconds: 3600 });
    const stale = (qtype: number, nowMs: number): number | null =>
      cache.peekExpired('default', name('www.example.com'), qtype, nowMs)?.rcode ?? null;
    store(cache, 'www.example.com', 10);
    absent(cache, 'www.example.com', RRTYPE.AAAA, {}, 1_000);
    expect(stale(RRTYPE.A, 100_000)).toBeNull();
    expect([stale(RRTYPE.A, 301_000), stale(RRTYPE.MX, 301_000)]).toEqual([RCODE.NXDOMAIN, RCODE.NXDOMAIN]);
    store(cache, 'www.example.com', 10, 400_000);
    expect([stale(RRTYPE.A, 410_000), stale(RRTYPE.MX, 410_000)]).toEqual([RCODE.NOERROR, null]);
  });
});

describe('past its end', () => {
  const STALE = { ...ROOMY, serveStaleSeconds: 100 };
  const expired = (cache: BoundedAnswerCache, text: string, nowMs: number) => cache.peekExpired('default', name(text), RRTYPE.A, nowMs);

  test('an answer is kept as long as the config says, and is fresh for nobody', () => {
    const cache = createAnswerCache(STALE);
    const stored = store(cache, 'www.example.com', 10);
    expect(expired(cache, 'www.example.com', 9_999)).toBeNull();
    expect(peek(cache, 'www.example.com', 10_000)).toBeNull();
    expect(expired(cache, 'www.example.com', 109_999)).toBe(stored);
    expect(expired(cache, 'www.example.com', 110_000)).toBeNull();
  });

  test('a failure is nothing to serve', () => {
    const cache = createAnswerCache(STALE);
    cache.store('default', name('a'), RRTYPE.A, { rcode: RCODE.SERVFAIL, answers: [], authority: [], authenticData: false }, 60, 0);
    expect(expired(cache, 'a', 61_000)).toBeNull();
    expect(cache.noteFailure('default', name('a'), RRTYPE.A, 30_000, 10_000)).toBe(false);
  });

  test('a failed refresh is noted with what outlives it, and ends with the next answer', () => {
    const cache = createAnswerCache(STALE);
    expect(cache.noteFailure('default', name('a'), RRTYPE.A, 30_000, 0)).toBe(false);
    store(cache, 'a', 10);
    expect(cache.noteFailure('default', name('a'), RRTYPE.A, 30_000, 20_000)).toBe(true);
    expect(expired(cache, 'a', 20_000)?.recheckAtMs).toBe(50_000);
    store(cache, 'a', 10, 60_000);
    expect(expired(cache, 'a', 70_000)?.recheckAtMs).toBe(0);
    expect(cache.noteFailure('default', name('a'), RRTYPE.A, 30_000, 170_000)).toBe(false);
  });
});

describe('a popular answer about to end', () => {
  const PREFETCHING = { ...ROOMY, prefetch: true };

  function touched(cache: BoundedAnswerCache, atSeconds: readonly number[], ttlSeconds = 300): boolean[] {
    const answer = store(cache, 'www.example.com', ttlSeconds);
    return atSeconds.map((seconds) => cache.touch(answer, seconds * 1_000));
  }

  test('is to be asked for again in the last tenth of its TTL, once it was served three times', () => {
    expect(touched(createAnswerCache(PREFETCHING), [10, 20, 269, 270])).toEqual([false, false, false, true]);
    expect(touched(createAnswerCache(PREFETCHING), [271, 272, 273])).toEqual([false, false, true]);
    expect(touched(createAnswerCache(ROOMY), [10, 20, 269, 270])).toEqual([false, false, false, false]);
  });

  test('says so now and then, not with each hit', () => {
    const seconds = Array.from({ length: 300 }, (_, second) => second);
    expect(touched(createAnswerCache(PREFETCHING), seconds).filter(Boolean)).toHaveLength(4);
  });

  test('has at least three seconds for it, and a very short TTL none', () => {
    expect(touched(createAnswerCache(PREFETCHING), [1, 2, 8, 9], 12)).toEqual([false, false, false, true]);
    expect(touched(createAnswerCache(PREFETCHING), [1, 2, 8, 8.9], 9)).toEqual([false, false, false, false]);
  });

  test('is left alone for a while when that has failed', () => {
    const cache = createAnswerCache(PREFETCHING);
    const answer = store(cache, 'www.example.com', 3_000);
    for (const seconds of [1, 2, 3]) cache.touch(answer, seconds * 1_000);
    cache.noteFailure('default', name('www.example.com'), RRTYPE.A, 30_000, 2_700_000);
    expect([cache.touch(answer, 2_729_999), cache.touch(answer, 2_730_000)]).toEqual([false, true]);
  });
});

describe('a flush', () => {
  function filled(): BoundedAnswerCache {
    const cache = createAnswerCache(ROOMY);
    for (const text of ['example.com', 'www.example.com', 'a.www.example.com', 'notexample.com']) store(cache, text);
    for (const group of ['default a', 'zone:x']) cache.store(group, name('example.com'), RRTYPE.A, answerFor('example.com', 300), 0, 0);
    return cache;
  }

  test('forgets a name in every partition, or all below it, or all of a group', () => {
    expect([filled().flush(name('example.com'), { below: false }), filled().flush(name('example.com'), { below: true })]).toEqual([3, 5]);
    const cache = filled();
    expect([cache.flushGroup('default'), cache.size, cache.flushAll(), cache.size, cache.octets]).toEqual([5, 1, 1, 0, 0]);
    expect(cache.flushGroup('defaul')).toBe(0);
  });

  test('what was asked before it is served, not kept, and replaces nothing newer', () => {
    const cache = createAnswerCache(ROOMY);
    const { flushes } = cache;
    cache.flushAll();
    const newer = store(cache, 'www.example.com', 60);
    const late = cache.store('default', name('www.example.com'), RRTYPE.A, answerFor('www.example.com', 300), 0, 0, flushes);
    expect(late.expiresAtMs).toBe(300_000);
    expect(peek(cache, 'www.example.com')).toBe(newer);
  });
});

test('smaller limits take effect at once', () => {
  const cache = createAnswerCache(ROOMY);
  for (const host of ['a', 'b', 'c', 'd']) store(cache, host);
  cache.configure({ ...ROOMY, maxEntries: 2 }, 0);
  expect(['a', 'b', 'c', 'd'].map((host) => peek(cache, host) !== null)).toEqual([false, false, true, true]);
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
