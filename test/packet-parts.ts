/**
 * Pieces of DNS messages, written with no check at all, so that tests and fixtures can lie in every field.
 * Kept apart from `src/wire` on purpose: what is tested must not write its own input.
 */

export interface HeaderFields {
  id?: number;
  flags?: number;
  questions?: number;
  answers?: number;
  authority?: number;
  additional?: number;
}

export function header(fields: HeaderFields = {}): Uint8Array {
  const { id = 0x1234, flags = 0x0100, questions = 1, answers = 0, authority = 0, additional = 0 } = fields;
  return uint16(id, flags, questions, answers, authority, additional);
}

export function uint16(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >>> 8, value & 0xff]));
}

export function uint32(...values: readonly number[]): Uint8Array {
  return uint16(...values.flatMap((value) => [value >>> 16, value & 0xffff]));
}

/** Octets of an octet string (one char per octet). */
export function octets(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Labels with their length octet, without the root: end it with `ROOT_LABEL` or a pointer. */
export function labels(...texts: readonly string[]): Uint8Array {
  return message(...texts.map((text) => message(Uint8Array.of(text.length), octets(text))));
}

export const ROOT_LABEL: Uint8Array = Uint8Array.of(0);

/** A whole name. */
export function name(...texts: readonly string[]): Uint8Array {
  return message(labels(...texts), ROOT_LABEL);
}

/** A compression pointer to an offset in the message. */
export function pointer(target: number): Uint8Array {
  return uint16(0xc000 | target);
}

/** The offset of the question's name in every message. */
export const QUESTION_NAME = 12;

export function question(qname: Uint8Array, qtype = 1, qclass = 1): Uint8Array {
  return message(qname, uint16(qtype, qclass));
}

export interface RecordFields {
  ttl?: number;
  class?: number;
  /** RDLENGTH as claimed; the length of the RDATA unless told otherwise. */
  rdlength?: number;
}

export function record(owner: Uint8Array, type: number, rdata: Uint8Array, fields: RecordFields = {}): Uint8Array {
  const { ttl = 300, class: rrclass = 1, rdlength = rdata.length } = fields;
  return message(owner, uint16(type, rrclass), uint32(ttl), uint16(rdlength), rdata);
}

export interface OptFields {
  size?: number;
  extendedRcode?: number;
  version?: number;
  flags?: number;
  options?: Uint8Array;
  rdlength?: number;
}

export function opt(fields: OptFields = {}): Uint8Array {
  const { size = 1232, extendedRcode = 0, version = 0, flags = 0, options = new Uint8Array(0), rdlength = options.length } = fields;
  const ttl = extendedRcode * 0x1000000 + version * 0x10000 + flags;
  return record(ROOT_LABEL, 41, options, { ttl, class: size, rdlength });
}

/** An EDNS option; `length` as claimed. */
export function option(code: number, content: Uint8Array, length = content.length): Uint8Array {
  return message(uint16(code, length), content);
}

export function message(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
