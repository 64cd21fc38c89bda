/**
 * The texts that octets become in a name: hex (RFC 4648 §8), base32 (§6) and base64 (§4, §5), each at every alignment, because a
 * secret may stand in the middle of what is encoded. Owns the encoders and which characters the octets fix; names are lower case.
 */

export interface EncodedText {
  readonly encoding: 'hex' | 'base32' | 'base64';
  /** Lower-cased characters that the octets fix whatever stands before and after them, without padding. */
  readonly text: string;
  /** How many bits of the octets stand before the first of these characters. */
  readonly skippedBits: number;
}

export const ALPHABETS = {
  hex: '0123456789abcdef',
  base32: 'abcdefghijklmnopqrstuvwxyz234567',
  base64: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
} as const;

/** Bits that one character carries. */
export const BITS_PER_CHARACTER = { hex: 4, base32: 5, base64: 6 } as const;

/** Octets after which an encoding is at the same place again: the alignments. */
const PERIOD_OCTETS = { hex: 1, base32: 5, base64: 3 } as const;

/** Every text that an octet string (one char per octet) can become: nine of them. */
export function encodedTexts(octets: string): EncodedText[] {
  const encodings = ['hex', 'base32', 'base64'] as const;
  return encodings.flatMap((encoding) =>
    Array.from({ length: PERIOD_OCTETS[encoding] }, (_, before) => encodeAt(encoding, octets, before)),
  );
}

/** The characters fixed by the octets when `before` unknown octets stand in front of them. */
function encodeAt(encoding: EncodedText['encoding'], octets: string, before: number): EncodedText {
  const width = BITS_PER_CHARACTER[encoding];
  const skippedBits = (width - ((before * 8) % width)) % width;
  const count = Math.max(0, Math.floor((octets.length * 8 - skippedBits) / width));
  let text = '';
  for (let index = 0; index < count; index++) text += ALPHABETS[encoding].charAt(bitsAt(octets, skippedBits + index * width, width));
  return { encoding, text: text.toLowerCase(), skippedBits };
}

function bitsAt(octets: string, firstBit: number, width: number): number {
  const octet = firstBit >> 3;
  const two = (octetAt(octets, octet) << 8) | octetAt(octets, octet + 1);
  return (two >> (16 - width - (firstBit & 7))) & ((1 << width) - 1);
}

function octetAt(octets: string, index: number): number {
  return index < octets.length ? octets.charCodeAt(index) & 0xff : 0;
}
