/**
 * The message header's shape: sizes and flag bits (RFC 1035 §4.1.1, RFC 4035 §3 for AD and CD).
 * Owns no decision; who sets or reads a flag is in the file that does it.
 */

export const HEADER_OCTETS = 12;

/** QTYPE and QCLASS after the name of a question. */
export const QUESTION_TAIL_OCTETS = 4;

/** TYPE, CLASS, TTL and RDLENGTH after the owner of a record. */
export const RECORD_TAIL_OCTETS = 10;

/** A DNS message over TCP has a 16-bit length (RFC 1035 §4.2.2). */
export const MAX_MESSAGE_OCTETS = 65_535;

/** Bits of the second header word. */
export const FLAG = {
  QR: 0x8000,
  OPCODE: 0x7800,
  AA: 0x0400,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  AD: 0x0020,
  CD: 0x0010,
  RCODE: 0x000f,
} as const;

export function opcodeOf(flags: number): number {
  return (flags & FLAG.OPCODE) >>> 11;
}
