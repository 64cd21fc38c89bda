/**
 * 10. inspectResponse: what an answer points at may raise the verdict after the fact. Runs on cached answers too, because the
 * cache is shared between policies and verdicts are never stored with answers.
 */
import type { AliasFinding } from '../policy/aliases.ts';
import type { RoutedName } from '../policy/classify-name.ts';
import { RCODE, rcodeName, typeName } from '../wire/codes.ts';
import { toPresentation } from '../wire/name.ts';
import type { Pipeline, QueryContext } from './pipeline.ts';
import type { CachedAnswer, DecisionRecord } from './ports.ts';
import { circumstances } from './record.ts';

/** An answer that is not given. */
export interface Withheld {
  readonly decision: DecisionRecord;
  readonly refuseAs: 'name' | 'type';
  readonly rcode: number;
}

/**
 * The decision that withholds an answer whose alias or address hint leads to a blocked name or a private address; null when it
 * may pass. Acts in both modes: the operator wrote the block, and rebinding protection is no inference.
 */
export function inspectResponse(
  k: Pipeline,
  context: QueryContext,
  routed: RoutedName,
  answer: CachedAnswer,
  forwarded: boolean,
): Withheld | null {
  const { session, policy, query } = context;
  const finding = k.aliasRules.check(policy, routed, routed.name, query.question.qtype, answer.answers);
  if (finding === null) return null;
  // NXDOMAIN for a type that a list alone refuses would take the other types with it.
  const refuseAs = finding.reason === 'blocked-alias' && finding.entry.ofSomeTypes ? 'type' : 'name';
  const rcode = refuseAs === 'type' ? RCODE.NOERROR : RCODE.NXDOMAIN;

  const decision: DecisionRecord = {
    ...circumstances(k, context),
    verdict: 'refuse',
    wouldVerdict: 'refuse',
    reason: finding.reason,
    rule: ruleOf(finding),
    score: 0,
    signals: [],
    qname: toPresentation(routed.name),
    qtype: typeName(query.question.qtype),
    parent: '',
    leakBits: 0,
    forwarded,
    rcode: rcodeName(rcode),
    durationMs: k.clock.monotonicMs() - context.startedMs,
  };
  session.remember(decision);
  k.decisions.record(decision);
  k.metrics.decided('refuse', finding.reason, policy.name, policy.mode, 0);
  return { decision, refuseAs, rcode };
}

/** What withholds an answer, in a record's words. */
export function ruleOf(finding: AliasFinding): string {
  return finding.reason === 'rebinding' ? finding.address : finding.entry.rule;
}
