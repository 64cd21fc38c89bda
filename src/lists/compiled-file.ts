/**
 * Compiled lists on disk, one file each, so that a start need not read a million lines again. A file that is truncated, damaged, of
 * another version, machine, seed or source is a value, and the list is compiled anew from its source; nothing is repaired.
 * The checksum is against accidents: the state folder is Kennel's alone, and who can write there can write anything.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { CompiledList, type CompiledParts, MAX_ENTRIES } from './compiled-list.ts';
import type { NameHasher } from './list-hash.ts';
import type { ListReport } from './list-report.ts';
import type { RuleCondition } from './list-rule.ts';

export type ReadCompiled =
  | { readonly kind: 'read'; readonly list: CompiledList }
  | { readonly kind: 'absent' }
  /** Compile it from its source; `why` is for the log and holds no name of a list's entries. */
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

/** More than the largest list (64 MiB of source by default) compiles to. */
const MAX_FILE_OCTETS = 1024 * 1024 * 1024;

/** What does not lie in arrays, as JSON. */
interface Details {
  readonly count: number;
  readonly depths: readonly number[];
  readonly hashMark: string;
  readonly report: ListReport;
  readonly conditions: readonly (readonly [number, RuleCondition])[];
}

/** Writes the list beside `path` and renames it there: a crash leaves the old file or the new one. Rejects when it cannot be written. */
export async function writeCompiled(path: string, list: CompiledList): Promise<void> {
  const partial = `${path}.${process.pid}`;
  await rm(partial, { force: true });
  try {
    const file = await open(partial, 'wx', 0o600);
    try {
      for (const section of sectionsOf(list.parts)) await file.writeFile(section);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    const folder = await open(dirname(path), 'r');
    await folder.sync().finally(() => folder.close());
  } finally {
    await rm(partial, { force: true });
  }
}

/**
 * Reads a list back. `sourceSha256`: the hash of the source as it is now, in hexadecimal, or null where the source need not be at hand.
 * Takes under 100 ms for a million entries.
 */
export function readCompiled(path: string, hasher: NameHasher, sourceSha256: string | null): ReadCompiled {
  let octets: ArrayBuffer | string;
  try {
    octets = readWhole(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { kind: 'absent' };
    return { kind: 'unusable', why: error instanceof Error ? error.message : String(error) };
  }
  if (typeof octets === 'string') return { kind: 'unusable', why: octets };
  const parts = partsOf(octets);
  if (typeof parts === 'string') return { kind: 'unusable', why: parts };
  if (parts.hashMark !== hasher.mark) return { kind: 'unusable', why: 'it was written with another seed' };
  if (sourceSha256 !== null && parts.report.sourceSha256 !== sourceSha256) return { kind: 'unusable', why: 'its source has changed' };
  return { kind: 'read', list: new CompiledList(parts) };
}

/** The header and the sections, each filled up to the alignment. */
function sectionsOf({ names, offsets, lines, flags, slots, ...parts }: CompiledParts): Uint8Array[] {
  const details: Details = {
    count: parts.count,
    depths: parts.depths,
    hashMark: parts.hashMark,
    report: parts.report,
    conditions: [...parts.conditions],
  };
  const arrays = [Buffer.from(JSON.stringify(details)), offsets, lines, slots, names, flags];
  const sections = arrays.map((array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  const header = new Uint32Array(HEADER_OCTETS / 4);
  header.set([MAGIC, FORM, BYTE_ORDER, 0, ...sections.map((section) => section.length)]);
  const filled = sections.flatMap((section) => [section, new Uint8Array(aligned(section.length) - section.length)]);
  header[CHECKSUM_AT] = checksum([new Uint8Array(header.buffer), ...filled]);
  return [new Uint8Array(header.buffer), ...filled];
}

const CHECKSUM_AT = 3;
const LENGTHS_AT = 4;
const SECTIONS = 6;

/** Over everything, with zero in its own place. */
function checksum(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => crc32(piece, sum), 0);
}

/** All octets of a file of a bearable size, or what is wrong with it. */
function readWhole(path: string): ArrayBuffer | string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size < HEADER_OCTETS || size > MAX_FILE_OCTETS || size % ALIGNMENT !== 0) return 'it has a size that no compiled list has';
    const buffer = new ArrayBuffer(size);
    const octets = new Uint8Array(buffer);
    for (let at = 0; at < size; ) {
      const read = readSync(file, octets, at, size - at, at);
      if (read === 0) return 'it became shorter while it was read';
      at += read;
    }
    return buffer;
  } finally {
    closeSync(file);
  }
}

/** The parts of a list, lying over the buffer; text: what is wrong with it. */
function partsOf(buffer: ArrayBuffer): CompiledParts | string {
  const header = new Uint32Array(buffer, 0, HEADER_OCTETS / 4);
  if (header[0] !== MAGIC || header[2] !== BYTE_ORDER) return 'it is no compiled list of this kind of machine';
  if (header[1] !== FORM) return 'it was written by another version of Kennel';
  const expected = header[CHECKSUM_AT];
  header[CHECKSUM_AT] = 0;
  if (checksum([new Uint8Array(buffer)]) !== expected) return 'it is damaged';
  const sections = layOut(buffer, header.subarray(LENGTHS_AT, LENGTHS_AT + SECTIONS));
  if (sections === null) return 'it is damaged';
  const [json, offsets, lines, slots, names, flags] = sections;
  const details = readDetails(new Uint8Array(buffer, json.start, json.octets));
  if (details === null) return 'it is damaged';
  const parts: CompiledParts = {
    count: details.count,
    names: new Uint8Array(buffer, names.start, names.octets),
    offsets: new Uint32Array(buffer, offsets.start, offsets.octets >> 2),
    lines: new Uint32Array(buffer, lines.start, lines.octets >> 2),
    flags: new Uint8Array(buffer, flags.start, flags.octets),
    slots: new Uint32Array(buffer, slots.start, slots.octets >> 2),
    conditions: new Map(details.conditions),
    depths: details.depths,
    report: details.report,
    hashMark: details.hashMark,
  };
  return isConsistent(parts) ? parts : 'it is damaged';
}

interface Section {
  readonly start: number;
  readonly octets: number;
}

type Sections = readonly [json: Section, offsets: Section, lines: Section, slots: Section, names: Section, flags: Section];

/** Where the sections lie; null when they do not fill the file exactly. */
function layOut(buffer: ArrayBuffer, lengths: Uint32Array): Sections | null {
  let at = HEADER_OCTETS;
  const sections = Array.from(lengths, (octets) => {
    const section = { start: at, octets };
    at += aligned(octets);
    return section;
  });
  const [json, offsets, lines, slots, names, flags] = sections;
  if (at !== buffer.byteLength || !json || !offsets || !lines || !slots || !names || !flags) return null;
  return [json, offsets, lines, slots, names, flags];
}

/** The checksum says that these are the octets that were written, so their shape is the one of this version. */
function readDetails(octets: Uint8Array): Details | null {
  try {
    return JSON.parse(Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('utf8')) as Details;
  } catch {
    return null;
  }
}

/** Whether the lengths of the arrays fit each other: then a look-up ends, and reads nothing but what is there. */
function isConsistent({ count, names, offsets, lines, flags, slots }: CompiledParts): boolean {
  return (
    Number.isInteger(count) &&
    count >= 0 &&
    count <= MAX_ENTRIES &&
    offsets.length === count + 1 &&
    offsets[0] === 0 &&
    offsets[count] === names.length &&
    lines.length === count &&
    flags.length === count &&
    slots.length > count &&
    (slots.length & (slots.length - 1)) === 0
  );
}

function aligned(octets: number): number {
  return Math.ceil(octets / ALIGNMENT) * ALIGNMENT;
}
