/**
 * SipHash-2-4 with a 128-bit key and 64 bits of output (Aumasson and Bernstein, 2012): a keyed hash for short messages, as server
 * cookies need it (RFC 9018 §4.4). Node's crypto has none. Two 32-bit halves stand for each 64-bit word, since BigInt would be ten
 * times slower. Knows nothing of DNS.
 */

/** The key's four 32-bit words, little-endian. */
export type SipKey = readonly [number, number, number, number];

export const SIP_KEY_OCTETS = 16;

/** Reads a key of 16 octets; throws a RangeError for any other length, which is a bug of the caller. */
export function sipKey(octets: Uint8Array): SipKey {
  if (octets.length !== SIP_KEY_OCTETS) throw new RangeError(`a SipHash key has ${SIP_KEY_OCTETS} octets, not ${octets.length}`);
  return [littleEndian(octets, 0, 4), littleEndian(octets, 4, 4), littleEndian(octets, 8, 4), littleEndian(octets, 12, 4)];
}

/** The hash of `message`, eight octets in the order in which the reference implementation writes them. */
export function sipHash(key: SipKey, message: Uint8Array): Uint8Array {
  const state = new SipState(key);
  const words = message.length >>> 3;
  for (let word = 0; word < words; word++) {
    state.absorb(littleEndian(message, word * 8, 4), littleEndian(message, word * 8 + 4, 4));
  }
  // The last word holds what is left, and the length's low octet at its top.
  const rest = words * 8;
  const left = message.length - rest;
  const low = littleEndian(message, rest, Math.min(left, 4));
  const high = littleEndian(message, rest + 4, Math.max(left - 4, 0)) | ((message.length & 0xff) << 24);
  state.absorb(low, high);
  return state.finish();
}

/** Up to four octets as a signed 32-bit word; those beyond `count` read as 0. */
function littleEndian(octets: Uint8Array, at: number, count: number): number {
  let word = 0;
  for (let index = 0; index < count; index++) word |= (octets[at + index] ?? 0) << (8 * index);
  return word;
}

/** The four words v0 to v3 of the specification, each as a low and a high half. */
class SipState {
  #v0l: number;
  #v0h: number;
  #v1l: number;
  #v1h: number;
  #v2l: number;
  #v2h: number;
  #v3l: number;
  #v3h: number;

  /** The constants spell "somepseudorandomlygeneratedbytes". */
  constructor([k0l, k0h, k1l, k1h]: SipKey) {
    this.#v0l = k0l ^ 0x70736575;
    this.#v0h = k0h ^ 0x736f6d65;
    this.#v1l = k1l ^ 0x6e646f6d;
    this.#v1h = k1h ^ 0x646f7261;
    this.#v2l = k0l ^ 0x6e657261;
    this.#v2h = k0h ^ 0x6c796765;
    this.#v3l = k1l ^ 0x79746573;
    this.#v3h = k1h ^ 0x74656462;
  }

  absorb(low: number, high: number): void {
    this.#v3l ^= low;
    this.#v3h ^= high;
    this.#round();
    this.#round();
    this.#v0l ^= low;
    this.#v0h ^= high;
  }

  finish(): Uint8Array {
    this.#v2l ^= 0xff;
    for (let round = 0; round < 4; round++) this.#round();
    const low = this.#v0l ^ this.#v1l ^ this.#v2l ^ this.#v3l;
    const high = this.#v0h ^ this.#v1h ^ this.#v2h ^ this.#v3h;
    return Uint8Array.of(low, low >>> 8, low >>> 16, low >>> 24, high, high >>> 8, high >>> 16, high >>> 24);
  }

  #round(): void {
    let low: number;
    let v0l = this.#v0l >>> 0;
    let v0h = this.#v0h;
    let v1l = this.#v1l >>> 0;
    let v1h = this.#v1h;
    let v2l = this.#v2l >>> 0;
    let v2h = this.#v2h;
    let v3l = this.#v3l >>> 0;
    let v3h = this.#v3h;

    v0l += v1l;
    v0h = (v0h + v1h + (v0l > 0xffff_ffff ? 1 : 0)) | 0;
    v0l >>>= 0;
    low = ((v1l << 13) | (v1h >>> 19)) ^ v0l;
    v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h;
    v1l = low >>> 0;
    [v0l, v0h] = [v0h >>> 0, v0l | 0];

    v2l += v3l;
    v2h = (v2h + v3h + (v2l > 0xffff_ffff ? 1 : 0)) | 0;
    v2l >>>= 0;
    low = ((v3l << 16) | (v3h >>> 16)) ^ v2l;
    v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
    v3l = low >>> 0;

    v0l += v3l;
    v0h = (v0h + v3h + (v0l > 0xffff_ffff ? 1 : 0)) | 0;
    v0l >>>= 0;
    low = ((v3l << 21) | (v3h >>> 11)) ^ v0l;
    v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
    v3l = low >>> 0;

    v2l += v1l;
    v2h = (v2h + v1h + (v2l > 0xffff_ffff ? 1 : 0)) | 0;
    v2l >>>= 0;
    low = ((v1l << 17) | (v1h >>> 15)) ^ v2l;
    v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h;
    v1l = low >>> 0;
    [v2l, v2h] = [v2h >>> 0, v2l | 0];

    this.#v0l = v0l;
    this.#v0h = v0h;
    this.#v1l = v1l;
    this.#v1h = v1h;
    this.#v2l = v2l;
    this.#v2h = v2h;
    this.#v3l = v3l;
    this.#v3h = v3h;
  }
}
