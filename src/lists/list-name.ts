/**
 * Names as lists write them, through the same reading as names in a config: what a list matches is what would be forwarded.
 */
import { isIP } from 'node:net';
import { parseDomainName } from '../policy/name-pattern.ts';
import type { QName } from '../wire/name.ts';
import type { NotApplied } from './list-rule.ts';

/** The name, Unicode as punycode, a trailing dot dropped; null for everything else: `whyNotAName` tells. */
export function readListName(text: string): QName | null {
  const name = parseDomainName(text);
  return name !== null && isAddress(text) ? null : name;
}

/** Why `readListName` gave null. */
export function whyNotAName(text: string): NotApplied {
  if (isAddress(text)) return 'address';
  return /[/:?]/.test(text) ? 'url' : 'not-a-name';
}

/** An address in four decimal parts is a name by its characters, and a list that has it means the address. */
function isAddress(text: string): boolean {
  const bare = text.endsWith('.') ? text.slice(0, -1) : text;
  return /[0-9:]$/.test(bare) && isIP(bare) !== 0;
}
