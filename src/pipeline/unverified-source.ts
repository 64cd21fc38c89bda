/**
 * What those are told who may be anyone: a UDP source outside `sessions.verified` without a valid cookie, and strangers. Nothing is
 * sent, counted against or remembered for them (threat 20, docs/threats.md), and no more is answered than their network is given. Who
 * is proven is `source-proof.ts`, how much a network gets `source-rate.ts`.
 */
import { classifyName } from '../policy/classify-name.ts';
import type { Policy } from '../policy/policy.ts';
import { RCODE } from '../wire/codes.ts';
import type { Query } from '../wire/query-decode.ts';
import { encodeResponse, MIN_UDP_PAYLOAD_OCTETS, type ResponseContent } from '../wire/response.ts';
import { bareContentOf } from './answer-content.ts';
import type { Pipeline } from './pipeline.ts';
import { mayKeep } from './plan-keeping.ts';
import type { QuerySource } from './ports.ts';
import { refusedOutright } from './refusal.ts';
import type { SourceProof } from './source-proof.ts';
import type { UnverifiedShare } from './source-rate.ts';

/** A client that understands cookies repeats its query over UDP with the one that comes with this (RFC 7873 §5.2.4, §5.3). */
const BAD_COOKIE: ResponseContent = { rcode: RCODE.BADCOOKIE, answers: [], authority: [] };

const ASK_AGAIN: ResponseContent = { rcode: RCODE.NOERROR, answers: [], authority: [], truncated: true };

/** What is here already and TC=1, so that a real client comes back over TCP, or with the cookie it was given; null: silence. */
export function answerUnverified(
  k: Pipeline,
  { kind, query }: SourceProof,
  source: QuerySource,
  policy: Policy,
  sessionKey: string,
  startedMs: number,
): Uint8Array | null {
  const share = shareOfUnverified(k, source, startedMs);
  if (share === 'silence') return null;
  const content =
    kind === 'bad-cookie' ? BAD_COOKIE : share === 'bare' ? ASK_AGAIN : contentForUnverified(k, query, policy, sessionKey, startedMs);
  k.metrics.responseSent(content.rcode, 'unverified', k.clock.monotonicMs() - startedMs);
  // The source may be forged, and this its victim: nothing larger than what every client takes.
  return encodeResponse(query, content, MIN_UDP_PAYLOAD_OCTETS);
}

/** Stubs without TCP (musl before 1.2.4) take the records in spite of TC=1. */
function contentForUnverified(k: Pipeline, query: Query, policy: Policy, sessionKey: string, startedMs: number): ResponseContent {
  const { qname, qtype } = query.question;
  const classified = classifyName(policy, k.naming, qname, qtype);
  if (classified.kind === 'local') {
    return { rcode: classified.rcode, answers: classified.answers, authority: classified.authority, truncated: true };
  }
  if (classified.kind !== 'routed' || k.quarantines.stateOf(sessionKey) === 'quarantined') return ASK_AGAIN;
  const { group, name } = classified;
  // Of the operator's rules all count here, and no mode: what a mode would make of them is for sources that are who they say.
  if (mayKeep(k, policy, null, name, qtype) === null) return ASK_AGAIN;
  const entry = k.cache.peek(k.partitions.of(policy.name, group), name, qtype, startedMs);
  if (entry === null || k.aliasRules.check(policy, classified, name, qtype, entry.answers) !== null) return ASK_AGAIN;
  return bareContentOf(classified, entry, qtype, startedMs);
}

/** Whether a packet that holds no question is left without a reply because its source may be forged. */
export function isReplyWithheld(k: Pipeline, source: QuerySource, startedMs: number): boolean {
  if (source.protocol === 'tcp' || k.verifiedClients.contains(source.address)) return false;
  return shareOfUnverified(k, source, startedMs) === 'silence';
}

function shareOfUnverified(k: Pipeline, source: QuerySource, startedMs: number): UnverifiedShare {
  const share = k.sourceRates.shareOfUnverified(source.address, k.limits.slip, startedMs);
  if (share !== 'full') k.metrics.rateLimited('unverified', share === 'bare' ? 'truncated' : 'dropped');
  return share;
}

/** A stranger's address may be forged as well: its network is told no more often than somebody there would ask; null: silence. */
export function answerStranger(k: Pipeline, query: Query, source: QuerySource, startedMs: number): Uint8Array | null {
  if (source.protocol === 'tcp' || k.sourceRates.answersStranger(source.address, startedMs)) return refusedOutright(query);
  k.metrics.rateLimited('stranger', 'dropped');
  return null;
}
