/** A clock that only moves when told: both hands together, or the wall alone as when somebody sets it. */
import type { Clock } from '../../../src/pipeline/ports.ts';

export class TurningClock implements Clock {
  #wallMs = Date.UTC(2026, 0, 1);
  #monotonicMs = 5_000;

  wallMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  pass(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
  }

  setWall(byMs: number): void {
    this.#wallMs += byMs;
  }
}
