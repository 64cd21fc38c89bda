/**
 * Repeatable randomness for the evaluation: every stream is drawn from a seed that says what it is for, so adding one case changes no other.
 */

export interface Random {
  /** At least 0, below 1. */
  next(): number;
  /** At least 0, below `end`. */
  int(end: number): number;
  pick<T>(from: readonly T[]): T;
  shuffled<T>(from: readonly T[]): T[];
  octets(count: number): Uint8Array;
}

/** A generator for these seeds (sfc32, seeded by FNV-1a over the text). */
export function randomFrom(...seeds: readonly (string | number)[]): Random {
  const text = seeds.join('\0');
  let a = fnv1a(`a${text}`);
  let b = fnv1a(`b${text}`);
  let c = fnv1a(`c${text}`);
  let counter = 1;
  const next32 = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 16; round++) next32();
  const next = (): number => next32() / 0x1_0000_0000;
  const int = (end: number): number => Math.floor(next() * end);
  return {
    next,
    int,
    pick(from) {
      const picked = from[int(from.length)];
      if (picked === undefined) throw new Error('nothing to pick from');
      return picked;
    },
    shuffled(from) {
      const left = [...from];
      return from.flatMap(() => left.splice(int(left.length), 1));
    },
    octets: (count) => Uint8Array.from({ length: count }, () => int(256)),
  };
}

/** 32-bit FNV-1a over UTF-16 units; also what splits are made by. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
