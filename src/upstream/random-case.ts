/**
 * Random letter case in questions (draft-vixie-dnsext-dns0x20): each letter is one more bit a forger has to guess. The case comes from
 * our own generator, never from a client. Owns the memory of upstreams that do not repeat it; what a wrong case means is the transport's.
 */
import type { Clock } from '../pipeline/ports.ts';
import type { QName } from '../wire/name.ts';
import type { SpelledName } from '../wire/query-encode.ts';
import type { Random16 } from './random16.ts';

/** An upstream that was seen to change the case is asked in lower case for so long, then tried again: it may have been replaced. */
const LOWER_CASE_MS = 600_000;

export class RandomCase {
  readonly #random16: Random16;
  readonly #clock: Clock;
  #lowerUntilMs = Number.NEGATIVE_INFINITY;

  constructor(random16: Random16, clock: Clock) {
    this.#random16 = random16;
    this.#clock = clock;
  }

  /** A spelling to ask the name in; null while the upstream is known to change it. */
  spell(qname: QName): SpelledName | null {
    if (this.#clock.monotonicMs() < this.#lowerUntilMs) return null;
    return withRandomCase(qname, this.#random16);
  }

  /** To be called on evidence that cannot be forged blind: an answer over TCP in another case. */
  noteChangedCase(): void {
    this.#lowerUntilMs = this.#clock.monotonicMs() + LOWER_CASE_MS;
  }
}

/** Each ASCII letter in upper case with a chance of one half. Length octets (0-63) are no letters, so only labels are touched. */
export function withRandomCase(qname: QName, random16: Random16): SpelledName {
  const codes: number[] = [];
  let bits = 0;
  let bitsLeft = 0;
  for (let index = 0; index < qname.length; index++) {
    const code = qname.charCodeAt(index);
    const isLetter = code >= 0x61 && code <= 0x7a;
    if (isLetter && bitsLeft === 0) {
      bits = random16();
      bitsLeft = 16;
    }
    codes.push(isLetter && (bits & 1) === 1 ? code - 0x20 : code);
    if (isLetter) {
      bits >>>= 1;
      bitsLeft--;
    }
  }
  return String.fromCharCode(...codes) as SpelledName;
}
