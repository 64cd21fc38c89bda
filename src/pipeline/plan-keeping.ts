/**
 * Which names Kennel would ask again by itself when a budget cannot pay for one of them: those sent before in the scope that is spent.
 * Owns that choice and no more: pure, run by `judge`, so that `explain` says what a query would meet.
 *
 * The choice follows from what was charged and from the config, never from what else was asked. New names stay refused.
 */
import type { BitsPerScope, VerdictReason } from '../../scoring/decide.ts';
import { questionKey } from '../cache/question-key.ts';
import { classifyName } from '../policy/classify-name.ts';
import type { Policy } from '../policy/policy.ts';
import type { RegistrableDomain } from '../policy/registrable-domain.ts';
import type { SessionKey } from '../session/identify.ts';
import type { KeptQuestion, ScopeKind } from '../session/kept-names.ts';
import type { MeteredName } from '../session/meters.ts';
import type { Session } from '../session/session.ts';
import { fromLabels, labelsOf, type QName } from '../wire/name.ts';
import type { Pipeline } from './pipeline.ts';

/** Below one parent. */
const MAX_NAMES = 64;
/** Of one session over all parents: more than 2,048 bits can pay for. */
const MAX_SESSION_NAMES = 256;
/** Of one scope: no client may fill the schedule with the types of its names. */
const MAX_SCOPE_PAIRS = 512;

/** A question that a budget cannot pay for. */
export interface Unpaid {
  readonly scope: ScopeKind;
  readonly domain: RegistrableDomain;
  readonly metered: MeteredName;
  readonly key: string;
}

/** What planning needs of the pipeline. */
export type Planning = Pick<Pipeline, 'clock' | 'naming' | 'meters' | 'partitions'> & {
  readonly kept: Pick<Pipeline['kept'], 'has' | 'roomFor'>;
  readonly quarantines: Pick<Pipeline['quarantines'], 'stateOf'>;
};

const SCOPE_OF: Partial<Record<VerdictReason, ScopeKind>> = {
  'parent-budget': 'parent',
  'session-budget': 'session',
  'fleet-budget': 'fleet',
};

/** The scope that a refusal says is spent, or null when it was refused for another reason. */
export function spentScope(reason: VerdictReason): ScopeKind | null {
  return SCOPE_OF[reason] ?? null;
}

/** Bits left in one scope; null where there is no budget. */
export function bitsLeft(remaining: BitsPerScope<number | null>, scope: ScopeKind): number | null {
  return { parent: remaining.parentBits, session: remaining.sessionBits, fleet: remaining.fleetBits }[scope];
}

/**
 * The questions to begin with so that this one stays answered: none when it is kept already; null when it was never sent in the scope
 * that is spent, or cannot be kept.
 */
export function planKeeping(
  k: Planning,
  session: Session,
  policy: Policy,
  { scope, domain, metered, key }: Unpaid,
): readonly KeptQuestion[] | null {
  if (k.kept.has(key)) return [];
  // Whoever floods us with new names is told no at once. What the fleet has sent stays answered for a session that has not: otherwise two
  // sessions that spend the fleet's budget take a service away from all who come later (threat 31, docs/threats.md). Unless its policy
  // is to learn nothing of what others have asked (threat 24).
  const isolated = k.partitions.isIsolated(policy.name);
  if ((scope !== 'fleet' || isolated) && !k.meters.knowsPair(session.meters, metered, k.clock.wallMs())) return null;

  const limit = scope === 'session' ? MAX_SESSION_NAMES : MAX_NAMES;
  const below = scope === 'session' ? [] : labelsOf(domain.parentName);
  const questions: KeptQuestion[] = [];
  const sentBy = scope === 'fleet' && isolated ? 'parent' : scope;
  for (const { labels, qtype } of k.meters.knownPairs(session.meters, domain.parent, limit, sentBy)) {
    const qname = fromLabels([...labels, ...below]);
    const group = qname === null ? null : mayKeep(k, policy, scope === 'fleet' ? null : session.key, qname, qtype);
    if (qname === null || group === null) continue;
    const partition = k.partitions.of(policy.name, group);
    const question = { group, partition, qname, qtype, key: questionKey(partition, qname, qtype) };
    if (!k.kept.has(question.key)) questions.push(question);
  }
  const begin = questions.slice(0, Math.min(MAX_SCOPE_PAIRS, k.kept.roomFor(session.key)));
  return begin.some((question) => question.key === key) ? begin : null;
}

/**
 * The upstream group of a question that the operator's rules and the session's quarantine allow, else null. Scores are left out: they
 * depend on what clients ask, and what is kept must not. Whoever asks is judged with his own score, cached or not.
 */
export function mayKeep(
  k: Pick<Planning, 'naming' | 'quarantines'>,
  policy: Policy,
  session: SessionKey | null,
  qname: QName,
  qtype: number,
): string | null {
  const routed = classifyName(policy, k.naming, qname, qtype);
  // A record of ours may lead elsewhere by now: then this name goes to nobody.
  if (routed.kind !== 'routed' || routed.name !== qname) return null;
  if (routed.listing === 'blocked' || routed.listing === 'denied-by-default') return null;
  if (!policy.allowedTypes.has(qtype) || (routed.dohEndpoint && policy.refuseDohEndpoints)) return null;
  if (session !== null && k.quarantines.stateOf(session) === 'quarantined' && !policy.stillAllows(qname, routed.standing)) return null;
  const hidden = routed.underSearchSuffix === null ? null : classifyName(policy, k.naming, routed.underSearchSuffix, qtype);
  return hidden?.kind === 'routed' && hidden.listing === 'blocked' ? null : routed.group;
}
