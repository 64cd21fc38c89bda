/**
 * Lasting meters and session counters (`meters.sqlite`), written on the packet thread because a charge and its lease are one step.
 * A write reaches the operating system and never waits for the disk: checkpoints, and with them every fsync, and pruning are the
 * background thread's (`meters-upkeep.ts`). What a lease is worth is decided in `session/`.
 */
import type Database from 'better-sqlite3';
import { ALL, type FirstSend, type MeterScope, type MeterStore, type SessionCounters, type StoredMeter } from '../pipeline/ports.ts';
import { openDatabase } from './database.ts';

/**
 * In place of a session or a parent: the most that any pruned row of that kind held. A row that is missing is read as this one, so
 * pruning may charge too much and never too little (the floor of a space-saving sketch). Like `ALL`, it is no session key
 * and no name in presentation form.
 */
export const PRUNED = '(pruned)';

export const METER_MIGRATIONS: readonly string[] = [
  `CREATE TABLE meters (
     session TEXT NOT NULL, parent TEXT NOT NULL, epoch INTEGER NOT NULL, leased_bits REAL NOT NULL, at_ms INTEGER NOT NULL,
     PRIMARY KEY (session, parent)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE counters (
     session TEXT PRIMARY KEY, epoch INTEGER NOT NULL, score REAL NOT NULL, first_seen_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX counters_by_last_seen ON counters (last_seen_ms);`,
  'CREATE TABLE first_sends (parent TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;',
];

const METER_COLUMNS = 'session, parent, epoch, leased_bits AS leasedBits, at_ms AS atMs';
const COUNTER_COLUMNS = 'session, epoch, score, first_seen_ms AS firstSeenMs, last_seen_ms AS lastSeenMs';

export interface LastingMeters extends MeterStore {
  close(): void;
}

export type OpenMeters = { readonly kind: 'ok'; readonly meters: LastingMeters } | { readonly kind: 'error'; readonly message: string };

/** The background thread holds the write lock for at most a few milliseconds at a time. */
const LOCK_PATIENCE_MS = 250;

/** Opens or creates `meters.sqlite`. Its methods throw SQLite's error when a write cannot be taken: the caller then refuses. */
export function openMeters(file: string, options: { readonly maxPages?: number } = {}): OpenMeters {
  const opened = openDatabase(file, { migrations: METER_MIGRATIONS, synchronous: 'NORMAL', busyMs: LOCK_PATIENCE_MS, ...options });
  if (opened.kind === 'error') return { kind: 'error', message: opened.message };
  return { kind: 'ok', meters: createMeters(opened.database) };
}

function createMeters(database: Database.Database): LastingMeters {
  const ofScope = `SELECT ${METER_COLUMNS} FROM meters WHERE session = ? AND parent = ?`;
  const selectMeterAndFloors = database.prepare<[string, string, string, string, string, string], StoredMeter>(
    `${ofScope} UNION ALL ${ofScope} UNION ALL ${ofScope}`,
  );
  const selectMeters = database.prepare<[string, string, number], StoredMeter>(
    `SELECT ${METER_COLUMNS} FROM meters WHERE session = ? AND parent <> ? ORDER BY leased_bits DESC, parent LIMIT ?`,
  );
  const upsertMeter = database.prepare<[string, string, number, number, number]>(
    `INSERT INTO meters (session, parent, epoch, leased_bits, at_ms) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET epoch = excluded.epoch, leased_bits = excluded.leased_bits, at_ms = excluded.at_ms`,
  );
  const selectFirstSend = database.prepare<[string], number>('SELECT at_ms FROM first_sends WHERE parent = ?').pluck();
  const insertFirstSend = database.prepare<[string, number]>(
    'INSERT INTO first_sends (parent, at_ms) VALUES (?, ?) ON CONFLICT DO NOTHING',
  );
  const deleteMeters = database.prepare('DELETE FROM meters');
  const selectCounters = database.prepare<[string], SessionCounters>(`SELECT ${COUNTER_COLUMNS} FROM counters WHERE session = ?`);
  const selectNewest = database.prepare<[string, number], SessionCounters>(
    `SELECT ${COUNTER_COLUMNS} FROM counters WHERE session <> ? ORDER BY last_seen_ms DESC LIMIT ?`,
  );
  const upsertCounters = database.prepare<[string, number, number, number, number]>(
    `INSERT INTO counters (session, epoch, score, first_seen_ms, last_seen_ms) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET epoch = excluded.epoch, score = excluded.score, first_seen_ms = excluded.first_seen_ms,
       last_seen_ms = excluded.last_seen_ms`,
  );
  const resetScores = database.prepare('UPDATE counters SET score = 0, epoch = epoch + 1');

  const saveMeter = (meter: StoredMeter): void => {
    upsertMeter.run(meter.session, meter.parent, meter.epoch, meter.leasedBits, Math.round(meter.atMs));
  };
  const saveCounters = (counters: SessionCounters): void => {
    const { session, epoch, score, firstSeenMs, lastSeenMs } = counters;
    upsertCounters.run(session, epoch, score, Math.round(firstSeenMs), Math.round(lastSeenMs));
  };
  const saveAll = database.transaction((meters: readonly StoredMeter[], first: FirstSend | null) => {
    for (const meter of meters) saveMeter(meter);
    if (first !== null) insertFirstSend.run(first.parent, Math.round(first.atMs));
  });

  let patient = true;
  /** Only the first write that meets a lock waits for it: whoever else holds it must not stop the thread that answers. */
  const write = (act: () => void): void => {
    try {
      act();
      if (!patient) patient = setPatience(LOCK_PATIENCE_MS);
    } catch (error) {
      if (patient && isLocked(error)) patient = setPatience(0);
      throw error;
    }
  };
  const setPatience = (ms: number): boolean => {
    database.pragma(`busy_timeout = ${ms}`);
    return ms > 0;
  };

  return {
    loadSession: (session) => {
      const own = selectCounters.get(session);
      if (own !== undefined) return own;
      const floor = selectCounters.get(PRUNED);
      return floor === undefined ? null : { ...floor, session };
    },
    // One call and not three: on the query path every scope is met a first time.
    loadMeter: (scope) => ownOrFloor(scope, selectMeterAndFloors.all(scope.session, scope.parent, ...floorsBeneath(scope))),
    listMeters: (session, limit) => selectMeters.all(session, PRUNED, limit),
    saveMeters: (meters, first = null) => {
      write(() => saveAll.immediate(meters, first));
    },
    firstSentMs: (parent) => selectFirstSend.get(parent) ?? null,
    saveCounters: (counters) => {
      write(() => saveCounters(counters));
    },
    openSessionEpoch: (counters, scopes) => {
      database
        .transaction(() => {
          saveCounters(counters);
          // Rows of 0 bits, not deletions: a missing row would be read as the pruned floor.
          const { session, epoch, lastSeenMs: atMs } = counters;
          for (const scope of [...scopes, { session, parent: ALL }]) saveMeter({ ...scope, epoch, leasedBits: 0, atMs });
        })
        .immediate();
    },
    openMeterEpoch: () => {
      database
        .transaction(() => {
          deleteMeters.run();
          resetScores.run();
        })
        .immediate();
    },
    listSessions: (limit) => selectNewest.all(PRUNED, limit),
    close: () => {
      database.close();
    },
  };
}

function isLocked(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY';
}

/** The row of a scope, or else the highest of the floors beneath it; null when nothing of its kind was ever pruned. */
function ownOrFloor(scope: MeterScope, rows: readonly StoredMeter[]): StoredMeter | null {
  let highest: StoredMeter | null = null;
  for (const row of rows) {
    if (row.session === scope.session && row.parent === scope.parent) return checked(row);
    if (highest === null || row.leasedBits > highest.leasedBits) highest = row;
  }
  return highest === null ? null : checked({ ...highest, ...scope });
}

/** Nothing writes less than 0 bits: a damaged row would be a budget without end, so it counts as one that is spent. */
function checked(row: StoredMeter): StoredMeter {
  return row.leasedBits >= 0 ? row : { ...row, leasedBits: Number.POSITIVE_INFINITY };
}

/** Session and parent of two floors: a total goes only with its session, a meter below a parent by itself or with its session. */
function floorsBeneath(scope: MeterScope): readonly [string, string, string, string] {
  if (scope.parent === ALL) return [PRUNED, ALL, PRUNED, ALL];
  return [scope.session, PRUNED, scope.session.startsWith(ALL) ? scope.session : PRUNED, PRUNED];
}
