/**
 * Wall time that never jumps while the process lives: the wall clock once, then the monotonic one. Quarantines expire by it, so that
 * setting a machine's clock releases nobody (threat 28, docs/threats.md). It tells how far the wall clock has gone off, so that
 * records can follow.
 */
import type { Clock } from '../pipeline/ports.ts';

export class SteadyClock {
  readonly #clock: Clock;
  #wallMs: number;
  #monotonicMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wallMs = clock.wallMs();
    this.#monotonicMs = clock.monotonicMs();
  }

  nowMs(): number {
    return this.#wallMs + (this.#clock.monotonicMs() - this.#monotonicMs);
  }

  /** Time that is known to have passed already: a wall clock behind it is wrong. */
  notBefore(wallMs: number): void {
    const behindMs = wallMs - this.nowMs();
    if (behindMs > 0) this.#wallMs += behindMs;
  }

  /** How far the wall clock is ahead; negative when it was set back. */
  wallAheadMs(): number {
    return this.#clock.wallMs() - this.nowMs();
  }

  /** Goes on from a wall clock that was set forward. */
  moveForward(byMs: number): void {
    this.#wallMs += byMs;
  }
}
