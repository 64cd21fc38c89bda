/**
 * The pipeline's ports: what it needs from the outside, as interfaces. Each is implemented in the folder named beside it
 * and has one contract suite. No socket, no file, no database type appears here.
 */
import type { Verdict } from '../../scoring/decide.ts';
import type { DomainAge, Signal } from '../../scoring/observation.ts';
import type { QName } from '../wire/name.ts';
import type { ResourceRecord } from '../wire/record.ts';
import type { SendPermit } from './permit.ts';

/** `observe`: what Kennel infers is noted and not acted on. `enforce`: it is. */
export type Mode = 'observe' | 'enforce';

/** Where a query came from. */
export interface QuerySource {
  /** Canonical address text: IPv4-mapped IPv6 as IPv4, no zone (RFC 4007 §11). */
  readonly address: string;
  readonly port: number;
  readonly protocol: 'udp' | 'tcp';
  /** The address and port that was asked, `127.0.0.1:5300` or `[::1]:5300`. */
  readonly listener: string;
}

/** Time as arguments (`kennel.ts` passes the real ones, tests a fake). */
export interface Clock {
  /** Wall clock, milliseconds since the epoch: for records that outlive the process. */
  wallMs(): number;
  /** Monotonic milliseconds: for TTLs, deadlines and windows. */
  monotonicMs(): number;
}

/** The part of an upstream response that may be used: checked, in bailiwick, names canonical. */
export interface UpstreamResponse {
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly authenticData: boolean;
}

export type UpstreamFailure = 'timeout' | 'unreachable' | 'malformed' | 'all-down';

export type ExchangeResult =
  | { readonly kind: 'response'; readonly response: UpstreamResponse; readonly upstream: string; readonly latencyMs: number }
  | { readonly kind: 'failure'; readonly reason: UpstreamFailure; readonly detail: string };

/** Implemented in `upstream/`. A group is an ordered set of upstreams that serve one zone or the default. */
export interface UpstreamGroup {
  readonly id: string;
  /** Sends the permitted question; resolves always (never rejects for network reasons) and within the group's patience. */
  exchange(permit: SendPermit): Promise<ExchangeResult>;
  /** False when every upstream is known dead and none is due for a try: `exchange` would send nothing. */
  available(): boolean;
}

/** A cached answer; TTLs are aged by the reader with `storedAtMs`. */
export interface CachedAnswer {
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly authenticData: boolean;
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
  /** Present on an answer past its end that is served in place of one that was not to be had (RFC 8767); `sent`: whether it was asked for. */
  readonly stale?: { readonly sent: boolean };
}

/** Implemented in `cache/`. Times are monotonic milliseconds. */
export interface AnswerCache {
  /** Fresh entry or null; for a name known not to exist that answer, whatever the type (RFC 2308 §5). Changes nothing. */
  peek(group: string, qname: QName, qtype: number, nowMs: number): CachedAnswer | null;
  /**
   * Stores what RFC 2308 and the TTL bounds allow; returns the entry as it will be served (also when not stored). `askedAtFlush`: what
   * `flushes` was when the question was sent: what was flushed meanwhile must not come back.
   */
  store(
    group: string,
    qname: QName,
    qtype: number,
    response: UpstreamResponse,
    ttlFloorSeconds: number,
    nowMs: number,
    askedAtFlush?: number,
  ): CachedAnswer;
  /** Flushes so far. */
  readonly flushes: number;
  readonly size: number;
}

/** Implemented in `reputation/`. Never waits: what is not known yet is `unknown`. */
export interface DomainAges {
  /**
   * The same as `knownAgeDays`, and starts a look-up of what is not known: only for domains of names that were sent, or refused for
   * first contact, which the look-up ends. `icannDomain`: the ICANN registrable domain in presentation form, the only thing that is
   * ever asked for.
   */
  ageDays(icannDomain: string, session?: string): DomainAge;
  knownAgeDays(icannDomain: string): DomainAge;
}

/** What has been learned about a domain. `no-date`: a registry answered without one. `failed`: nobody answered, or no such domain. */
export interface KnownAge {
  readonly domain: string;
  readonly outcome: 'registered' | 'no-date' | 'failed';
  /** Wall time; null unless `registered`. */
  readonly registeredAtMs: number | null;
  readonly lookedUpAtMs: number;
}

/** Lasting results of domain-age look-ups: a bounded cache. Implemented in `storage/`. Its methods throw when the file can't be used. */
export interface AgeStore {
  get(domain: string): KnownAge | null;
  put(age: KnownAge): void;
  /** Wall times of the look-ups since then, oldest first: the daily limit outlives a restart. */
  lookedUpSince(sinceMs: number): readonly number[];
}

/** Evidence that must outlive a crash before the answer announcing it leaves. Implemented in `storage/`. */
export interface QuarantineRecord {
  readonly id: string;
  readonly session: string;
  readonly state: 'quarantined' | 'watch' | 'released' | 'confirmed';
  readonly epoch: number;
  readonly atMs: number;
  /** Wall time at which it turns into `watch`; null once released or confirmed. */
  readonly expiresAtMs: number | null;
  readonly policy: string;
  readonly parent: string;
  readonly qname: string;
  readonly qtype: string;
  readonly score: number;
  readonly signals: readonly Signal[];
  readonly leakBits: number;
  readonly reason: string;
}

export interface QuarantineChange {
  readonly id: string;
  readonly atMs: number;
  readonly from: QuarantineRecord['state'] | 'normal';
  readonly to: QuarantineRecord['state'];
  readonly actor: string;
  readonly reason: string;
}

export interface QuarantineLedger {
  /** All records as they stand, oldest first (start-up). */
  load(): readonly QuarantineRecord[];
  history(id: string): readonly QuarantineChange[];
  /** Resolves once the record and the change are on disk (group commit, at most 50 ms); rejects when they cannot be. */
  commit(record: QuarantineRecord, change: QuarantineChange): Promise<void>;
  /** Drops records nothing depends on any more, with their history (the number kept is bounded); same promise as `commit`. */
  forget(ids: readonly string[]): Promise<void>;
}

/** What a session has let out and how it scored, as it must survive a crash. Implemented in `storage/`. */
export interface SessionCounters {
  readonly session: string;
  readonly epoch: number;
  readonly score: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

/**
 * In a meter's scope: all sessions, or all unlisted parents. No name a client asks may be mistaken for it: presentation form writes
 * a parenthesis as `\(`, while a bare `*` is a name like any other.
 */
export const ALL = '(all)';

/** A scope of the leak meter: one session below one parent, one session over all unlisted parents, or the fleet below one parent. */
export interface MeterScope {
  /** Session key; for the fleet a text that begins with `ALL`, one per refill rate. */
  readonly session: string;
  /** Registrable domain in presentation form, or `ALL` for all unlisted parents. */
  readonly parent: string;
}

export interface StoredMeter extends MeterScope {
  readonly epoch: number;
  /** Bits written as spent: what was spent, rounded up to the open lease. */
  readonly leasedBits: number;
  /** Wall time of the last write, for refills. */
  readonly atMs: number;
}

/** The fleet's first charged send below a parent. Only the first one written counts. */
export interface FirstSend {
  readonly parent: string;
  /** Wall time. */
  readonly atMs: number;
}

/**
 * Bits are written as spent before they are spent. Synchronous, because decision and charge are one step; a write reaches the
 * operating system (survives `kill -9`) without waiting for the disk. Throws when it cannot be written: the query is refused.
 */
export interface MeterStore {
  loadSession(session: string): SessionCounters | null;
  /** One scope's lasting meter (an evicted or restarted meter comes back from here: eviction never forgives); null: nothing spent. */
  loadMeter(scope: MeterScope): StoredMeter | null;
  /** The meters of one session, most bits first (for `sessions show`). */
  listMeters(session: string, limit: number): readonly StoredMeter[];
  /** All of them or none, together with the fleet's first send below a parent where this is one. */
  saveMeters(meters: readonly StoredMeter[], first?: FirstSend | null): void;
  /** When the fleet first sent a name below the parent; null when it never did, or when too many others did (pruned). */
  firstSentMs(parent: string): number | null;
  saveCounters(counters: SessionCounters): void;
  /** A release: the session's score, its meter over all parents and the meters of these scopes start at 0 under the new epoch. */
  openSessionEpoch(counters: SessionCounters, scopes: readonly MeterScope[]): void;
  /** Switching from observe to enforce: every meter and score starts at 0. */
  openMeterEpoch(): void;
  /** The newest `limit` sessions with lasting counters (for `sessions`). */
  listSessions(limit: number): readonly SessionCounters[];
}

export type VerdictKind = Verdict['kind'];

/** One decision worth keeping, as it is stored and sent as an event. */
export interface DecisionRecord {
  readonly id: string;
  readonly atMs: number;
  readonly session: string;
  readonly policy: string;
  readonly mode: Mode;
  readonly verdict: VerdictKind;
  /** What enforcing would have done, on this query's own merits. */
  readonly wouldVerdict: VerdictKind;
  readonly afterWouldQuarantine: boolean;
  readonly reason: string;
  /** What decided: section and pattern of a list entry, or the name of the secret that was found (`secret: openai-key`); or null. */
  readonly rule: string | null;
  readonly score: number;
  readonly signals: readonly Signal[];
  /** RFC 1035 §5.1 form. */
  readonly qname: string;
  readonly qtype: string;
  readonly parent: string;
  readonly leakBits: number;
  readonly forwarded: boolean;
  readonly rcode: string;
  /** From the packet to its answer, milliseconds. */
  readonly durationMs: number;
}

/** What `explain` tells about a name: the JSON of the verb and of the control API. */
export interface Explanation {
  /** RFC 1035 §5.1 form. */
  readonly qname: string;
  readonly qtype: string;
  /** Null for names that are answered locally. */
  readonly registrableDomain: string | null;
  /** 0-100; the contributions of `signals` add up to it. */
  readonly score: number;
  readonly signals: readonly Signal[];
  /** Bits that asking would let out below the registrable domain. */
  readonly leakBits: number;
  /** What enforcing does. */
  readonly verdict: VerdictKind;
  /** What is done in the policy's mode. */
  readonly acting: VerdictKind;
  readonly reason: string;
  readonly policy: string;
  /** The entry that decides: section and pattern, or null. */
  readonly rule: string | null;
  readonly session: string;
  readonly sessionState: string;
}

/** Implemented in `storage/`. Never waits and never throws; what does not fit is dropped and counted. */
export interface DecisionSink {
  record(decision: DecisionRecord): void;
}

/** What the pipeline counts. Implemented in `telemetry/`; labels are bounded there. */
export interface PipelineMetrics {
  queryReceived(protocol: 'udp' | 'tcp', family: 'ipv4' | 'ipv6', qtype: number): void;
  responseSent(rcode: number, action: string, durationMs: number): void;
  decided(action: VerdictKind, reason: string, policy: string, mode: Mode, score: number): void;
  leaked(policy: string, bits: number): void;
  cacheHit(): void;
  cacheMiss(): void;
  /** A name that is kept although its budget is spent was asked again; whether an answer came. */
  refreshed(answered: boolean): void;
  /** An answer past its end was served. */
  servedStale(): void;
  /** A popular answer about to expire was asked for again. */
  prefetched(): void;
  /** A packet that got no answer or an error reply. */
  malformed(reason: string): void;
  clientRefused(): void;
  /** A query above a rate, of whom, and what was done about it. */
  rateLimited(source: 'session' | 'unverified' | 'stranger', answer: 'truncated' | 'refused' | 'dropped'): void;
  /** A COOKIE option of a client: without a server cookie, or with one in this state. */
  cookieSeen(state: 'client-only' | 'valid' | 'renew' | 'invalid'): void;
  /** A query refused because too many wait for upstreams: of its session, or in all. */
  overloaded(limit: 'session' | 'all'): void;
  /** A bug on a query's way; the query was refused. Logged once, here. */
  internalError(cause: unknown): void;
}
