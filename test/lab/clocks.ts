/** Clocks for tests: one that stands still until told, and one that runs and can be moved forward. */
import type { Clock } from '../../src/pipeline/ports.ts';

/** Stands still; `advance` is the passing of time. */
export class FakeClock implements Clock {
  #nowMs = 1_000_000;

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  advance(milliseconds: number): void {
    this.#nowMs += milliseconds;
  }
}

/** Real time plus what has been skipped: for tests over real sockets that cannot wait for a back-off. */
export class SkippingClock implements Clock {
  #skippedMs = 0;

  wallMs(): number {
    return Date.now() + this.#skippedMs;
  }

  monotonicMs(): number {
    return performance.now() + this.#skippedMs;
  }

  skip(milliseconds: number): void {
    this.#skippedMs += milliseconds;
  }
}
