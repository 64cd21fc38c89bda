/**
 * Turns one observation into a score of 0-100 with the reasons for it. Owns the sum, the weight of standing, the cap and floor, and
 * the rule for secrets; each signal's formula is in `signals/`, each signal's points in `model/weights.ts`. No clock, no I/O, no
 * limit is compared here.
 */
import { BASE_POINTS, CURVES } from './model/weights.ts';
import type { Assessment, Observation, Signal, Standing } from './observation.ts';
import { type FlatCurve, flatten, pointsAt, roundToStep } from './signals/curve.ts';
import { dohEndpointNamed } from './signals/doh-endpoint.ts';
import { domainAgeShown, domainYouthDays } from './signals/domain-age.ts';
import { downlinkBits, downlinkEntropyBits } from './signals/downlink.ts';
import { fanOutDoublings } from './signals/fan-out.ts';
import { parentVolumeBits, sessionVolumeBits, triedVolumeDoublings, unlistedParentCount } from './signals/information-volume.ts';
import { labelEntropyBits } from './signals/label-entropy.ts';
import { labelSurpriseBits } from './signals/label-surprise.ts';
import { labelCount, longestLabelOctets, nameLengthOctets } from './signals/name-length.ts';
import { neverRepeatedShare } from './signals/never-repeated.ts';
import { evenPauseShare, newNameDoublings } from './signals/new-name-timing.ts';
import { nxdomainShare } from './signals/nxdomain-share.ts';
import { parentNoveltyDays } from './signals/parent-novelty.ts';
import { bulkTypeShare } from './signals/query-type.ts';
import { tunnelFormDoublings } from './signals/tunnel-form.ts';

export type SignalName = keyof typeof CURVES;

export interface SignalRule {
  readonly name: SignalName;
  /** What the curve is read at. Null: nothing is known to measure, and the signal is left out, which is not the same as zero. */
  readonly measure: (observation: Observation) => number | null;
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
  { name: 'tunnel-form', measure: tunnelFormDoublings, shown: ({ counts }) => counts.unforwardableQueries },
  { name: 'fan-out', measure: fanOutDoublings, shown: ({ counts }) => counts.fanOut },
  { name: 'never-repeated', measure: neverRepeatedShare },
  { name: 'new-name-rate', measure: newNameDoublings, shown: ({ counts }) => counts.recentNewNames },
  { name: 'even-pauses', measure: evenPauseShare },
  { name: 'domain-youth', measure: domainYouthDays, shown: domainAgeShown },
  { name: 'parent-novelty', measure: parentNoveltyDays, shown: ({ parentKnownDays }) => parentKnownDays },
  { name: 'doh-endpoint', measure: dohEndpointNamed },
  { name: 'parent-bits', measure: parentVolumeBits },
  { name: 'tried-volume', measure: triedVolumeDoublings },
  { name: 'session-bits', measure: sessionVolumeBits },
  { name: 'unlisted-parents', measure: unlistedParentCount },
  { name: 'nxdomain-share', measure: nxdomainShare },
  { name: 'downlink-bits', measure: downlinkBits },
  { name: 'downlink-entropy', measure: downlinkEntropyBits },
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

const FLAT = Object.fromEntries(SIGNAL_RULES.map(({ name }) => [name, flatten(CURVES[name])])) as Readonly<Record<SignalName, FlatCurve>>;

/**
 * The score of one query and what it is made of. All contributions are multiples of a quarter, so they add up to the score exactly,
 * in any order. More fan-out, more bits, more length or a younger domain never lowers it.
 *
 * The reasons are put together when `signals` is read: most queries are let through and nobody asks why.
 */
export function assess(observation: Observation): Assessment {
  return new LazyAssessment(closed(signalPoints(observation), observation).score, observation);
}

/** A class, because a getter on a prototype costs nothing to make and one in an object literal 0.4 µs. */
class LazyAssessment implements Assessment {
  readonly score: number;
  readonly #observation: Observation;

  constructor(score: number, observation: Observation) {
    this.score = score;
    this.#observation = observation;
  }

  get signals(): readonly Signal[] {
    return reasons(this.#observation);
  }
}

/**
 * What `SIGNAL_RULES` add up to. Written out, because calls through a list cost three times as much for every query;
 * a property test holds the two to the same sum.
 */
function signalPoints(observation: Observation): number {
  return (
    BASE_POINTS +
    namePoints(observation) +
    pointsAt(FLAT['query-type'], bulkTypeShare(observation)) +
    pointsAt(FLAT['tunnel-form'], tunnelFormDoublings(observation)) +
    pointsAt(FLAT['fan-out'], fanOutDoublings(observation)) +
    pointsAt(FLAT['never-repeated'], neverRepeatedShare(observation)) +
    pointsAt(FLAT['new-name-rate'], newNameDoublings(observation)) +
    pointsAt(FLAT['even-pauses'], evenPauseShare(observation)) +
    pointsAt(FLAT['domain-youth'], domainYouthDays(observation)) +
    pointsAt(FLAT['parent-novelty'], parentNoveltyDays(observation)) +
    pointsAt(FLAT['doh-endpoint'], dohEndpointNamed(observation)) +
    pointsAt(FLAT['parent-bits'], parentVolumeBits(observation)) +
    pointsAt(FLAT['tried-volume'], triedVolumeDoublings(observation)) +
    pointsAt(FLAT['session-bits'], sessionVolumeBits(observation)) +
    pointsAt(FLAT['unlisted-parents'], unlistedParentCount(observation)) +
    pointsIfKnown(FLAT['nxdomain-share'], nxdomainShare(observation)) +
    pointsIfKnown(FLAT['downlink-bits'], downlinkBits(observation)) +
    pointsIfKnown(FLAT['downlink-entropy'], downlinkEntropyBits(observation))
  );
}

/** Of the signals that the name alone decides, kept for as long as somebody keeps the name's features. */
function namePoints(observation: Observation): number {
  const { name } = observation;
  if (name.points === null) {
    name.points =
      pointsAt(FLAT['label-entropy'], labelEntropyBits(observation)) +
      pointsAt(FLAT['label-surprise'], labelSurpriseBits(observation)) +
      pointsAt(FLAT['name-length'], nameLengthOctets(observation)) +
      pointsAt(FLAT['longest-label'], longestLabelOctets(observation)) +
      pointsAt(FLAT['label-count'], labelCount(observation));
  }
  return name.points;
}

function pointsIfKnown(curve: FlatCurve, value: number | null): number {
  return value === null ? 0 : pointsAt(curve, value);
}

/** What is done to the sum of the signals: each step is a contribution of its own. */
interface Closed {
  readonly standing: number;
  readonly cap: number;
  readonly floor: number;
  readonly secret: number;
  readonly score: number;
}

function closed(points: number, { standing, secret }: Observation): Closed {
  const weighted = points > 0 ? roundToStep(points * STANDING_WEIGHTS[standing]) : points;
  const limited = Math.max(Math.min(weighted, MAX_SCORE), 0);
  // A rule and nothing fitted: one secret fits into one query, whoever vouches for the parent.
  const score = secret ? MAX_SCORE : limited;
  return {
    standing: weighted - points,
    cap: Math.min(limited - weighted, 0),
    floor: Math.max(limited - weighted, 0),
    secret: score - limited,
    score,
  };
}

function reasons(observation: Observation): Signal[] {
  const signals: Signal[] = [{ name: 'base', value: 1, contribution: BASE_POINTS }];
  let points: number = BASE_POINTS;
  for (const { name, measure, shown } of SIGNAL_RULES) {
    const measured = measure(observation);
    if (measured === null) continue;
    const contribution = pointsAt(FLAT[name], measured);
    signals.push({ name, value: shown?.(observation) ?? measured, contribution });
    points += contribution;
  }
  const { standing, cap, floor, secret } = closed(points, observation);
  const weight = STANDING_WEIGHTS[observation.standing];
  if (weight !== 1) signals.push({ name: `standing-${observation.standing}`, value: weight, contribution: standing });
  if (cap < 0) signals.push({ name: 'cap', value: MAX_SCORE, contribution: cap });
  if (floor > 0) signals.push({ name: 'floor', value: 0, contribution: floor });
  if (observation.secret) signals.push({ name: 'secret', value: 1, contribution: secret });
  return signals;
}
