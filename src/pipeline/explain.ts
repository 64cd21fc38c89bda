/**
 * `explain`: the pipeline's own judgement of a name, said without asking it. Charges nothing, records nothing, makes no session and
 * starts no look-up.
 */
import { classifyName, type RoutedName } from '../policy/classify-name.ts';
import type { Policy } from '../policy/policy.ts';
import { RRTYPE, typeName } from '../wire/codes.ts';
import { type QName, toPresentation } from '../wire/name.ts';
import { actOn } from './apply-mode.ts';
import { ruleOf } from './inspect-response.ts';
import { heldAgainst, type Judgement, judgeQuery } from './judge.ts';
import type { Pipeline } from './pipeline.ts';
import type { Explanation } from './ports.ts';
import { describe } from './record.ts';

/**
 * What would happen if the session at `address` asked `qname` now. What an answer leads to is known of a cached one only: the answer to
 * a question that would be sent may still be withheld.
 */
export function explain(k: Pipeline, qname: QName, qtype: number, address: string, sessionKey: string): Explanation {
  const nowMs = k.clock.wallMs();
  const session = k.sessions.peek(sessionKey) ?? k.sessions.recall(sessionKey, nowMs);
  const policy = k.policies.choose(address, session.listener);
  const here = {
    qname: toPresentation(qname),
    qtype: typeName(qtype),
    policy: policy.name,
    session: sessionKey,
    sessionState: k.quarantines.stateOf(sessionKey),
  };
  const classified = classifyName(policy, k.naming, qname, qtype);
  const held = classified.kind === 'routed' ? heldAgainst(session, classified.name, classified, k.clock.monotonicMs()) : null;
  if (classified.kind !== 'routed' || (qtype === RRTYPE.ANY && held === null)) {
    return {
      ...here,
      registrableDomain: null,
      score: 0,
      signals: [],
      leakBits: 0,
      verdict: 'allow',
      acting: 'allow',
      reason: 'local',
      rule: null,
    };
  }
  const judgement = judgeQuery(k, session, policy, classified, classified.name, qtype);
  const { reason, rule, qname: told, parent, ...said } = describe(judgement);
  const explained = { ...here, ...said, qname: told, registrableDomain: parent };
  if (held !== null) return { ...explained, verdict: 'refuse', acting: 'refuse', reason: held.decision.reason, rule };
  const acting = actOn(k, policy, address, judgement.verdict).kind;
  const withheld = acting === 'allow' || acting === 'flag' ? whyWithheld(k, policy, classified, judgement) : null;
  if (withheld !== null) return { ...explained, verdict: 'refuse', acting: 'refuse', ...withheld };
  return { ...explained, verdict: judgement.verdict.kind, acting, reason, rule };
}

/** Why the cached answer would not be given, if that is so. */
function whyWithheld(
  k: Pipeline,
  policy: Policy,
  routed: RoutedName,
  { lookUp, qtype }: Judgement,
): Pick<Explanation, 'reason' | 'rule'> | null {
  if (lookUp.kind !== 'fresh') return null;
  const finding = k.aliasRules.check(policy, routed, routed.name, qtype, lookUp.entry.answers);
  return finding === null ? null : { reason: finding.reason, rule: ruleOf(finding) };
}
