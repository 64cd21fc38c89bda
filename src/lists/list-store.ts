/**
 * The folder `lists` of the state folder: of each list the compiled form of the last good copy, with what is known about it. A crash
 * leaves the old copy or the new one; a damaged one is told and not used. The form of a compiled list is `compiled-file.ts`.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ListConfig } from '../config/config.ts';
import { decodeCompiled } from './compiled-file.ts';
import type { CompiledList } from './compiled-list.ts';
import type { Validators } from './fetch-list.ts';
import type { NameHasher } from './list-hash.ts';

/** What is known about a stored copy. */
export interface CopyFacts {
  readonly validators: Validators;
  /** Wall time at which this content came. */
  readonly fetchedAtMs: number;
  /** Wall time at which the source last had, or was seen to have, this content. */
  readonly checkedAtMs: number;
  /** Of a file: size and time of change, to tell whether it is still the same; null for a URL. */
  readonly file: FileMark | null;
}

export interface FileMark {
  readonly octets: number;
  readonly changedAtMs: number;
}

export interface StoredCopy {
  readonly facts: CopyFacts;
  readonly compiled: CompiledList;
}

export type LoadedCopy =
  | ({ readonly kind: 'copy' } & StoredCopy)
  /** Nothing is stored, or it came from another source or under other settings. */
  | { readonly kind: 'none' }
  | { readonly kind: 'unusable'; readonly detail: string };

/** Null: on disk. Otherwise why not, for people; what was there before is still there. */
export type Stored = { readonly problem: string } | null;

export interface ListStore {
  load(list: ListConfig): Promise<LoadedCopy>;
  /** `encoded`: what `encodeCompiled` made of the copy. */
  save(list: ListConfig, copy: StoredCopy, encoded: Uint8Array): Promise<Stored>;
  /** New facts about the copy that is stored already. */
  note(list: ListConfig, facts: CopyFacts): Promise<Stored>;
  /** Removes what was stored of all other lists. */
  keepOnly(lists: readonly ListConfig[]): Promise<void>;
}

const FORM = 1;
/** A list of a million names takes some 40 MB. */
const MAX_STORED_OCTETS = 2 * 1024 * 1024 * 1024;
const MAX_FACTS_OCTETS = 16 * 1024;
const SEED_FILE = 'seed';
const SEED_OCTETS = 32;

/** What one file of facts holds. */
interface Written extends CopyFacts {
  readonly form: number;
  readonly identity: string;
  /** SHA-256 of the source of the copy, in hexadecimal; names the copy's file too. */
  readonly digest: string;
}

/** The store in `folder`, which is created with the first write. `hasher`: whose lists are stored. `maxOctets`: of all together. */
export function openListStore(folder: string, hasher: NameHasher, maxOctets: number = MAX_STORED_OCTETS): ListStore {
  const factsFile = (list: ListConfig): string => join(folder, `${fileKey(list)}.json`);

  const readFacts = async (list: ListConfig): Promise<Written | null> => {
    const text = await readOrNull(factsFile(list), MAX_FACTS_OCTETS);
    const written = text === null ? null : parseFacts(text.toString('utf8'));
    return written === null || written.identity !== identityOf(list) ? null : written;
  };

  const storedBeside = async (list: ListConfig): Promise<number> => {
    const own = fileKey(list);
    let octets = 0;
    for (const name of await readdir(folder)) {
      if (name.startsWith(own)) continue;
      octets += await stat(join(folder, name)).then(
        (found) => found.size,
        () => 0,
      );
    }
    return octets;
  };

  const writeFacts = (list: ListConfig, digest: string, facts: CopyFacts): Promise<void> => {
    const written: Written = { form: FORM, identity: identityOf(list), digest, ...facts };
    return replaceFile(folder, factsFile(list), `${JSON.stringify(written)}\n`);
  };

  return {
    load: async (list) => {
      try {
        const written = await readFacts(list);
        if (written === null) return { kind: 'none' };
        const octets = await readOrNull(join(folder, copyName(list, written.digest)), maxOctets);
        if (octets === null) return { kind: 'none' };
        const decoded = decodeCompiled(octets, hasher);
        if (decoded.kind === 'unusable') return { kind: 'unusable', detail: `the stored copy is not used: ${decoded.why}` };
        const { validators, fetchedAtMs, checkedAtMs, file } = written;
        return { kind: 'copy', compiled: decoded.list, facts: { validators, fetchedAtMs, checkedAtMs, file } };
      } catch (error) {
        return { kind: 'unusable', detail: `the stored copy cannot be read: ${textOf(error)}` };
      }
    },

    save: (list, { compiled, facts }, encoded) =>
      tried(async () => {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        if ((await storedBeside(list)) + encoded.length > maxOctets)
          return { problem: `all lists together take more than ${maxOctets} octets` };
        const digest = compiled.report.sourceSha256;
        // The facts are the last to be written: they name the copy, so that the two never disagree.
        await replaceFile(folder, join(folder, copyName(list, digest)), encoded);
        await writeFacts(list, digest, facts);
        for (const name of await readdir(folder)) {
          const current = [copyName(list, digest), `${fileKey(list)}.json`].includes(name);
          if (!current && name.startsWith(fileKey(list))) await rm(join(folder, name), { force: true });
        }
        return null;
      }),

    note: (list, facts) =>
      tried(async () => {
        const written = await readFacts(list);
        if (written !== null) await writeFacts(list, written.digest, facts);
        return null;
      }),

    keepOnly: async (lists) => {
      const keys = new Set(lists.map(fileKey));
      // A folder that is not there, or cannot be read, holds nothing to clean.
      const names = await readdir(folder).catch(() => []);
      for (const name of names) {
        const key = /^([0-9a-f]{32})(?:\.json|-[0-9a-f]{16}\.set)(?:\.partial)?$/.exec(name)?.[1];
        // What has another name was put here by somebody else, perhaps as the source of a list, and is not ours to remove.
        if (key === undefined || keys.has(key)) continue;
        await rm(join(folder, name), { force: true }).catch(() => undefined);
      }
    },
  };
}

/** The seed that the lists in `folder` are compiled with; null when there is none that can be read. */
export async function readListSeed(folder: string): Promise<Uint8Array | null> {
  const known = await readOrNull(join(folder, SEED_FILE), SEED_OCTETS).catch(() => null);
  return known?.length === SEED_OCTETS ? Uint8Array.from(known) : null;
}

/** The same, made and stored at first use. Where it cannot be stored, lists are compiled again at each start: nothing else is lost. */
export async function listSeed(folder: string, randomOctets: (count: number) => Uint8Array): Promise<Uint8Array> {
  const known = await readListSeed(folder);
  if (known !== null) return known;
  const made = randomOctets(SEED_OCTETS);
  await tried(async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await replaceFile(folder, join(folder, SEED_FILE), made);
    return null;
  });
  return made;
}

/** No text of a config stands in the name of a file. */
function fileKey(list: ListConfig): string {
  return createHash('sha256').update(list.name).digest('hex').slice(0, 32);
}

function copyName(list: ListConfig, digest: string): string {
  return `${fileKey(list)}-${digest.slice(0, 16)}.set`;
}

/** What a copy depends on. A hash, because the URL may hold a key of the subscriber. */
function identityOf({ kind, source, format }: ListConfig): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, source.kind, source.kind === 'url' ? source.url : source.path, format]))
    .digest('hex');
}

/** Complete under its name or not there at all; readable by its owner alone. */
async function replaceFile(folder: string, path: string, content: string | Uint8Array): Promise<void> {
  const partial = `${path}.partial`;
  try {
    await rm(partial, { force: true });
    const file = await open(partial, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    const directory = await open(folder, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } finally {
    await rm(partial, { force: true });
  }
}

/** Null when there is no such file, or a larger one. */
async function readOrNull(path: string, maxOctets: number): Promise<Buffer | null> {
  try {
    if ((await stat(path)).size > maxOctets) return null;
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

async function tried(write: () => Promise<Stored>): Promise<Stored> {
  try {
    return await write();
  } catch (error) {
    return { problem: textOf(error) };
  }
}

function parseFacts(text: string): Written | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || value['form'] !== FORM) return null;
  const { identity, digest, fetchedAtMs, checkedAtMs, validators, file } = value;
  if (typeof identity !== 'string' || typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest)) return null;
  if (!isTime(fetchedAtMs) || !isTime(checkedAtMs) || !isRecord(validators)) return null;
  const { etag, lastModified } = validators;
  if (!isTextOrNull(etag) || !isTextOrNull(lastModified)) return null;
  const mark = fileMark(file);
  if (mark === undefined) return null;
  return { form: FORM, identity, digest, fetchedAtMs, checkedAtMs, validators: { etag, lastModified }, file: mark };
}

function fileMark(value: unknown): FileMark | null | undefined {
  if (value === null) return null;
  if (!isRecord(value)) return undefined;
  const { octets, changedAtMs } = value;
  return isTime(octets) && isTime(changedAtMs) ? { octets, changedAtMs } : undefined;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || (typeof value === 'string' && /^[ -~]{1,512}$/.test(value));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
