/**
 * The answer cache: bounded in entries and octets. Owns storage, flushing and eviction; how long an answer lives is `answer-lifetime.ts`,
 * what it means for a session is decided afresh for every query (verdicts are not cached), and when an answer past its end is served is
 * `pipeline/serve-stale.ts`.
 */
import { ExpiryQueue } from '../../scoring/meter/expiry-queue.ts';
import type { AnswerCache, CachedAnswer, UpstreamResponse } from '../pipeline/ports.ts';
import { RCODE, RRTYPE } from '../wire/codes.ts';
import { isAtOrBelow, type QName } from '../wire/name.ts';
import type { ResourceRecord } from '../wire/record.ts';
import { answerLifetime } from './answer-lifetime.ts';

export interface AnswerCacheLimits {
  readonly maxEntries: number;
  /** Estimated heap octets of all entries together. */
  readonly maxOctets: number;
  /** Floor of positive answers; default none. */
  readonly minTtlSeconds?: number;
  /** Default one day. */
  readonly maxTtlSeconds?: number;
  /** Default one hour. */
  readonly negativeMaxTtlSeconds?: number;
  /** How long after its end an answer is kept (RFC 8767); null, the default: not at all. */
  readonly serveStaleSeconds?: number | null;
  /** Whether `touch` ever asks for a refresh; default no. */
  readonly prefetch?: boolean;
}

/** An answer past its end. */
export interface ExpiredAnswer extends CachedAnswer {
  /** A refresh has failed, and none is to be tried before; 0: none has. */
  readonly recheckAtMs: number;
}

export interface BoundedAnswerCache extends AnswerCache {
  /** What was true last, where that has expired and is still kept; failures never are. */
  peekExpired(group: string, qname: QName, qtype: number, nowMs: number): ExpiredAnswer | null;
  /**
   * Notes that an entry from `peek` was served, so that it outlives entries nobody asks for. True, now and then, when it is popular and
   * about to expire: then it is time to ask for it again.
   */
  touch(answer: CachedAnswer, nowMs: number): boolean;
  /**
   * A refresh has failed. True when an earlier answer outlives that; then none is to be tried for `recheckMs`. False when there is none,
   * and the failure is what is known.
   */
  noteFailure(group: string, qname: QName, qtype: number, recheckMs: number, nowMs: number): boolean;
  /** Forgets everything about a name, or about it and all names below; returns how many answers that were. */
  flush(qname: QName, options: { readonly below: boolean }): number;
  flushAll(): number;
  /** Forgets what an upstream group has answered, in all partitions. */
  flushGroup(id: string): number;
  /** New limits for what is stored from now on; what is too much goes at once. */
  configure(limits: AnswerCacheLimits, nowMs: number): void;
  /** Estimated heap octets of all entries together. */
  readonly octets: number;
}

const DAY_SECONDS = 86_400;
const HOUR_SECONDS = 3_600;

/** An entry larger than this part of the cache is not stored: one answer must not push out everybody else's. */
const LARGEST_ENTRY_PART = 16;

/** In place of a type, for names that do not exist: that holds for every type (RFC 2308 §5). No RR type is negative. */
const EVERY_TYPE = -1;

/** A refresh is due in the last tenth of a TTL, as Unbound's `prefetch` has it, but this much before the end at least. */
const REFRESH_PART = 0.1;
const REFRESH_AT_LEAST_MS = 3_000;
/** Shorter TTLs are not refreshed before their end: that would nearly be asking twice as often. */
const REFRESHED_TTL_MS = 10_000;
/** Popular: served so often since it was stored. */
const POPULAR_SERVINGS = 3;
/** Nobody may have been able to pay for the refresh; within one TTL others are let try. */
const REFRESH_TRIES = 4;

/** How often the hand passes an entry over for having been served since. */
const MAX_CHANCES = 3;

/** What can no longer be served gives its room back, so many entries with each that is stored. */
const DROPPED_PER_STORE = 2;

/** Measured with Node 24 as heap growth (`test/bench/random-names.ts`): an entry with its slots, a record, a string. */
const ENTRY_OCTETS = 320;
const RECORD_OCTETS = 280;
const STRING_OCTETS = 24;

/** A stored entry is its own node in the eviction queue and in the queue of expiries. */
class StoredAnswer implements ExpiredAnswer {
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly authenticData: boolean;
  readonly storedAtMs: number;
  expiresAtMs: number;
  readonly group: string;
  readonly qname: QName;
  /** Or `EVERY_TYPE`. */
  readonly qtype: number;
  readonly octets: number;
  /** The queue of expiries' own. */
  readonly sequence: number;
  heapIndex = -1;
  /** One for each serving, less one for each time the hand of SIEVE came by. */
  chances = 0;
  servings = 0;
  refreshFromMs: number;
  recheckAtMs = 0;
  newer: StoredAnswer | null = null;
  older: StoredAnswer | null = null;

  constructor(answer: CachedAnswer, group: string, qname: QName, qtype: number, octets: number, sequence: number) {
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
    this.sequence = sequence;
    const ttlMs = answer.expiresAtMs - answer.storedAtMs;
    const early = ttlMs < REFRESHED_TTL_MS || isFailure(answer.rcode) ? Number.NEGATIVE_INFINITY : refreshWindowMs(ttlMs);
    this.refreshFromMs = answer.expiresAtMs - early;
  }
}

/**
 * An empty cache. Times passed to it are monotonic milliseconds.
 *
 * What has expired is evicted first, longest expired before others. Among the rest eviction is SIEVE (Zhang et al., NSDI 2024): one queue
 * in order of arrival, one hand. Instead of one bit an entry has two, as in S3-FIFO (Yang et al., SOSP 2023): a flood of names that are
 * each asked twice must not count as much as names in use. Looking changes nothing, because refused queries and `explain` look too; only
 * `touch`, called where an entry is served, counts.
 */
export function createAnswerCache(initialLimits: AnswerCacheLimits): BoundedAnswerCache {
  let limits = withDefaults(initialLimits);
  /** By group, type and name. Not by one text of all three: the hash of a name is kept with it, that of a new text is made anew. */
  const groups = new Map<string, Map<number, Map<QName, StoredAnswer>>>();
  const expiries = new ExpiryQueue<StoredAnswer>();
  let size = 0;
  let octets = 0;
  let sequence = 0;
  let flushes = 0;
  let newest: StoredAnswer | null = null;
  let oldest: StoredAnswer | null = null;
  /** Where the search for the next victim goes on; null: at the oldest. */
  let hand: StoredAnswer | null = null;

  function find(group: string, qname: QName, qtype: number): StoredAnswer | undefined {
    return groups.get(group)?.get(qtype)?.get(qname);
  }

  /** What is known last about the name and type, expired or not. */
  function latest(group: string, qname: QName, qtype: number): StoredAnswer | undefined {
    const ofType = find(group, qname, qtype);
    const ofName = find(group, qname, EVERY_TYPE);
    if (ofType === undefined || ofName === undefined) return ofType ?? ofName;
    return ofType.storedAtMs < ofName.storedAtMs ? ofName : ofType;
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
    expiries.schedule(entry, entry.expiresAtMs);
    size += 1;
    octets += entry.octets;
  }

  function remove(entry: StoredAnswer | undefined): void {
    if (entry === undefined) return;
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
    expiries.remove(entry);
    size -= 1;
    octets -= entry.octets;
  }

  /** Each pass takes a chance from what it meets, so the search ends within a few rounds and costs O(1) per serving. */
  function evictOne(nowMs: number): void {
    const firstToExpire = expiries.first();
    if (firstToExpire !== null && firstToExpire.expiresAtMs <= nowMs) {
      remove(firstToExpire);
      return;
    }
    let candidate = hand ?? oldest;
    while (candidate !== null && candidate.chances > 0) {
      candidate.chances -= 1;
      candidate = candidate.newer ?? oldest;
    }
    if (candidate === null) return;
    hand = candidate.newer;
    remove(candidate);
  }

  function makeRoom(entryOctets: number, entries: number, nowMs: number): void {
    while (size > 0 && (size + entries > limits.maxEntries || octets + entryOctets > limits.maxOctets)) evictOne(nowMs);
  }

  /** Entries behind one that is kept as stale wait for it; they are bounded like all others. */
  function dropEnded(nowMs: number): void {
    for (let dropped = 0; dropped < DROPPED_PER_STORE; dropped++) {
      const entry = expiries.first();
      if (entry === null || nowMs < entry.expiresAtMs + staleMs(entry.rcode)) return;
      remove(entry);
    }
  }

  function staleMs(rcode: number): number {
    return isFailure(rcode) ? 0 : limits.staleMs;
  }

  function flushWhere(matches: (entry: StoredAnswer) => boolean): number {
    flushes += 1;
    const before = size;
    for (let entry = oldest; entry !== null; ) {
      const { newer } = entry;
      if (matches(entry)) remove(entry);
      entry = newer;
    }
    return before - size;
  }

  return {
    peek(group, qname, qtype, nowMs) {
      const types = groups.get(group);
      if (types === undefined) return null;
      const ofType = types.get(qtype)?.get(qname);
      if (ofType !== undefined && nowMs < ofType.expiresAtMs) return ofType;
      const ofName = types.get(EVERY_TYPE)?.get(qname);
      return ofName !== undefined && nowMs < ofName.expiresAtMs ? ofName : null;
    },

    peekExpired(group, qname, qtype, nowMs) {
      const entry = latest(group, qname, qtype);
      if (entry === undefined || nowMs < entry.expiresAtMs) return null;
      return nowMs < entry.expiresAtMs + staleMs(entry.rcode) ? entry : null;
    },

    touch(answer, nowMs) {
      if (!(answer instanceof StoredAnswer)) return false;
      if (answer.chances < MAX_CHANCES) answer.chances += 1;
      answer.servings += 1;
      if (nowMs < answer.refreshFromMs || answer.servings < POPULAR_SERVINGS || !limits.prefetch) return false;
      answer.refreshFromMs = nowMs + refreshWindowMs(answer.expiresAtMs - answer.storedAtMs) / REFRESH_TRIES;
      return true;
    },

    noteFailure(group, qname, qtype, recheckMs, nowMs) {
      const entry = latest(group, qname, qtype);
      if (entry === undefined || isFailure(entry.rcode) || nowMs >= entry.expiresAtMs + staleMs(entry.rcode)) return false;
      entry.recheckAtMs = nowMs + recheckMs;
      entry.refreshFromMs = Math.max(entry.refreshFromMs, entry.recheckAtMs);
      return true;
    },

    store(group, qname, qtype, response, ttlFloorSeconds, nowMs, askedAtFlush = flushes) {
      const answer = agedAnswer(qtype, response, ttlFloorSeconds, nowMs);
      if (askedAtFlush !== flushes) return answer;
      const isOfName = saysNameIsAbsent(response);
      remove(find(group, qname, qtype));
      // Every answer but a failure says whether the name exists.
      if (!isFailure(response.rcode)) remove(find(group, qname, EVERY_TYPE));
      dropEnded(nowMs);
      const entryOctets = sizeOf(group, qname, answer);
      if (answer.expiresAtMs <= nowMs || entryOctets > limits.maxOctets / LARGEST_ENTRY_PART) return answer;
      makeRoom(entryOctets, 1, nowMs);
      const entry = new StoredAnswer(answer, group, qname, isOfName ? EVERY_TYPE : qtype, entryOctets, sequence++);
      insert(entry);
      return entry;
    },

    flush: (qname, { below }) => flushWhere((entry) => (below ? isAtOrBelow(entry.qname, qname) : entry.qname === qname)),
    flushAll: () => flushWhere(() => true),
    // A partition is the group's id, a space, and whose it is; no id holds a space.
    flushGroup: (id) => flushWhere(({ group }) => group === id || group.startsWith(`${id} `)),

    configure(changed, nowMs) {
      limits = withDefaults(changed);
      makeRoom(0, 0, nowMs);
    },

    get flushes() {
      return flushes;
    },

    get size() {
      return size;
    },

    get octets() {
      return octets;
    },
  };

  function agedAnswer(qtype: number, response: UpstreamResponse, ttlFloorSeconds: number, nowMs: number): CachedAnswer {
    const { ttlSeconds, answers, authority } = answerLifetime(qtype, response, ttlFloorSeconds, limits);
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

function withDefaults(limits: AnswerCacheLimits) {
  return {
    maxEntries: limits.maxEntries,
    maxOctets: limits.maxOctets,
    minTtlSeconds: limits.minTtlSeconds ?? 0,
    maxTtlSeconds: limits.maxTtlSeconds ?? DAY_SECONDS,
    negativeMaxTtlSeconds: limits.negativeMaxTtlSeconds ?? HOUR_SECONDS,
    staleMs: 1000 * (limits.serveStaleSeconds ?? 0),
    prefetch: limits.prefetch ?? false,
  };
}

function refreshWindowMs(ttlMs: number): number {
  return Math.max(ttlMs * REFRESH_PART, REFRESH_AT_LEAST_MS);
}

/** All but these two say nothing about the name (RFC 8767 §5). */
function isFailure(rcode: number): boolean {
  return rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN;
}

/** With an alias in it, it is the alias's target that does not exist (RFC 6604 §3); without a SOA nobody vouches for it (RFC 2308 §5). */
function saysNameIsAbsent({ rcode, answers, authority }: UpstreamResponse): boolean {
  return rcode === RCODE.NXDOMAIN && answers.length === 0 && authority.some((record) => record.type === RRTYPE.SOA);
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
