/**
 * The schedule by which Kennel itself asks again for names of scopes whose budget is spent, so that a name that worked goes on working.
 * Owns what is kept and when it is due; what may be kept is `pipeline/plan-keeping.ts`'s work, sending `pipeline/refresh-kept.ts`'s.
 */
import type { Budgets } from '../../scoring/observation.ts';
import type { QName } from '../wire/name.ts';
import { HOST_NETWORK_BITS, networkOfKey, type SessionKey } from './identify.ts';

/** Which budget is spent: of the session below a parent, of the session over all parents, of the fleet below a parent. */
export type ScopeKind = 'parent' | 'session' | 'fleet';

/** A scope that is kept, and for whom: policies and quarantines are looked at again before each question. */
export interface KeptScope {
  readonly kind: ScopeKind;
  /** Registrable domain in presentation form; of the name that began it where `kind` is `session`. */
  readonly parent: string;
  /** Without what first contact takes away. */
  readonly budgets: Budgets;
  /** The parent, where it was new to everybody when the scope began: it has less to spend until it no longer is. */
  readonly newParent: { readonly parent: string; readonly icannDomain: string | null } | null;
  readonly session: SessionKey;
  readonly address: string;
  readonly listener: string;
}

/** What is asked again. */
export interface KeptQuestion {
  /** Of the upstream group. */
  readonly group: string;
  /** What the cache knows the group by, for the policy that keeps the name. */
  readonly partition: string;
  readonly qname: QName;
  readonly qtype: number;
  /** The key of cache and joined queries. */
  readonly key: string;
}

/** A name is asked again after its TTL or this time, whichever is longer. */
const PERIOD_MS = 300_000;

/** Asked this long before the answer expires: two retries and the wait for the pace fit in, so that it never does. */
const SLACK_MS = 90_000;

/**
 * A failed question is put again after this time, whoever asks for it, then after twice as long each time until it is `PERIOD_MS`.
 * Longer than any exchange takes.
 */
const RETRY_MS = 30_000;

/** Answers to kept names live at least this long. */
export const KEPT_TTL_FLOOR_SECONDS = (PERIOD_MS + SLACK_MS) / 1000;

/** Failures are told until the retry has had time to succeed. */
export const KEPT_FAILURE_SECONDS = (RETRY_MS + 10_000) / 1000;

/** Then a scope ends, and the next query for one of its names begins it anew: who is gone is not asked for for ever. */
const SCOPE_MS = 86_400_000;

/** Over all scopes. */
const MAX_PER_SECOND = 128;

/** Pairs over all scopes: all can be asked within the slack. */
const MAX_PAIRS = 4_096;

/** Of one session, an IPv6 /64 as one: below popular parents it pays little, and must not take all the room that others need. */
const MAX_SESSION_PAIRS = MAX_PAIRS / 4;

/** One kept pair. Written by `KeptNames` alone. */
interface Kept<Answer> extends KeptQuestion {
  readonly scope: KeptScope;
  readonly endsAtMs: number;
  askedAtMs: number;
  dueAtMs: number;
  /** Since the last answer. */
  failures: number;
  /** Settles with the first answer, or with null when the pair is dropped before; null itself afterwards. */
  first: PromiseWithResolvers<Answer | null> | null;
}

export type KeptPair<Answer> = Readonly<Kept<Answer>>;

/**
 * All kept names. Times are monotonic milliseconds.
 *
 * A kept pair (name, type) is asked in an order and at times that follow from what was charged, from the answers and from when its scope
 * was begun. What clients ask meanwhile changes nothing, so it costs no bits. The begin is a client's to choose: of N queries it tells
 * log2 N bits, as the time of any query does, and a scope begins once a day at most unless its budget refills or new pairs are paid for.
 */
export class KeptNames<Answer> {
  /** In the order in which they were begun, which is that of first sending. */
  readonly #pairs = new Map<string, Kept<Answer>>();
  /** How many of them each session's network has begun. */
  readonly #begunBy = new Map<string, number>();
  #paceFromMs = Number.NEGATIVE_INFINITY;
  #paced = 0;

  get size(): number {
    return this.#pairs.size;
  }

  /** How many more pairs this session can begin. */
  roomFor(session: SessionKey): number {
    return Math.min(MAX_PAIRS - this.#pairs.size, MAX_SESSION_PAIRS - (this.#begunBy.get(networkOfKey(session, HOST_NETWORK_BITS)) ?? 0));
  }

  has(key: string): boolean {
    return this.#pairs.has(key);
  }

  /** From now on these are asked again, in this order; those that are kept already stay as they are. */
  begin(scope: KeptScope, questions: readonly KeptQuestion[], nowMs: number): void {
    for (const question of questions) {
      if (this.#pairs.has(question.key)) continue;
      if (this.roomFor(scope.session) === 0) return;
      this.#count(scope, 1);
      this.#pairs.set(question.key, {
        ...question,
        scope,
        endsAtMs: nowMs + SCOPE_MS,
        askedAtMs: nowMs,
        dueAtMs: nowMs,
        failures: 0,
        first: Promise.withResolvers(),
      });
    }
  }

  /** The first answer of a pair that has none yet; null once there was one: then only the schedule asks again. */
  firstAnswer(key: string): Promise<Answer | null> | null {
    return this.#pairs.get(key)?.first?.promise ?? null;
  }

  /**
   * What is to be asked now, in order, no more than the pace allows; counts as asked. With `only`, of that scope: a scope that begins
   * between two sweeps must not bring forward what others wait for.
   */
  due(nowMs: number, only: KeptScope | null = null): readonly KeptPair<Answer>[] {
    if (nowMs - this.#paceFromMs >= 1000) {
      this.#paceFromMs = nowMs;
      this.#paced = 0;
    }
    const due = [...this.#pairs.values()].filter((pair) => pair.dueAtMs <= nowMs && (only === null || pair.scope === only));
    const asked = due.sort((one, other) => one.dueAtMs - other.dueAtMs).slice(0, MAX_PER_SECOND - this.#paced);
    this.#paced += asked.length;
    for (const pair of asked) {
      pair.askedAtMs = nowMs;
      pair.dueAtMs = nowMs + RETRY_MS;
    }
    return asked;
  }

  /** How asking a pair ended; `lifetimeMs` of the answer, null for a failure. */
  settle({ key }: KeptPair<Answer>, answer: Answer, lifetimeMs: number | null): void {
    const pair = this.#pairs.get(key);
    if (pair === undefined) return;
    // From when it was asked, not answered: how long the upstream took must not change the order.
    if (lifetimeMs === null) pair.dueAtMs = pair.askedAtMs + Math.min(RETRY_MS * 2 ** pair.failures, PERIOD_MS);
    else pair.dueAtMs = pair.askedAtMs + Math.max(PERIOD_MS, lifetimeMs - SLACK_MS);
    pair.failures = lifetimeMs === null ? pair.failures + 1 : 0;
    pair.first?.resolve(answer);
    pair.first = null;
  }

  /** Those for which it is so are due now: their answers have been taken away. */
  askSoon(matches: (question: KeptQuestion) => boolean, nowMs: number): void {
    for (const pair of this.#pairs.values()) if (matches(pair)) pair.dueAtMs = Math.min(pair.dueAtMs, nowMs);
  }

  drop({ key }: KeptPair<Answer>): void {
    const pair = this.#pairs.get(key);
    if (pair === undefined) return;
    pair.first?.resolve(null);
    this.#pairs.delete(key);
    this.#count(pair.scope, -1);
  }

  /** Drops the scopes whose day is over, and those of which `hasEnded` says so. */
  dropEnded(nowMs: number, hasEnded: (scope: KeptScope) => boolean): void {
    const asked = new Map<KeptScope, boolean>();
    for (const pair of this.#pairs.values()) {
      let ended = asked.get(pair.scope);
      if (ended === undefined) {
        ended = nowMs >= pair.endsAtMs || hasEnded(pair.scope);
        asked.set(pair.scope, ended);
      }
      if (ended) this.drop(pair);
    }
  }

  #count({ session }: KeptScope, change: 1 | -1): void {
    const network = networkOfKey(session, HOST_NETWORK_BITS);
    const count = (this.#begunBy.get(network) ?? 0) + change;
    if (count === 0) this.#begunBy.delete(network);
    else this.#begunBy.set(network, count);
  }
}
