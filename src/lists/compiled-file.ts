/**
 * The stored form of a compiled list, so that a start need not read a million lines again: a header and the arrays as they lie in
 * memory. Octets that are truncated, damaged, of another version, machine or seed are refused as a value, and the list is
 * compiled anew from its source; nothing is repaired. Where they are kept is `list-store.ts`.
 *
 * The checksum is against accidents: the state folder is Kennel's alone, and who can write there can write anything.
 */
import { crc32 } from 'node:zlib';
import { CompiledList, type CompiledParts } from './compiled-list.ts';
import type { NameHasher } from './list-hash.ts';
import type { ListReport } from './list-report.ts';
import type { RuleCondition } from './list-rule.ts';

export type DecodedList =
  | { readonly kind: 'list'; readonly list: CompiledList }
  /** `why` is for the log; nothing of the list stands in it. */
  | { readonly kind: 'unusable'; readonly why: string };

/** Octets at the start: magic, form, byte order, checksum, then the numbers of octets of each section. */
const HEADER_OCTETS = 64;
const MAGIC = 0x4b4c4953; // "KLIS"
/** To be raised with any change of the layout, of hashing, or of what readers make of a line. */
const FORM = 1;
/** Reads differently on a machine with the other byte order, whose arrays would be garbled. */
const BYTE_ORDER = 0x01020304;

/** Sections begin at multiples of this, so that arrays can lie over the buffer as read. */
const ALIGNMENT = 8;

/** What does not lie in arrays, as JSON. */
interface Details {
  readonly depths: readonly number[];
  readonly hashMark: string;
  readonly report: ListReport;
  readonly conditions: readonly (readonly [number, RuleCondition])[];
}

/** The list's octets, in a buffer of their own. */
export function encodeCompiled(parts: CompiledParts): Uint8Array<ArrayBuffer> {
  const sections = sectionsOf(parts);
  const octets = new Uint8Array(HEADER_OCTETS + sections.reduce((sum, section) => sum + aligned(section.length), 0));
  const header = new Uint32Array(octets.buffer, 0, HEADER_OCTETS / 4);
  header.set([MAGIC, FORM, BYTE_ORDER, 0, ...sections.map((section) => section.length)]);
  let at = HEADER_OCTETS;
  for (const section of sections) {
    octets.set(section, at);
    at += aligned(section.length);
  }
  header[CHECKSUM_AT] = crc32(octets);
  return octets;
}

/**
 * The list of these octets, whose arrays lie over them: they must not change afterwards. `hasher` is the one that will ask the list.
 */
export function decodeCompiled(octets: Uint8Array, hasher: NameHasher): DecodedList {
  const parts = partsOf(octets);
  if (typeof parts === 'string') return { kind: 'unusable', why: parts };
  if (parts.hashMark !== hasher.mark) return { kind: 'unusable', why: 'it was compiled with another seed' };
  return { kind: 'list', list: new CompiledList(parts) };
}

function sectionsOf({ records, tags, slots, ...parts }: CompiledParts): Uint8Array[] {
  const details: Details = {
    depths: parts.depths,
    hashMark: parts.hashMark,
    report: parts.report,
    conditions: [...parts.conditions],
  };
  const arrays = [Buffer.from(JSON.stringify(details)), slots, records, tags];
  return arrays.map((array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
}

const CHECKSUM_AT = 3;
const LENGTHS_AT = 4;
const SECTIONS = 4;

/** The parts of a list, lying over the octets; text: what is wrong with these. */
function partsOf(octets: Uint8Array): CompiledParts | string {
  if (octets.length < HEADER_OCTETS || octets.length % ALIGNMENT !== 0) return 'it is truncated';
  // Never a Buffer: its `slice` copies nothing, and look-ups would be slower on arrays of two kinds.
  const inPlace = octets.byteOffset % ALIGNMENT === 0;
  const buffer = inPlace ? new Uint8Array(octets.buffer, octets.byteOffset, octets.length) : new Uint8Array(octets);
  const header = new Uint32Array(buffer.buffer, buffer.byteOffset, HEADER_OCTETS / 4);
  if (header[0] !== MAGIC || header[2] !== BYTE_ORDER) return 'it is no compiled list of this kind of machine';
  if (header[1] !== FORM) return 'it was compiled by another version of Kennel';
  if (checksumOf(buffer) !== header[CHECKSUM_AT]) return 'it is damaged';
  const sections = layOut(buffer, header.subarray(LENGTHS_AT, LENGTHS_AT + SECTIONS));
  const parts = sections === null ? null : readSections(buffer, sections);
  return parts !== null && isConsistent(parts) ? parts : 'it is damaged';
}

/** Over everything, with zero in its own place. */
function checksumOf(octets: Uint8Array): number {
  const header = octets.slice(0, HEADER_OCTETS);
  header.fill(0, 4 * CHECKSUM_AT, 4 * CHECKSUM_AT + 4);
  return crc32(octets.subarray(HEADER_OCTETS), crc32(header));
}

function readSections(octets: Uint8Array, [json, slots, records, tags]: Sections): CompiledParts | null {
  const details = readDetails(octets.subarray(json.start, json.start + json.octets));
  if (details === null) return null;
  return {
    records: octets.subarray(records.start, records.start + records.octets),
    tags: octets.subarray(tags.start, tags.start + tags.octets),
    slots: new Uint32Array(octets.buffer, octets.byteOffset + slots.start, slots.octets >> 2),
    conditions: new Map(details.conditions),
    depths: details.depths,
    report: details.report,
    hashMark: details.hashMark,
  };
}

interface Section {
  readonly start: number;
  readonly octets: number;
}

type Sections = readonly [json: Section, slots: Section, records: Section, tags: Section];

/** Where the sections lie; null when they do not fill the octets exactly. */
function layOut({ length }: Uint8Array, lengths: Uint32Array): Sections | null {
  let at = HEADER_OCTETS;
  const sections = Array.from(lengths, (octets) => {
    const section = { start: at, octets };
    at += aligned(octets);
    return section;
  });
  const [json, slots, records, tags] = sections;
  if (at !== length || !json || !slots || !records || !tags) return null;
  return [json, slots, records, tags];
}

/** The checksum and the form say that this version wrote the octets, so only the outline is looked at. */
function readDetails(octets: Uint8Array): Details | null {
  let written: unknown;
  try {
    written = JSON.parse(new TextDecoder().decode(octets));
  } catch {
    return null;
  }
  return isDetails(written) ? written : null;
}

function isDetails(written: unknown): written is Details {
  if (typeof written !== 'object' || written === null) return false;
  if (!('depths' in written && 'conditions' in written && 'report' in written)) return false;
  return Array.isArray(written.depths) && Array.isArray(written.conditions) && typeof written.report === 'object';
}

/** Whether the table fits its records: then a look-up ends, and reads nothing but what is there. */
function isConsistent({ tags, slots }: CompiledParts): boolean {
  const size = tags.length;
  return size > 0 && (size & (size - 1)) === 0 && slots.length === size && tags.includes(0);
}

function aligned(octets: number): number {
  return Math.ceil(octets / ALIGNMENT) * ALIGNMENT;
}
