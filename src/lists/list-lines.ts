/**
 * Cuts the octets of a list into lines, with a bound on each. Owns decoding: what is not ASCII is read as UTF-8, and what is not
 * UTF-8 becomes U+FFFD, which is in no name.
 */
import type { LineReader } from './list-rule.ts';

/** Hosts files put many names on a line; the longest seen are a tenth of this. */
export const MAX_LINE_OCTETS = 16 * 1024;

/** Texts of this size are cut at a time. */
const PIECE_OCTETS = 64 * 1024;

const BYTE_ORDER_MARK = '\xef\xbb\xbf';

export class ListLines {
  readonly #read: LineReader;
  readonly #tooLong: (line: number) => void;
  /** The line that has begun, one char for each octet. */
  #rest = '';
  #isTooLong = false;
  #number = 0;

  constructor(read: LineReader, tooLong: (line: number) => void) {
    this.#read = read;
    this.#tooLong = tooLong;
  }

  push(octets: Uint8Array): void {
    const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
    for (let at = 0; at < buffer.length; at += PIECE_OCTETS) this.#cut(buffer.toString('latin1', at, at + PIECE_OCTETS));
  }

  /** Takes the last line if it had no end. */
  end(): void {
    if (this.#rest !== '' || this.#isTooLong) this.#take(this.#rest);
    this.#rest = '';
  }

  #cut(piece: string): void {
    const text = this.#rest + piece;
    let start = 0;
    for (let newline = text.indexOf('\n'); newline >= 0; newline = text.indexOf('\n', start)) {
      this.#take(text.slice(start, newline));
      start = newline + 1;
    }
    this.#rest = text.slice(start);
    if (this.#rest.length <= MAX_LINE_OCTETS) return;
    this.#isTooLong = true;
    this.#rest = '';
  }

  #take(octets: string): void {
    this.#number += 1;
    const tooLong = this.#isTooLong || octets.length > MAX_LINE_OCTETS;
    this.#isTooLong = false;
    if (tooLong) this.#tooLong(this.#number);
    else this.#read(decoded(this.#number === 1 ? withoutMark(octets) : octets), this.#number);
  }
}

function withoutMark(octets: string): string {
  return octets.startsWith(BYTE_ORDER_MARK) ? octets.slice(BYTE_ORDER_MARK.length) : octets;
}

/** Without spaces at the end, a carriage return among them. */
function decoded(octets: string): string {
  return (/[\x80-\xff]/.test(octets) ? Buffer.from(octets, 'latin1').toString('utf8') : octets).trimEnd();
}
