/**
 * One question on its way through a group: whom it is put to next, when, and what ends it. Every try repeats the permit's question.
 * Which upstreams there are, in which order, and what is learned about them is `group.ts`.
 */
import type { SendPermit } from '../pipeline/permit.ts';
import type { Clock, ExchangeResult, UpstreamFailure, UpstreamResponse } from '../pipeline/ports.ts';
import { RCODE } from '../wire/codes.ts';
import type { ParsedResponse } from '../wire/response-parse.ts';
import type { Attempt } from './upstream.ts';

export interface ExchangeTimeouts {
  /** How long a question waits for one upstream's answer; the last try gets what is left. */
  readonly tryMs: number;
  /** Patience of the whole exchange. */
  readonly totalMs: number;
}

/** An upstream as one exchange sees it. */
export interface Contender {
  readonly url: string;
  /** How long its answers usually take: with none after that, somebody is asked beside it. */
  readonly waitMs: number;
  /** Whether what is sent to it can be lost on the way without a word. */
  readonly losesDatagrams: boolean;
  /** Whether it may be asked now: not when it went down meanwhile. */
  mayBeAsked(): boolean;
  /** Never rejects for network reasons. */
  ask(permit: SendPermit, timeoutMs: number): Promise<{ attempt: Attempt; latencyMs: number }>;
}

/** RFC 9520 §3.1: a question goes to one server over one transport at most three times. */
const MAX_TRIES_PER_UPSTREAM = 3;

/**
 * A stream loses nothing: who is slow to answer has the question. Once a try has run out of time it is put again, because the connection
 * may be dead; it has been given up by then, if nothing came on it.
 */
const MAX_TRIES_PER_STREAM = 2;

/** The same when another upstream has answered with a failure: its datagram may be lost once, but somebody waits. */
const MAX_TRIES_WITH_FAILURE = 2;

/** Beyond one for each upstream: a lost datagram and its repeat, not rounds over all of them. */
const FURTHER_TRIES = 2;

/** Less than this is not worth a try: no answer from another network comes back in time. */
const SHORTEST_TRY_MS = 20;

/** What only this upstream may think: another one may do better. All else (NOERROR, NXDOMAIN, YXDOMAIN …) is the answer. */
const FAILURE_RCODES = new Set<number>([RCODE.FORMERR, RCODE.SERVFAIL, RCODE.NOTIMP, RCODE.REFUSED, RCODE.BADVERS, RCODE.BADCOOKIE]);

/** About the message that Kennel has made, not about what the client asked: to the client it is a SERVFAIL. */
const BETWEEN_US_RCODES = new Set<number>([RCODE.FORMERR, RCODE.NOTIMP, RCODE.BADVERS, RCODE.BADCOOKIE]);

/** Whether an answer with this RCODE sends the question on to the next upstream. */
export function isFailure(rcode: number): boolean {
  return FAILURE_RCODES.has(rcode);
}

interface Entry {
  readonly contender: Contender;
  tries: number;
  underWay: number;
  /** It has answered, if not usefully, or cannot be reached: asking again would bring the same. */
  spent: boolean;
}

export interface Race {
  /** The preferred one first. */
  readonly contenders: readonly Contender[];
  /** Asked together with the first, if not the first itself: an answer of theirs is as good. */
  readonly beside: readonly Contender[];
  readonly timeouts: ExchangeTimeouts;
  readonly clock: Clock;
  readonly isClosed: () => boolean;
}

/**
 * Asks in order, the next one as soon as the last has failed or is silent for longer than usual, and takes the first usable answer
 * of all who were asked. Resolves within `timeouts.totalMs`; rejects only for a bug.
 */
export function runExchange(race: Race, permit: SendPermit): Promise<ExchangeResult> {
  return new Promise((resolve, reject) => new Exchange(race, permit, resolve, reject).start());
}

class Exchange {
  readonly #race: Race;
  readonly #permit: SendPermit;
  readonly #resolve: (result: ExchangeResult) => void;
  readonly #reject: (cause: unknown) => void;
  readonly #entries: readonly Entry[];
  readonly #deadlineMs: number;
  #triesLeft: number;
  #underWay = 0;
  /** The newest try: its failure calls for the next one at once. */
  #newest: Entry | null = null;
  #timer: NodeJS.Timeout | undefined;
  #hasWaitedOn = false;
  #ended = false;
  /** A failure that an upstream answered, used if nothing better comes. */
  #kept: ExchangeResult | null = null;
  #failure: { reason: UpstreamFailure; detail: string } = { reason: 'all-down', detail: 'every upstream is known to be down' };

  constructor(race: Race, permit: SendPermit, resolve: (result: ExchangeResult) => void, reject: (cause: unknown) => void) {
    this.#race = race;
    this.#permit = permit;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#entries = race.contenders.map((contender) => ({ contender, tries: 0, underWay: 0, spent: false }));
    this.#deadlineMs = race.clock.monotonicMs() + race.timeouts.totalMs;
    this.#triesLeft = race.contenders.length + FURTHER_TRIES;
  }

  start(): void {
    const first = this.#entries[0]?.contender;
    for (const entry of this.#entries) {
      if (entry.contender !== first && this.#race.beside.includes(entry.contender)) this.#put(entry, this.#race.timeouts.tryMs);
    }
    this.#next();
  }

  /** Puts the question to the next upstream, or ends when nobody is left to ask or to wait for. */
  #next(): void {
    clearTimeout(this.#timer);
    const leftMs = this.#deadlineMs - this.#race.clock.monotonicMs();
    const entry = leftMs < SHORTEST_TRY_MS || this.#race.isClosed() ? undefined : this.#choose();
    if (entry === undefined) {
      this.#newest = null;
      this.#endOrWait(leftMs);
      return;
    }
    this.#triesLeft--;
    this.#newest = entry;
    const isLast = this.#triesLeft === 0 || entry.tries + 1 === maxTriesOf(entry);
    this.#put(entry, isLast ? leftMs : Math.min(this.#race.timeouts.tryMs, leftMs));
    // RFC 6298 §5.5: repeats to the same upstream wait longer each time.
    const waitMs = Math.min(entry.contender.waitMs * 2 ** (entry.tries - 1), this.#race.timeouts.tryMs);
    if (!this.#ended) this.#timer = setTimeout(() => this.#next(), waitMs);
  }

  /** With a failure in hand, nobody waits longer than usual for something better: a stream gets the time of the repeat it does not need. */
  #endOrWait(leftMs: number): void {
    if (this.#underWay > 0 && this.#kept === null) return;
    const streams = this.#entries.filter(({ underWay, contender }) => underWay > 0 && !contender.losesDatagrams);
    const waitMs = Math.min(2 * Math.max(0, ...streams.map(({ contender }) => contender.waitMs)), this.#race.timeouts.tryMs, leftMs);
    if (this.#hasWaitedOn || waitMs <= 0) {
      this.#end(this.#kept ?? { kind: 'failure', ...this.#failure });
      return;
    }
    this.#hasWaitedOn = true;
    this.#timer = setTimeout(() => this.#next(), waitMs);
  }

  /** The one asked least, in order. */
  #choose(): Entry | undefined {
    if (this.#triesLeft === 0) return undefined;
    const open = this.#entries.filter((entry) => {
      const { contender, tries, underWay, spent } = entry;
      const maxTries = this.#kept === null ? maxTriesOf(entry) : MAX_TRIES_WITH_FAILURE;
      const wasLost = underWay === 0 || contender.losesDatagrams;
      return !spent && tries < maxTries && wasLost && contender.mayBeAsked();
    });
    return open.sort((a, b) => a.tries - b.tries)[0];
  }

  #put(entry: Entry, timeoutMs: number): void {
    entry.tries++;
    entry.underWay++;
    this.#underWay++;
    entry.contender
      .ask(this.#permit, timeoutMs)
      .then(({ attempt, latencyMs }) => this.#settle(entry, attempt, latencyMs))
      .catch((cause: unknown) => {
        this.#ended = true;
        clearTimeout(this.#timer);
        this.#reject(cause);
      });
  }

  #settle(entry: Entry, attempt: Attempt, latencyMs: number): void {
    entry.underWay--;
    this.#underWay--;
    if (this.#ended) return;
    const answer = this.#judge(entry, attempt, latencyMs);
    if (answer !== null) this.#end(answer);
    else if (entry === this.#newest || this.#underWay === 0) this.#next();
  }

  /** The result that ends the exchange, or null after noting why the next upstream has to be asked. */
  #judge(entry: Entry, attempt: Attempt, latencyMs: number): ExchangeResult | null {
    const { url } = entry.contender;
    if (attempt.kind === 'failure') {
      entry.spent ||= attempt.reason !== 'timeout';
      const reason = attempt.reason === 'overloaded' ? 'unreachable' : attempt.reason;
      this.#failure = { reason, detail: `${url}: ${attempt.detail}` };
      return null;
    }
    const result: ExchangeResult = { kind: 'response', response: usablePart(attempt.response), upstream: url, latencyMs };
    if (!isFailure(attempt.response.rcode)) return result;
    entry.spent = true;
    this.#kept = result;
    return null;
  }

  #end(result: ExchangeResult): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#resolve(result);
  }
}

function maxTriesOf({ contender }: Entry): number {
  return contender.losesDatagrams ? MAX_TRIES_PER_UPSTREAM : MAX_TRIES_PER_STREAM;
}

function usablePart({ rcode, answers, authority, authenticData }: ParsedResponse): UpstreamResponse {
  return { rcode: BETWEEN_US_RCODES.has(rcode) ? RCODE.SERVFAIL : rcode, answers, authority, authenticData };
}
