/**
 * Whether one upstream is worth asking: up, or down with a growing back-off and one trial at a time (half-open). Pure state; time
 * is passed in. Sending trials is the group's work: a trial is always a permitted question, never one made up for the purpose.
 */

/** Failures in a row, as counted below, until an upstream counts as down. */
const FAILURES_TO_DOWN = 3;
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;

/** Weight of the newest latency in the smoothed one, as for TCP's round-trip time (RFC 6298 §2). */
const LATENCY_WEIGHT = 1 / 8;

/** `due`: down, and the next question may be the trial. */
export type Availability = 'up' | 'due' | 'down';

export class UpstreamHealth {
  #down = false;
  #failures = 0;
  #backoffMs = 0;
  #retryAtMs = 0;
  #trialUnderWay = false;
  #smoothedMs: number | null = null;
  /** When the upstream last gave a sign of life, or a failure was last counted against it. */
  #lastEvidenceMs = Number.NEGATIVE_INFINITY;

  /** Failures counted since the last answer. */
  get failures(): number {
    return this.#failures;
  }

  /** For display; null before the first answer. */
  get smoothedMs(): number | null {
    return this.#smoothedMs;
  }

  get isUp(): boolean {
    return !this.#down;
  }

  availability(nowMs: number): Availability {
    if (!this.#down) return 'up';
    return !this.#trialUnderWay && nowMs >= this.#retryAtMs ? 'due' : 'down';
  }

  /** The question about to be sent is the trial: everyone else is kept away until it ends. */
  startTrial(): void {
    this.#trialUnderWay = true;
  }

  /** The trial ended without evidence for or against the upstream. */
  cancelTrial(): void {
    this.#trialUnderWay = false;
  }

  /** Any well-formed answer, SERVFAIL included, shows that the upstream is there. */
  noteAnswer(latencyMs: number, nowMs: number): void {
    this.#down = false;
    this.#failures = 0;
    this.#backoffMs = 0;
    this.#trialUnderWay = false;
    this.#lastEvidenceMs = nowMs;
    this.#smoothedMs = this.#smoothedMs === null ? latencyMs : this.#smoothedMs + (latencyMs - this.#smoothedMs) * LATENCY_WEIGHT;
  }

  /**
   * A question asked at `askedAtMs` found the upstream silent (`timeout`) or unreachable.
   *
   * Silence may be the fault of the name: one session asking below a zone whose servers are slow must not take the upstream away
   * from all others. So a time-out counts only if nothing at all came from the upstream since the question was asked, and
   * questions that waited side by side count once; and after going down by silence the first trial is due at once.
   */
  noteFailure(kind: 'timeout' | 'unreachable', askedAtMs: number, wasTrial: boolean, nowMs: number): void {
    if (wasTrial) {
      this.#trialUnderWay = false;
      this.#backOff(nowMs);
    }
    if (this.#down) return;
    if (kind === 'timeout' && askedAtMs < this.#lastEvidenceMs) return;
    this.#lastEvidenceMs = nowMs;
    this.#failures++;
    if (this.#failures < FAILURES_TO_DOWN) return;
    this.#down = true;
    if (kind === 'timeout') this.#retryAtMs = nowMs;
    else this.#backOff(nowMs);
  }

  #backOff(nowMs: number): void {
    this.#backoffMs = Math.min(Math.max(this.#backoffMs * 2, FIRST_BACKOFF_MS), MAX_BACKOFF_MS);
    this.#retryAtMs = nowMs + this.#backoffMs;
  }
}
