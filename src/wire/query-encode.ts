/**
 * The query to an upstream, built from nothing but a canonical name and a type: no octet of the client's packet gets in.
 * Flags and EDNS follow from the upstream and its transport alone, so they carry no information of a client outwards.
 */
import { EDNS_OPTION, RRCLASS } from './codes.ts';
import { EDNS_UDP_PAYLOAD_OCTETS, OPTION_HEAD_OCTETS, PLAIN_OPT_OCTETS, writeOpt, writeOptionHead } from './edns.ts';
import { FLAG, HEADER_OCTETS, QUESTION_TAIL_OCTETS } from './header.ts';
import type { QName } from './name.ts';
import { writeUint16 } from './octets.ts';

/** A QName as one query spells it: the same octets but for the case of ASCII letters. Drawn at random, never a client's. */
export type SpelledName = string & { readonly __spelledName: true };

/** What an upstream and its transport add to the question. */
export interface QueryDress {
  /** The question's name as it goes out; null: in lower case. */
  readonly spelling?: SpelledName | null;
  /** Content of a COOKIE option (RFC 7873 §4): 8 octets of ours, then 8-32 of the upstream's if it gave any; null: no option. */
  readonly cookie?: Uint8Array | null;
  /** No OPT at all, for upstreams without EDNS; cookie and padding are left out with it. */
  readonly bare?: boolean;
  /** A Padding option of zeros (RFC 7830) brings the message to a multiple of this; 0: no option. */
  readonly blockOctets?: number;
}

/** Nothing but the question and our OPT. */
const UNDRESSED: QueryDress = {};

/** RFC 8467 §4.1: clients pad to the closest multiple of 128 octets. */
export const PADDING_BLOCK_OCTETS = 128;

/**
 * One IN question with RD=1, CD=0, AD=0 and, unless bare, an OPT of version 0 with DO=1: records for validating clients
 * come with every answer, whoever asked first. `id` is random and the caller's.
 */
export function encodeUpstreamQuery(id: number, qname: QName, qtype: number, dress: QueryDress = UNDRESSED): Uint8Array {
  const questionEnd = HEADER_OCTETS + qname.length + QUESTION_TAIL_OCTETS;
  const hasOpt = dress.bare !== true;
  const options = hasOpt ? encodeOptions(questionEnd + PLAIN_OPT_OCTETS, dress.cookie ?? null, dress.blockOctets ?? 0) : NO_OPTIONS;
  const packet = new Uint8Array(questionEnd + (hasOpt ? PLAIN_OPT_OCTETS + options.length : 0));
  writeUint16(packet, 0, id);
  writeUint16(packet, 2, FLAG.RD);
  writeUint16(packet, 4, 1);
  writeUint16(packet, 10, hasOpt ? 1 : 0);
  const spelled = dress.spelling ?? qname;
  for (let index = 0; index < qname.length; index++) packet[HEADER_OCTETS + index] = spelled.charCodeAt(index);
  writeUint16(packet, questionEnd - 4, qtype);
  writeUint16(packet, questionEnd - 2, RRCLASS.IN);
  if (hasOpt) writeOpt(packet, questionEnd, { udpPayloadSize: EDNS_UDP_PAYLOAD_OCTETS, extendedRcode: 0, dnssecOk: true, options });
  return packet;
}

const NO_OPTIONS = new Uint8Array(0);

/** The options of a message that is `octetsBefore` long without them. Padding comes last, so that it sees the final length. */
function encodeOptions(octetsBefore: number, cookie: Uint8Array | null, blockOctets: number): Uint8Array {
  if (cookie === null && blockOctets === 0) return NO_OPTIONS;
  const cookieOctets = cookie === null ? 0 : OPTION_HEAD_OCTETS + cookie.length;
  const unpadded = octetsBefore + cookieOctets + OPTION_HEAD_OCTETS;
  const paddingOctets = blockOctets === 0 ? 0 : Math.ceil(unpadded / blockOctets) * blockOctets - unpadded;
  const options = new Uint8Array(cookieOctets + (blockOctets === 0 ? 0 : OPTION_HEAD_OCTETS + paddingOctets));
  if (cookie !== null) options.set(cookie, writeOptionHead(options, 0, EDNS_OPTION.COOKIE, cookie.length));
  if (blockOctets !== 0) writeOptionHead(options, cookieOctets, EDNS_OPTION.PADDING, paddingOctets);
  return options;
}
