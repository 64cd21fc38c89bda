/**
 * What a client is told of an answer that was had: grown older, behind the records of ours that led to it, with DNSSEC records for
 * whoever wants them; or why there is none. Whether it may be told at all was decided before.
 */
import type { RoutedName } from '../policy/classify-name.ts';
import { EDE, RCODE } from '../wire/codes.ts';
import type { Query } from '../wire/query-decode.ts';
import type { ResourceRecord } from '../wire/record.ts';
import type { ExtendedError, ResponseContent } from '../wire/response.ts';
import type { Pipeline, UpstreamTrouble } from './pipeline.ts';
import type { CachedAnswer } from './ports.ts';
import { withoutDnssec } from './without-dnssec.ts';

/** The whole of an answer, for a source that is who it says. `nowMs`: monotonic. */
export function contentOf(
  k: Pick<Pipeline, 'groupsTrustedForAd'>,
  routed: RoutedName,
  answer: CachedAnswer,
  { question: { qtype }, edns }: Query,
  nowMs: number,
): ResponseContent {
  const dnssecOk = edns?.dnssecOk === true;
  const ageSeconds = ageOf(answer, nowMs);
  return {
    rcode: answer.rcode,
    answers: behindAliases(routed, dnssecOk ? answer.answers : withoutDnssec(answer.answers, qtype), ageSeconds),
    authority: dnssecOk ? answer.authority : withoutDnssec(answer.authority, null),
    // Nobody has signed aliases of ours (RFC 4035 §3.2.3).
    authenticData: answer.authenticData && k.groupsTrustedForAd.has(routed.group) && routed.aliases.length === 0,
    ttlOffsetSeconds: ageSeconds,
    ...(answer.stale === undefined ? {} : { extendedErrors: [staleError(answer.rcode)] }),
  };
}

/** The records alone, and TC=1: for a source that may be anyone. */
export function bareContentOf(routed: RoutedName, answer: CachedAnswer, qtype: number, nowMs: number): ResponseContent {
  const ageSeconds = ageOf(answer, nowMs);
  return {
    rcode: answer.rcode,
    answers: behindAliases(routed, withoutDnssec(answer.answers, qtype), ageSeconds),
    authority: [],
    ttlOffsetSeconds: ageSeconds,
    truncated: true,
  };
}

/** SERVFAIL, and why. */
export function troubleContent({ errorCode, trouble }: UpstreamTrouble): ResponseContent {
  return { rcode: RCODE.SERVFAIL, answers: [], authority: [], extendedErrors: [{ code: errorCode, text: trouble }] };
}

function ageOf({ storedAtMs }: CachedAnswer, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs - storedAtMs) / 1000));
}

/** Begins with the records of ours that led to the name; unlike a cached answer, they have not grown older. */
function behindAliases({ aliases }: RoutedName, answers: readonly ResourceRecord[], ageSeconds: number): readonly ResourceRecord[] {
  if (aliases.length === 0) return answers;
  return [...aliases.map((alias) => ({ ...alias, ttlSeconds: alias.ttlSeconds + ageSeconds })), ...answers];
}

/** The answer is past its end (RFC 8914 §4.4, §4.20). */
function staleError(rcode: number): ExtendedError {
  const code = rcode === RCODE.NXDOMAIN ? EDE.STALE_NXDOMAIN : EDE.STALE_ANSWER;
  return { code, text: 'upstreams give no newer answer at the moment' };
}
