/**
 * `explain`: the pipeline's own judgement of a name, said without asking it. Charges nothing, records nothing, makes no session and
 * starts no look-up.
 */
import { classifyName } from '../policy/classify-name.ts';
import { RRTYPE, typeName } from '../wire/codes.ts';
import { type QName, toPresentation } from '../wire/name.ts';
import { actOn } from './apply-mode.ts';
import { heldAgainst, judgeQuery } from './judge.ts';
import type { Pipeline } from './pipeline.ts';
import type { Explanation } from './ports.ts';
import { describe } from './record.ts';

/** What would happen if the session at `address` asked `qname` now. */
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
  const said = describe(judgement);
  return {
    ...here,
    qname: said.qname,
    registrableDomain: said.parent,
    score: said.score,
    signals: said.signals,
    leakBits: said.leakBits,
    verdict: held === null ? judgement.verdict.kind : 'refuse',
    acting: held === null ? actOn(k, policy, address, judgement.verdict).kind : 'refuse',
    reason: held === null ? said.reason : held.decision.reason,
    rule: said.rule,
  };
}
