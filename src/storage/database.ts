/**
 * Opening one SQLite file: integrity, schema version, durability settings. Every database of the state folder goes through here.
 * What the tables hold is owned by the file that names the schema. A damaged or newer file is reported and left as it is.
 */
import { closeSync, existsSync, openSync } from 'node:fs';
import { basename } from 'node:path';
import Database from 'better-sqlite3';

export interface DatabaseOptions {
  /** SQL steps in order; `PRAGMA user_version` counts the ones that a file has had. Steps are only ever appended. */
  readonly migrations: readonly string[];
  /** FULL: a commit is on disk. NORMAL: a commit is with the operating system, and on disk at the next checkpoint. */
  readonly synchronous: 'FULL' | 'NORMAL';
  /** `wal`, or `exclusive`: a rollback journal and a lock that no second process can share. */
  readonly journal?: 'wal' | 'exclusive';
  /** Milliseconds to wait for a lock. */
  readonly busyMs?: number;
  /** An upper bound of the file in pages of 4 KiB. */
  readonly maxPages?: number;
}

export type OpenDatabase =
  | { readonly kind: 'ok'; readonly database: Database.Database }
  | { readonly kind: 'error'; readonly code: 'locked' | 'damaged' | 'newer' | 'unusable'; readonly message: string };

/** Opens or creates `file`. Never throws for a bad file, a full disk or a lock. */
export function openDatabase(file: string, options: DatabaseOptions): OpenDatabase {
  let database: Database.Database | null = null;
  try {
    createPrivately(file);
    database = new Database(file, { timeout: options.busyMs ?? 1_000 });
    if (options.journal === 'exclusive') lockExclusively(database);
    const damage = integrityDamage(database);
    if (damage !== null) return refuse(database, 'damaged', damagedMessage(file, damage));
    const version = Number(database.pragma('user_version', { simple: true }));
    if (version > options.migrations.length) {
      return refuse(database, 'newer', newerMessage(file, version, options.migrations.length));
    }
    configure(database, options);
    migrate(database, version, options.migrations);
    return { kind: 'ok', database };
  } catch (error) {
    database?.close();
    if (!isSystemError(error)) throw error;
    return { kind: 'error', ...explainOpenError(file, error) };
  }
}

/** SQLite's own word for a failure (`SQLITE_FULL`) or the operating system's (`EACCES`), with its message. */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  return code === null || error.message.includes(code) ? error.message : `${error.message} (${code})`;
}

/** The file holds who asked what: it is the owner's alone, and SQLite gives its -wal and -shm the same mode. */
function createPrivately(file: string): void {
  // Only when it is not there: closing a descriptor of a file that SQLite has open would drop SQLite's locks (POSIX).
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
}

/** The lock belongs to the process: the kernel drops it at `kill -9` too, and nothing needs cleaning up. */
function lockExclusively(database: Database.Database): void {
  database.pragma('locking_mode = EXCLUSIVE');
  database.exec('BEGIN EXCLUSIVE; COMMIT');
}

function integrityDamage(database: Database.Database): string | null {
  const finding = String(database.pragma('quick_check(1)', { simple: true }));
  return finding === 'ok' ? null : finding;
}

function configure(database: Database.Database, options: DatabaseOptions): void {
  if (options.journal !== 'exclusive') database.pragma('journal_mode = WAL');
  database.pragma(`synchronous = ${options.synchronous}`);
  // Evidence checkpoints by itself (it waits for the disk anyway); the others are checkpointed by the background thread.
  if (options.synchronous === 'NORMAL') database.pragma('wal_autocheckpoint = 0');
  if (options.maxPages !== undefined) database.pragma(`max_page_count = ${options.maxPages}`);
  limitPageCache(database);
  // Values of deleted rows (names that were asked) must not linger in free pages.
  database.pragma('secure_delete = FAST');
}

/** In KiB, for each connection: better-sqlite3's default of 16,000 took 31 MiB more over all of them, for a tenth of the CPU less (measured). */
const PAGE_CACHE_KIB = 4_000;

export function limitPageCache(database: Database.Database): void {
  database.pragma(`cache_size = -${PAGE_CACHE_KIB}`);
}

function migrate(database: Database.Database, from: number, migrations: readonly string[]): void {
  if (from === migrations.length) return;
  database.transaction(() => {
    for (const step of migrations.slice(from)) database.exec(step);
    database.pragma(`user_version = ${migrations.length}`);
  })();
}

function refuse(database: Database.Database, code: 'damaged' | 'newer', message: string): OpenDatabase {
  database.close();
  return { kind: 'error', code, message };
}

function isSystemError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && /^(SQLITE_|E[A-Z]+$)/.test(error.code);
}

function explainOpenError(
  file: string,
  error: Error & { readonly code: string },
): { readonly code: 'locked' | 'damaged' | 'unusable'; readonly message: string } {
  if (error.code.startsWith('SQLITE_BUSY') || error.code.startsWith('SQLITE_LOCKED')) {
    return { code: 'locked', message: `${basename(file)} is in use by another process` };
  }
  if (error.code.startsWith('SQLITE_NOTADB') || error.code.startsWith('SQLITE_CORRUPT')) {
    return { code: 'damaged', message: damagedMessage(file, error.message) };
  }
  return { code: 'unusable', message: `cannot open ${file}: ${failureText(error)}` };
}

function damagedMessage(file: string, finding: string): string {
  const detail = finding.replaceAll(/\s+/g, ' ').slice(0, 200);
  return `${file} is damaged (${detail}). It was left as it is: restore it from a backup, or move it away to start without what it holds.`;
}

function newerMessage(file: string, version: number, known: number): string {
  return `${file} was written by a newer Kennel (schema ${version}, this one knows up to ${known}). Start that version, or use another state folder.`;
}
