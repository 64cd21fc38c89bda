/**
 * The answer cache: bounded in entries and octets, every operation in constant time. Owns storage and eviction; how long an
 * answer lives is `answer-lifetime.ts`, what it means for a session is decided afresh for every query (verdicts are not cached).
 *
 * Eviction is SIEVE (Zhang et al., NSDI 2024): one queue in order of arrival, one hand, one bit an entry. `peek` leaves the bit
 * alone, because refused queries and `explain` peek too and must change nothing; only `touch`, called where an entry is served,
 * sets it.
 */
import type { AnswerCache, CachedAnswer, UpstreamResponse } from '../pipeline/ports.ts';
import type { QName } from '../wire/name.ts';
import type { ResourceRecord } from '../wire/record.ts';
import { answerLifetime } from './answer-lifetime.ts';

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
  readonly group: string;
  readonly qname: QName;
  readonly qtype: number;
  readonly octets: number;
  served = false;
  newer: StoredAnswer | null = null;
  older: StoredAnswer | null = null;

  constructor(answer: CachedAnswer, group: string, qname: QName, qtype: number, octets: number) {
    this.rcode = answer.rcode;
    this.answers = answer.answers;
    this.authority = answer.authority;
    this.authenticData = answer.authenticData;
    this.storedAtMs = answer.storedAtMs;
    this.expiresAtMs = answer.expiresAtMs;
    this.group = group;
    this.qname = qname;
    this.qtype = qtype;
    this.octets = octets;
  }
}

/** An empty cache. Times passed to it are monotonic milliseconds. */
export function createAnswerCache(limits: AnswerCacheLimits): BoundedAnswerCache {
  const bounds = {
    maxTtlSeconds: limits.maxTtlSeconds ?? DAY_SECONDS,
    negativeMaxTtlSeconds: limits.negativeMaxTtlSeconds ?? HOUR_SECONDS,
  };
  /** By group, type and name. Not by one text of all three: the hash of a name is kept with it, that of a new text is made anew. */
  const groups = new Map<string, Map<number, Map<QName, StoredAnswer>>>();
  let size = 0;
  let newest: StoredAnswer | null = null;
  let oldest: StoredAnswer | null = null;
  /** Where the search for the next victim goes on; null: at the oldest. */
  let hand: StoredAnswer | null = null;
  let octets = 0;

  function find(group: string, qname: QName, qtype: number): StoredAnswer | undefined {
    return groups.get(group)?.get(qtype)?.get(qname);
  }

  function insert(entry: StoredAnswer): void {
    entry.older = newest;
    if (newest === null) oldest = entry;
    else newest.newer = entry;
    newest = entry;
    let types = groups.get(entry.group);
    if (types === undefined) {
      types = new Map();
      groups.set(entry.group, types);
    }
    let names = types.get(entry.qtype);
    if (names === undefined) {
      names = new Map();
      types.set(entry.qtype, names);
    }
    names.set(entry.qname, entry);
    size += 1;
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
    const types = groups.get(entry.group);
    const names = types?.get(entry.qtype);
    names?.delete(entry.qname);
    // A client chooses the types, so none stays without an entry.
    if (names?.size === 0) types?.delete(entry.qtype);
    size -= 1;
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
      const entry = find(group, qname, qtype);
      if (entry === undefined) return null;
      if (nowMs < entry.expiresAtMs) return entry;
      remove(entry);
      return null;
    },

    touch(answer) {
      if (answer instanceof StoredAnswer) answer.served = true;
    },

    store(group, qname, qtype, response, ttlFloorSeconds, nowMs) {
      const answer = agedAnswer(qtype, response, ttlFloorSeconds, nowMs);
      const replaced = find(group, qname, qtype);
      if (replaced !== undefined) remove(replaced);
      const entryOctets = sizeOf(group, qname, answer);
      if (answer.expiresAtMs <= nowMs || entryOctets > limits.maxOctets / LARGEST_ENTRY_PART) return answer;
      while (size > 0 && (size >= limits.maxEntries || octets + entryOctets > limits.maxOctets)) evictOne(nowMs);
      const entry = new StoredAnswer(answer, group, qname, qtype, entryOctets);
      insert(entry);
      return entry;
    },

    get size() {
      return size;
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

function sizeOf(group: string, qname: QName, answer: CachedAnswer): number {
  let octets = ENTRY_OCTETS + STRING_OCTETS + group.length + qname.length;
  for (const record of answer.answers) octets += recordOctets(record);
  for (const record of answer.authority) octets += recordOctets(record);
  return octets;
}

/** Owners are often one shared string; counting each keeps the estimate on the safe side. */
function recordOctets(record: ResourceRecord): number {
  return RECORD_OCTETS + STRING_OCTETS + record.owner.length + record.rdata.length;
}
