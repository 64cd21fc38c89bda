/**
 * The few statistics the report needs: quantiles, rates with intervals, ROC points. Pure; what is random takes a seed.
 */
import { randomFrom } from './random.ts';

/** The q-quantile (0-1) with linear interpolation between neighbours (type 7 of Hyndman and Fan 1996). NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** What one session (or one day of it) adds to a rate. */
export interface Counted {
  readonly events: number;
  readonly trials: number;
}

/** Events per trial with a 95 % interval. */
export interface Rate {
  readonly events: number;
  readonly trials: number;
  readonly rate: number;
  readonly low: number;
  readonly high: number;
  /** Where there was no event at all, the interval is the rule of three: up to 3 / trials (Hanley and Lippman-Hand 1983). */
  readonly by: 'bootstrap' | 'rule of three';
}

const RESAMPLES = 1_000;

/** The rate over all sessions; the interval by drawing whole sessions with replacement, because queries of one session hang together. */
export function rateOf(sessions: readonly Counted[], seed: string): Rate {
  const events = sum(sessions.map((session) => session.events));
  const trials = sum(sessions.map((session) => session.trials));
  if (trials === 0) return { events, trials, rate: Number.NaN, low: Number.NaN, high: Number.NaN, by: 'bootstrap' };
  if (events === 0) return { events, trials, rate: 0, low: 0, high: Math.min(1, 3 / trials), by: 'rule of three' };
  const random = randomFrom('bootstrap', seed);
  const rates: number[] = [];
  for (let resample = 0; resample < RESAMPLES; resample++) {
    let drawnEvents = 0;
    let drawnTrials = 0;
    for (let draw = 0; draw < sessions.length; draw++) {
      const session = random.pick(sessions);
      drawnEvents += session.events;
      drawnTrials += session.trials;
    }
    if (drawnTrials > 0) rates.push(drawnEvents / drawnTrials);
  }
  return { events, trials, rate: events / trials, low: quantile(rates, 0.025), high: quantile(rates, 0.975), by: 'bootstrap' };
}

export interface RocPoint {
  readonly threshold: number;
  /** Share of attacks at or above the threshold. */
  readonly truePositive: number;
  /** Share of benign sessions at or above the threshold. */
  readonly falsePositive: number;
}

/** One point a threshold; sessions at or above it count. */
export function rocPoints(attacks: readonly number[], benign: readonly number[], thresholds: readonly number[]): RocPoint[] {
  const share = (scores: readonly number[], threshold: number): number =>
    scores.length === 0 ? Number.NaN : scores.filter((score) => score >= threshold).length / scores.length;
  return thresholds.map((threshold) => ({
    threshold,
    truePositive: share(attacks, threshold),
    falsePositive: share(benign, threshold),
  }));
}

/** Odds that a random attack scores higher than a random benign session, ties counted half (Mann and Whitney). NaN of nothing. */
export function areaUnderRoc(attacks: readonly number[], benign: readonly number[]): number {
  const sorted = [...benign].sort((a, b) => a - b);
  let wins = 0;
  for (const score of attacks) {
    const below = firstAtLeast(sorted, score);
    let notAbove = below;
    while (notAbove < sorted.length && sorted[notAbove] === score) notAbove++;
    wins += below + (notAbove - below) / 2;
  }
  return wins / (attacks.length * benign.length);
}

function firstAtLeast(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
