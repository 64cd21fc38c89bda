/**
 * The state folder: created private, checked for writing, and held by one Kennel at a time. Owns `meta.sqlite`, which is both
 * the lock and the few values that belong to the folder as a whole (last modes, key). The other databases live beside it.
 */
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import type Database from 'better-sqlite3';
import type { Mode } from '../pipeline/ports.ts';
import { failureText, openDatabase } from './database.ts';

export interface StateFolder {
  /** Absolute. */
  readonly path: string;
  /** The mode of each policy at the last start, by name; null at the first one. */
  lastModes(): ReadonlyMap<string, Mode> | null;
  setLastModes(modes: ReadonlyMap<string, Mode>): void;
  /** The key under which names are hashed: 32 random octets, made at first use and then the same for as long as the folder lives. */
  nameKey(): Uint8Array;
  /** The key from which the secrets of DNS server cookies follow; the same otherwise. */
  cookieKey(): Uint8Array;
  /** Path of a file in the folder. */
  file(name: string): string;
  /** Lets the folder go. */
  close(): void;
}

export type OpenStateFolder = { readonly kind: 'ok'; readonly folder: StateFolder } | { readonly kind: 'error'; readonly message: string };

const KEY_OCTETS = 32;
const NAME_KEY = 'key:names';
const COOKIE_KEY = 'key:cookies';
const MODES = 'modes';

const MIGRATIONS = ['CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID'];

/**
 * Creates the folder (0700) when it is missing, checks that it can be written, and takes its lock. The error says what is wrong
 * and what to do; nothing is deleted or repaired.
 */
export function openStateFolder(path: string, randomOctets: (count: number) => Uint8Array): OpenStateFolder {
  const absolute = isAbsolute(path) ? path : resolve(path);
  const unusable = prepareFolder(absolute);
  if (unusable !== null) return { kind: 'error', message: `state folder ${absolute}: ${unusable}` };
  // A short wait covers a predecessor that is just closing.
  const opened = openDatabase(join(absolute, 'meta.sqlite'), {
    migrations: MIGRATIONS,
    synchronous: 'FULL',
    journal: 'exclusive',
    busyMs: 500,
  });
  if (opened.kind === 'ok') return { kind: 'ok', folder: createFolder(absolute, opened.database, randomOctets) };
  const message =
    opened.code === 'locked' ? 'another Kennel is using it. Stop that one, or give this one a folder of its own.' : opened.message;
  return { kind: 'error', message: `state folder ${absolute}: ${message}` };
}

function prepareFolder(path: string): string | null {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (!statSync(path).isDirectory()) return 'is not a folder.';
    // Permission bits don't tell (root, ACLs, read-only mounts): only a write does.
    const probe = join(path, `.writable-${process.pid}`);
    writeFileSync(probe, 'x', { mode: 0o600 });
    rmSync(probe);
    return null;
  } catch (error) {
    return explainFolderError(error);
  }
}

function explainFolderError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  switch (code) {
    case 'EEXIST':
    case 'ENOTDIR':
      return 'is a file, or lies below one. Name a folder.';
    case 'EACCES':
    case 'EPERM':
      return `is not writable for this user (uid ${process.getuid?.() ?? 'unknown'}). Change its owner, or name another with --state.`;
    case 'EROFS':
      return 'lies on a read-only file system. Mount a writable volume there, or name another with --state.';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'has no space left.';
    default:
      return `cannot be used: ${failureText(error)}`;
  }
}

function createFolder(path: string, database: Database.Database, randomOctets: (count: number) => Uint8Array): StateFolder {
  const select = database.prepare<[string], { value: string | Uint8Array }>('SELECT value FROM meta WHERE key = ?');
  const upsert = database.prepare<[string, Uint8Array]>(
    'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  );
  const readText = (key: string): string | null => {
    const row = select.get(key);
    return row === undefined ? null : Buffer.from(row.value).toString('utf8');
  };
  const writeText = (key: string, value: string): void => {
    upsert.run(key, Buffer.from(value, 'utf8'));
  };
  const lastingKey = (name: string): Uint8Array => {
    const stored = select.get(name)?.value;
    if (stored !== undefined) return Uint8Array.from(Buffer.from(stored));
    const made = Uint8Array.from(randomOctets(KEY_OCTETS));
    upsert.run(name, Buffer.from(made));
    return made;
  };
  return {
    path,
    lastModes: () => {
      const text = readText(MODES);
      return text === null ? null : new Map(JSON.parse(text) as [string, Mode][]);
    },
    setLastModes: (modes) => writeText(MODES, JSON.stringify([...modes])),
    nameKey: () => lastingKey(NAME_KEY),
    cookieKey: () => lastingKey(COOKIE_KEY),
    file: (name) => join(path, name),
    close: () => {
      database.close();
    },
  };
}
