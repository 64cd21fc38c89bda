/**
 * How long a response may be kept and with which TTLs it is served: RFC 2308 (negative answers), RFC 9520 (failures), the operator's
 * floor and caps, and the floor for names whose owner might use short TTLs to force repeats. Pure; storing is `answer-cache.ts`.
 */
import type { UpstreamResponse } from '../pipeline/ports.ts';
import { RCODE, RRTYPE } from '../wire/codes.ts';
import { soaMinimumSeconds } from '../wire/rdata.ts';
import type { ResourceRecord } from '../wire/record.ts';

export interface TtlBounds {
  /** No positive answer is kept for less, whatever it says. */
  readonly minTtlSeconds: number;
  /** No record is served or kept longer than this. */
  readonly maxTtlSeconds: number;
  /** The cap for NXDOMAIN and NODATA (RFC 2308 §5: one to three hours). */
  readonly negativeMaxTtlSeconds: number;
}

export interface AnswerLifetime {
  /** 0: must not be kept. */
  readonly ttlSeconds: number;
  /** The response's records with their TTLs brought within the bounds. */
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
}

/** RFC 9520 §3.2: failures are cached for at least 1 s and at most 5 min; 5 s is the recommended start. */
const FAILURE_MIN_SECONDS = 1;
const FAILURE_USUAL_SECONDS = 5;
const FAILURE_MAX_SECONDS = 300;

/**
 * The lifetime of a response to a question of type `qtype`. A floor of 0 means no floor. The floor beats what the response says,
 * also for negative answers and failures; the caps beat neither the floor nor a shorter TTL. A TTL with its top bit set is a large one
 * and is capped (RFC 8767 §4 in place of RFC 2181 §8).
 *
 * Without a floor (trusted and allowlisted names) a failure is kept for the second that RFC 9520 demands and no longer, so that
 * a hiccup of a cluster's own resolver is over when it is over.
 */
export function answerLifetime(qtype: number, response: UpstreamResponse, floorSeconds: number, bounds: TtlBounds): AnswerLifetime {
  if (response.rcode !== RCODE.NOERROR && response.rcode !== RCODE.NXDOMAIN) {
    const wantedSeconds = floorSeconds > 0 ? Math.max(floorSeconds, FAILURE_USUAL_SECONDS) : FAILURE_MIN_SECONDS;
    return { ttlSeconds: Math.min(wantedSeconds, FAILURE_MAX_SECONDS), answers: response.answers, authority: response.authority };
  }
  const negative = isNegative(qtype, response);
  const floor = negative ? floorSeconds : Math.max(floorSeconds, bounds.minTtlSeconds);
  const cap = Math.max(bounds.maxTtlSeconds, floor);
  const answers = response.answers.map((record) => withTtl(record, clamp(record.ttlSeconds, floor, cap)));
  const answersTtlSeconds = answers.reduce((lowest, record) => Math.min(lowest, record.ttlSeconds), cap);
  if (!negative) {
    const authority = response.authority.map((record) => withTtl(record, clamp(record.ttlSeconds, floor, cap)));
    return { ttlSeconds: answersTtlSeconds, answers, authority };
  }
  // An alias that leads to nothing (RFC 2308 §2.1, §2.2) lasts no longer than the alias itself.
  const negativeCap = Math.max(bounds.negativeMaxTtlSeconds, floorSeconds);
  const ttlSeconds = Math.min(answersTtlSeconds, clamp(negativeTtlSeconds(response.authority), floorSeconds, negativeCap));
  return { ttlSeconds, answers, authority: response.authority.map((record) => withTtl(record, ttlSeconds)) };
}

/** NXDOMAIN, or NODATA: no error and no record of the type asked for (RFC 9499 §3), aliases aside. */
function isNegative(qtype: number, response: UpstreamResponse): boolean {
  return response.rcode === RCODE.NXDOMAIN || !response.answers.some((record) => record.type === qtype);
}

/** The smaller of the SOA's TTL and its MINIMUM field (RFC 2308 §5); 0 without a SOA: such answers should not be cached. */
function negativeTtlSeconds(authority: readonly ResourceRecord[]): number {
  const soa = authority.find((record) => record.type === RRTYPE.SOA);
  const minimumSeconds = soa === undefined ? null : soaMinimumSeconds(soa);
  if (soa === undefined || minimumSeconds === null) return 0;
  return Math.min(soa.ttlSeconds, minimumSeconds);
}

function clamp(ttlSeconds: number, floorSeconds: number, capSeconds: number): number {
  return Math.min(Math.max(ttlSeconds, floorSeconds), capSeconds);
}

function withTtl(record: ResourceRecord, ttlSeconds: number): ResourceRecord {
  return record.ttlSeconds === ttlSeconds ? record : { ...record, ttlSeconds };
}
