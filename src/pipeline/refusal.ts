/**
 * What the blocked are told: NXDOMAIN with an SOA for a name, NODATA for a type, Extended DNS Errors with a
 * text to act on. Definite and at once, so that no client retries or waits; no threshold and no list content in it.
 */
import type { RememberedDecision } from '../session/session.ts';
import { EDE, RCODE } from '../wire/codes.ts';
import type { Query } from '../wire/query-decode.ts';
import { soaRecord } from '../wire/rdata.ts';
import { type ExtendedError, encodeResponse, type ResponseContent, udpLimit } from '../wire/response.ts';
import type { Pipeline, QueryContext } from './pipeline.ts';

/** Negative TTL of a refusal: long enough to spare retries, short enough that a permission shows soon. */
const REFUSAL_TTL_SECONDS = 10;

/** The answer to a refused query; `as` tells whether the name or only its type is refused. */
export function refusal(k: Pipeline, context: QueryContext, decision: RememberedDecision, as: 'name' | 'type'): ResponseContent {
  const quarantined = tellsOfQuarantine(k, decision);
  const extendedErrors: ExtendedError[] = [{ code: EDE.BLOCKED, text: explanation(k, decision, quarantined) }];
  if (quarantined) extendedErrors.push({ code: EDE.PROHIBITED, text: 'session quarantined' });

  const answers = quarantined ? context.policy.quarantine.answers : as === 'type' ? 'nodata' : 'nxdomain';
  if (answers === 'refused') return { rcode: RCODE.REFUSED, answers: [], authority: [], extendedErrors };
  return {
    rcode: answers === 'nxdomain' ? RCODE.NXDOMAIN : RCODE.NOERROR,
    answers: [],
    authority: [soaRecord(context.query.question.qname, REFUSAL_TTL_SECONDS, REFUSAL_TTL_SECONDS)],
    extendedErrors,
  };
}

/** Only a quarantine that is on disk is announced: one that a crash could take back must not be. Refused it is in both cases. */
export function tellsOfQuarantine(k: Pipeline, decision: RememberedDecision): boolean {
  return (decision.reason === 'quarantined' || decision.verdict === 'quarantine') && k.quarantines.isOnDisk(decision.session);
}

/** What to do about it, in one line; the same words go into EDE and TXT. */
export function explanation(k: Pipeline, decision: RememberedDecision, quarantined: boolean): string {
  const whom = k.contact ?? 'the operator of this resolver';
  const what = quarantined ? 'session quarantined' : 'blocked';
  const remedy = quarantined ? 'review and release it' : 'allow it';
  return `${what} by policy ${decision.policy}; decision ${decision.id}; do not retry or use another resolver; ask ${whom} to ${remedy}`;
}

/** REFUSED for a client that is not served at all. No text: its address may be forged, and the answer must not be worth reflecting. */
export function refusedOutright(query: Query): Uint8Array {
  const extendedErrors = [{ code: EDE.PROHIBITED, text: '' }];
  return encodeResponse(query, { rcode: RCODE.REFUSED, answers: [], authority: [], extendedErrors }, udpLimit(query));
}
