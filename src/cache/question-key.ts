/**
 * The key under which answers are cached and exchanges joined: (upstream group, QName, type) as one string.
 * Owns only the spelling; group ids come from the configuration and never hold a NUL.
 */
import type { QName } from '../wire/name.ts';

/** Injective for group ids without NUL: the first NUL ends the group, the next char is the type, the rest is the name. */
export function questionKey(group: string, qname: QName, qtype: number): string {
  // One query asks for its key several times.
  if (qname !== last.qname || qtype !== last.qtype || group !== last.group) {
    last = { group, qname, qtype, key: `${group}\0${String.fromCharCode(qtype)}${qname}` };
  }
  return last.key;
}

let last = { group: '', qname: '' as QName, qtype: -1, key: '' };
