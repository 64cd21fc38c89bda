/**
 * Stages 5 to 9 without the charge: what Kennel thinks of one name asked by one session now. Changes nothing, so the pipeline,
 * `explain`, `score` and the check of search suffixes all run exactly this.
 */
import { assess } from '../../scoring/assess.ts';
import { type DecideInput, decide, type Verdict } from '../../scoring/decide.ts';
import { firstContactBudgets, isFirstContact } from '../../scoring/first-contact.ts';
import type { Assessment, Budgets, Observation } from '../../scoring/observation.ts';
import { budgetsFor } from '../../scoring/presets.ts';
import type { Asked } from '../../scoring/profile/session-profile.ts';
import type { SecretFound, SecretSearch } from '../../scoring/secrets/secret-matcher.ts';
import { questionKey } from '../cache/question-key.ts';
import { classifyName, type RoutedName } from '../policy/classify-name.ts';
import { measuredName } from '../policy/measured-name.ts';
import type { ListEntry, Policy } from '../policy/policy.ts';
import { domainBelow, type RegistrableDomain, registrableDomain } from '../policy/registrable-domain.ts';
import type { KeptQuestion, ScopeKind } from '../session/kept-names.ts';
import type { MeteredName, Price } from '../session/meters.ts';
import type { HeldRefusal, Session } from '../session/session.ts';
import type { QName } from '../wire/name.ts';
import { firstContactBitsLeft, knownParent } from './known-parent.ts';
import type { Pipeline } from './pipeline.ts';
import { type Planning, planKeeping, spentScope } from './plan-keeping.ts';
import type { CachedAnswer } from './ports.ts';
import { redactedParent } from './redact.ts';

/** How the answer would be had. */
export type LookUp =
  | { readonly kind: 'fresh'; readonly entry: CachedAnswer }
  /** With a query already under way. */
  | { readonly kind: 'in-flight' }
  /** By a send that must be paid for. */
  | { readonly kind: 'send' }
  /** No budget is left to pay a send, but Kennel asks this name again by itself; `begin`: what it begins to ask with this query. */
  | { readonly kind: 'kept'; readonly scope: ScopeKind; readonly begin: readonly KeptQuestion[] };

export interface Judgement {
  readonly qname: QName;
  readonly qtype: number;
  readonly routed: RoutedName;
  readonly domain: RegistrableDomain;
  readonly metered: MeteredName;
  readonly asked: Asked;
  readonly lookUp: LookUp;
  readonly price: Price | null;
  readonly observation: Observation;
  readonly assessment: Assessment;
  /** Always what enforcing would do. */
  readonly verdict: Verdict;
  readonly secret: SecretFound | null;
  /** What of secrets was seen in the name, also when it is not enough for a hit. */
  readonly searched: SecretSearch;
  /** Nobody asked below its parent until lately and nothing is known about it: the name gets only a few bits. */
  readonly firstContact: boolean;
  /** Without what first contact takes away. */
  readonly budgets: Budgets;
  /** The list entry that the verdict follows from or that covers the name. */
  readonly entry: ListEntry | null;
}

/** Bits count in full for a name nobody vouches for. The bound on what leaves is the budget divided by the weight. */
const WEIGHT = { trusted: 0, allowlisted: 0.1, popular: 0.1, encoder: 1, unlisted: 1 } as const;

/** What judging needs of the pipeline: nothing that sends, stores or records. */
export type Judging = Pick<Pipeline, 'inFlight' | 'ages' | 'secrets'> & Planning & { readonly cache: Pick<Pipeline['cache'], 'peek'> };

/** Judges a name that is neither answered locally nor a feedback name. `lookUp`: how the answer would be had, where not as it is. */
export function judge(
  k: Judging,
  session: Session,
  policy: Policy,
  routed: RoutedName,
  qname: QName,
  qtype: number,
  lookUp: LookUp = peek(k, k.partitions.of(policy.name, routed.group), qname, qtype),
): Judgement {
  const nowMs = k.clock.monotonicMs();
  const wallMs = k.clock.wallMs();
  const domain = routed.encoder === null ? registrableDomain(qname) : domainBelow(qname, routed.encoder);
  const unlisted = routed.standing === 'unlisted';
  const weight = routed.entry?.exact === true ? 0 : WEIGHT[routed.standing];
  const { allLabels, labelsAllowed, features, hash } = measuredName(qname, domain, session.profile.hashKey);
  const ordinaryBudgets = budgetsFor(policy.budgets, routed.encoder);
  const { parentRefillBitsPerDay: refillBitsPerDay } = ordinaryBudgets;
  const { parent, labels } = domain;
  const metered: MeteredName = { parent, labels, allLabels, key: qname, qtype, weight, unlisted, refillBitsPerDay };
  const searched = k.secrets.search(metered, session.trail);
  const secret = searched.found;

  const quarantined = k.quarantines.stateOf(session.key) === 'quarantined' && !policy.stillAllows(qname, routed.standing);
  const wouldSend = lookUp.kind === 'send' && !quarantined;
  const price = wouldSend ? k.meters.price(session.meters, metered, wallMs) : null;
  const known = knownParent(k, domain, wallMs);
  const age = unlisted ? known.age : 'unknown';
  const firstContact = unlisted && policy.firstContactBits !== null && isFirstContact(age, known.knownDays);
  // The apex and its types are free of the rule the first time: a site that nobody knows is reached, and its age then looked up.
  const isTenant = domain.icannDomain === null;
  const limited = firstContact && (isTenant || labels.length > 0 || k.meters.knowsPair(session.meters, metered, wallMs));
  const budgets = limited ? firstContactBudgets(ordinaryBudgets) : ordinaryBudgets;
  const { spent, remaining } = k.meters.read(session.meters, parent, budgets, wallMs);

  const typeAllowed = policy.allowedTypes.has(qtype);
  const unforwardable = !typeAllowed || !labelsAllowed;
  const shownParent = searched.inParent ? redactedParent(domain.parent) : domain.parent;
  const asked: Asked = { parent: shownParent, nameHash: hash, qtype, unforwardable, unlisted, atMs: nowMs };
  const observation: Observation = {
    name: features,
    qtype,
    standing: routed.standing,
    age,
    counts: session.profile.observe(asked),
    leakBits: price?.parentBits ?? 0,
    parentBits: spent.parentBits,
    sessionBits: spent.sessionBits,
    parentKnownDays: known.knownDays,
    dohEndpoint: routed.dohEndpoint,
    secret: secret !== null,
  };
  const assessment = assess(observation);

  const input: DecideInput = {
    assessment,
    thresholds: policy.thresholds,
    standing: routed.standing,
    listing: routed.listing,
    typeAllowed,
    labelsAllowed,
    knownName: wouldSend && k.meters.knows(session.meters, metered, wallMs),
    charge: price,
    remaining,
    quarantined,
    secret: secret?.kind ?? null,
    refusedDohEndpoint: routed.dohEndpoint && policy.refuseDohEndpoints,
    firstContactBits: limited ? firstContactBitsLeft(policy.firstContactBits, spent.parentBits, domain, allLabels) : null,
  };
  const verdict = ofItsTypes(decide(input), policy, qname, routed.entry);
  const judged = {
    qname,
    qtype,
    routed,
    domain,
    metered,
    asked,
    lookUp,
    price,
    observation,
    assessment,
    verdict,
    secret,
    searched,
    firstContact,
    budgets: ordinaryBudgets,
    entry: routed.entry,
  };

  // A spent budget takes no name away that was sent before: Kennel asks it again by itself, and this query pays for nothing.
  const scope = spentScope(verdict.reason);
  if (scope === null) return judged;
  const key = questionKey(k.partitions.of(policy.name, routed.group), qname, qtype);
  const begin = planKeeping(k, session, policy, { scope, domain, metered, key });
  if (begin === null) return judged;
  return { ...judged, lookUp: { kind: 'kept', scope, begin }, price: null, verdict: decide({ ...input, charge: null }) };
}

/**
 * Judges a query: the name asked, and the name that a search list hides in it. Returns the judgement of the name asked, with the
 * verdict, the assessment and the list entry of the hidden name where that is what refuses.
 *
 * The operator's block decides even where the name asked would be refused itself: it alone acts in observe mode.
 */
export function judgeQuery(
  k: Judging,
  session: Session,
  policy: Policy,
  routed: RoutedName,
  qname: QName,
  qtype: number,
  lookUp?: LookUp,
): Judgement {
  const own = judge(k, session, policy, routed, qname, qtype, lookUp);
  const hidden = judgeBehindSuffix(k, session, policy, routed, qtype);
  if (hidden === null || (refuses(own) && hidden.verdict.reason !== 'blocked')) return own;
  const { verdict, observation, assessment, entry } = hidden;
  return { ...own, verdict, observation, assessment, entry, searched: hidden.secret === null ? own.searched : hidden.searched };
}

/**
 * Judges what is left without the search suffix: `secret.evil.example.corp.example` is judged as `secret.evil.example` too, because
 * a stub resolver tries the suffixed form after any refusal, and the suffix's servers would see the refused octets.
 * Null when no suffix applies or the bare name would not be refused.
 */
function judgeBehindSuffix(k: Judging, session: Session, policy: Policy, outer: RoutedName, qtype: number): Judgement | null {
  if (outer.underSearchSuffix === null) return null;
  const bare = classifyName(policy, k.naming, outer.underSearchSuffix, qtype);
  if (bare.kind !== 'routed') return null;
  const judgement = judge(k, session, policy, bare, bare.name, qtype);
  return refuses(judgement) ? judgement : null;
}

/** What is held against the name asked or against the one that a search list hides in it, at `nowMs` (monotonic). */
export function heldAgainst(session: Session, qname: QName, routed: RoutedName, nowMs: number): HeldRefusal | null {
  const { underSearchSuffix } = routed;
  return session.heldRefusal(qname, nowMs) ?? (underSearchSuffix === null ? null : session.heldRefusal(underSearchSuffix, nowMs));
}

/** A list entry for some types denies those, or opens no others, and leaves the name. */
function ofItsTypes(verdict: Verdict, policy: Policy, qname: QName, entry: ListEntry | null): Verdict {
  const byType =
    verdict.reason === 'blocked' ? entry?.ofSomeTypes === true : verdict.reason === 'default-deny' && policy.dependsOnType(qname);
  return byType ? { ...verdict, refuseAs: 'type' } : verdict;
}

function refuses({ verdict }: Judgement): boolean {
  return verdict.kind === 'refuse' || verdict.kind === 'quarantine';
}

function peek(k: Judging, partition: string, qname: QName, qtype: number): LookUp {
  const entry = k.cache.peek(partition, qname, qtype, k.clock.monotonicMs());
  if (entry !== null) return { kind: 'fresh', entry };
  return k.inFlight.isInFlight(questionKey(partition, qname, qtype)) ? { kind: 'in-flight' } : { kind: 'send' };
}
