/**
 * The shipped table of popular registrable domains, made by `scripts/make-popular-domains.ts`. Owns its look-up, not its contents.
 *
 * Exact names and no hashes: the table is public, so an attacker could register a name that collides with any short hash.
 */
import { gunzipSync } from 'node:zlib';
import { readShippedFile } from './shipped-file.ts';

export interface PopularDomains {
  /** `icannDomain` in presentation form. */
  has(icannDomain: string): boolean;
  readonly size: number;
}

/** Reads the shipped table. Throws `DamagedInstallation` when it is not the one of this release. */
export function loadPopularDomains(): PopularDomains {
  return popularDomains(gunzipSync(readShippedFile('popular-domains.txt.gz')).toString('latin1'));
}

/**
 * The table of a text with one name a line, sorted by octets, `#` lines first. The text itself is searched, through an index of
 * its lines: half a megabyte more than the text, where a Set of as many strings takes ten.
 */
export function popularDomains(text: string): PopularDomains {
  const starts = lineStarts(text);
  return { size: starts.length, has: (icannDomain) => contains(text, starts, icannDomain) };
}

function lineStarts(text: string): Uint32Array {
  const starts: number[] = [];
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    if (end > start && text.charCodeAt(start) !== HASH_SIGN) starts.push(start);
    start = end + 1;
  }
  return Uint32Array.from(starts);
}

const HASH_SIGN = 0x23;
const NEWLINE = 0x0a;

function contains(text: string, starts: Uint32Array, name: string): boolean {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = compareLine(text, starts[middle] ?? 0, name);
    if (order === 0) return true;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return false;
}

/** Negative when the line sorts before the name, 0 when it is the name. */
function compareLine(text: string, start: number, name: string): number {
  for (let i = 0; i < name.length; i++) {
    const octet = start + i < text.length ? text.charCodeAt(start + i) : NEWLINE;
    const difference = octet - name.charCodeAt(i);
    // A line that ends here is the shorter one; a newline sorts before every octet of a name.
    if (difference !== 0 || octet === NEWLINE) return octet === NEWLINE ? -1 : difference;
  }
  const end = start + name.length;
  return end >= text.length || text.charCodeAt(end) === NEWLINE ? 0 : 1;
}
