/**
 * Domain names as Kennel compares, stores and sends them: canonical wire octets in a string, one char (0-255) per octet.
 * Reads them from packets and converts them to labels and to presentation form (RFC 1035 §5.1). Knows nothing of messages.
 */
import { HEADER_OCTETS } from './header.ts';
import { readUint16 } from './octets.ts';

/**
 * Length-prefixed labels with ASCII letters in lower case, the root octet at the end. Immutable and loss-free for all
 * 256 octet values, so it serves as a Map key and no two different names are ever equal.
 */
export type QName = string & { readonly __qname: true };

export const ROOT = '\0' as QName;

/** RFC 1035 §2.3.4; the root octet and the length octets count. */
export const MAX_NAME_OCTETS = 255;

/** RFC 1035 §2.3.4. */
export const MAX_LABEL_OCTETS = 63;

/** A name has at most 127 labels, so a pointer per label is the most that can mean anything. */
const MAX_POINTERS = 127;

/** Every octet escaped as `\DDD`. */
const MAX_PRESENTATION_CHARS = 4 * MAX_NAME_OCTETS;

const POINTER_BITS = 0xc0;
const POINTER_TARGET = 0x3fff;

/** Letter case is folded for ASCII only (RFC 4343 §2). */
const LOWER = Uint8Array.from({ length: 256 }, (_, octet) => (octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet));

/** Reused between calls; nothing reads it after the call that wrote it. */
const scratch = Buffer.alloc(MAX_NAME_OCTETS);

/**
 * Reads the uncompressed name at `offset`. `end` is the offset behind it. Null when a label is longer than 63 octets
 * or a pointer, the name is longer than 255 octets, or the packet ends within it.
 */
export function readQuestionName(packet: Uint8Array, offset: number): { name: QName; end: number } | null {
  let at = offset;
  for (;;) {
    const length = packet[at];
    if (length === undefined || length > MAX_LABEL_OCTETS) return null;
    const labelEnd = at + 1 + length;
    // The root octet, at least, must still fit behind this label.
    if (labelEnd > packet.length || labelEnd - offset > MAX_NAME_OCTETS - (length === 0 ? 0 : 1)) return null;
    scratch[at - offset] = length;
    for (at++; at < labelEnd; at++) scratch[at - offset] = LOWER[packet[at] ?? 0] ?? 0;
    if (length === 0) return { name: scratch.toString('latin1', 0, at - offset) as QName, end: at };
  }
}

/**
 * Writes the name at `offset` into `into` from `position` on, compression pointers followed and letter case kept.
 * Pointers must lead strictly backwards, from label run to label run (RFC 1035 §4.1.4 "prior occurrence"), which bounds the work.
 *
 * @returns the octets written and the offset behind the name's first run, or null when the name is malformed.
 */
export function expandName(packet: Uint8Array, offset: number, into: Uint8Array, position: number): { octets: number; end: number } | null {
  let octets = 0;
  let end: number | null = null;
  let runStart = offset;
  for (let pointers = 0; pointers <= MAX_POINTERS; pointers++) {
    const run = copyLabels(packet, runStart, into, position + octets, MAX_NAME_OCTETS - octets);
    if (run === null) return null;
    octets += run.end - runStart;
    if (run.closed) return { octets, end: end ?? run.end };
    end ??= run.end + 2;
    const target = readUint16(packet, run.end) & POINTER_TARGET;
    if (end > packet.length || target >= runStart || target < HEADER_OCTETS) return null;
    runStart = target;
  }
  return null;
}

/**
 * Copies labels up to the root octet (`closed`, with it) or to a pointer (without it). Null when a label has a forbidden length,
 * the packet ends, or the name would take more than `room` octets, its root octet included.
 */
function copyLabels(
  packet: Uint8Array,
  start: number,
  into: Uint8Array,
  position: number,
  room: number,
): { end: number; closed: boolean } | null {
  let at = start;
  for (;;) {
    const length = packet[at];
    if (length === undefined) return null;
    if ((length & POINTER_BITS) === POINTER_BITS) return { end: at, closed: false };
    const labelEnd = at + 1 + length;
    const needed = labelEnd - start + (length === 0 ? 0 : 1);
    if (length > MAX_LABEL_OCTETS || labelEnd > packet.length || needed > room) return null;
    for (; at < labelEnd; at++) into[position + at - start] = packet[at] ?? 0;
    if (length === 0) return { end: at, closed: true };
  }
}

/** Reads the possibly compressed name at `offset` in canonical form; null when it is malformed (see `expandName`). */
export function readCompressedName(packet: Uint8Array, offset: number): { name: QName; end: number } | null {
  const expanded = expandName(packet, offset, scratch, 0);
  if (expanded === null) return null;
  // Length octets are below 0x40, so folding every octet leaves them alone.
  for (let index = 0; index < expanded.octets; index++) scratch[index] = LOWER[scratch[index] ?? 0] ?? 0;
  return { name: scratch.toString('latin1', 0, expanded.octets) as QName, end: expanded.end };
}

/** The name's octets in wire form, uncompressed. */
export function toOctets(name: QName): Uint8Array {
  const octets = new Uint8Array(name.length);
  for (let index = 0; index < name.length; index++) octets[index] = name.charCodeAt(index);
  return octets;
}

/** Labels as octet strings, leftmost first; none for the root. */
export function labelsOf(name: QName): string[] {
  const labels: string[] = [];
  for (let at = 0, length = name.charCodeAt(0); length > 0; length = name.charCodeAt(at)) {
    labels.push(name.slice(at + 1, at + 1 + length));
    at += 1 + length;
  }
  return labels;
}

/** The name of these labels, leftmost first, letters folded; null when a label or the name has a forbidden length or a char is no octet. */
export function fromLabels(labels: readonly string[]): QName | null {
  let text = '';
  for (const label of labels) {
    if (label.length === 0 || label.length > MAX_LABEL_OCTETS) return null;
    text += String.fromCharCode(label.length);
    for (let index = 0; index < label.length; index++) {
      const octet = LOWER[label.charCodeAt(index)];
      if (octet === undefined) return null;
      text += String.fromCharCode(octet);
    }
    if (text.length >= MAX_NAME_OCTETS) return null;
  }
  return `${text}\0` as QName;
}

/** Labels without the root: 0 for the root, at most 127. */
export function labelCount(name: QName): number {
  let count = 0;
  for (let at = 0; name.charCodeAt(at) > 0; at += 1 + name.charCodeAt(at)) count++;
  return count;
}

/** Whether `name` equals `ancestor` or lies below it. Only label boundaries count: `xexample.com` is not below `example.com`. */
export function isAtOrBelow(name: QName, ancestor: QName): boolean {
  const start = name.length - ancestor.length;
  let at = 0;
  while (at < start) at += 1 + name.charCodeAt(at);
  return at === start && name.endsWith(ancestor);
}

/** The name without its leftmost label; null for the root. */
export function parentName(name: QName): QName | null {
  return name === ROOT ? null : (name.slice(1 + name.charCodeAt(0)) as QName);
}

/** `name` with its ending `suffix` exchanged for another, as a DNAME does; null when that is longer than 255 octets (RFC 6672 §2.2). */
export function replaceSuffix(name: QName, suffix: QName, replacement: QName): QName | null {
  const replaced = name.slice(0, name.length - suffix.length) + replacement;
  return replaced.length > MAX_NAME_OCTETS ? null : (replaced as QName);
}

/** The last `labels` labels of the name: the root for 0, the whole name when it has no more than that. */
export function suffixOf(name: QName, labels: number): QName {
  let at = 0;
  for (let surplus = labelCount(name) - labels; surplus > 0 && name.charCodeAt(at) > 0; surplus--) at += 1 + name.charCodeAt(at);
  return at === 0 ? name : (name.slice(at) as QName);
}

/**
 * Reads presentation form: labels between dots, `\X` and `\DDD` escapes (RFC 1035 §5.1), the trailing dot optional, `.` the root.
 * Null for an empty text or label, a label over 63 or a name over 255 octets, a bad escape, and unescaped spaces,
 * control characters and non-ASCII (an IDN has to be given as A-labels).
 */
export function fromPresentation(text: string): QName | null {
  if (text === '.') return ROOT;
  if (text.length > MAX_PRESENTATION_CHARS) return null;
  const labels: string[] = [];
  let label = '';
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '.') {
      labels.push(label);
      label = '';
    } else if (char === '\\') {
      const escaped = readEscape(text, at + 1);
      if (escaped === null) return null;
      label += escaped.char;
      at = escaped.last;
    } else if (char > ' ' && char <= '~') {
      label += char;
    } else {
      return null;
    }
  }
  if (label !== '') labels.push(label);
  return labels.length === 0 ? null : fromLabels(labels);
}

/** The name of a text that is one: a constant, or read and checked before. Throws otherwise, because that is a bug. */
export function requireName(text: string): QName {
  const name = fromPresentation(text);
  if (name === null) throw new Error(`not a domain name: ${JSON.stringify(text)}`);
  return name;
}

function readEscape(text: string, at: number): { char: string; last: number } | null {
  const digits = /^\d{3}/.exec(text.slice(at, at + 3))?.[0];
  if (digits !== undefined) {
    const octet = Number(digits);
    return octet > 255 ? null : { char: String.fromCharCode(octet), last: at + 2 };
  }
  const char = text.charAt(at);
  return char >= ' ' && char <= '~' && !(char >= '0' && char <= '9') ? { char, last: at } : null;
}

/**
 * Presentation form (RFC 1035 §5.1) without the trailing dot, `.` for the root. Everything but printable ASCII becomes `\DDD`
 * and the characters that mean something in a zone file `\X`, so the result is safe in logs and on terminals.
 */
export function toPresentation(name: QName): string {
  if (name === ROOT) return '.';
  let end = 0;
  for (let at = 0, length = name.charCodeAt(0); length > 0; length = name.charCodeAt(at)) {
    if (end > 0) presented[end++] = DOT;
    const labelEnd = at + 1 + length;
    for (at++; at < labelEnd; at++) {
      const octet = name.charCodeAt(at);
      if (PLAIN[octet] === 1) {
        presented[end++] = octet;
        continue;
      }
      const text = PRESENTED[octet] ?? '';
      for (let index = 0; index < text.length; index++) presented[end++] = text.charCodeAt(index);
    }
  }
  return presented.toString('latin1', 0, end);
}

const DOT = 0x2e;

/** Reused between calls. A text that grew by `+=` would be kept as a chain of its pieces, 32 octets for each character. */
const presented = Buffer.alloc(MAX_PRESENTATION_CHARS);

const PRESENTED: readonly string[] = Array.from({ length: 256 }, (_, octet) => {
  const char = String.fromCharCode(octet);
  if ('."\\();@$'.includes(char)) return `\\${char}`;
  return char > ' ' && char <= '~' ? char : `\\${String(octet).padStart(3, '0')}`;
});

/** 1 for an octet that stands for itself: nearly all do, and looking up a text for each takes twice as long. */
const PLAIN = Uint8Array.from(PRESENTED, (text) => (text.length === 1 ? 1 : 0));
