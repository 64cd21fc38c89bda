/** What an HTTP cache on the way means for TTLs (RFC 8484 §5.1). */
import type { ResourceRecord } from '../wire/record.ts';
import type { ParsedResponse } from '../wire/response-parse.ts';

/** The response as it is after lying in a cache for so long: every TTL shorter by it, not below 0. */
export function agedBy(response: ParsedResponse, ageSeconds: number): ParsedResponse {
  if (ageSeconds === 0) return response;
  const age = (record: ResourceRecord): ResourceRecord => ({ ...record, ttlSeconds: Math.max(0, record.ttlSeconds - ageSeconds) });
  return { ...response, answers: response.answers.map(age), authority: response.authority.map(age) };
}
