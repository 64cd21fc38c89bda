/**
 * The layout of RDATA per type, as far as a reader must know it: where names are (to expand compression) and which lengths are fixed.
 * Reads RDATA out of a message into a form that can be copied into any other. Interprets nothing.
 */
import { RRTYPE } from './codes.ts';
import { expandName, readQuestionName } from './name.ts';
import { copyOctets, readUint16 } from './octets.ts';

/** A number: as many octets. `name` may be compressed, `plain-name` not; `strings` is one character-string or more; `rest` may be empty. */
type Field = number | 'name' | 'plain-name' | 'string' | 'strings' | 'svc-params' | 'rest';

/**
 * Types whose RDATA is checked. Compressed names are accepted where RFC 3597 §4 says receivers must or should (and in DNAME and KX,
 * which old servers compress); all other names must be plain, and all other types are opaque octets.
 */
const LAYOUTS: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [RRTYPE.A, [4]],
  [RRTYPE.NS, ['name']],
  [3, ['name']], // MD
  [4, ['name']], // MF
  [RRTYPE.CNAME, ['name']],
  [RRTYPE.SOA, ['name', 'name', 20]],
  [7, ['name']], // MB
  [8, ['name']], // MG
  [9, ['name']], // MR
  [RRTYPE.PTR, ['name']],
  [13, ['string', 'string']], // HINFO
  [14, ['name', 'name']], // MINFO
  [RRTYPE.MX, [2, 'name']],
  [RRTYPE.TXT, ['strings']],
  [RRTYPE.RP, ['name', 'name']],
  [RRTYPE.AFSDB, [2, 'name']],
  [21, [2, 'name']], // RT
  [24, [18, 'name', 'rest']], // SIG
  [26, [2, 'name', 'name']], // PX
  [RRTYPE.AAAA, [16]],
  [30, ['name', 'rest']], // NXT
  [RRTYPE.SRV, [6, 'name']],
  [RRTYPE.NAPTR, [4, 'string', 'string', 'string', 'name']],
  [RRTYPE.KX, [2, 'name']],
  [RRTYPE.DNAME, ['name']],
  [RRTYPE.RRSIG, [18, 'plain-name', 'rest']], // RFC 4034 §3.1.7
  [RRTYPE.NSEC, ['plain-name', 'rest']], // RFC 4034 §4.1.1
  [RRTYPE.SVCB, [2, 'plain-name', 'svc-params']], // RFC 9460 §2.2
  [RRTYPE.HTTPS, [2, 'plain-name', 'svc-params']],
  [99, ['strings']], // SPF
]);

const MAX_RDATA_OCTETS = 65_535;

/** SvcParamKeys with a fixed size per address (RFC 9460 §7.3). */
export const SVC_PARAM = { IPV4_HINT: 4, IPV6_HINT: 6 } as const;

/** Room for the largest RDATA plus the name that would make it too large. Nothing reads it after the call that wrote it. */
const scratch = new Uint8Array(MAX_RDATA_OCTETS + 256);

/**
 * Copies the RDATA at `start` out of a message, names expanded with their letter case kept.
 *
 * @returns null when it does not have its type's layout, does not end exactly at `start + length`, or expands beyond 65,535 octets.
 */
export function readRdata(packet: Uint8Array, type: number, start: number, length: number): Uint8Array | null {
  const end = start + length;
  if (end > packet.length) return null;
  const layout = LAYOUTS.get(type);
  if (layout === undefined) return copyOctets(packet, start, end);
  let at = start;
  let written = 0;
  for (const field of layout) {
    if (field === 'name') {
      const expanded = expandName(packet, at, scratch, written);
      if (expanded === null || expanded.end > end || written + expanded.octets > MAX_RDATA_OCTETS) return null;
      written += expanded.octets;
      at = expanded.end;
      continue;
    }
    const fieldEnd = endOfField(packet, field, at, end);
    if (fieldEnd === null || fieldEnd > end || written + fieldEnd - at > MAX_RDATA_OCTETS) return null;
    scratch.set(packet.subarray(at, fieldEnd), written);
    written += fieldEnd - at;
    at = fieldEnd;
  }
  return at === end ? scratch.slice(0, written) : null;
}

/** The offset behind a field without compression, which may lie beyond `end`; null when the field is malformed. */
function endOfField(packet: Uint8Array, field: Exclude<Field, 'name'>, at: number, end: number): number | null {
  if (typeof field === 'number') return at + field;
  if (field === 'rest') return end;
  if (field === 'plain-name') return readQuestionName(packet, at)?.end ?? null;
  if (field === 'svc-params') return svcParamsFit(packet, at, end) ? end : null;
  if (at >= end) return null;
  if (field === 'string') return at + 1 + (packet[at] ?? 0);
  let stringEnd = at;
  while (stringEnd < end) stringEnd += 1 + (packet[stringEnd] ?? 0);
  return stringEnd;
}

/** SvcParams: keys strictly ascending, lengths that add up, hints of whole addresses (RFC 9460 §2.2, §7.3). */
function svcParamsFit(packet: Uint8Array, start: number, end: number): boolean {
  let at = start;
  let previousKey = -1;
  while (at + 4 <= end) {
    const key = readUint16(packet, at);
    const length = readUint16(packet, at + 2);
    if (key <= previousKey) return false;
    if (key === SVC_PARAM.IPV4_HINT && (length === 0 || length % 4 !== 0)) return false;
    if (key === SVC_PARAM.IPV6_HINT && (length === 0 || length % 16 !== 0)) return false;
    previousKey = key;
    at += 4 + length;
  }
  return at === end;
}
