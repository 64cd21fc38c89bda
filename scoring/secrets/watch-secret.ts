/**
 * Registration: turns a secret into what is kept of it, keyed hashes of shingles of every text it can take in a name, or says why it
 * cannot be watched. The value is not kept.
 */
import type { HashKey } from '../sketch/keyed-hash.ts';
import { encodedTexts } from './encodings.ts';
import { alphanumericOf, SHINGLE_LENGTH, shingleHashes, surpriseBits, weightBits } from './shingles.ts';

export type SecretKind = 'secret' | 'canary';

export interface WatchedSecret {
  readonly name: string;
  readonly kind: SecretKind;
  /** Weight in bits of the pieces that make a hit. */
  readonly neededBits: number;
  /** Pairs of 32-bit hashes, in order of their value, which says nothing about their order in the secret. */
  readonly hashes: Uint32Array;
}

export type Watching =
  | { readonly kind: 'watched'; readonly secret: WatchedSecret }
  | { readonly kind: 'refused'; readonly problem: string };

/** Where a secret can be found, for people. */
export const WATCHED_FORMS = ['as it is', 'hex', 'base32', 'base64 and base64url'] as const;

export const MIN_SECRET_OCTETS = 12;
export const MAX_SECRET_OCTETS = 8192;
/** Eleven random letters and digits. Chance finds as much in one of 2^33 places (10^3 secrets, 10^7 names) with odds of 2^-23. */
const MIN_BITS = 56;
/** What makes a hit of a long secret: 16 random letters and digits, or 20 of hex. */
const ENOUGH_BITS = 80;
/** Short ones must be seen nearly whole. */
const PART_OF_SHORT = 0.9;

/** Eight letters or digits more surprising than this look random: 98 in 100 of hex do, and 1 in 100 where words meet (measured). */
const RANDOM_BITS = 42;
/** Where two words meet, eight letters may look random too, but not many more. */
const MIN_RANDOM_ROW = 12;

/**
 * `value`: an octet string (one char per octet), surrounding white space removed. Only what looks random in it is watched: words and
 * numbers stand in ordinary names as well, and in the hex and base64 that some of those carry.
 */
export function watchSecret(name: string, kind: SecretKind, value: string, key: HashKey): Watching {
  if (value.length < MIN_SECRET_OCTETS)
    return refused(`is shorter than ${MIN_SECRET_OCTETS} octets: ordinary names would hold it by chance`);
  if (value.length > MAX_SECRET_OCTETS) return refused(`is longer than ${MAX_SECRET_OCTETS} octets: register a part of it`);
  const parts = randomParts(withoutHosts(value));
  const bits = parts.reduce((sum, part) => sum + weightBits(alphanumericOf(part)), 0);
  if (bits < MIN_BITS) {
    return refused(
      'holds too little that looks random: words and numbers stand in ordinary names as well, so it cannot be watched without false alarms',
    );
  }
  const texts = parts.flatMap((part) => [
    alphanumericOf(part),
    ...octetsOf(part)
      .flatMap(encodedTexts)
      .map(({ text }) => alphanumericOf(text)),
  ]);
  const neededBits = Math.min(ENOUGH_BITS, PART_OF_SHORT * bits);
  return { kind: 'watched', secret: { name, kind, neededBits, hashes: hashesOf(texts, key) } };
}

/** The host of a URL or of `user@host` is asked for every time the secret is used, which tells nobody anything. */
function withoutHosts(value: string): string[] {
  return value.replaceAll(/(:\/\/(?:[^\s/?#@]*@)?|@)[a-z0-9._-]+/gi, (_, before: string) => `${before}\0`).split('\0');
}

/** The stretches in which every letter and digit belongs to eight in a row that look random. */
function randomParts(texts: readonly string[]): string[] {
  return texts.flatMap((text) => {
    const places = [...text].flatMap((character, place) => (/[a-z0-9]/i.test(character) ? [place] : []));
    const random = new Uint8Array(text.length);
    for (let from = 0; from + SHINGLE_LENGTH <= places.length; from++) {
      const row = places.slice(from, from + SHINGLE_LENGTH);
      const shingle = row.map((place) => text.charAt(place).toLowerCase()).join('');
      if (looksRandom(shingle)) random.fill(1, row[0] ?? 0, (row.at(-1) ?? 0) + 1);
    }
    return stretches(text, random).filter((stretch) => alphanumericOf(stretch).length >= MIN_RANDOM_ROW);
  });
}

/** A number is too easily a date; what counts or repeats (`1234`, `aaaa`) is too easily a row of counters. */
function looksRandom(shingle: string): boolean {
  return /[a-z]/.test(shingle) && !hasProgression(shingle) && surpriseBits(shingle) >= RANDOM_BITS;
}

/** Four characters in a row at equal steps of -1, 0 or 1. */
function hasProgression(shingle: string): boolean {
  const steps = Array.from({ length: shingle.length - 1 }, (_, at) => shingle.charCodeAt(at + 1) - shingle.charCodeAt(at));
  return steps.some((step, at) => Math.abs(step) <= 1 && step === steps[at + 1] && step === steps[at + 2]);
}

function stretches(text: string, marked: Uint8Array): string[] {
  const found: string[] = [];
  let from = 0;
  for (let place = 0; place <= text.length; place++) {
    if (marked[place] === 1) continue;
    if (place > from) found.push(text.slice(from, place));
    from = place + 1;
  }
  return found;
}

/** A secret written in hex may also be sent as the octets it stands for. */
function octetsOf(value: string): string[] {
  if (value.length % 2 !== 0 || !/^[0-9a-f]{24,}$/i.test(value)) return [value];
  const octets = value.replaceAll(/../g, (pair) => String.fromCharCode(Number.parseInt(pair, 16)));
  return [value, octets];
}

function hashesOf(texts: readonly string[], key: HashKey): Uint32Array {
  const pairs = new Map<string, [number, number]>();
  for (const pair of texts.flatMap((text) => shingleHashes(text, key))) pairs.set(pair.join(), pair);
  return Uint32Array.from([...pairs.values()].sort(([a, b], [c, d]) => a - c || b - d).flat());
}

function refused(problem: string): Watching {
  return { kind: 'refused', problem };
}
