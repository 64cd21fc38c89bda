/**
 * The patterns people write in lists: `a.b` exactly that name, `*.a.b` exactly one label below, `**.a.b` any depth below and
 * `a.b` itself (as `||a.b^` in AdGuard and a wildcard in Blocky mean it). Owns their syntax and which ones are too wide to accept.
 */
import { domainToASCII } from 'node:url';
import { fromPresentation, labelCount, type QName, toPresentation } from '../wire/name.ts';
import { isPublicSuffix } from './registrable-domain.ts';

export interface NamePattern {
  readonly kind: 'exact' | 'one-label' | 'any-depth';
  /** The fixed part. */
  readonly base: QName;
  /** Canonical text: lower case, punycode, no trailing dot. */
  readonly text: string;
}

/**
 * Each character of a Unicode name takes an octet at least, but for what IDNA composes. The time to encode a label grows with the square
 * of its length: 40 ms for 5,000 characters.
 */
const MAX_UNICODE_UNITS = 1024;

const PREFIX = { exact: '', 'one-label': '*.', 'any-depth': '**.' } as const;

/** Reads a pattern; `problem` says in words for its author why it is refused and what to write instead. */
export function parsePattern(text: string): NamePattern | { problem: string } {
  const kind = text.startsWith('**.') ? 'any-depth' : text.startsWith('*.') ? 'one-label' : 'exact';
  const fixed = text.slice(PREFIX[kind].length);
  if (/^\*+$/.test(text) || (kind !== 'exact' && (fixed === '' || fixed === '.'))) {
    return { problem: `"${text}" would match every name; list names, or set the policy's default` };
  }
  if (fixed.includes('*')) return { problem: `"${text}": an asterisk stands for whole labels and only at the front: *.a.b or **.a.b` };
  const base = parseDomainName(fixed);
  if (base === null) return { problem: `"${text}" is not a domain name` };
  if (labelCount(base) === 0) return { problem: `"${text}" is the root, not a name` };
  const written = toPresentation(base);
  if (kind !== 'exact' && isPublicSuffix(base)) {
    return { problem: `"${text}" is too wide: anybody can register a name below the public suffix ${written}` };
  }
  return { kind, base, text: PREFIX[kind] + written };
}

/**
 * A domain name as people write it: letters, digits, dashes and underscores, or Unicode that becomes punycode; null when it is
 * neither. DNS itself takes any octet, but in a config another character is a slip (a URL, an address), not a name.
 */
export function parseDomainName(text: string): QName | null {
  if (/^[A-Za-z0-9_.-]*$/.test(text)) return fromPresentation(text);
  // IDNA drops or maps much of what is not a letter, so it gets Unicode names alone.
  if (text.length > MAX_UNICODE_UNITS || /^[ -~]*$/.test(text) || /[\s\p{C}]/u.test(text)) return null;
  const ascii = domainToASCII(text);
  return /^[a-z0-9_.-]+$/.test(ascii) ? fromPresentation(ascii) : null;
}
