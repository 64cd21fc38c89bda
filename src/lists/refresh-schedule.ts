/**
 * When a list is looked at again: never all at once, soon after a failure and then ever later. Pure arithmetic on milliseconds;
 * `random` is a number from 0 up to 1.
 */

/** Of the interval, to both sides: lists that were fetched together drift apart. */
const JITTER = 0.1;

/** After a start, lists whose time has come are spread over this time, so that a fleet that restarts is no flood. */
const START_SPREAD_MS = 120_000;

const FIRST_RETRY_MS = 30_000;

/** After a success. */
export function nextAfterSuccess(refreshMs: number, random: number): number {
  return refreshMs * (1 - JITTER + 2 * JITTER * random);
}

/** After the `failures`-th failure in a row: 30 s, doubled each time, at most the interval. */
export function nextAfterFailure(failures: number, refreshMs: number, random: number): number {
  const doubled = FIRST_RETRY_MS * 2 ** Math.min(30, Math.max(0, failures - 1));
  return Math.min(refreshMs, doubled) * (1 - 2 * JITTER * random);
}

/** At a start, for a copy that was last seen to be current `ageMs` ago. */
export function nextAfterStart(ageMs: number, refreshMs: number, random: number): number {
  const leftMs = refreshMs - ageMs;
  // Also where the wall clock has gone back: a copy of the future is looked at within one interval.
  return leftMs > 0 ? Math.min(leftMs, refreshMs) : START_SPREAD_MS * random;
}
