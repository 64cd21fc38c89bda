/**
 * What is known about one upstream: up, in doubt, or down with a growing back-off and one trial at a time (half-open); how long its
 * answers take. Pure state; time is passed in. Sending trials is the group's work: a trial is always a permitted question, never one
 * made up for the purpose.
 */

/** Failures in a row, as counted below, until an upstream counts as down. */
const FAILURES_TO_DOWN = 3;
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;
/** With no other upstream to ask, a trial costs one question and an answer is worth more. */
const MAX_LONELY_BACKOFF_MS = 2_000;

/** Weights of the newest latency in the smoothed one and in its deviation (RFC 6298 §2.3). */
const LATENCY_WEIGHT = 1 / 8;
const DEVIATION_WEIGHT = 1 / 4;
const DEVIATIONS = 4;

/** How long one question waits before another upstream is asked beside it: within these bounds, whatever was measured. */
const SHORTEST_WAIT_MS = 200;
export const LONGEST_WAIT_MS = 1_500;
/** Nothing measured yet. Less than the second of RFC 6298 §2.1: a question put too early costs one more datagram, not a congested path. */
const FIRST_WAIT_MS = 400;

/** Weight of the newest answer in the share of those that were failures. */
const FAILING_WEIGHT = 1 / 8;

/** `due`: down, and the next question may be the trial. */
export type Availability = 'up' | 'due' | 'down';

export class UpstreamHealth {
  #down = false;
  #failures = 0;
  #backoffMs = 0;
  /** Since when the back-off runs. */
  #backingOffSinceMs = 0;
  #trialUnderWay = false;
  #smoothedMs: number | null = null;
  #deviationMs = 0;
  #failingShare = 0;
  /** When the upstream last gave a sign of life, or a failure was last counted against it. */
  #lastEvidenceMs = Number.NEGATIVE_INFINITY;
  #lastAskedMs = Number.NEGATIVE_INFINITY;
  /** When the first question was asked of those since the last evidence; null: none. */
  #waitingSinceMs: number | null = null;

  /** Failures counted since the last answer. */
  get failures(): number {
    return this.#failures;
  }

  /** Null before the first answer. */
  get smoothedMs(): number | null {
    return this.#smoothedMs;
  }

  /** Smoothed share of SERVFAIL, REFUSED and the like among its answers, 0-1. */
  get failingShare(): number {
    return this.#failingShare;
  }

  /** Monotonic; minus infinity before the first question. */
  get lastAskedMs(): number {
    return this.#lastAskedMs;
  }

  get isUp(): boolean {
    return !this.#down;
  }

  /** How long an answer takes that is worth waiting for, 200 to 1500 ms: the retransmission time-out of RFC 6298 §2. */
  get waitMs(): number {
    if (this.#smoothedMs === null) return FIRST_WAIT_MS;
    return Math.min(Math.max(this.#smoothedMs + DEVIATIONS * this.#deviationMs, SHORTEST_WAIT_MS), LONGEST_WAIT_MS);
  }

  /** `alone`: no other upstream is up, so that the pause is short. */
  availability(nowMs: number, alone = false): Availability {
    if (!this.#down) return 'up';
    const pauseMs = alone ? Math.min(this.#backoffMs, MAX_LONELY_BACKOFF_MS) : this.#backoffMs;
    return !this.#trialUnderWay && nowMs >= this.#backingOffSinceMs + pauseMs ? 'due' : 'down';
  }

  /** Up, but silent for longer than its answers take, or a failure was counted: others are asked first. */
  isInDoubt(nowMs: number): boolean {
    return this.isUp && (this.#failures > 0 || (this.#waitingSinceMs !== null && nowMs - this.#waitingSinceMs > this.waitMs));
  }

  /** Whether a question waits since the last evidence: in doubt, one at a time is enough. */
  get isBeingAsked(): boolean {
    return this.#waitingSinceMs !== null;
  }

  noteAsked(nowMs: number): void {
    this.#lastAskedMs = nowMs;
    this.#waitingSinceMs ??= nowMs;
  }

  /** The question about to be sent is the trial: everyone else is kept away until it ends. */
  startTrial(): void {
    this.#trialUnderWay = true;
  }

  /** The question ended without evidence for or against the upstream. */
  noteNothing(wasTrial: boolean): void {
    if (wasTrial) this.#trialUnderWay = false;
    this.#waitingSinceMs = null;
  }

  /** Any well-formed answer, SERVFAIL included (`failing`), shows that the upstream is there. */
  noteAnswer(latencyMs: number, failing: boolean, nowMs: number): void {
    this.#down = false;
    this.#failures = 0;
    this.#backoffMs = 0;
    this.#trialUnderWay = false;
    this.#lastEvidenceMs = nowMs;
    this.#waitingSinceMs = null;
    this.#failingShare += ((failing ? 1 : 0) - this.#failingShare) * FAILING_WEIGHT;
    if (this.#smoothedMs === null) {
      this.#smoothedMs = latencyMs;
      this.#deviationMs = latencyMs / 2;
    } else {
      this.#deviationMs += (Math.abs(this.#smoothedMs - latencyMs) - this.#deviationMs) * DEVIATION_WEIGHT;
      this.#smoothedMs += (latencyMs - this.#smoothedMs) * LATENCY_WEIGHT;
    }
  }

  /**
   * A question asked at `askedAtMs` found the upstream silent (`timeout`) or unreachable.
   *
   * Silence may be the fault of the name: one session asking below a zone whose servers are slow must not take the upstream away
   * from all others. So a failure counts only if nothing at all came from the upstream since the question was asked, and
   * questions that waited side by side count once, as do those that one lost connection takes with it; and after going down by
   * silence the first trial is due at once.
   */
  noteFailure(kind: 'timeout' | 'unreachable', askedAtMs: number, wasTrial: boolean, nowMs: number): void {
    if (wasTrial) {
      this.#trialUnderWay = false;
      this.#backOff(nowMs);
    }
    this.#waitingSinceMs = null;
    if (this.#down) return;
    if (askedAtMs < this.#lastEvidenceMs) return;
    this.#lastEvidenceMs = nowMs;
    this.#failures++;
    if (this.#failures < FAILURES_TO_DOWN) return;
    this.#down = true;
    if (kind === 'timeout') this.#backingOffSinceMs = nowMs;
    else this.#backOff(nowMs);
  }

  #backOff(nowMs: number): void {
    this.#backoffMs = Math.min(Math.max(this.#backoffMs * 2, FIRST_BACKOFF_MS), MAX_BACKOFF_MS);
    this.#backingOffSinceMs = nowMs;
  }
}
