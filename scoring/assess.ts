/**
 * Turns one observation into a score of 0-100 with the reasons for it. Owns the sum, the weight of standing, and the cap and floor;
 * each signal's formula is in `signals/`, each signal's points in `model/weights.ts`. No clock, no I/O, no limit is compared here.
 */
import { BASE_POINTS, CURVES } from './model/weights.ts';
import type { Assessment, Observation, Signal, Standing } from './observation.ts';
import { pointsAt, roundToStep } from './signals/curve.ts';
import { domainAgeShown, domainYouthDays } from './signals/domain-age.ts';
import { fanOutDoublings } from './signals/fan-out.ts';
import { parentVolumeBits, sessionVolumeBits, triedVolumeDoublings, unlistedParentCount } from './signals/information-volume.ts';
import { labelEntropyBits } from './signals/label-entropy.ts';
import { labelSurpriseBits } from './signals/label-surprise.ts';
import { labelCount, longestLabelOctets, nameLengthOctets } from './signals/name-length.ts';
import { bulkTypeShare } from './signals/query-type.ts';
import { tunnelFormDoublings } from './signals/tunnel-form.ts';

export type SignalName = keyof typeof CURVES;

export interface SignalRule {
  readonly name: SignalName;
  /** What the curve is read at. */
  readonly measure: (observation: Observation) => number;
  /** What is shown as the value, where that is not the measure itself. */
  readonly shown?: (observation: Observation) => number;
}

export const SIGNAL_RULES: readonly SignalRule[] = [
  { name: 'label-entropy', measure: labelEntropyBits },
  { name: 'label-surprise', measure: labelSurpriseBits },
  { name: 'name-length', measure: nameLengthOctets },
  { name: 'longest-label', measure: longestLabelOctets },
  { name: 'label-count', measure: labelCount },
  { name: 'query-type', measure: bulkTypeShare },
  { name: 'tunnel-form', measure: tunnelFormDoublings, shown: ({ unforwardableQueries }) => unforwardableQueries },
  { name: 'fan-out', measure: fanOutDoublings, shown: ({ fanOut }) => fanOut },
  { name: 'domain-youth', measure: domainYouthDays, shown: domainAgeShown },
  { name: 'parent-bits', measure: parentVolumeBits },
  { name: 'tried-volume', measure: triedVolumeDoublings },
  { name: 'session-bits', measure: sessionVolumeBits },
  { name: 'unlisted-parents', measure: unlistedParentCount },
];

/** How much of the points stays, by who vouches for the parent. None is exempt. */
export const STANDING_WEIGHTS: Readonly<Record<Standing, number>> = {
  trusted: 0.05,
  allowlisted: 0.1,
  popular: 0.1,
  encoder: 0.1,
  unlisted: 1,
};

const MAX_SCORE = 100;

/**
 * The score of one query and what it is made of. All contributions are multiples of a quarter, so they add up to the score exactly.
 * More fan-out, more bits, more length or a younger domain never lowers it.
 */
export function assess(observation: Observation): Assessment {
  const signals: Signal[] = [{ name: 'base', value: 1, contribution: BASE_POINTS }];
  for (const { name, measure, shown } of SIGNAL_RULES) {
    const measured = measure(observation);
    signals.push({ name, value: shown?.(observation) ?? measured, contribution: pointsAt(CURVES[name], measured) });
  }
  addStanding(signals, observation.standing);
  addLimits(signals);
  return { score: total(signals), signals };
}

function addStanding(signals: Signal[], standing: Standing): void {
  const weight = STANDING_WEIGHTS[standing];
  const points = total(signals);
  if (weight === 1 || points <= 0) return;
  signals.push({ name: `standing-${standing}`, value: weight, contribution: roundToStep(points * weight) - points });
}

function addLimits(signals: Signal[]): void {
  const points = total(signals);
  if (points > MAX_SCORE) signals.push({ name: 'cap', value: MAX_SCORE, contribution: MAX_SCORE - points });
  if (points < 0) signals.push({ name: 'floor', value: 0, contribution: -points });
}

function total(signals: readonly Signal[]): number {
  let points = 0;
  for (const { contribution } of signals) points += contribution;
  return points;
}
