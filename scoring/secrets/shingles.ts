/**
 * Shingles: eight letters or digits in a row, whatever separators stand between them, and their keyed hash.
 * Shared by registration and search, so that both cut and hash alike. What a match means is `secret-matcher.ts`'s.
 */
import { benignProbability } from '../model/benign-prior.ts';
import { nextContext, START_CONTEXT, symbolOf } from '../model/name-symbols.ts';
import { type HashKey, keyedHash } from '../sketch/keyed-hash.ts';

/** Letters and digits in a shingle: the shortest piece of a secret that is recognised by itself. */
export const SHINGLE_LENGTH = 8;

/** Codes of up to 6 bits: letters 1-26, digits 27-36, then the two of base64url and of base64, which count as the same. */
export const LAST_ALPHANUMERIC = 36;
const CODES = 'abcdefghijklmnopqrstuvwxyz0123456789-_';
const OTHER_CODE = 63;

const CODE_OF_OCTET = buildCodes();

export function codeOf(octet: number): number {
  return CODE_OF_OCTET[octet & 0xff] ?? OTHER_CODE;
}

/** Only letters and digits, in lower case: how texts are compared, so that dots, dashes and padding do not matter. */
export function alphanumericOf(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/**
 * The cheap half of a shingle's hash, of its first and last four codes (24 bits each): it finds candidates. Multiply and shift as in
 * MurmurHash3's finaliser, keyed.
 */
export function cheapHash(first: number, last: number, key: HashKey): number {
  let mixed = Math.imul(last ^ key.low, 0x85ebca6b);
  mixed ^= mixed >>> 15;
  mixed = Math.imul((mixed + first) ^ key.high, 0xc2b2ae35);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0x27d4eb2f);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The sound half (HalfSipHash): it confirms candidates. `shingle` is eight letters or digits. */
export function soundHash(shingle: string, key: HashKey): number {
  return keyedHash(shingle, key).low;
}

/** The hashes of all shingles of a text of letters and digits, as pairs of the cheap and the sound half. */
export function shingleHashes(alphanumeric: string, key: HashKey): [cheap: number, sound: number][] {
  const hashes: [number, number][] = [];
  for (let at = 0; at + SHINGLE_LENGTH <= alphanumeric.length; at++) {
    const shingle = alphanumeric.slice(at, at + SHINGLE_LENGTH);
    hashes.push([cheapHash(fourCodes(shingle, 0), fourCodes(shingle, 4), key), soundHash(shingle, key)]);
  }
  return hashes;
}

/** Four characters as 24 bits. */
export function fourCodes(text: string, from: number): number {
  let codes = 0;
  for (let at = from; at < from + 4; at++) codes = (codes << 6) | codeOf(text.charCodeAt(at));
  return codes;
}

/** How unlike benign host names a text is, in bits: −Σ log2 p_benign (the trigram table of `model/`). */
export function surpriseBits(text: string): number {
  let context = START_CONTEXT;
  let bits = 0;
  for (let at = 0; at < text.length; at++) {
    const symbol = symbolOf(text.charCodeAt(at));
    bits -= Math.log2(benignProbability(context, symbol));
    context = nextContext(context, symbol);
  }
  return bits;
}

/**
 * How much a text of letters and digits tells, in bits: its surprise, and no more than its alphabet can hold, because names that carry
 * hex or base32 anyway hold every short text of those letters by chance.
 */
export function weightBits(alphanumeric: string): number {
  return Math.min(surpriseBits(alphanumeric), alphanumeric.length * Math.log2(alphabetSize(alphanumeric)));
}

function alphabetSize(alphanumeric: string): number {
  if (/^[0-9]*$/.test(alphanumeric)) return 10;
  if (/^[0-9a-f]*$/.test(alphanumeric)) return 16;
  return /^[a-z2-7]*$/.test(alphanumeric) ? 32 : 36;
}

function buildCodes(): Uint8Array {
  const table = new Uint8Array(256).fill(OTHER_CODE);
  for (let index = 0; index < CODES.length; index++) table[CODES.charCodeAt(index)] = index + 1;
  table['+'.charCodeAt(0)] = table['-'.charCodeAt(0)] ?? OTHER_CODE;
  table['/'.charCodeAt(0)] = table['_'.charCodeAt(0)] ?? OTHER_CODE;
  return table;
}
