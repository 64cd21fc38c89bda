/**
 * Which upstream of a group is asked first, and which one is asked beside it to learn how fast it is. Pure: what is known of the
 * upstreams, the time and the randomness are arguments, and nothing of a question is, so that no client chooses the upstream by
 * what it asks for.
 */

/**
 * `ordered`: as written. `fastest`: by the time an answer can be expected to take.
 * In both, an upstream in doubt stands behind those that are not, so that a dead one costs few clients time.
 */
export type Strategy = 'ordered' | 'fastest';

/** One upstream that may be asked. */
export interface Candidate {
  /** Null before its first answer. */
  readonly smoothedMs: number | null;
  /** Share of failures among its answers, 0-1. */
  readonly failingShare: number;
  readonly isInDoubt: boolean;
  /** Monotonic; minus infinity when it never was. */
  readonly lastAskedMs: number;
}

/** A failure is quick to come and means asking the next upstream: an upstream that refuses everything must not count as fast. */
const FAILING_COSTS_MS = 1_000;

/**
 * An upstream not asked for so long is explored: by a question that goes to the preferred one as well, so that nobody waits for it.
 * At most 12 more questions a minute for each upstream, whatever clients ask; a latency is forgotten (weight 1/8) in a minute or two.
 */
const EXPLORE_AFTER_MS = 5_000;

/** Not the first question after that time: which question an upstream sees is not for the asker to know. */
const EXPLORE_CHANCE = 1 / 4;

/** Indices of all candidates, the preferred one first. */
export function preference(strategy: Strategy, candidates: readonly Candidate[]): number[] {
  const cost = (index: number): number => (strategy === 'ordered' ? index : expectedMs(candidates[index]));
  const doubt = (index: number): number => (candidates[index]?.isInDoubt === true ? 1 : 0);
  return candidates.map((_, index) => index).sort((a, b) => doubt(a) - doubt(b) || compare(cost(a), cost(b)) || a - b);
}

/**
 * The index of the candidate to ask beside `preferred`, or null for none. `random` gives numbers in [0, 1).
 * In order, nothing is learned: which upstream is asked depends on no latency.
 */
export function explored(
  strategy: Strategy,
  candidates: readonly Candidate[],
  preferred: number,
  nowMs: number,
  random: () => number,
): number | null {
  if (strategy === 'ordered') return null;
  const stale = candidates.flatMap(({ isInDoubt, lastAskedMs }, index) =>
    index !== preferred && !isInDoubt && nowMs - lastAskedMs >= EXPLORE_AFTER_MS ? [index] : [],
  );
  if (stale.length === 0 || random() >= EXPLORE_CHANCE) return null;
  return stale[Math.floor(random() * stale.length)] ?? null;
}

/** Not known: behind those that are, until it has been explored. */
function expectedMs(candidate: Candidate | undefined): number {
  if (candidate === undefined || candidate.smoothedMs === null) return Number.POSITIVE_INFINITY;
  return candidate.smoothedMs + candidate.failingShare * FAILING_COSTS_MS;
}

function compare(a: number, b: number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
