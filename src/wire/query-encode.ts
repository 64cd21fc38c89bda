/**
 * The query to an upstream, built from nothing but a canonical name and a type: no octet of the client's packet gets in.
 * Flags and EDNS are the same for every query, so they carry no information outwards.
 */

import { RRCLASS } from './codes.ts';
import { EDNS_UDP_PAYLOAD_OCTETS, PLAIN_OPT_OCTETS, writeOpt } from './edns.ts';
import { FLAG, HEADER_OCTETS, QUESTION_TAIL_OCTETS } from './header.ts';
import type { QName } from './name.ts';
import { writeUint16 } from './octets.ts';

/**
 * One IN question with RD=1, CD=0, AD=0 and an OPT of version 0 with DO=1: records for validating clients
 * come with every answer, whoever asked first. `id` is random and the caller's.
 */
export function encodeUpstreamQuery(id: number, qname: QName, qtype: number): Uint8Array {
  const questionEnd = HEADER_OCTETS + qname.length + QUESTION_TAIL_OCTETS;
  const packet = new Uint8Array(questionEnd + PLAIN_OPT_OCTETS);
  writeUint16(packet, 0, id);
  writeUint16(packet, 2, FLAG.RD);
  writeUint16(packet, 4, 1);
  writeUint16(packet, 10, 1);
  for (let index = 0; index < qname.length; index++) packet[HEADER_OCTETS + index] = qname.charCodeAt(index);
  writeUint16(packet, questionEnd - 4, qtype);
  writeUint16(packet, questionEnd - 2, RRCLASS.IN);
  writeOpt(packet, questionEnd, { udpPayloadSize: EDNS_UDP_PAYLOAD_OCTETS, extendedRcode: 0, dnssecOk: true, options: NO_OPTIONS });
  return packet;
}

const NO_OPTIONS = new Uint8Array(0);
