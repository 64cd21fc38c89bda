/**
 * Reads a whole DNS message into comparable form, independent of Kennel's own wire code: names in lower-case presentation form,
 * names inside RDATA expanded, everything else as hex. Throws a RangeError on what is not a well-formed message.
 */

export interface ReadRecord {
  readonly owner: string;
  readonly type: number;
  readonly class: number;
  readonly ttlSeconds: number;
  readonly rdata: string;
}

export interface ReadMessage {
  readonly octets: number;
  readonly id: number;
  readonly isResponse: boolean;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** Extended by the OPT where there is one. */
  readonly rcode: number;
  /** The question section, verbatim. */
  readonly question: Buffer;
  readonly answer: readonly ReadRecord[];
  readonly authority: readonly ReadRecord[];
  /** Without the OPT. */
  readonly additional: readonly ReadRecord[];
  readonly edns: {
    readonly udpPayloadSize: number;
    readonly version: number;
    readonly dnssecOk: boolean;
    /** All flags but DO. */
    readonly otherFlags: number;
    /** In order; values in hex. */
    readonly options: readonly { readonly code: number; readonly value: string }[];
  } | null;
}

const OPT = 41;

/** RDATA that starts with names: octets before them and how many. Compression is undone in all of these, allowed there or not. */
const NAMES_IN_RDATA: Readonly<Record<number, { readonly skip: number; readonly names: number }>> = {
  2: { skip: 0, names: 1 }, // NS
  5: { skip: 0, names: 1 }, // CNAME
  6: { skip: 0, names: 2 }, // SOA
  12: { skip: 0, names: 1 }, // PTR
  15: { skip: 2, names: 1 }, // MX
  17: { skip: 0, names: 2 }, // RP
  18: { skip: 2, names: 1 }, // AFSDB
  33: { skip: 6, names: 1 }, // SRV
  39: { skip: 0, names: 1 }, // DNAME
  46: { skip: 18, names: 1 }, // RRSIG
  47: { skip: 0, names: 1 }, // NSEC
  64: { skip: 2, names: 1 }, // SVCB
  65: { skip: 2, names: 1 }, // HTTPS
};

/** Reads the message; octets behind its last record are malformed too. */
export function readMessage(packet: Buffer): ReadMessage {
  const flags = packet.readUInt16BE(2);
  const count = (offset: number) => packet.readUInt16BE(offset);
  let at = 12;
  for (let question = count(4); question > 0; question -= 1) at = readName(packet, at).end + 4;
  const question = packet.subarray(12, at);
  const section = (records: number): RecordAt[] =>
    Array.from({ length: records }, () => {
      const record = readRecord(packet, at);
      at = record.end;
      return record;
    });
  const answer = section(count(6));
  const authority = section(count(8));
  const additional = section(count(10));
  if (at !== packet.length) throw new RangeError(`${packet.length - at} octets behind the message`);
  const opt = additional.find(({ record }) => record.type === OPT);
  const upperRcode = opt === undefined ? 0 : packet.readUInt8(opt.tail + 4);
  return {
    octets: packet.length,
    id: packet.readUInt16BE(0),
    isResponse: (flags & 0x8000) !== 0,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    authenticData: (flags & 0x0020) !== 0,
    checkingDisabled: (flags & 0x0010) !== 0,
    rcode: (upperRcode << 4) | (flags & 15),
    question,
    answer: answer.map(({ record }) => record),
    authority: authority.map(({ record }) => record),
    additional: additional.map(({ record }) => record).filter(({ type }) => type !== OPT),
    edns:
      opt === undefined
        ? null
        : {
            udpPayloadSize: packet.readUInt16BE(opt.tail + 2),
            version: packet.readUInt8(opt.tail + 5),
            dnssecOk: (packet.readUInt16BE(opt.tail + 6) & 0x8000) !== 0,
            otherFlags: packet.readUInt16BE(opt.tail + 6) & 0x7fff,
            options: readOptions(packet.subarray(opt.tail + 10, opt.end)),
          },
  };
}

function readOptions(rdata: Buffer): { code: number; value: string }[] {
  const options: { code: number; value: string }[] = [];
  let at = 0;
  while (at < rdata.length) {
    const end = at + 4 + rdata.readUInt16BE(at + 2);
    if (end > rdata.length) throw new RangeError('an EDNS option longer than its OPT');
    options.push({ code: rdata.readUInt16BE(at), value: rdata.toString('hex', at + 4, end) });
    at = end;
  }
  return options;
}

/** Labels of a name in presentation form (RFC 1035 §5.1: `\.`, `\\`, `\032`), as octets in the case given, without the root. */
export function labelsOfPresentation(name: string): readonly Buffer[] {
  const labels: number[][] = [[]];
  const unescaped = /\\(\d{3})|\\(.)|(\.)|(.)/gs;
  for (const [, code, escaped, dot, plain] of name.matchAll(unescaped)) {
    if (dot !== undefined) labels.push([]);
    else labels.at(-1)?.push(code !== undefined ? Number(code) : (escaped ?? plain ?? '').charCodeAt(0));
  }
  return labels.filter((label) => label.length > 0).map((label) => Buffer.from(label));
}

/** A name in presentation form as `readMessage` writes it. */
export function comparableName(name: string): string {
  return presentedLabels(labelsOfPresentation(name));
}

interface RecordAt {
  readonly record: ReadRecord;
  /** Where the type stands. */
  readonly tail: number;
  readonly end: number;
}

function readRecord(packet: Buffer, start: number): RecordAt {
  const owner = readName(packet, start);
  const type = packet.readUInt16BE(owner.end);
  const rdataStart = owner.end + 10;
  const end = rdataStart + packet.readUInt16BE(owner.end + 8);
  if (end > packet.length) throw new RangeError('a record beyond the end');
  const record = {
    owner: owner.name,
    type,
    class: packet.readUInt16BE(owner.end + 2),
    ttlSeconds: packet.readUInt32BE(owner.end + 4),
    rdata: readRdata(packet, type, rdataStart, end),
  };
  return { record, tail: owner.end, end };
}

function readRdata(packet: Buffer, type: number, start: number, end: number): string {
  const { skip, names } = NAMES_IN_RDATA[type] ?? { skip: end - start, names: 0 };
  const parts = [packet.toString('hex', start, start + skip)];
  let at = start + skip;
  for (let index = 0; index < names; index += 1) {
    const name = readName(packet, at);
    parts.push(name.name);
    at = name.end;
  }
  if (at > end) throw new RangeError('a name beyond its RDATA');
  parts.push(packet.toString('hex', at, end));
  return parts.filter((part) => part !== '').join(' ');
}

function readName(packet: Buffer, start: number): { name: string; end: number } {
  const labels: Buffer[] = [];
  let at = start;
  let end: number | null = null;
  for (let jumps = 0; ; ) {
    const length = packet.readUInt8(at);
    if (length >= 0xc0) {
      end ??= at + 2;
      at = packet.readUInt16BE(at) & 0x3fff;
      jumps += 1;
      if (jumps > 128) throw new RangeError('a compression loop');
      continue;
    }
    if (length > 63) throw new RangeError('a label of an unknown kind');
    if (length === 0) return { name: presentedLabels(labels), end: end ?? at + 1 };
    labels.push(packet.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
}

function presentedLabels(labels: readonly Buffer[]): string {
  return `${labels.map((label) => [...label].map(presented).join('')).join('.')}.`;
}

function presented(octet: number): string {
  const lower = String.fromCharCode(octet).toLowerCase();
  return /[a-z0-9_*-]/.test(lower) && octet < 128 ? lower : `\\${String(octet).padStart(3, '0')}`;
}
