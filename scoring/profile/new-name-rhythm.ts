/**
 * When new names appear below one parent: how many of late, and how alike the pauses between them are. Five numbers a parent.
 * New names only, because polling a known name by the clock is what every device does. Owns the counts; what they are worth is
 * `signals/new-name-timing.ts`.
 */

/** After this time a new name counts half. */
const HALF_LIFE_MS = 300_000;

/** New names closer together than this belong to one burst: below it the network sets the pace, not a timer. */
const BURST_MS = 1_000;

/** Two pauses are alike within this part of the longer one. Of pauses at random (Poisson), one in nineteen is. */
const ALIKE = 0.1;

export class NewNameRhythm {
  #recent = 0;
  #recentAtMs = 0;
  /** When the last burst began, and the pause before it; 0 when there was none. */
  #burstMs = Number.NEGATIVE_INFINITY;
  #pauseMs = 0;
  /** Pauses that were compared with the one before, and those alike. They only grow: one long pause spoils two comparisons, no more. */
  pauses = 0;
  evenPauses = 0;

  /** New names of late at `atMs` (monotonic milliseconds), each halved every five minutes. */
  recentAt(atMs: number): number {
    if (this.#recent === 0) return 0;
    const passedMs = atMs - this.#recentAtMs;
    return passedMs > 0 ? this.#recent * 2 ** (-passedMs / HALF_LIFE_MS) : this.#recent;
  }

  /** What a new name at `atMs` would add to the pauses. */
  pauseWith(atMs: number): 'none' | 'uneven' | 'even' {
    const pauseMs = atMs - this.#burstMs;
    if (pauseMs < BURST_MS || this.#pauseMs === 0) return 'none';
    return Math.abs(pauseMs - this.#pauseMs) <= ALIKE * Math.max(pauseMs, this.#pauseMs) ? 'even' : 'uneven';
  }

  /** Adds new names that appeared at `atMs`. */
  add(count: number, atMs: number): void {
    this.#recent = this.recentAt(atMs) + count;
    this.#recentAtMs = Math.max(this.#recentAtMs, atMs);
    const pause = this.pauseWith(atMs);
    if (pause !== 'none') this.pauses += 1;
    if (pause === 'even') this.evenPauses += 1;
    const pauseMs = atMs - this.#burstMs;
    if (pauseMs < BURST_MS) return;
    if (Number.isFinite(pauseMs)) this.#pauseMs = pauseMs;
    this.#burstMs = atMs;
  }
}
