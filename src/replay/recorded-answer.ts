/**
 * What a recorded response says about how long it may be kept, read from octets nobody vouches for: never throws, reads each octet
 * once, and says "not recorded" where the message is cut or damaged.
 */
import { RCODE, RRTYPE } from '../wire/codes.ts';
import { FLAG, HEADER_OCTETS } from '../wire/header.ts';
import { readUint16, readUint32 } from '../wire/octets.ts';
import { ttlFromWire } from '../wire/rdata.ts';
import type { RecordedResponse } from './replay.ts';

/** More records than an answer has; keeps the work per message small. */
const MAX_RECORDS = 256;

/** RCODE, whether it is NODATA, and the TTL: the least of the answers, else what the SOA says (RFC 2308 §5). Null for no response. */
export function readAnswer(message: Uint8Array): Omit<RecordedResponse, 'delayMs'> | null {
  if (message.length < HEADER_OCTETS) return null;
  const flags = readUint16(message, 2);
  if ((flags & FLAG.QR) === 0) return null;
  const rcode = flags & FLAG.RCODE;
  const unknown = { rcode, nodata: false, ttlSeconds: null };
  if ((flags & FLAG.TC) !== 0 || readUint16(message, 4) !== 1) return unknown;
  const nameEnd = skipName(message, HEADER_OCTETS);
  if (nameEnd === null) return unknown;
  const qtype = readUint16(message, nameEnd);

  let at = nameEnd + 4;
  let found = false;
  let leastSeconds: number | null = null;
  const answers = readUint16(message, 6);
  const records = Math.min(MAX_RECORDS, answers + readUint16(message, 8));
  for (let index = 0; index < records; index++) {
    const record = readRecord(message, at);
    if (record === null) return leastSeconds === null ? unknown : { rcode, nodata: false, ttlSeconds: leastSeconds };
    if (index < answers) {
      found ||= record.type === qtype || qtype === RRTYPE.ANY;
      leastSeconds = Math.min(leastSeconds ?? record.ttlSeconds, record.ttlSeconds);
    } else if (!found && record.type === RRTYPE.SOA && record.dataOctets >= SOA_MINIMUM_OCTETS) {
      const minimum = ttlFromWire(readUint32(message, record.end - SOA_MINIMUM_OCTETS));
      leastSeconds = Math.min(leastSeconds ?? record.ttlSeconds, record.ttlSeconds, minimum);
    }
    at = record.end;
  }
  return { rcode, nodata: rcode === RCODE.NOERROR && !found, ttlSeconds: leastSeconds };
}

const SOA_MINIMUM_OCTETS = 4;

interface RecordHead {
  readonly type: number;
  readonly ttlSeconds: number;
  readonly dataOctets: number;
  readonly end: number;
}

function readRecord(message: Uint8Array, start: number): RecordHead | null {
  const at = skipName(message, start);
  if (at === null || at + 10 > message.length) return null;
  const dataOctets = readUint16(message, at + 8);
  const end = at + 10 + dataOctets;
  if (end > message.length) return null;
  return { type: readUint16(message, at), ttlSeconds: ttlFromWire(readUint32(message, at + 4)), dataOctets, end };
}

const POINTER_BITS = 0xc0;

/** The offset behind a name, pointers not followed. */
function skipName(message: Uint8Array, start: number): number | null {
  for (let at = start; ; ) {
    const length = message[at];
    if (length === undefined) return null;
    if (length === 0) return at + 1;
    if ((length & POINTER_BITS) === POINTER_BITS) return at + 2;
    if ((length & POINTER_BITS) !== 0) return null;
    at += 1 + length;
  }
}
