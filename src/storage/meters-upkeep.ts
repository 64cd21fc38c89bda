/**
 * What `meters.sqlite` and its like need in the background: checkpoints, and pruning to a bound that never forgives.
 * Plain functions over an open connection, run by the background worker; the packet thread goes on writing meanwhile.
 */
import { statSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { ALL } from '../pipeline/ports.ts';
import { limitPageCache } from './database.ts';
import { PRUNED } from './meters.ts';

export interface MeterBounds {
  /** Rows of `meters`, at about 100 octets each. */
  readonly meters: number;
  /** Rows of `counters`. */
  readonly sessions: number;
  /** Rows of `first_sends`, at about 50 octets each. */
  readonly parents: number;
}

/** Rows removed in one transaction: short, because the packet thread waits for the lock. */
const SLICE_ROWS = 250;

/** Pruning goes this far below a bound, so that it isn't due again at the next row. */
const SLACK = 0.95;

/** A log of this many pages is cut even if writers have to wait for it. */
const WAL_PAGES_MAX = 16_384;

/** A log this large is not left for the next regular round: a flood of new sessions must not fill the disk. */
const URGENT_LOG_OCTETS = 32 * 1024 * 1024;

/** What a log is cut to when it starts anew; below, its space is reused. */
const KEPT_LOG_OCTETS = 4 * 1024 * 1024;

/** Settings of a connection that checkpoints: it alone shortens the log. */
export function prepareForUpkeep(database: Database.Database): void {
  limitPageCache(database);
  database.pragma('synchronous = NORMAL');
  database.pragma('wal_autocheckpoint = 0');
  database.pragma(`journal_size_limit = ${KEPT_LOG_OCTETS}`);
}

/** True when the log of a database has grown too large to wait. */
export function isLogUrgent(database: Database.Database): boolean {
  const status = statSync(`${database.name}-wal`, { throwIfNoEntry: false });
  return status !== undefined && status.size > URGENT_LOG_OCTETS;
}

/**
 * Moves the write-ahead log into the database (the only fsyncs these files get) and starts the log anew. The first write into a
 * new log syncs its header, and this connection makes that write, so that the packet thread doesn't.
 */
export function checkpoint(database: Database.Database): void {
  // PASSIVE doesn't hold up the writer; what it adds meanwhile is caught by the next, shorter round.
  for (let round = 0; round < 3; round++) {
    const state = runCheckpoint(database, 'PASSIVE');
    if (state.log === 0) return;
    if (state.checkpointed === state.log) {
      touch(database);
      return;
    }
    if (state.log > WAL_PAGES_MAX) {
      runCheckpoint(database, 'TRUNCATE');
      touch(database);
      return;
    }
  }
}

/** Pages in the write-ahead log, and how many of them are in the database by now. */
function runCheckpoint(database: Database.Database, kind: 'PASSIVE' | 'TRUNCATE'): { readonly log: number; readonly checkpointed: number } {
  const rows = database.pragma(`wal_checkpoint(${kind})`) as readonly { log: number; checkpointed: number }[];
  return rows[0] ?? { log: 0, checkpointed: 0 };
}

/** Rewrites page 1 as it is: the smallest write there is. */
function touch(database: Database.Database): void {
  const version = Number(database.pragma('user_version', { simple: true }));
  database.transaction(() => database.pragma(`user_version = ${version}`)).immediate();
}

/**
 * Brings both tables below their bounds. First to go: sessions with the lowest score, then with the fewest bits, then the oldest;
 * of the meters likewise, and never a session's total while the session is there. The highest value of what goes stays as the
 * floor under everything that is missing (see `PRUNED`), so that filling the table cannot clear an offender. Returns rows removed.
 *
 * Of the parents' first sends the oldest go. Such a parent is new to everybody once more and, with its next send, known from then on.
 */
export function pruneMeters(database: Database.Database, bounds: MeterBounds): number {
  return pruneSessions(database, bounds.sessions) + pruneParents(database, bounds.meters) + pruneFirstSends(database, bounds.parents);
}

function pruneFirstSends(database: Database.Database, bound: number): number {
  const count = excess(database, 'first_sends', bound);
  if (count === 0) return 0;
  const victims = database.prepare<[number], string>('SELECT parent FROM first_sends ORDER BY at_ms LIMIT ?').pluck().all(count);
  const remove = database.prepare<[string]>('DELETE FROM first_sends WHERE parent = ?');
  inSlices(database, victims, (parent) => {
    remove.run(parent);
  });
  return victims.length;
}

function excess(database: Database.Database, table: 'meters' | 'counters' | 'first_sends', bound: number): number {
  const rows = Number(database.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
  return rows <= bound ? 0 : rows - Math.floor(bound * SLACK);
}

interface Victim {
  readonly session: string;
  readonly parent: string;
}

function pruneParents(database: Database.Database, bound: number): number {
  const count = excess(database, 'meters', bound);
  if (count === 0) return 0;
  // Chosen outside of a transaction: sorting half a million rows must not hold the lock.
  const victims = database
    .prepare<[string, string, number], Victim>(
      `SELECT m.session, m.parent FROM meters AS m LEFT JOIN counters AS c ON c.session = m.session
       WHERE m.parent NOT IN (?, ?) ORDER BY coalesce(c.score, 0), m.leased_bits, m.at_ms LIMIT ?`,
    )
    .all(ALL, PRUNED, count);
  const raiseFloor = database.prepare(
    `INSERT INTO meters (session, parent, epoch, leased_bits, at_ms)
       SELECT session, '${PRUNED}', epoch, leased_bits, at_ms FROM meters WHERE session = @session AND parent = @parent
     ON CONFLICT DO UPDATE SET epoch = max(epoch, excluded.epoch), leased_bits = max(leased_bits, excluded.leased_bits),
       at_ms = max(at_ms, excluded.at_ms)`,
  );
  const remove = database.prepare('DELETE FROM meters WHERE session = @session AND parent = @parent');
  inSlices(database, victims, (victim) => {
    raiseFloor.run(victim);
    remove.run(victim);
  });
  return victims.length;
}

function pruneSessions(database: Database.Database, bound: number): number {
  const count = excess(database, 'counters', bound);
  if (count === 0) return 0;
  const victims = database
    .prepare<[string, string, string, number], { readonly session: string }>(
      `SELECT c.session FROM counters AS c LEFT JOIN meters AS m ON m.session = c.session AND m.parent = ?
       WHERE c.session NOT IN (?, ?) ORDER BY c.score, coalesce(m.leased_bits, 0), c.last_seen_ms LIMIT ?`,
    )
    .all(ALL, ALL, PRUNED, count);
  const raiseScoreFloor = database.prepare(
    `INSERT INTO counters (session, epoch, score, first_seen_ms, last_seen_ms)
       SELECT '${PRUNED}', epoch, score, first_seen_ms, last_seen_ms FROM counters WHERE session = @session
     ON CONFLICT DO UPDATE SET epoch = max(epoch, excluded.epoch), score = max(score, excluded.score),
       first_seen_ms = min(first_seen_ms, excluded.first_seen_ms), last_seen_ms = max(last_seen_ms, excluded.last_seen_ms)`,
  );
  const raiseMeterFloors = database.prepare(
    `INSERT INTO meters (session, parent, epoch, leased_bits, at_ms)
       SELECT '${PRUNED}', iif(parent = '${ALL}', '${ALL}', '${PRUNED}') AS kind, max(epoch), max(leased_bits), max(at_ms)
       FROM meters WHERE session = @session GROUP BY kind
     ON CONFLICT DO UPDATE SET epoch = max(epoch, excluded.epoch), leased_bits = max(leased_bits, excluded.leased_bits),
       at_ms = max(at_ms, excluded.at_ms)`,
  );
  const removeCounters = database.prepare('DELETE FROM counters WHERE session = @session');
  const removeMeters = database.prepare('DELETE FROM meters WHERE session = @session');
  inSlices(database, victims, (victim) => {
    raiseScoreFloor.run(victim);
    raiseMeterFloors.run(victim);
    removeCounters.run(victim);
    removeMeters.run(victim);
  });
  return victims.length;
}

function inSlices<Row>(database: Database.Database, rows: readonly Row[], act: (row: Row) => void): void {
  const slice = database.transaction((part: readonly Row[]) => {
    for (const row of part) act(row);
  });
  for (let start = 0; start < rows.length; start += SLICE_ROWS) slice.immediate(rows.slice(start, start + SLICE_ROWS));
}
