/** The answer cache against a model so simple that it is plainly right: one array, searched from end to end. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createAnswerCache } from '../../src/cache/answer-cache.ts';
import { questionKey } from '../../src/cache/question-key.ts';
import type { UpstreamResponse } from '../../src/pipeline/ports.ts';
import { RCODE, RRTYPE } from '../../src/wire/codes.ts';
import type { QName } from '../../src/wire/name.ts';
import { addressRecord } from '../../src/wire/rdata.ts';
import { name } from '../lab/permits.ts';

const NAMES = Array.from({ length: 12 }, (_, index) => name(`host-${index}.example.com`));

interface ModelEntry {
  readonly index: number;
  readonly expiresAtMs: number;
  chances: number;
}

/** SIEVE as its authors draw it, oldest first, one hand, but with up to three chances for one. */
class ModelCache {
  entries: ModelEntry[] = [];
  #hand: ModelEntry | null = null;
  readonly #maxEntries: number;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  peek(index: number, nowMs: number): ModelEntry | null {
    return this.entries.find((candidate) => candidate.index === index && candidate.expiresAtMs > nowMs) ?? null;
  }

  store(index: number, ttlSeconds: number, nowMs: number): void {
    const replaced = this.entries.find((candidate) => candidate.index === index);
    if (replaced !== undefined) this.#remove(replaced);
    for (const ended of this.#expired(nowMs).slice(0, 2)) this.#remove(ended);
    if (ttlSeconds === 0) return;
    if (this.entries.length === this.#maxEntries) this.#evict(nowMs);
    this.entries.push({ index, expiresAtMs: nowMs + ttlSeconds * 1000, chances: 0 });
  }

  /** Longest expired first; of those that expired together, the one stored first. */
  #expired(nowMs: number): ModelEntry[] {
    const expired = this.entries.filter((entry) => entry.expiresAtMs <= nowMs);
    return expired.sort((one, other) => one.expiresAtMs - other.expiresAtMs);
  }

  #evict(nowMs: number): void {
    const [expired] = this.#expired(nowMs);
    if (expired !== undefined) {
      this.#remove(expired);
      return;
    }
    let at = this.#hand === null ? 0 : this.entries.indexOf(this.#hand);
    for (;;) {
      const candidate = this.entries[at];
      if (candidate === undefined) throw new Error('nothing to evict');
      if (candidate.chances === 0) {
        this.#hand = this.entries[at + 1] ?? null;
        this.#remove(candidate);
        return;
      }
      candidate.chances -= 1;
      at = (at + 1) % this.entries.length;
    }
  }

  #remove(entry: ModelEntry): void {
    const at = this.entries.indexOf(entry);
    if (this.#hand === entry) this.#hand = this.entries[at + 1] ?? null;
    this.entries.splice(at, 1);
  }
}

function answerFor(qname: QName, ttlSeconds: number): UpstreamResponse {
  return { rcode: RCODE.NOERROR, answers: [addressRecord(qname, '192.0.2.1', ttlSeconds)], authority: [], authenticData: false };
}

/** Few names and many served entries: the hand then meets served ones, wraps around, and loses the entry it points at. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ act: fc.constant('store' as const), index: fc.nat(6), ttlSeconds: fc.constantFrom(0, 1, 300, 300) }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('peek' as const), index: fc.nat(6), ttlSeconds: fc.constant(0) }) },
  { weight: 6, arbitrary: fc.record({ act: fc.constant('serve' as const), index: fc.nat(6), ttlSeconds: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('wait' as const), index: fc.nat(2), ttlSeconds: fc.constant(0) }) },
);

test('holds exactly what the model holds, after any sequence of operations', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { minLength: 20, maxLength: 150 }), (maxEntries, steps) => {
      const cache = createAnswerCache({ maxEntries, maxOctets: 1_000_000 });
      const model = new ModelCache(maxEntries);
      let nowMs = 0;
      for (const { act, index, ttlSeconds } of steps) {
        const qname = NAMES[index] as QName;
        if (act === 'wait') nowMs += index * 700;
        else if (act === 'store') {
          cache.store('default', qname, RRTYPE.A, answerFor(qname, ttlSeconds), 0, nowMs);
          model.store(index, ttlSeconds, nowMs);
        } else {
          const entry = cache.peek('default', qname, RRTYPE.A, nowMs);
          const expected = model.peek(index, nowMs);
          expect(entry?.expiresAtMs ?? null).toBe(expected?.expiresAtMs ?? null);
          if (act === 'serve' && entry !== null && expected !== null) {
            cache.touch(entry, nowMs);
            expected.chances = Math.min(expected.chances + 1, 3);
          }
        }
        expect(cache.size).toBe(model.entries.length);
      }
      for (const [index, qname] of NAMES.entries()) {
        expect(cache.peek('default', qname, RRTYPE.A, nowMs) !== null).toBe(model.peek(index, nowMs) !== null);
      }
    }),
    { numRuns: 500 },
  );
});

test('octets stay within the bound and return to zero with the last entry', () => {
  const anySize = fc.record({ index: fc.nat(11), records: fc.nat(12), ttlSeconds: fc.constantFrom(0, 1, 300) });
  fc.assert(
    fc.property(fc.integer({ min: 1000, max: 60_000 }), fc.array(anySize, { maxLength: 60 }), (maxOctets, stores) => {
      const cache = createAnswerCache({ maxEntries: 100, maxOctets });
      for (const { index, records, ttlSeconds } of stores) {
        const qname = NAMES[index] as QName;
        const answers = Array.from({ length: records }, () => addressRecord(qname, '192.0.2.1', ttlSeconds));
        cache.store('default', qname, RRTYPE.A, { rcode: RCODE.NOERROR, answers, authority: [], authenticData: false }, 0, 0);
        expect(cache.octets).toBeLessThanOrEqual(maxOctets);
      }
      const [qname] = NAMES as [QName];
      // Each store lets go of two that have ended.
      for (let n = 0; n < NAMES.length; n++) cache.store('default', qname, RRTYPE.A, answerFor(qname, 0), 0, 1_000_000);
      expect([cache.size, cache.octets]).toEqual([0, 0]);
    }),
    { numRuns: 300 },
  );
});

test('nothing fresh is pushed out while something has expired', () => {
  const anyStore = fc.record({ index: fc.nat(11), ttlSeconds: fc.constantFrom(1, 5, 300), waitMs: fc.constantFrom(0, 0, 700, 3_000) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(anyStore, { minLength: 10, maxLength: 80 }), (maxEntries, stores) => {
      const cache = createAnswerCache({ maxEntries, maxOctets: 1_000_000, serveStaleSeconds: 86_400 });
      let nowMs = 0;
      const namesIn = (look: (qname: QName) => unknown): QName[] => NAMES.filter((qname) => look(qname) !== null);
      for (const { index, ttlSeconds, waitMs } of stores) {
        nowMs += waitMs;
        const qname = NAMES[index] as QName;
        const fresh = (one: QName) => cache.peek('default', one, RRTYPE.A, nowMs);
        const freshBefore = namesIn(fresh);
        cache.store('default', qname, RRTYPE.A, answerFor(qname, ttlSeconds), 0, nowMs);
        const lost = freshBefore.filter((one) => one !== qname && fresh(one) === null);
        const expiredLeft = namesIn((one) => cache.peekExpired('default', one, RRTYPE.A, nowMs));
        expect(lost.length === 0 || expiredLeft.length === 0).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});

test('no scan of names asked once pushes out names that others go on using', () => {
  const run = fc.array(fc.record({ scanned: fc.integer({ min: 1, max: 20 }), used: fc.nat(15) }), { minLength: 5, maxLength: 120 });
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 16 }), run, (usedNames, rounds) => {
      const cache = createAnswerCache({ maxEntries: 40, maxOctets: 1_000_000 });
      const used = Array.from({ length: usedNames }, (_, index) => name(`used-${index}.example.com`));
      let scanned = 0;
      for (const qname of used) cache.touch(cache.store('default', qname, RRTYPE.A, answerFor(qname, 300), 0, 0), 0);
      for (const round of rounds) {
        for (let n = 0; n < round.scanned; n++) {
          const qname = name(`scan-${scanned++}.example.com`);
          cache.store('default', qname, RRTYPE.A, answerFor(qname, 300), 0, 0);
        }
        // In whatever order, some more often than others.
        const [first = used[0] as QName] = used.slice(round.used % used.length);
        for (const qname of [first, ...used]) {
          const entry = cache.peek('default', qname, RRTYPE.A, 0);
          expect(entry).not.toBeNull();
          if (entry !== null) cache.touch(entry, 0);
        }
      }
      expect(cache.size).toBe(Math.min(40, usedNames + scanned));
    }),
    { numRuns: 200 },
  );
});

test('two different questions never share a key', () => {
  const group = fc.string({ maxLength: 6 }).filter((text) => !text.includes('\0'));
  const qname = fc
    .array(fc.integer({ min: 0, max: 255 }), { maxLength: 6 })
    .map((octets) => `${String.fromCharCode(...octets)}\0` as QName);
  const question = fc.tuple(group, qname, fc.nat(65_535));
  fc.assert(
    fc.property(question, question, (one, other) => {
      const same = one.every((part, index) => part === other[index]);
      expect(questionKey(...one) === questionKey(...other)).toBe(same);
    }),
    { numRuns: 500 },
  );
});
