/**
 * The front door: reads a client's query from octets, strictly, and writes the error reply when it is none.
 * Nothing behind this file sees a client's packet. Policy (which types and names are answered) is not decided here.
 */
import { OPCODE, RCODE, RRCLASS, RRTYPE } from './codes.ts';
import {
  type ClientEdns,
  EDNS_UDP_PAYLOAD_OCTETS,
  type OptContent,
  PLAIN_OPT_OCTETS,
  readClientOpt,
  readOptHead,
  writeOpt,
} from './edns.ts';
import { FLAG, HEADER_OCTETS, opcodeOf, QUESTION_TAIL_OCTETS } from './header.ts';
import { type QName, readQuestionName } from './name.ts';
import { copyBriefly, readUint16, writeUint16 } from './octets.ts';
import type { ClientCookie } from './server-cookie.ts';

export interface Question {
  readonly qname: QName;
  readonly qtype: number;
  readonly qclass: number;
  /** The question section verbatim, for the echo: letter case is the client's. Shares no memory with the packet. */
  readonly octets: Uint8Array;
}

export interface Query {
  readonly id: number;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  /** AD in a query: the client wants to see AD in the answer (RFC 6840 §5.7). */
  readonly authenticData: boolean;
  readonly question: Question;
  /** Null when the query had no OPT. */
  readonly edns: ClientEdns | null;
  /** Encoded EDNS options that every answer to this query carries, chosen after decoding; none when absent. */
  readonly answerOptions?: Uint8Array;
}

export type DecodeResult =
  | { readonly kind: 'query'; readonly query: Query }
  | {
      readonly kind: 'error';
      readonly reply: Uint8Array;
      readonly rcode: number;
      readonly reason: string;
      /** No question, but a cookie: where server cookies are in use, `encodeCookieReply` answers instead (RFC 7873 §5.4). */
      readonly cookie?: ClientCookie;
    }
  | { readonly kind: 'drop'; readonly reason: string };

/**
 * Decodes one message. Never throws. An `error` brings its reply: the header alone, or with the question (and an OPT for
 * an OPT) once that could be read, so that it is never larger than the query and reflects nothing unread.
 *
 * Dropped without a reply: what is shorter than a header, and every response (answering those makes loops).
 */
export function decodeQuery(packet: Uint8Array): DecodeResult {
  if (packet.length < HEADER_OCTETS) return { kind: 'drop', reason: 'shorter than a header' };
  const flags = readUint16(packet, 2);
  if ((flags & FLAG.QR) !== 0) return { kind: 'drop', reason: 'a response' };
  if (opcodeOf(flags) !== OPCODE.QUERY) return refuse(packet, RCODE.NOTIMP, 'opcode is not QUERY', null, null);
  if (readUint16(packet, 4) === 0) return decodeWithoutQuestion(packet);
  const headerFault = faultInHeader(packet, flags);
  if (headerFault !== null) return refuse(packet, RCODE.FORMERR, headerFault, null, null);

  const question = readQuestion(packet);
  if (question === null) return refuse(packet, RCODE.FORMERR, 'question is malformed', null, null);
  const questionEnd = HEADER_OCTETS + question.octets.length;

  let edns: ClientEdns | null = null;
  const additional = readUint16(packet, 10);
  if (additional > 1) {
    // A second OPT: RFC 6891 §6.1.1. A lone OPT is all that may stand behind the question: TSIG and SIG(0) need keys we don't have.
    return refuse(packet, RCODE.FORMERR, 'more than one additional record', question, readOptHead(packet, questionEnd));
  }
  if (additional === 1) {
    const opt = readClientOpt(packet, questionEnd);
    if (opt.kind === 'malformed') return refuse(packet, RCODE.FORMERR, opt.detail, question, opt.edns);
    if (opt.kind === 'bad-version') return refuse(packet, RCODE.BADVERS, 'EDNS version is not 0', question, opt.edns);
    edns = opt.edns;
  } else if (questionEnd !== packet.length) {
    return refuse(packet, RCODE.FORMERR, 'octets after the message', question, null);
  }

  // mDNS puts a flag into the class's top bit (RFC 6762 §5.4); here that is just another class.
  if (question.qclass !== RRCLASS.IN) return refuse(packet, RCODE.REFUSED, 'class is not IN', question, edns);
  const typeFault = faultInType(question.qtype);
  if (typeFault !== null) return refuse(packet, typeFault.rcode, typeFault.reason, question, edns);

  const query: Query = {
    id: readUint16(packet, 0),
    recursionDesired: (flags & FLAG.RD) !== 0,
    checkingDisabled: (flags & FLAG.CD) !== 0,
    authenticData: (flags & FLAG.AD) !== 0,
    question,
    edns,
  };
  return { kind: 'query', query };
}

/** Malformed in any case; with an OPT and nothing else, a client may want to learn its cookie. */
function decodeWithoutQuestion(packet: Uint8Array): DecodeResult {
  const reason = 'not exactly one question';
  const onlyAnOpt = readUint16(packet, 6) === 0 && readUint16(packet, 8) === 0 && readUint16(packet, 10) === 1;
  if (!onlyAnOpt) return refuse(packet, RCODE.FORMERR, reason, null, null);
  const opt = readClientOpt(packet, HEADER_OCTETS);
  if (opt.kind === 'malformed') return refuse(packet, RCODE.FORMERR, opt.detail, null, opt.edns);
  if (opt.kind === 'bad-version') return refuse(packet, RCODE.BADVERS, 'EDNS version is not 0', null, opt.edns);
  const refusal = refuse(packet, RCODE.FORMERR, reason, null, opt.edns);
  return refusal.kind === 'error' && opt.edns.cookie !== null ? { ...refusal, cookie: opt.edns.cookie } : refusal;
}

/** The answer to a query without a question that brought a cookie: its header, and an OPT with the cookie in `options` (RFC 7873 §5.4). */
export function encodeCookieReply(packet: Uint8Array, rcode: number, options: Uint8Array): Uint8Array {
  return encodeRefusal(packet, rcode, null, { dnssecOk: false, options });
}

/** What a query's header may not say. */
function faultInHeader(packet: Uint8Array, flags: number): string | null {
  if ((flags & FLAG.TC) !== 0) return 'a truncated query';
  if (readUint16(packet, 4) !== 1) return 'not exactly one question'; // RFC 9619 §4
  if (readUint16(packet, 6) !== 0) return 'a query with answer records';
  if (readUint16(packet, 8) !== 0) return 'a query with authority records';
  return null;
}

function readQuestion(packet: Uint8Array): Question | null {
  const read = readQuestionName(packet, HEADER_OCTETS);
  if (read === null) return null;
  const end = read.end + QUESTION_TAIL_OCTETS;
  if (end > packet.length) return null;
  return {
    qname: read.name,
    qtype: readUint16(packet, read.end),
    qclass: readUint16(packet, read.end + 2),
    octets: copyBriefly(packet, HEADER_OCTETS, end),
  };
}

/** RR types that are no question for a resolver. ANY is one: the pipeline answers it (RFC 8482). */
function faultInType(qtype: number): { rcode: number; reason: string } | null {
  // No zones are served here. Unbound also refuses transfers and calls the other meta types malformed.
  if (qtype === RRTYPE.AXFR || qtype === RRTYPE.IXFR) return { rcode: RCODE.REFUSED, reason: 'a zone transfer' };
  if (qtype === 0 || qtype === RRTYPE.OPT || (qtype >= FIRST_META_TYPE && qtype < RRTYPE.ANY)) {
    return { rcode: RCODE.FORMERR, reason: 'a meta type as question' };
  }
  return null;
}

/** 128-255 are QTYPEs and meta types (RFC 6895 §3.1), TKEY and TSIG among them. */
const FIRST_META_TYPE = 128;

const NO_OPTIONS = new Uint8Array(0);

function refuse(packet: Uint8Array, rcode: number, reason: string, question: Question | null, edns: ClientEdns | null): DecodeResult {
  const opt = edns === null ? null : { dnssecOk: edns.dnssecOk, options: NO_OPTIONS };
  return { kind: 'error', reply: encodeRefusal(packet, rcode, question, opt), rcode, reason };
}

function encodeRefusal(
  packet: Uint8Array,
  rcode: number,
  question: Question | null,
  opt: Pick<OptContent, 'dnssecOk' | 'options'> | null,
): Uint8Array {
  const questionOctets = question?.octets ?? NO_OPTIONS;
  const reply = new Uint8Array(HEADER_OCTETS + questionOctets.length + (opt === null ? 0 : PLAIN_OPT_OCTETS + opt.options.length));
  writeUint16(reply, 0, readUint16(packet, 0));
  const copied = readUint16(packet, 2) & (FLAG.OPCODE | FLAG.RD | FLAG.CD);
  writeUint16(reply, 2, FLAG.QR | copied | FLAG.RA | (rcode & FLAG.RCODE));
  writeUint16(reply, 4, question === null ? 0 : 1);
  writeUint16(reply, 10, opt === null ? 0 : 1);
  reply.set(questionOctets, HEADER_OCTETS);
  if (opt !== null) {
    const content = { udpPayloadSize: EDNS_UDP_PAYLOAD_OCTETS, extendedRcode: rcode >>> 4, ...opt };
    writeOpt(reply, HEADER_OCTETS + questionOctets.length, content);
  }
  return reply;
}
