/**
 * How a file becomes names, in the shapes that slip past filters: each encoding turns a piece of the payload into the labels in front of
 * a zone and back. `recovered` is the thief's end: it decodes the names that arrived and counts the octets of the payload he has.
 * Which tool asks for the names is everyday-tools.ts; nothing here knows what should arrive.
 */

export interface ThiefEncoding {
  readonly name: string;
  /** Octets of the payload per name. */
  readonly octets: number;
  /** The type the names are asked for, where the tool lets one choose. */
  readonly qtype: 'A' | 'TXT' | 'PTR';
  /** The labels in front of the zone. */
  encode(piece: Buffer): string;
  /** The piece that labels in lower case stand for; null where the octets themselves stay unknown. */
  decode(labels: string): Buffer | null;
  /** Share of a piece's information that is left when letters are lowered. */
  readonly survivesLowerCase: number;
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** RFC 4648 §6 in lower case, without padding. */
export function toBase32(octets: Buffer): string {
  let bits = 0n;
  for (const octet of octets) bits = (bits << 8n) | BigInt(octet);
  const symbols = Math.ceil((octets.length * 8) / 5);
  bits <<= BigInt(symbols * 5 - octets.length * 8);
  let text = '';
  for (let index = symbols - 1; index >= 0; index -= 1) text += BASE32[Number((bits >> BigInt(index * 5)) & 31n)];
  return text;
}

function fromBase32(text: string, octets: number): Buffer | null {
  let bits = 0n;
  for (const symbol of text) {
    const value = BASE32.indexOf(symbol);
    if (value < 0) return null;
    bits = (bits << 5n) | BigInt(value);
  }
  bits >>= BigInt(text.length * 5 - octets * 8);
  return fromHex(bits.toString(16).padStart(octets * 2, '0'));
}

function fromHex(text: string): Buffer | null {
  return /^(?:[0-9a-f]{2})+$/.test(text) ? Buffer.from(text, 'hex') : null;
}

const ADJECTIVES = 'red blue green warm cold fast slow old new dry wet big small soft loud calm'.split(' ');
const NOUNS = 'fox hill lake road tree bird ship door lamp rock leaf boat wolf star rain coat'.split(' ');

function word(octet: number): string {
  return `${ADJECTIVES[octet >> 4]}-${NOUNS[octet & 15]}`;
}

function fromWord(text: string): number {
  const [adjective = '', noun = ''] = text.split('-');
  return (ADJECTIVES.indexOf(adjective) << 4) | NOUNS.indexOf(noun);
}

const two = (number: number) => number.toString(16).padStart(2, '0');

export const ENCODINGS = {
  hex: {
    name: 'hex, 16 octets a label',
    octets: 16,
    qtype: 'A',
    survivesLowerCase: 1,
    encode: (piece) => piece.toString('hex'),
    decode: fromHex,
  },
  shortHex: {
    name: 'hex, 4 octets a label',
    octets: 4,
    qtype: 'A',
    survivesLowerCase: 1,
    encode: (piece) => piece.toString('hex'),
    decode: fromHex,
  },
  longHex: {
    name: 'hex, 90 octets in three labels',
    octets: 90,
    qtype: 'A',
    survivesLowerCase: 1,
    encode: (piece) => (piece.toString('hex').match(/.{1,60}/g) ?? []).join('.'),
    decode: (labels) => fromHex(labels.replaceAll('.', '')),
  },
  base32: {
    name: 'base32, 20 octets a label',
    octets: 20,
    qtype: 'A',
    survivesLowerCase: 1,
    encode: toBase32,
    decode: (labels) => fromBase32(labels, 20),
  },
  base64url: {
    name: 'base64url, 24 octets a label',
    octets: 24,
    qtype: 'TXT',
    encode: (piece) => piece.toString('base64url'),
    decode: () => null,
    // 52 of 64 symbols are letters and lose one bit of six.
    survivesLowerCase: 1 - 52 / 64 / 6,
  },
  words: {
    name: 'words, an octet a label',
    octets: 4,
    qtype: 'A',
    survivesLowerCase: 1,
    encode: (piece) => [...piece].map(word).join('.'),
    decode: (labels) => Buffer.from(labels.split('.').map(fromWord)),
  },
  octetLabels: {
    name: 'hex, an octet a label',
    octets: 8,
    qtype: 'A',
    survivesLowerCase: 1,
    encode: (piece) => [...piece].map(two).join('.'),
    decode: (labels) => fromHex(labels.replaceAll('.', '')),
  },
  counters: {
    name: 'numbered hosts',
    octets: 2,
    qtype: 'A',
    survivesLowerCase: 1,
    encode: (piece) => `node-${piece.readUInt16BE(0)}`,
    decode: (labels) => Buffer.from(Number(labels.slice(5)).toString(16).padStart(4, '0'), 'hex'),
  },
  uuid: {
    name: 'UUID',
    octets: 16,
    qtype: 'A',
    survivesLowerCase: 1,
    encode: (piece) => piece.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    decode: (labels) => fromHex(labels.replaceAll('-', '')),
  },
  cdn: {
    name: 'CDN host',
    octets: 8,
    qtype: 'A',
    survivesLowerCase: 1,
    encode: (piece) => `d${piece.readBigUInt64BE(0).toString(36).padStart(13, '0')}.cdn`,
    decode(labels) {
      let value = 0n;
      for (const symbol of labels.slice(1, 14)) value = value * 36n + BigInt(Number.parseInt(symbol, 36));
      return fromHex(value.toString(16).padStart(16, '0'));
    },
  },
  dnsbl: {
    name: 'DNSBL look-up',
    octets: 4,
    qtype: 'A',
    survivesLowerCase: 1,
    encode: (piece) => `${[...piece].join('.')}.bl`,
    decode: (labels) => Buffer.from(labels.split('.').slice(0, 4).map(Number)),
  },
  dkim: {
    name: 'DKIM selector',
    octets: 10,
    qtype: 'TXT',
    survivesLowerCase: 1,
    encode: (piece) => `${toBase32(piece)}._domainkey`,
    decode: (labels) => fromBase32(labels.slice(0, -'._domainkey'.length), 10),
  },
  reverse: {
    name: 'IPv6 reverse look-up',
    octets: 12,
    qtype: 'PTR',
    survivesLowerCase: 1,
    encode: (piece) => [...piece.toString('hex')].join('.'),
    decode: (labels) => fromHex(labels.replaceAll('.', '')),
  },
} as const satisfies Record<string, ThiefEncoding>;

export interface TheftName {
  readonly name: string;
  /** What stands in front of the zone. */
  readonly labels: string;
  readonly piece: Buffer;
}

/** The payload as names: one below each zone in turn. The last piece is filled up with zeros. */
export function theftNames(encoding: ThiefEncoding, payload: Buffer, zones: readonly string[]): readonly TheftName[] {
  return Array.from({ length: Math.ceil(payload.length / encoding.octets) }, (_, number) => {
    const piece = Buffer.alloc(encoding.octets);
    payload.copy(piece, 0, number * encoding.octets);
    const labels = encoding.encode(piece);
    return { name: `${labels}.${zones[number % zones.length]}`, labels, piece };
  });
}

/**
 * Octets of the payload that the thief has: names that arrived are decoded, and each counts once. A name that decodes to something
 * else than it was made of is a mistake of this file and throws; letter case is as it arrived, so a resolver that keeps it would show.
 */
export function recovered(encoding: ThiefEncoding, sent: readonly TheftName[], arrived: readonly string[]): number {
  const sentByName = new Map(sent.map((theft) => [theft.name.toLowerCase(), theft]));
  let octets = 0;
  for (const name of new Set(arrived)) {
    const theft = sentByName.get(name.toLowerCase());
    if (!theft) continue;
    const keepsCase = name === theft.name;
    const decoded = keepsCase && encoding.survivesLowerCase < 1 ? theft.piece : encoding.decode(name.slice(0, theft.labels.length));
    if (decoded !== null && !decoded.equals(theft.piece)) throw new Error(`${encoding.name}: ${name} is not what was sent`);
    octets += encoding.octets * (keepsCase ? 1 : encoding.survivesLowerCase);
  }
  return Math.round(octets * 10) / 10;
}
