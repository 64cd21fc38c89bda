/**
 * One session and the bounded table of them: who asked, what it has shown and spent, what was held against its names.
 * Owns lifetime and eviction; whether a session is quarantined is `quarantine/`, what a query means for it `pipeline/`.
 */
import { SessionProfile } from '../../scoring/profile/session-profile.ts';
import { NameTrail } from '../../scoring/secrets/name-trail.ts';
import type { HashKey } from '../../scoring/sketch/keyed-hash.ts';
import { ALL, type DecisionRecord, type MeterStore } from '../pipeline/ports.ts';
import type { QName } from '../wire/name.ts';
import type { SessionKey } from './identify.ts';
import { SessionMeters } from './meters.ts';

/** How many of its own decisions a session can still ask about in-band. */
const RECENT_DECISIONS = 32;

/** Names against which a verdict may be held at once; the oldest gives way. */
const HELD_NAMES = 64;

/** What a session may be told of a decision again. The signals are left out: they are most of its size, and many are kept. */
export type RememberedDecision = Pick<
  DecisionRecord,
  'id' | 'session' | 'policy' | 'verdict' | 'wouldVerdict' | 'reason' | 'qname' | 'qtype'
>;

/** A refusal that stays for all types of a name, so that AAAA or HTTPS never disagrees with the A asked a moment before. */
export interface HeldRefusal {
  readonly decision: RememberedDecision;
  readonly untilMs: number;
}

export class Session {
  readonly key: SessionKey;
  readonly firstSeenMs: number;
  profile: SessionProfile;
  /** Ends of the names asked before, for secrets cut into pieces. */
  readonly trail = new NameTrail();
  readonly meters: SessionMeters;
  readonly recent: RememberedDecision[] = [];
  /** Counts releases: a new epoch starts with score and meters at 0. */
  epoch: number;
  /** The highest score of this epoch, 0-100. */
  score: number;
  lastSeenMs: number;
  queries = 0;
  /** Of these, how many wait for an upstream. */
  waiting = 0;
  /** Where it asked last, `127.0.0.1:53`: policies may depend on it. Empty before the first query. */
  listener = '';
  /** Observe mode: the wall time at which enforcing would have quarantined it, else null. */
  wouldQuarantineAtMs: number | null = null;
  /** When a refusal under quarantine was last written down (wall clock). */
  quarantineNotedAtMs = Number.NEGATIVE_INFINITY;
  /** Token bucket of `limits`: tokens left and when they were counted (monotonic). */
  tokens = Number.POSITIVE_INFINITY;
  tokensAtMs = 0;
  /** UDP queries that found no token, to answer every n-th of them. */
  overLimit = 0;
  readonly #held = new Map<QName, HeldRefusal>();

  /** Times are wall clock. `hashKey` keeps a client from choosing names that collide in the profile's sketches. */
  constructor(
    key: SessionKey,
    hashKey: HashKey,
    counters: { readonly epoch: number; readonly score: number; readonly firstSeenMs: number },
    nowMs: number,
    meters: SessionMeters = new SessionMeters(key),
  ) {
    this.key = key;
    this.meters = meters;
    this.profile = new SessionProfile({ hashKey });
    this.epoch = counters.epoch;
    this.score = counters.score;
    this.firstSeenMs = counters.firstSeenMs;
    this.lastSeenMs = nowMs;
  }

  hold(qname: QName, { decision, untilMs }: HeldRefusal): void {
    this.#held.delete(qname);
    this.#held.set(qname, { decision: remembered(decision), untilMs });
    if (this.#held.size > HELD_NAMES) {
      const oldest = this.#held.keys().next();
      if (!oldest.done) this.#held.delete(oldest.value);
    }
  }

  /** The refusal held against a name at `nowMs` (monotonic), or null. */
  heldRefusal(qname: QName, nowMs: number): HeldRefusal | null {
    const held = this.#held.get(qname);
    return held !== undefined && nowMs < held.untilMs ? held : null;
  }

  /** Drops what was held: a release or a new policy must show at once. */
  releaseHeld(): void {
    this.#held.clear();
  }

  remember(decision: DecisionRecord): void {
    this.recent.push(remembered(decision));
    if (this.recent.length > RECENT_DECISIONS) this.recent.shift();
  }
}

/**
 * Bounded, in order of use. What must last (score, epoch, meters) is in the store, from where an evicted session comes back;
 * quarantines are kept apart and outlive eviction.
 */
export class SessionTable {
  /** Queries of all sessions that wait for an upstream, also of those that were evicted meanwhile. */
  waiting = 0;
  readonly #sessions = new Map<SessionKey, Session>();
  readonly #store: MeterStore;
  readonly #limit: number;
  readonly #hashKey: HashKey;
  readonly #ipv6BudgetBits: number | undefined;
  #trouble: string | null = null;

  /** `ipv6BudgetBits`: how long the prefix is below which IPv6 sessions share their budgets; 64 when left out. */
  constructor(store: MeterStore, limit: number, hashKey: HashKey, ipv6BudgetBits?: number) {
    this.#store = store;
    this.#limit = limit;
    this.#hashKey = hashKey;
    this.#ipv6BudgetBits = ipv6BudgetBits;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The session of a key, made or recalled from the store when it is not in memory. `nowMs` is wall time. */
  open(key: SessionKey, nowMs: number): Session {
    const known = this.#sessions.get(key);
    if (known !== undefined) {
      this.#sessions.delete(key);
      this.#sessions.set(key, known);
      known.lastSeenMs = nowMs;
      return known;
    }
    const session = this.recall(key, nowMs);
    this.#sessions.set(key, session);
    if (session.firstSeenMs === nowMs) this.save(session);
    if (this.#sessions.size > this.#limit) this.#evictOldest();
    return session;
  }

  /** The session if it is in memory: asking about a session must not make one. */
  peek(key: SessionKey): Session | null {
    return this.#sessions.get(key) ?? null;
  }

  /** The session as the store knows it, or a fresh one, outside the table: for asking about sessions that are not here. */
  recall(key: SessionKey, nowMs: number): Session {
    const counters = this.#store.loadSession(key) ?? { epoch: 0, score: 0, firstSeenMs: nowMs };
    return new Session(key, this.#hashKey, counters, nowMs, new SessionMeters(key, this.#ipv6BudgetBits));
  }

  /** Raises the lasting score; never lowers it. */
  raiseScore(session: Session, score: number): void {
    if (score <= session.score) return;
    const shown = Math.floor(session.score);
    session.score = score;
    // Whole points only: a slow climb must not become a write per query.
    if (Math.floor(score) > shown) this.save(session);
  }

  /** A release: score and the named meters start at 0, history stays. */
  openEpoch(session: Session, epoch: number, parents: readonly string[]): void {
    session.epoch = epoch;
    session.score = 0;
    session.wouldQuarantineAtMs = null;
    session.releaseHeld();
    session.trail.clear();
    session.profile = new SessionProfile({ hashKey: this.#hashKey });
    this.#store.openSessionEpoch(
      countersOf(session),
      // Over all parents too, where the session shares that meter.
      [...parents, ALL].map((parent) => ({ session: session.meters.owner, parent })),
    );
  }

  /** After the store has opened a meter epoch: nothing that was only observed is held against anybody. Their meters start at 0 elsewhere. */
  openMeterEpoch(): void {
    for (const session of this.#sessions.values()) {
      session.score = 0;
      session.wouldQuarantineAtMs = null;
      session.releaseHeld();
      session.trail.clear();
      session.profile = new SessionProfile({ hashKey: this.#hashKey });
    }
  }

  /** Drops what is held against names of all sessions: the rules have changed. */
  releaseHeld(): void {
    for (const session of this.#sessions.values()) session.releaseHeld();
  }

  /**
   * Writes the lasting counters. A failure is an alarm and no reason to refuse: nothing that is decided depends on them, and a full
   * disk must leave what needs no write (cached and local answers, refusals, quarantines) as it is.
   */
  save(session: Session): void {
    try {
      this.#store.saveCounters(countersOf(session));
      this.#trouble = null;
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error);
    }
  }

  /** What an operator must know: empty while counters can be written. */
  alarms(): readonly string[] {
    return this.#trouble === null ? [] : [`scores of sessions hold in memory but are not on disk: ${this.#trouble}`];
  }

  saveAll(): void {
    for (const session of this.#sessions.values()) this.save(session);
  }

  *[Symbol.iterator](): IterableIterator<Session> {
    yield* this.#sessions.values();
  }

  #evictOldest(): void {
    const oldest = this.#sessions.values().next();
    if (oldest.done) return;
    this.save(oldest.value);
    this.#sessions.delete(oldest.value.key);
  }
}

function remembered({ id, session, policy, verdict, wouldVerdict, reason, qname, qtype }: RememberedDecision): RememberedDecision {
  return { id, session, policy, verdict, wouldVerdict, reason, qname, qtype };
}

function countersOf(session: Session): { session: string; epoch: number; score: number; firstSeenMs: number; lastSeenMs: number } {
  return {
    session: session.key,
    epoch: session.epoch,
    score: session.score,
    firstSeenMs: session.firstSeenMs,
    lastSeenMs: session.lastSeenMs,
  };
}
