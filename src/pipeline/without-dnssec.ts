/**
 * Removes DNSSEC records for clients that did not set DO (RFC 4035 §3.2.1): we always ask with DO, they may not want it.
 */
import { RRTYPE } from '../wire/codes.ts';
import type { ResourceRecord } from '../wire/record.ts';

const DNSSEC_TYPES: ReadonlySet<number> = new Set([RRTYPE.RRSIG, RRTYPE.NSEC, RRTYPE.NSEC3]);

/**
 * `records` without signatures and denials. In the answer section the type asked for stays: whoever asks for RRSIG wants it, though
 * not those of the aliases on the way. In the authority section (`answerTo` null) they are proofs, whatever was asked.
 */
export function withoutDnssec(records: readonly ResourceRecord[], answerTo: number | null): readonly ResourceRecord[] {
  const unwanted = (record: ResourceRecord): boolean =>
    DNSSEC_TYPES.has(record.type) && (record.type !== answerTo || isBesideAlias(record, records));
  return records.some(unwanted) ? records.filter((record) => !unwanted(record)) : records;
}

function isBesideAlias({ owner }: ResourceRecord, records: readonly ResourceRecord[]): boolean {
  return records.some(({ owner: other, type }) => other === owner && (type === RRTYPE.CNAME || type === RRTYPE.DNAME));
}
