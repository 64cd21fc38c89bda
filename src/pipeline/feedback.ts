/**
 * Names below `kennel.internal`: what a session may ask about itself in-band, as TXT, because plain glibc shows no EDE.
 * Answered here, for the asking session only, without thresholds or list contents.
 */
import type { FeedbackTopic } from '../policy/classify-name.ts';
import { RCODE, RRTYPE } from '../wire/codes.ts';
import { soaRecord, txtRecord } from '../wire/rdata.ts';
import type { ResponseContent } from '../wire/response.ts';
import type { Pipeline } from './pipeline.ts';
import type { DecisionRecord } from './ports.ts';
import { explanation } from './refusal.ts';
import type { QueryContext } from './resolve-query.ts';

/** Says "now": a session that asks again wants the state of this moment. */
const FEEDBACK_TTL_SECONDS = 0;

/** The answer to a feedback name: TXT, NODATA for another type, NXDOMAIN when there is nothing to tell. */
export function answerFeedback(k: Pipeline, context: QueryContext, topic: FeedbackTopic): ResponseContent {
  const { qname, qtype } = context.query.question;
  const texts = textsOf(k, context, topic);
  if (texts !== null && qtype === RRTYPE.TXT) {
    return { rcode: RCODE.NOERROR, answers: texts.map((text) => txtRecord(qname, [text], FEEDBACK_TTL_SECONDS)), authority: [] };
  }
  const rcode = texts === null ? RCODE.NXDOMAIN : RCODE.NOERROR;
  return { rcode, answers: [], authority: [soaRecord(qname, FEEDBACK_TTL_SECONDS, FEEDBACK_TTL_SECONDS)] };
}

function textsOf(k: Pipeline, context: QueryContext, topic: FeedbackTopic): string[] | null {
  const { session, policy } = context;
  switch (topic.kind) {
    case 'apex':
      return [];
    case 'session':
      return [`session ${session.key}; state ${k.quarantines.stateOf(session.key)}; policy ${policy.name}; mode ${policy.mode}`];
    case 'last':
      return tell(k, session.recent.at(-1));
    case 'decision':
      return tell(
        k,
        session.recent.find((decision) => decision.id === topic.id),
      );
    case 'name':
      return (
        tell(
          k,
          session.recent.findLast((decision) => decision.qname === topic.name),
        ) ?? ['no decision is remembered about this name; nothing blocked it']
      );
    case 'unknown':
      return null;
  }
}

function tell(k: Pipeline, decision: DecisionRecord | undefined): string[] | null {
  if (decision === undefined) return null;
  if (decision.verdict === 'refuse' || decision.verdict === 'quarantine') {
    const quarantined = decision.verdict === 'quarantine' || decision.reason === 'quarantined';
    return [`${decision.qname} ${decision.qtype}: ${explanation(k, decision, quarantined)}; reason ${decision.reason}`];
  }
  return [`${decision.qname} ${decision.qtype}: answered; decision ${decision.id}; noted as ${decision.wouldVerdict} (${decision.reason})`];
}
