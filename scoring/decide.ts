/**
 * Turns an assessment, the rules that apply and the budgets left into one verdict: the only comparison with a threshold or a budget.
 * Always the enforcing verdict; what a mode makes of it, and charging, are the caller's work.
 */
import type { Assessment, Standing, Thresholds } from './observation.ts';

export type VerdictReason =
  | 'allowed'
  | 'flagged'
  | 'quarantined'
  | 'blocked'
  | 'type'
  | 'label-octets'
  | 'default-deny'
  | 'doh-endpoint'
  | 'secret'
  | 'canary'
  | 'key-shape'
  | 'first-contact'
  | 'score'
  | 'parent-budget'
  | 'session-budget'
  | 'fleet-budget';

export interface DecideInput {
  readonly assessment: Assessment;
  readonly thresholds: Thresholds;
  readonly standing: Standing;
  /** What the operator's lists and the policy's default say about the name. */
  readonly listing: 'allowed' | 'blocked' | 'denied-by-default' | 'none';
  readonly typeAllowed: boolean;
  /** No label holds an octet above 126. */
  readonly labelsAllowed: boolean;
  /** The name has gone upstream for this session before. */
  readonly knownName: boolean;
  /** Bits that sending would cost in each scope; null when nothing would be sent. */
  readonly charge: BitsPerScope<number> | null;
  /** Bits left in each scope; null where there is no budget. */
  readonly remaining: BitsPerScope<number | null>;
  /** The session is in quarantine already. */
  readonly quarantined: boolean;
  /** What was found in the name, if anything. */
  readonly secret: 'secret' | 'canary' | 'key-shape' | null;
  /** A known DNS-over-HTTPS service that the policy refuses. */
  readonly refusedDohEndpoint: boolean;
  /** Bits one name may cost because its parent is new to everybody; null when it isn't, or the policy doesn't mind. */
  readonly firstContactBits: number | null;
}

export interface BitsPerScope<Bits> {
  readonly parentBits: Bits;
  readonly sessionBits: Bits;
  readonly fleetBits: Bits;
}

export interface Verdict {
  readonly kind: 'allow' | 'flag' | 'refuse' | 'quarantine';
  readonly reason: VerdictReason;
  /** Whether a refusal denies the name (NXDOMAIN) or only the type (NODATA); null when the query passes. */
  readonly refuseAs: 'name' | 'type' | null;
}

/**
 * Kept back from new names for the ones already known: the further types of the last name that fits (AAAA, HTTPS, about 2 × 5 bits)
 * and their refreshes (1,440 predicted ones cost about 8 bits). A spent budget then takes no name away that worked.
 */
export const KNOWN_NAMES_RESERVE_BITS = 64;

/**
 * The verdict for one query.
 *
 * Order: the operator's block and a quarantined session need no score, and the block is first because it acts in observe mode too,
 * where a quarantine left over from enforcing does not. The quarantine threshold comes before the rules about types,
 * octets and the default, because a tunnel whose every query is refused by such a rule must still end in quarantine.
 * Budgets come last of the refusals: a name refused for another reason must not read as a spent budget.
 */
export function decide(input: DecideInput): Verdict {
  const { assessment, thresholds } = input;
  if (input.listing === 'blocked') return refusal('blocked', 'name');
  if (input.quarantined) return refusal('quarantined', 'name');
  // One hit is enough, whatever the score: a secret fits into one query.
  if (input.secret !== null) return { kind: 'quarantine', reason: input.secret, refuseAs: 'name' };
  // Written so that NaN, an error in a signal, never passes.
  if (!(assessment.score < thresholds.quarantine)) return { kind: 'quarantine', reason: 'score', refuseAs: 'name' };
  if (!input.typeAllowed) return refusal('type', 'type');
  if (!input.labelsAllowed) return refusal('label-octets', 'name');
  if (input.listing === 'denied-by-default') return refusal('default-deny', 'name');
  if (input.refusedDohEndpoint) return refusal('doh-endpoint', 'name');
  if (assessment.score >= thresholds.refuse) return refusal('score', refusalScope(input));
  if (isFirstContactTooLong(input)) return refusal('first-contact', 'name');
  const spent = spentBudget(input);
  if (spent !== null) return refusal(spent, refusalScope(input));
  if (assessment.score >= thresholds.flag) return { kind: 'flag', reason: 'flagged', refuseAs: null };
  return { kind: 'allow', reason: 'allowed', refuseAs: null };
}

function refusal(reason: VerdictReason, refuseAs: 'name' | 'type'): Verdict {
  return { kind: 'refuse', reason, refuseAs };
}

/** NXDOMAIN would contradict an answer already given for another type of the name, and clients keep it for all types. */
function refusalScope(input: DecideInput): 'name' | 'type' {
  return input.knownName ? 'type' : 'name';
}

function spentBudget(input: DecideInput): 'parent-budget' | 'session-budget' | 'fleet-budget' | null {
  const { charge, remaining } = input;
  if (charge === null || input.standing === 'trusted') return null;
  // What costs nothing (a name that an allow entry spells out) passes whatever has been spent: its further types cost nothing either.
  const neededBits = (bits: number): number => (input.knownName || bits === 0 ? bits : bits + KNOWN_NAMES_RESERVE_BITS);
  if (exceeds(neededBits(charge.parentBits), remaining.parentBits)) return 'parent-budget';
  if (exceeds(neededBits(charge.sessionBits), remaining.sessionBits)) return 'session-budget';
  if (exceeds(neededBits(charge.fleetBits), remaining.fleetBits)) return 'fleet-budget';
  return null;
}

/** Names that were sent before stay answered; apex and common host names are cheap by the prior. */
function isFirstContactTooLong({ charge, firstContactBits, knownName }: DecideInput): boolean {
  return charge !== null && firstContactBits !== null && !knownName && !(charge.parentBits <= firstContactBits);
}

function exceeds(neededBits: number, remainingBits: number | null): boolean {
  // Written so that NaN counts as too much: an error in a meter must not open it.
  return remainingBits !== null && !(neededBits <= remainingBits);
}
