/**
 * Ways to write octets into the labels of a name, as tools and agents do, each with its way back: what the attacker's nameserver reads.
 * Labels are lower case, because that is how names leave Kennel.
 */
import { WORD_LIST } from './word-list.ts';

export interface Encoding {
  readonly name: string;
  /** Octets a name, each tried. */
  readonly chunkSizes: readonly number[];
  /** The type such names are asked with; null: any. */
  readonly type: string | null;
  /** What the labels stand below: the attacker's domain, or his part of a reverse zone. */
  readonly zone: 'domain' | 'ip6' | 'in-addr';
  /** Share of the payload that can be read after names were put into lower case. */
  readonly readable: number;
  /** Labels below the attacker's zone, leftmost first. `index` counts the names. */
  encode(chunk: Uint8Array, index: number): string[];
  /** The octets of one name; where `readable` is below 1, one of those that give these labels. */
  decode(labels: readonly string[]): Uint8Array;
}

const ANY = { type: null, zone: 'domain', readable: 1 } as const;

export const ENCODINGS: readonly Encoding[] = [
  {
    ...ANY,
    name: 'hex',
    chunkSizes: [1, 4, 8, 16, 30, 40],
    encode: (chunk) => split(hex(chunk)),
    decode: (labels) => fromHex(labels.join('')),
  },
  {
    ...ANY,
    name: 'counter and hex',
    chunkSizes: [2, 8, 16, 30],
    encode: (chunk, index) => [String(index), ...split(hex(chunk)), 'x'],
    decode: (labels) => fromHex(labels.slice(1, -1).join('')),
  },
  {
    ...ANY,
    name: 'base32',
    chunkSizes: [1, 5, 10, 20, 40],
    encode: (chunk) => split(base32(chunk)),
    decode: (labels) => fromBase32(labels.join('')),
  },
  {
    ...ANY,
    name: 'counter and base32',
    chunkSizes: [5, 20, 35],
    encode: (chunk, index) => [`${base32(chunk)}-${index}`],
    decode: (labels) => fromBase32(labels[0]?.split('-')[0] ?? ''),
  },
  {
    ...ANY,
    name: 'base64url',
    // 26 pairs of letters fall together: 5.1875 of 6 bits are left a character.
    readable: 5.1875 / 6,
    chunkSizes: [3, 12, 30],
    encode: (chunk) => split(Buffer.from(chunk).toString('base64url').toLowerCase()),
    decode: (labels) => Uint8Array.from(Buffer.from(labels.join(''), 'base64url')),
  },
  {
    ...ANY,
    name: 'UUID',
    chunkSizes: [16],
    encode: (chunk) => [hex(padded(chunk, 16)).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'), 'events'],
    decode: (labels) => fromHex((labels[0] ?? '').replaceAll('-', '')),
  },
  {
    ...ANY,
    name: 'words in one label',
    chunkSizes: [1, 2, 4, 6],
    encode: (chunk) => [words(chunk).join('-')],
    decode: (labels) => fromWords((labels[0] ?? '').split('-')),
  },
  {
    ...ANY,
    name: 'words, one a label',
    chunkSizes: [2, 4],
    encode: (chunk) => [...words(chunk), 'blog'],
    decode: (labels) => fromWords(labels.slice(0, -1)),
  },
  {
    ...ANY,
    name: 'one octet a label',
    chunkSizes: [4, 8, 16],
    encode: (chunk) => Array.from(chunk, (octet) => hex(Uint8Array.of(octet))),
    decode: (labels) => fromHex(labels.join('')),
  },
  {
    ...ANY,
    name: 'decimal',
    chunkSizes: [2, 8, 16],
    encode: (chunk) => split(Array.from(chunk, (octet) => String(octet).padStart(3, '0')).join('')),
    decode: (labels) => Uint8Array.from(labels.join('').match(/.{3}/g) ?? [], Number),
  },
  {
    ...ANY,
    name: 'like an antivirus look-up',
    chunkSizes: [20],
    encode: (chunk) => {
      const whole = padded(chunk, 20);
      return ['a-0', `19-${hex(whole.subarray(0, 4))}`, hex(whole.subarray(4, 8)), '1838', '0', base32(whole.subarray(8)), 'avqs'];
    },
    decode: ([, first = '', second = '', , , third = '']) => joined(fromHex(first.slice(3)), fromHex(second), fromBase32(third)),
  },
  {
    ...ANY,
    name: 'like a CDN host',
    chunkSizes: [8],
    encode: (chunk) => [`d${base32(padded(chunk, 8))}`, 'cdn'],
    decode: (labels) => fromBase32((labels[0] ?? '').slice(1)),
  },
  {
    ...ANY,
    name: 'like a DNSBL look-up',
    chunkSizes: [4],
    encode: (chunk) => [...Array.from(padded(chunk, 4), String).reverse(), 'bl'],
    decode: (labels) => Uint8Array.from(labels.slice(0, -1).reverse(), Number),
  },
  {
    ...ANY,
    name: 'like a DKIM key',
    type: 'TXT',
    chunkSizes: [10],
    encode: (chunk) => [`s${base32(chunk)}`, '_domainkey'],
    decode: (labels) => fromBase32((labels[0] ?? '').slice(1)),
  },
  {
    ...ANY,
    name: 'like a service',
    type: 'SRV',
    chunkSizes: [5, 10],
    encode: (chunk) => [`_${base32(chunk)}`, '_tcp'],
    decode: (labels) => fromBase32((labels[0] ?? '').slice(1)),
  },
  {
    ...ANY,
    name: 'IPv6 reverse',
    type: 'PTR',
    zone: 'ip6',
    chunkSizes: [12],
    encode: (chunk) => [...hex(padded(chunk, 12))].reverse(),
    decode: (labels) => fromHex([...labels].reverse().join('')),
  },
  {
    ...ANY,
    name: 'IPv4 reverse',
    type: 'PTR',
    zone: 'in-addr',
    chunkSizes: [2],
    encode: (chunk) => Array.from(padded(chunk, 2), String).reverse(),
    decode: (labels) => Uint8Array.from([...labels].reverse(), Number),
  },
];

const LABEL_LENGTH = 60;

function split(text: string): string[] {
  return text.match(new RegExp(`.{1,${LABEL_LENGTH}}`, 'g')) ?? [];
}

/** The last chunk of a payload, filled up with zeros where the form has a fixed length. */
function padded(chunk: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(chunk);
  return whole;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

export function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex');
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** RFC 4648 §6 in lower case, without padding. */
export function base32(octets: Uint8Array): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const octet of octets) {
    value = ((value << 8) | octet) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(value >> bits) & 31];
    }
  }
  return bits === 0 ? text : text + BASE32[(value << (5 - bits)) & 31];
}

function fromBase32(text: string): Uint8Array {
  const octets: number[] = [];
  let bits = 0;
  let value = 0;
  for (const letter of text) {
    value = ((value << 5) | BASE32.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      octets.push((value >> bits) & 0xff);
    }
  }
  return Uint8Array.from(octets);
}

function words(chunk: Uint8Array): string[] {
  return Array.from(chunk, (octet) => WORD_LIST[octet] ?? '');
}

function fromWords(labels: readonly string[]): Uint8Array {
  return Uint8Array.from(labels, (word) => WORD_LIST.indexOf(word));
}
