/**
 * Finds the forms of well-known keys in a text: as they are, and inside hex, base32 and base64 at any alignment. Letter case is gone
 * from names, so base64 is read with every case that gives admissible octets. Which forms there are is `key-shapes.ts`.
 */
import { ALPHABETS, BITS_PER_CHARACTER, type EncodedText, encodedTexts } from './encodings.ts';
import { type BodyClass, KEY_SHAPES, type KeyShape } from './key-shapes.ts';
import { codeOf, LAST_ALPHANUMERIC, surpriseBits } from './shingles.ts';

/** A beginning as it stands in a text, and where in it the body starts. */
interface Needle {
  readonly shape: KeyShape;
  readonly codes: readonly number[];
  readonly encoding: EncodedText['encoding'] | 'raw';
  readonly skippedBits: number;
}

export type AtNeedle = { readonly kind: 'found'; readonly name: string } | { readonly kind: 'open' } | { readonly kind: 'none' };

/** Codes that the filter looks at together. */
const FILTER_CODES = 4;
/** Every code that a name made of letters, digits, `-` and `_` can hold. */
const HOST_CODES = LAST_ALPHANUMERIC + 2;
/** Octets of a body that have to fit when each letter may be one of two: chance lets through more. */
const LEAST_IN_BASE64 = 16;
/** Mean surprise of host names is 3.6 bits a character, of random letters and digits about 6. */
const RANDOM_BITS = 4.25;

/** The rest of an API key, or the secret that belongs to an access key's name. */
const MORE_BODY = 15;

/** Whether a word or label may begin or end at a place of the text. */
export type IsBorder = (place: number) => boolean;

const NONE: AtNeedle = { kind: 'none' };
const OPEN: AtNeedle = { kind: 'open' };

const NEEDLES = needlesByFilter(KEY_SHAPES.flatMap(needlesOf));
const FILTER = filterOf(NEEDLES.keys());

/** Whether a key's form may begin with these four codes (24 bits). Cheap; wrong for one text in a hundred. */
export function mayBegin(four: number): boolean {
  const index = filterIndex(four);
  return ((FILTER[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0;
}

/** What begins at `from`, whose first four codes are `four`. `open`: the text ends before it can be told. */
export function shapeAt(text: string, from: number, four: number, isBorder: IsBorder): AtNeedle {
  let open = false;
  for (const needle of NEEDLES.get(four) ?? []) {
    const seen = seenOf(needle, text, from, isBorder);
    if (seen === 'found') return { kind: 'found', name: needle.shape.name };
    open ||= seen === 'open';
  }
  return open ? OPEN : NONE;
}

function seenOf(needle: Needle, text: string, from: number, isBorder: IsBorder): 'found' | 'open' | 'no' {
  const { codes, shape } = needle;
  for (let index = 0; index < codes.length; index++) {
    if (from + index >= text.length) return 'open';
    if (codeOf(text.charCodeAt(from + index)) !== codes[index]) return 'no';
  }
  if (shape.least === 0) return 'found';
  if (needle.encoding === 'raw' && shape.wordLike === true && !standsAlone(needle, text, from, isBorder)) return 'no';
  return needle.encoding === 'raw' ? rawBody(needle, text, from) : encodedBody(needle, needle.encoding, text, from);
}

/** A short beginning stands in words and in random text; a key's begins where a label or a word does, and ends there or goes on long. */
function standsAlone({ shape, codes }: Needle, text: string, from: number, isBorder: IsBorder): boolean {
  const end = from + codes.length + shape.least;
  return isBorder(from) && (isBorder(end) || text.length >= end + MORE_BODY);
}

function rawBody({ shape, codes }: Needle, text: string, from: number): 'found' | 'open' | 'no' {
  const start = from + codes.length;
  for (let at = start; at < start + shape.least; at++) {
    if (at >= text.length) return 'open';
    if (!isRawBody(shape.body, codeOf(text.charCodeAt(at)))) return 'no';
  }
  if (shape.wordLike !== true) return 'found';
  return surpriseBits(text.slice(start, start + shape.least)) >= RANDOM_BITS * shape.least ? 'found' : 'no';
}

function isRawBody(body: BodyClass, code: number): boolean {
  if (body === 'base64url') return code <= HOST_CODES;
  if (code > LAST_ALPHANUMERIC) return false;
  return body === 'alphanumeric' || valuesOf('base32', code).length > 0;
}

/** Reads the octets after the beginning. Each character has one value, or two where letter case is lost; some choice must fit. */
function encodedBody(needle: Needle, encoding: EncodedText['encoding'], text: string, from: number): 'found' | 'open' | 'no' {
  const { shape, skippedBits } = needle;
  const width = BITS_PER_CHARACTER[encoding];
  const least = encoding === 'base64' ? Math.max(shape.least, LEAST_IN_BASE64) : shape.least;
  let shared: { readonly at: number; readonly values: readonly number[] } | null = null;
  for (let octet = shape.prefix.length; octet < shape.prefix.length + least; octet++) {
    const firstBit = octet * 8 - skippedBits;
    const first = Math.floor(firstBit / width);
    const last = Math.floor((firstBit + 7) / width);
    if (from + last >= text.length) return 'open';
    // Partial octets read so far, each with the value of the latest character.
    let partial: { bits: number; value: number }[] = [{ bits: 0, value: 0 }];
    for (let index = first; index <= last; index++) {
      const values: readonly number[] =
        shared !== null && shared.at === index ? shared.values : valuesOf(encoding, codeOf(text.charCodeAt(from + index)));
      partial = partial.flatMap(({ bits }) => values.map((value) => ({ bits: (bits << width) | value, value })));
    }
    const unused = (last + 1) * width - (firstBit + 8);
    const fitting = partial.filter(({ bits }) => isBodyOctet(shape.body, (bits >> unused) & 0xff));
    if (fitting.length === 0) return 'no';
    shared = { at: last, values: [...new Set(fitting.map(({ value }) => value))] };
  }
  return 'found';
}

function isBodyOctet(body: BodyClass, octet: number): boolean {
  const isCapital = octet >= 0x41 && octet <= 0x5a;
  if (body === 'base32') return isCapital || (octet >= 0x32 && octet <= 0x37);
  const isAlphanumeric = isCapital || (octet >= 0x61 && octet <= 0x7a) || (octet >= 0x30 && octet <= 0x39);
  return isAlphanumeric || (body === 'base64url' && (octet === 0x2d || octet === 0x5f));
}

/** The values a character may stand for. */
function valuesOf(encoding: EncodedText['encoding'], code: number): readonly number[] {
  return VALUES[encoding][code] ?? [];
}

const VALUES = { hex: valueTable('hex'), base32: valueTable('base32'), base64: valueTable('base64') };

/** By code. Letter case is lost, so a letter of base64 may be one of two. */
function valueTable(encoding: EncodedText['encoding']): readonly (readonly number[])[] {
  const table: number[][] = Array.from({ length: 64 }, () => []);
  [...ALPHABETS[encoding]].forEach((character, value) => {
    table[codeOf(character.toLowerCase().charCodeAt(0))]?.push(value);
  });
  return table;
}

function needlesOf(shape: KeyShape): Needle[] {
  // Dots are label joins, which are not part of any text here.
  const raw = { encoding: 'raw' as const, text: shape.prefix.toLowerCase().replaceAll('.', ''), skippedBits: 0 };
  return [raw, ...encodedTexts(shape.prefix)].flatMap(({ encoding, text, skippedBits }) => {
    const codes = [...text].map((character) => codeOf(character.charCodeAt(0)));
    return completed(codes).map((whole) => ({ shape, codes: whole, encoding, skippedBits }));
  });
}

/** The filter looks at four codes: a beginning of three is watched with every code that may follow it, a shorter one not at all. */
function completed(codes: readonly number[]): (readonly number[])[] {
  if (codes.length >= FILTER_CODES) return [codes];
  if (codes.length < FILTER_CODES - 1) return [];
  return Array.from({ length: HOST_CODES }, (_, index) => [...codes, index + 1]);
}

function needlesByFilter(needles: readonly Needle[]): ReadonlyMap<number, readonly Needle[]> {
  const byFilter = new Map<number, Needle[]>();
  for (const needle of needles) {
    const four = needle.codes.slice(0, FILTER_CODES).reduce((packed, code) => (packed << 6) | code, 0);
    byFilter.set(four, [...(byFilter.get(four) ?? []), needle]);
  }
  return byFilter;
}

function filterOf(fours: Iterable<number>): Uint32Array {
  const filter = new Uint32Array(2 ** 11);
  for (const four of fours) {
    const index = filterIndex(four);
    filter[index >>> 5] = (filter[index >>> 5] ?? 0) | (1 << (index & 31));
  }
  return filter;
}

/** 16 bits (multiplicative hashing, Knuth 6.4). */
function filterIndex(four: number): number {
  return Math.imul(four, 2_654_435_761) >>> 16;
}
