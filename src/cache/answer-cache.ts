/**
 * The answer cache: bounded in entries and octets, every operation in constant time. Owns storage and eviction; how long an
 * answer lives is `answer-lifetime.ts`, what it means for a session is decided afresh for every query (verdicts are not cached).
 *
 * Eviction is SIEVE (Zhang et al., NSDI 2024): one queue in order of arrival, one hand, one bit an entry. `peek` leaves the bit
 * alone, because refused queries and `explain` peek too and must change nothing; only `touch`, called where an entry is served,
 * sets it.
 */
import type { AnswerCache, CachedAnswer, UpstreamResponse } from '../pipeline/ports.ts';
import type { ResourceRecord } from '../wire/record.ts';
import { answerLifetime } from './answer-lifetime.ts';
import { questionKey } from './question-key.ts';

export interface AnswerCacheLimits {
  readonly maxEntries: number;
  /** Estimated heap octets of all entries together. */
  readonly maxOctets: number;
  /** Default one day. */
  readonly maxTtlSeconds?: number;
  /** Default one hour. */
  readonly negativeMaxTtlSeconds?: number;
}

export interface BoundedAnswerCache extends AnswerCache {
  /** Notes that an entry from `peek` was served, so that it outlives entries nobody asks for. */
  touch(answer: CachedAnswer): void;
  /** Estimated heap octets of all entries together. */
  readonly octets: number;
}

const DAY_SECONDS = 86_400;
const HOUR_SECONDS = 3_600;

/** An entry larger than this part of the cache is not stored: one answer must not push out everybody else's. */
const LARGEST_ENTRY_PART = 16;

/** Measured with Node 24 as heap growth over 50,000 entries: an entry with Map slot and arrays, a record with Uint8Array, a string. */
const ENTRY_OCTETS = 400;
const RECORD_OCTETS = 280;
const STRING_OCTETS = 24;

/** A stored entry is its own node in the eviction queue. */
class StoredAnswer implements CachedAnswer {
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly authenticData: boolean;
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
  readonly key: string;
  readonly octets: number;
  served = false;
  newer: StoredAnswer | null = null;
  older: StoredAnswer | null = null;

  constructor(answer: CachedAnswer, key: string, octets: number) {
    this.rcode = answer.rcode;
    this.answers = answer.answers;
    this.authority = answer.authority;
    this.authenticData = answer.authenticData;
    this.storedAtMs = answer.storedAtMs;
    this.expiresAtMs = answer.expiresAtMs;
    this.key = key;
    this.octets = octets;
  }
}

/** An empty cache. Times passed to it are monotonic milliseconds. */
export function createAnswerCache(limits: AnswerCacheLimits): BoundedAnswerCache {
  const bounds = {
    maxTtlSeconds: limits.maxTtlSeconds ?? DAY_SECONDS,
    negativeMaxTtlSeconds: limits.negativeMaxTtlSeconds ?? HOUR_SECONDS,
  };
  const entries = new Map<string, StoredAnswer>();
  let newest: StoredAnswer | null = null;
  let oldest: StoredAnswer | null = null;
  /** Where the search for the next victim goes on; null: at the oldest. */
  let hand: StoredAnswer | null = null;
  let octets = 0;

  function insert(entry: StoredAnswer): void {
    entry.older = newest;
    if (newest === null) oldest = entry;
    else newest.newer = entry;
    newest = entry;
    entries.set(entry.key, entry);
    octets += entry.octets;
  }

  function remove(entry: StoredAnswer): void {
    if (hand === entry) hand = entry.newer;
    if (entry.newer === null) newest = entry.older;
    else entry.newer.older = entry.older;
    if (entry.older === null) oldest = entry.newer;
    else entry.older.newer = entry.newer;
    // Whoever still holds the entry must not hold its former neighbours with it.
    entry.newer = null;
    entry.older = null;
    entries.delete(entry.key);
    octets -= entry.octets;
  }

  /** Each pass clears the bits it meets, so the search ends within one round and costs O(1) per served entry. */
  function evictOne(nowMs: number): void {
    let candidate = hand ?? oldest;
    while (candidate?.served && candidate.expiresAtMs > nowMs) {
      candidate.served = false;
      candidate = candidate.newer ?? oldest;
    }
    if (candidate === null) return;
    hand = candidate.newer;
    remove(candidate);
  }

  return {
    peek(group, qname, qtype, nowMs) {
      const entry = entries.get(questionKey(group, qname, qtype));
      if (entry === undefined) return null;
      if (nowMs < entry.expiresAtMs) return entry;
      remove(entry);
      return null;
    },

    touch(answer) {
      if (answer instanceof StoredAnswer) answer.served = true;
    },

    store(group, qname, qtype, response, ttlFloorSeconds, nowMs) {
      const key = questionKey(group, qname, qtype);
      const answer = agedAnswer(qtype, response, ttlFloorSeconds, nowMs);
      const replaced = entries.get(key);
      if (replaced !== undefined) remove(replaced);
      const size = sizeOf(key, answer);
      if (answer.expiresAtMs <= nowMs || size > limits.maxOctets / LARGEST_ENTRY_PART) return answer;
      while (entries.size > 0 && (entries.size >= limits.maxEntries || octets + size > limits.maxOctets)) evictOne(nowMs);
      const entry = new StoredAnswer(answer, key, size);
      insert(entry);
      return entry;
    },

    get size() {
      return entries.size;
    },

    get octets() {
      return octets;
    },
  };

  function agedAnswer(qtype: number, response: UpstreamResponse, ttlFloorSeconds: number, nowMs: number): CachedAnswer {
    const { ttlSeconds, answers, authority } = answerLifetime(qtype, response, ttlFloorSeconds, bounds);
    return {
      rcode: response.rcode,
      answers,
      authority,
      authenticData: response.authenticData,
      storedAtMs: nowMs,
      expiresAtMs: nowMs + ttlSeconds * 1000,
    };
  }
}

function sizeOf(key: string, answer: CachedAnswer): number {
  let octets = ENTRY_OCTETS + STRING_OCTETS + key.length;
  for (const record of answer.answers) octets += recordOctets(record);
  for (const record of answer.authority) octets += recordOctets(record);
  return octets;
}

/** Owners are often one shared string; counting each keeps the estimate on the safe side. */
function recordOctets(record: ResourceRecord): number {
  return RECORD_OCTETS + STRING_OCTETS + record.owner.length + record.rdata.length;
}
