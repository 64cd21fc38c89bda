/**
 * Names below `kennel.internal`: what a session may ask about itself in-band, as TXT, because plain glibc shows no EDE.
 * Answered here, for the asking session only, without thresholds or list contents.
 */
import type { FeedbackTopic } from '../policy/classify-name.ts';
import { registrableDomain } from '../policy/registrable-domain.ts';
import type { RememberedDecision } from '../session/session.ts';
import { RCODE, RRTYPE } from '../wire/codes.ts';
import { fromPresentation, labelsOf } from '../wire/name.ts';
import { soaRecord, txtRecord } from '../wire/rdata.ts';
import type { ResponseContent } from '../wire/response.ts';
import type { Pipeline, QueryContext } from './pipeline.ts';
import { toldName } from './redact.ts';
import { explanation, tellsOfQuarantine } from './refusal.ts';

/** Says "now": a session that asks again wants the state of this moment. */
const FEEDBACK_TTL_SECONDS = 0;

/** The answer to a feedback name: TXT, NODATA for another type, NXDOMAIN when there is nothing to tell. */
export function answerFeedback(k: Pipeline, context: QueryContext, topic: FeedbackTopic): ResponseContent {
  const { qname, qtype } = context.query.question;
  const texts = textsOf(k, context, topic);
  if (texts !== null && texts.length > 0 && qtype === RRTYPE.TXT) {
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
      return [`session ${session.key}; state ${toldState(k, session.key)}; policy ${policy.name}; mode ${policy.mode}`];
    case 'last':
      return tell(k, session.recent.at(-1));
    case 'decision': {
      const decision = session.recent.find(({ id }) => id === topic.id);
      return tell(k, decision);
    }
    case 'name': {
      const told = toldOf(k, context, topic.name);
      const decision = session.recent.findLast(({ qname }) => qname === told);
      return tell(k, decision) ?? ['no decision is remembered about this name; nothing blocked it'];
    }
    case 'unknown':
      return null;
  }
}

/** A name in which a secret is found stands in the decisions without it. */
function toldOf(k: Pipeline, { session }: QueryContext, name: string): string {
  const qname = fromPresentation(name);
  if (qname === null) return name;
  const domain = registrableDomain(qname);
  const searched = k.secrets.search({ ...domain, allLabels: labelsOf(qname) }, session.trail);
  return toldName({ searched, domain }, name).qname;
}

/** A quarantine that is not on disk yet is not told; the session is refused all the same. */
function toldState(k: Pipeline, sessionKey: string): string {
  const state = k.quarantines.stateOf(sessionKey);
  return state === 'quarantined' && !k.quarantines.isOnDisk(sessionKey) ? 'refused' : state;
}

function tell(k: Pipeline, decision: RememberedDecision | undefined): string[] | null {
  if (decision === undefined) return null;
  if (decision.verdict === 'refuse' || decision.verdict === 'quarantine') {
    const quarantined = tellsOfQuarantine(k, decision);
    return [`${decision.qname} ${decision.qtype}: ${explanation(k, decision, quarantined)}; reason ${decision.reason}`];
  }
  return [`${decision.qname} ${decision.qtype}: answered; decision ${decision.id}; noted as ${decision.wouldVerdict} (${decision.reason})`];
}
