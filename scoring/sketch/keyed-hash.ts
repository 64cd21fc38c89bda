/**
 * HalfSipHash-2-4 with 64 bits of output (Aumasson and Bernstein 2012; the reference code's 32-bit variant).
 * Keyed, so that nobody who does not know the key can choose names that collide and so hide their number.
 */

export interface HashKey {
  /** Two 32-bit words of secret randomness. */
  readonly low: number;
  readonly high: number;
}

export interface Hash64 {
  readonly low: number;
  readonly high: number;
}

/** The hash of a string of octets (one char per octet; higher bits of a char are ignored). Both words are unsigned. */
export function keyedHash(text: string, key: HashKey): Hash64 {
  const state = start(key);
  const whole = text.length & ~3;
  for (let at = 0; at < whole; at += 4) compress(state, wordAt(text, at, 4));
  return finish(state, wordAt(text, whole, text.length & 3) | (text.length << 24));
}

/** The same hash of octets that are no string. */
export function keyedHashOfOctets(octets: Uint8Array, key: HashKey): Hash64 {
  const state = start(key);
  const whole = octets.length & ~3;
  for (let at = 0; at < whole; at += 4) compress(state, wordIn(octets, at, 4));
  return finish(state, wordIn(octets, whole, octets.length & 3) | (octets.length << 24));
}

function start(key: HashKey): State {
  return { v0: key.low, v1: key.high ^ 0xee, v2: 0x6c796765 ^ key.low, v3: 0x74656462 ^ key.high };
}

function finish(state: State, lastWord: number): Hash64 {
  compress(state, lastWord);
  state.v2 ^= 0xee;
  rounds(state, 4);
  const low = (state.v1 ^ state.v3) >>> 0;
  state.v1 ^= 0xdd;
  rounds(state, 4);
  return { low, high: (state.v1 ^ state.v3) >>> 0 };
}

interface State {
  v0: number;
  v1: number;
  v2: number;
  v3: number;
}

function compress(state: State, word: number): void {
  state.v3 ^= word;
  rounds(state, 2);
  state.v0 ^= word;
}

function rounds(state: State, count: number): void {
  let { v0, v1, v2, v3 } = state;
  for (let round = 0; round < count; round++) {
    v0 = (v0 + v1) | 0;
    v1 = rotate(v1, 5) ^ v0;
    v0 = rotate(v0, 16);
    v2 = (v2 + v3) | 0;
    v3 = rotate(v3, 8) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = rotate(v3, 7) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = rotate(v1, 13) ^ v2;
    v2 = rotate(v2, 16);
  }
  state.v0 = v0;
  state.v1 = v1;
  state.v2 = v2;
  state.v3 = v3;
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

/** Up to four octets, little-endian. */
function wordAt(text: string, at: number, octets: number): number {
  let word = 0;
  for (let octet = 0; octet < octets; octet++) word |= (text.charCodeAt(at + octet) & 0xff) << (8 * octet);
  return word;
}

function wordIn(octets: Uint8Array, at: number, count: number): number {
  let word = 0;
  for (let octet = 0; octet < count; octet++) word |= (octets[at + octet] ?? 0) << (8 * octet);
  return word;
}
