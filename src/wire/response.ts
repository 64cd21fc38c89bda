/**
 * Writing answers to clients: header, the client's question byte for byte, records with compressed owners, OPT for OPT.
 * What is answered is decided elsewhere; here it is only made to fit the client's size.
 */
import { RCODE } from './codes.ts';
import { EDNS_UDP_PAYLOAD_OCTETS, type ExtendedError, encodeExtendedErrors, PLAIN_OPT_OCTETS, writeOpt } from './edns.ts';
import { FLAG, HEADER_OCTETS, MAX_MESSAGE_OCTETS, RECORD_TAIL_OCTETS } from './header.ts';
import { parentName, type QName, ROOT } from './name.ts';
import { copyBriefly, writeUint16, writeUint32 } from './octets.ts';
import type { Query } from './query-decode.ts';
import type { ResourceRecord } from './record.ts';

export type { ExtendedError } from './edns.ts';

export interface ResponseContent {
  /** Extended RCODE, 0-4095. Above 15 it needs the client's OPT; without one SERVFAIL stands for it. */
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  /** The upstream vouches for the data; shown only to clients that asked (DO or AD, RFC 6840 §5.8). */
  readonly authenticData?: boolean;
  readonly authoritative?: boolean;
  readonly extendedErrors?: readonly ExtendedError[];
  /** Age in the cache: subtracted from every TTL, not below 0. */
  readonly ttlOffsetSeconds?: number;
  /** TC=1 even when everything fits. */
  readonly truncated?: boolean;
}

/** What every client takes (RFC 1035 §4.2.1). */
export const MIN_UDP_PAYLOAD_OCTETS = 512;

/** The largest UDP answer for this query: 512 without EDNS (RFC 1035 §4.2.1), else what the client takes, 512 at least and 1232 at most. */
export function udpLimit(query: Query): number {
  if (query.edns === null) return MIN_UDP_PAYLOAD_OCTETS;
  return Math.min(Math.max(query.edns.udpPayloadSize, MIN_UDP_PAYLOAD_OCTETS), EDNS_UDP_PAYLOAD_OCTETS);
}

/** Reused between calls; every answer is copied out of it. */
const scratch = new Uint8Array(MAX_MESSAGE_OCTETS);

/**
 * Encodes an answer of at most `maxOctets` (512-65,535). Records are written in order, answers first, and the first one that does not
 * fit ends the message with TC=1; none is cut. Extended errors give way to records: first their texts go, then they go with TC=1
 * (RFC 8914 §3).
 */
export function encodeResponse(query: Query, content: ResponseContent, maxOctets: number): Uint8Array {
  const limit = Math.min(Math.max(maxOctets, MIN_UDP_PAYLOAD_OCTETS), MAX_MESSAGE_OCTETS);
  const ownOptions = query.answerOptions ?? NO_OPTIONS;
  const recordLimit = limit - (query.edns === null ? 0 : PLAIN_OPT_OCTETS + ownOptions.length);
  const writer = new RecordWriter(query, recordLimit, content.ttlOffsetSeconds ?? 0);
  const answers = writer.write(content.answers);
  const authority = writer.write(content.authority);
  let truncated = content.truncated === true || writer.full;
  let end = writer.end;

  if (query.edns !== null) {
    const errors = fittingErrors(content.extendedErrors ?? [], recordLimit - end);
    truncated ||= errors === null;
    const rcodeBits = content.rcode >>> 4;
    const opt = { udpPayloadSize: EDNS_UDP_PAYLOAD_OCTETS, extendedRcode: rcodeBits, dnssecOk: query.edns.dnssecOk };
    end = writeOpt(scratch, end, { ...opt, options: joined(ownOptions, errors ?? NO_OPTIONS) });
  }
  writeHeader(query, content, truncated, answers, authority);
  return copyBriefly(scratch, 0, end);
}

const NO_OPTIONS = new Uint8Array(0);

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const options = new Uint8Array(first.length + second.length);
  options.set(first);
  options.set(second, first.length);
  return options;
}

/** The options for these errors: with texts, else without, else null when not even the codes fit. */
function fittingErrors(errors: readonly ExtendedError[], room: number): Uint8Array | null {
  if (errors.length === 0) return NO_OPTIONS;
  const full = encodeExtendedErrors(errors);
  if (full.length <= room) return full;
  const codes = encodeExtendedErrors(errors.map(({ code }) => ({ code, text: '' })));
  return codes.length <= room ? codes : null;
}

function writeHeader(query: Query, content: ResponseContent, truncated: boolean, answers: number, authority: number): void {
  const rcode = content.rcode > FLAG.RCODE && query.edns === null ? RCODE.SERVFAIL : content.rcode;
  const wantsAuthenticData = query.authenticData || query.edns?.dnssecOk === true;
  let flags = FLAG.QR | FLAG.RA | (rcode & FLAG.RCODE);
  if (content.authoritative === true) flags |= FLAG.AA;
  if (truncated) flags |= FLAG.TC;
  if (query.recursionDesired) flags |= FLAG.RD;
  if (content.authenticData === true && wantsAuthenticData) flags |= FLAG.AD;
  if (query.checkingDisabled) flags |= FLAG.CD;
  writeUint16(scratch, 0, query.id);
  writeUint16(scratch, 2, flags);
  writeUint16(scratch, 4, 1);
  writeUint16(scratch, 6, answers);
  writeUint16(scratch, 8, authority);
  writeUint16(scratch, 10, query.edns === null ? 0 : 1);
}

const POINTER = 0xc000;

/** Pointers have 14 bits (RFC 1035 §4.1.4). */
const MAX_POINTER_TARGET = 0x3fff;

/** Writes records behind the question until one does not fit. Owners are compressed, RDATA is not (RFC 3597 §4). */
class RecordWriter {
  end: number;
  full = false;
  readonly #qname: QName;
  readonly #limit: number;
  readonly #ttlOffsetSeconds: number;
  /** Where names begin that were written so far; made on the first owner that is not the question's name. */
  #offsets: Map<QName, number> | null = null;

  constructor(query: Query, limit: number, ttlOffsetSeconds: number) {
    this.#qname = query.question.qname;
    this.#limit = limit;
    this.#ttlOffsetSeconds = ttlOffsetSeconds;
    scratch.set(query.question.octets, HEADER_OCTETS);
    this.end = HEADER_OCTETS + query.question.octets.length;
  }

  /** Returns how many of the records were written. */
  write(records: readonly ResourceRecord[]): number {
    let written = 0;
    for (const record of records) {
      if (this.full) break;
      if (this.#writeRecord(record)) written++;
      else this.full = true;
    }
    return written;
  }

  #writeRecord(record: ResourceRecord): boolean {
    const owner = this.#compress(record.owner);
    const ownerOctets = owner.literal.length + (owner.pointer === null ? 0 : 2);
    const tail = this.end + ownerOctets;
    const next = tail + RECORD_TAIL_OCTETS + record.rdata.length;
    if (next > this.#limit) return false;
    for (let index = 0; index < owner.literal.length; index++) scratch[this.end + index] = owner.literal.charCodeAt(index);
    if (owner.pointer !== null) writeUint16(scratch, tail - 2, POINTER | owner.pointer);
    this.#remember(record.owner, owner.literal.length);
    writeUint16(scratch, tail, record.type);
    writeUint16(scratch, tail + 2, record.class);
    writeUint32(scratch, tail + 4, Math.max(0, record.ttlSeconds - this.#ttlOffsetSeconds));
    writeUint16(scratch, tail + 8, record.rdata.length);
    scratch.set(record.rdata, tail + RECORD_TAIL_OCTETS);
    this.end = next;
    return true;
  }

  /** Splits a name into what has to be written out and a pointer to the longest suffix already there. */
  #compress(name: QName): { literal: string; pointer: number | null } {
    if (name === ROOT) return { literal: name, pointer: null };
    if (name === this.#qname) return { literal: '', pointer: HEADER_OCTETS };
    this.#offsets ??= offsetsOfQuestion(this.#qname);
    for (let suffix: QName | null = name; suffix !== null && suffix !== ROOT; suffix = parentName(suffix)) {
      const pointer = this.#offsets.get(suffix);
      if (pointer !== undefined) return { literal: name.slice(0, name.length - suffix.length), pointer };
    }
    return { literal: name, pointer: null };
  }

  /** Notes where the name just written, and its suffixes within the literal part, begin. */
  #remember(name: QName, literalOctets: number): void {
    for (let at = 0; at < literalOctets && name.charCodeAt(at) > 0; at += 1 + name.charCodeAt(at)) {
      if (this.end + at <= MAX_POINTER_TARGET) this.#offsets?.set(name.slice(at) as QName, this.end + at);
    }
  }
}

function offsetsOfQuestion(qname: QName): Map<QName, number> {
  const offsets = new Map<QName, number>();
  for (let at = 0; qname.charCodeAt(at) > 0; at += 1 + qname.charCodeAt(at)) offsets.set(qname.slice(at) as QName, HEADER_OCTETS + at);
  return offsets;
}
