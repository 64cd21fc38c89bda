/**
 * The few records that Kennel makes itself (SOA, TXT, addresses) and the few RDATA it looks into (targets, addresses, SOA minimum).
 * Expects RDATA as `response-parse.ts` leaves it; what has another shape is told as "nothing there", never guessed.
 */
import { addressToOctets, octetsToAddress } from './address.ts';
import { RRCLASS, RRTYPE } from './codes.ts';
import { fromLabels, type QName, ROOT, readQuestionName, toOctets } from './name.ts';
import { readUint16, readUint32, writeUint32 } from './octets.ts';
import { SVC_PARAM } from './rdata-layout.ts';
import type { ResourceRecord } from './record.ts';

const MAX_STRING_OCTETS = 255;
const MAX_RDATA_OCTETS = 65_535;

/** A TTL with its top bit set is a large one, not 0 (RFC 8767 §4 in place of RFC 2181 §8); whoever keeps it caps it. */
export function ttlFromWire(value: number): number {
  return Math.min(value, 0x7fff_ffff);
}

/** Names that no one else can own or write to: who answered, and nobody to mail (RFC 6303 §3 uses the latter the same way). */
const LOCAL_MNAME = fromLabels(['kennel', 'internal']) ?? ROOT;
const LOCAL_RNAME = fromLabels(['nobody', 'invalid']) ?? ROOT;

const SOA_TEMPLATE = soaTemplate();

/** Both names, serial 1, refresh, retry and expire of an hour, 20 minutes and a week; the minimum is filled in. */
function soaTemplate(): Uint8Array {
  const names = LOCAL_MNAME.length + LOCAL_RNAME.length;
  const rdata = new Uint8Array(names + 20);
  rdata.set(toOctets(LOCAL_MNAME));
  rdata.set(toOctets(LOCAL_RNAME), LOCAL_MNAME.length);
  for (const [index, value] of [1, 3600, 1200, 604_800].entries()) writeUint32(rdata, names + index * 4, value);
  return rdata;
}

/** The SOA of a negative answer made here: `minimumSeconds` and `ttlSeconds` bound its caching (RFC 2308 §5). */
export function soaRecord(owner: QName, ttlSeconds: number, minimumSeconds: number): ResourceRecord {
  const rdata = new Uint8Array(SOA_TEMPLATE);
  writeUint32(rdata, rdata.length - 4, minimumSeconds);
  return { owner, type: RRTYPE.SOA, class: RRCLASS.IN, ttlSeconds, rdata };
}

/**
 * A TXT of these texts in UTF-8. A text longer than 255 octets continues in further character-strings (readers join them, RFC 7208 §3.3);
 * what exceeds the 65,535 octets of RDATA is cut. No text makes one empty string.
 */
export function txtRecord(owner: QName, texts: readonly string[], ttlSeconds: number): ResourceRecord {
  const strings: Uint8Array[] = [];
  for (const text of texts.length === 0 ? [''] : texts) {
    const octets = Buffer.from(text, 'utf8');
    for (let start = 0; start === 0 || start < octets.length; start += MAX_STRING_OCTETS) {
      const part = octets.subarray(start, start + MAX_STRING_OCTETS);
      strings.push(Uint8Array.of(part.length), part);
    }
  }
  const whole = Buffer.concat(strings);
  const rdata = new Uint8Array(whole.length <= MAX_RDATA_OCTETS ? whole : wholeStrings(whole));
  return { owner, type: RRTYPE.TXT, class: RRCLASS.IN, ttlSeconds, rdata };
}

function wholeStrings(octets: Uint8Array): Uint8Array {
  let end = 0;
  for (let next = 1 + (octets[0] ?? 0); next <= MAX_RDATA_OCTETS; next += 1 + (octets[next] ?? 0)) end = next;
  return octets.subarray(0, end);
}

/** An A or AAAA, by the address's form. Throws a RangeError when `address` is none: the caller has checked it. */
export function addressRecord(owner: QName, address: string, ttlSeconds: number): ResourceRecord {
  const rdata = addressToOctets(address);
  if (rdata === null) throw new RangeError(`not an IP address: ${JSON.stringify(address)}`);
  return { owner, type: rdata.length === 4 ? RRTYPE.A : RRTYPE.AAAA, class: RRCLASS.IN, ttlSeconds, rdata };
}

/**
 * The name an alias leads to: of a CNAME, a DNAME (the target of the whole subtree) or the TargetName of a SVCB or HTTPS.
 * Null for all other types and for TargetName ".", which names no other host (RFC 9460 §2.5).
 */
export function targetName(record: ResourceRecord): QName | null {
  if (record.type === RRTYPE.CNAME || record.type === RRTYPE.DNAME) return readQuestionName(record.rdata, 0)?.name ?? null;
  if (!isServiceBinding(record)) return null;
  const target = readQuestionName(record.rdata, 2)?.name ?? null;
  return target === ROOT ? null : target;
}

/** The addresses a client may connect to because of this record: A, AAAA, and the address hints of SVCB and HTTPS. */
export function addressesOf(record: ResourceRecord): string[] {
  if (record.type === RRTYPE.A && record.rdata.length === 4) return [octetsToAddress(record.rdata)];
  if (record.type === RRTYPE.AAAA && record.rdata.length === 16) return [octetsToAddress(record.rdata)];
  return isServiceBinding(record) ? addressHints(record.rdata) : [];
}

function isServiceBinding(record: ResourceRecord): boolean {
  return record.type === RRTYPE.SVCB || record.type === RRTYPE.HTTPS;
}

function addressHints(rdata: Uint8Array): string[] {
  const addresses: string[] = [];
  let at = readQuestionName(rdata, 2)?.end ?? rdata.length;
  while (at + 4 <= rdata.length) {
    const key = readUint16(rdata, at);
    const end = at + 4 + readUint16(rdata, at + 2);
    const size = key === SVC_PARAM.IPV4_HINT ? 4 : key === SVC_PARAM.IPV6_HINT ? 16 : 0;
    for (let hint = at + 4; size > 0 && hint + size <= Math.min(end, rdata.length); hint += size) {
      addresses.push(octetsToAddress(rdata.subarray(hint, hint + size)));
    }
    at = end;
  }
  return addresses;
}

/** The MINIMUM field of a SOA (RFC 2308 §4), null for other types. */
export function soaMinimumSeconds(record: ResourceRecord): number | null {
  if (record.type !== RRTYPE.SOA || record.rdata.length < 22) return null;
  return ttlFromWire(readUint32(record.rdata, record.rdata.length - 4));
}
