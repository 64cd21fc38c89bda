/**
 * The shipped table of popular registrable domains, made by `scripts/make-popular-domains.ts`. Owns its look-up, not its contents.
 *
 * Exact names and no hashes: the table is public, so an attacker could register a name that collides with any short hash.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

export interface PopularDomains {
  /** `icannDomain` in presentation form. */
  has(icannDomain: string): boolean;
  readonly size: number;
}

const SHIPPED = new URL('../../blocklists/popular-domains.txt.gz', import.meta.url);

/** Reads the shipped table. Throws when it is missing or damaged: the installation is broken. */
export function loadPopularDomains(file: URL = SHIPPED): PopularDomains {
  return popularDomains(gunzipSync(readFileSync(file)).toString('latin1'));
}

/** The table of a text with one name a line, sorted by octets, `#` lines first. The text itself is searched: one string instead of 90,000. */
export function popularDomains(text: string): PopularDomains {
  const start = endOfComments(text);
  let size = 0;
  for (let at = text.indexOf('\n', start); at >= 0; at = text.indexOf('\n', at + 1)) size += 1;
  return { size, has: (icannDomain) => contains(text, start, icannDomain) };
}

function endOfComments(text: string): number {
  let at = 0;
  while (text.charCodeAt(at) === 0x23) at = text.indexOf('\n', at) + 1;
  return at;
}

/** Binary search over lines. */
function contains(text: string, start: number, name: string): boolean {
  let low = start;
  let high = text.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const lineStart = Math.max(low, text.lastIndexOf('\n', middle - 1) + 1);
    const newline = text.indexOf('\n', lineStart);
    const lineEnd = newline < 0 ? text.length : newline;
    const order = compareLine(text, lineStart, lineEnd, name);
    if (order === 0) return true;
    if (order < 0) low = lineEnd + 1;
    else high = lineStart;
  }
  return false;
}

/** Negative when the line sorts before the name. */
function compareLine(text: string, start: number, end: number, name: string): number {
  const shared = Math.min(end - start, name.length);
  for (let i = 0; i < shared; i++) {
    const difference = text.charCodeAt(start + i) - name.charCodeAt(i);
    if (difference !== 0) return difference;
  }
  return end - start - name.length;
}
