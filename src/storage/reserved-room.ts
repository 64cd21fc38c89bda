/**
 * Room on disk taken in advance, so that a full disk (which Kennel need not have filled) does not stop charges and evidence: pages in
 * the database that nothing uses yet, and a write-ahead log that is reused and not grown. Owns nothing of what is written there.
 */
import type Database from 'better-sqlite3';

/** As SQLite has it: negative, in KiB. */
const SMALL_PAGE_CACHE = -256;

/**
 * Makes `octets` of free pages and as much of a log, unless they are there. Best done before anything is written; on a disk that is full
 * already there is simply no room, and the writes that fail say so.
 */
export function reserveRoom(database: Database.Database, octets: number): void {
  const pageCache = Number(database.pragma('cache_size', { simple: true }));
  try {
    // The zeros go to the log as they are made: in the page cache they would take memory that is never given back.
    database.pragma(`cache_size = ${SMALL_PAGE_CACHE}`);
    database.exec(`CREATE TABLE reserved_room (filler BLOB) STRICT; INSERT INTO reserved_room VALUES (zeroblob(${octets}))`);
    database.exec('DROP TABLE reserved_room');
    // Not TRUNCATE: the log keeps its length and is written again from its beginning.
    database.pragma('wal_checkpoint(RESTART)');
  } catch (error) {
    if (!isFull(error)) throw error;
    if (database.inTransaction) database.exec('ROLLBACK');
    database.exec('DROP TABLE IF EXISTS reserved_room');
  } finally {
    database.pragma(`cache_size = ${pageCache}`);
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'SQLITE_FULL';
}
