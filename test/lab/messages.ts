/**
 * DNS messages for the live tests, written and read octet by octet and independent of Kennel's own wire code.
 * Builds what an odd client may send (any header, any EDNS option); reads only what the tests look at.
 */

export interface MessageParts {
  readonly id: number;
  /** Labels as octets, without the root. */
  readonly labels: readonly Uint8Array[];
  readonly qtype: number;
  /** The header's second 16 bits; 0x0100 (RD) when absent. */
  readonly flags?: number;
  /** OPT record; none when absent. */
  readonly edns?: {
    readonly udpPayloadSize: number;
    readonly dnssecOk: boolean;
    readonly options: readonly { readonly code: number; readonly value: Uint8Array }[];
  };
}

const RECURSION_DESIRED = 0x0100;

/** Labels of a name in plain ASCII presentation form. */
export function labelsOfText(name: string): readonly Uint8Array[] {
  return name.split('.').map((label) => Buffer.from(label, 'latin1'));
}

/** A query with one question of class IN. */
export function queryMessage(parts: MessageParts): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(parts.id, 0);
  header.writeUInt16BE(parts.flags ?? RECURSION_DESIRED, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(parts.edns ? 1 : 0, 10);
  const name = parts.labels.flatMap((label) => [Buffer.from([label.length]), label]);
  const tail = Buffer.from([0, parts.qtype >> 8, parts.qtype & 255, 0, 1]);
  return Buffer.concat([header, ...name, tail, ...(parts.edns ? [optRecord(parts.edns)] : [])]);
}

function optRecord(edns: NonNullable<MessageParts['edns']>): Buffer {
  const options = edns.options.map(({ code, value }) => {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(code, 0);
    head.writeUInt16BE(value.length, 2);
    return Buffer.concat([head, value]);
  });
  const rdata = Buffer.concat(options);
  const fixed = Buffer.from([0, 0, 41, 0, 0, 0, 0, edns.dnssecOk ? 0x80 : 0, 0, 0, 0]);
  fixed.writeUInt16BE(edns.udpPayloadSize, 3);
  fixed.writeUInt16BE(rdata.length, 9);
  return Buffer.concat([fixed, rdata]);
}

/** What the tests read of an answer. */
export interface AnswerSummary {
  readonly id: number;
  /** Low four bits only. */
  readonly rcode: number;
  readonly truncated: boolean;
  readonly answerCount: number;
  /** INFO-CODEs of Extended DNS Errors (RFC 8914). */
  readonly extendedErrors: readonly number[];
}

const OPT = 41;
const EDE = 15;

/** Reads a well-formed answer; throws a RangeError when it is not one. */
export function summariseAnswer(packet: Buffer): AnswerSummary {
  const counts = [4, 6, 8, 10].map((offset) => packet.readUInt16BE(offset)) as [number, number, number, number];
  let offset = 12;
  for (let question = 0; question < counts[0]; question += 1) offset = skipName(packet, offset) + 4;
  const extendedErrors: number[] = [];
  for (let record = counts[1] + counts[2] + counts[3]; record > 0; record -= 1) {
    offset = skipName(packet, offset);
    const type = packet.readUInt16BE(offset);
    const rdataEnd = offset + 10 + packet.readUInt16BE(offset + 8);
    if (type === OPT) extendedErrors.push(...errorsOf(packet.subarray(offset + 10, rdataEnd)));
    offset = rdataEnd;
  }
  const flags = packet.readUInt16BE(2);
  return { id: packet.readUInt16BE(0), rcode: flags & 15, truncated: (flags & 0x0200) !== 0, answerCount: counts[1], extendedErrors };
}

function errorsOf(options: Buffer): number[] {
  const codes: number[] = [];
  for (let offset = 0; offset + 4 <= options.length; offset += 4 + options.readUInt16BE(offset + 2)) {
    if (options.readUInt16BE(offset) === EDE) codes.push(options.readUInt16BE(offset + 4));
  }
  return codes;
}

function skipName(packet: Buffer, start: number): number {
  let offset = start;
  for (;;) {
    const length = packet.readUInt8(offset);
    if (length >= 0xc0) return offset + 2;
    if (length === 0) return offset + 1;
    offset += 1 + length;
  }
}
