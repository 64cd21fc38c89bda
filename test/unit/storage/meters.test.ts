/** Lasting meters beyond their contract: bounds that never forgive, and failures that are told. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ALL, type StoredMeter } from '../../../src/pipeline/ports.ts';
import { type LastingMeters, METER_MIGRATIONS, openMeters } from '../../../src/storage/meters.ts';
import { checkpoint, pruneMeters } from '../../../src/storage/meters-upkeep.ts';
import { temporaryFolder } from './temporary-folder.ts';

const NO_BOUND = 1_000_000;

function open(options: { maxPages?: number } = {}): {
  readonly meters: LastingMeters;
  readonly upkeep: Database.Database;
  readonly file: string;
} {
  const file = join(temporaryFolder(), 'meters.sqlite');
  const opened = openMeters(file, options);
  if (opened.kind === 'error') throw new Error(opened.message);
  const upkeep = new Database(file);
  onTestFinished(() => {
    upkeep.close();
    opened.meters.close();
  });
  return { meters: opened.meters, upkeep, file };
}

function meter(session: string, parent: string, leasedBits: number): StoredMeter {
  return { session, parent, epoch: 0, leasedBits, atMs: 1_000 };
}

function bits(meters: LastingMeters, session: string, parent: string): number | null {
  return meters.loadMeter({ session, parent })?.leasedBits ?? null;
}

function seen(session: string, score: number, lastSeenMs = 1_000): Parameters<LastingMeters['saveCounters']>[0] {
  return { session, epoch: 0, score, firstSeenMs: 1_000, lastSeenMs };
}

describe('pruning meters', () => {
  test('does nothing below the bound', () => {
    const { meters, upkeep } = open();
    meters.saveMeters([meter('s', 'a.example', 64)]);
    expect(pruneMeters(upkeep, { meters: 1, sessions: 1, parents: NO_BOUND })).toBe(0);
    expect(bits(meters, 's', 'b.example')).toBeNull();
  });

  test('takes the fewest bits of the lowest scores, and reads what is missing as the most that was pruned', () => {
    const { meters, upkeep } = open();
    meters.saveCounters(seen('quiet', 5));
    meters.saveCounters(seen('loud', 80));
    const rows: StoredMeter[] = [];
    for (let n = 0; n < 20; n++) rows.push(meter('quiet', `p${n}.example`, n), meter('loud', `p${n}.example`, n));
    meters.saveMeters(rows);
    expect(pruneMeters(upkeep, { meters: 35, sessions: NO_BOUND, parents: NO_BOUND })).toBe(7);
    expect(bits(meters, 'quiet', 'p7.example')).toBe(7);
    expect(bits(meters, 'quiet', 'p0.example')).toBe(6);
    expect(bits(meters, 'quiet', 'never-asked.example')).toBe(6);
    expect(bits(meters, 'loud', 'p0.example')).toBe(0);
    expect(bits(meters, 'loud', 'never-asked.example')).toBeNull();
  });

  test('never takes a session’s total', () => {
    const { meters, upkeep } = open();
    meters.saveMeters([meter('s', ALL, 1), meter('s', 'a.example', 500), meter('t', ALL, 1), meter('t', 'a.example', 500)]);
    pruneMeters(upkeep, { meters: 1, sessions: NO_BOUND, parents: NO_BOUND });
    expect(bits(meters, 's', ALL)).toBe(1);
    expect(bits(meters, 't', ALL)).toBe(1);
  });

  test('does not clear an offender that fills the table with others', () => {
    const { meters, upkeep } = open();
    meters.saveCounters(seen('offender', 60));
    meters.saveMeters([meter('offender', 'attacker.example', 768)]);
    for (let round = 0; round < 5; round++) {
      meters.saveMeters(Array.from({ length: 100 }, (_, n) => meter('offender', `r${round}-${n}.example`, 40)));
      pruneMeters(upkeep, { meters: 50, sessions: NO_BOUND, parents: NO_BOUND });
    }
    expect(bits(meters, 'offender', 'attacker.example')).toBe(768);
  });

  test('keeps the highest score and bits of pruned sessions as the floor of unknown ones', () => {
    const { meters, upkeep } = open();
    for (let n = 0; n < 10; n++) {
      meters.saveCounters(seen(`s${n}`, n));
      meters.saveMeters([meter(`s${n}`, ALL, n * 10), meter(`s${n}`, 'a.example', n)]);
    }
    expect(pruneMeters(upkeep, { meters: NO_BOUND, sessions: 8, parents: NO_BOUND })).toBe(3);
    expect(meters.listSessions(20)).toHaveLength(7);
    expect(meters.loadSession('s9')).toMatchObject({ score: 9 });
    expect(meters.loadSession('s0')).toMatchObject({ session: 's0', score: 2 });
    expect(bits(meters, 's0', ALL)).toBe(20);
    expect(bits(meters, 's0', 'a.example')).toBe(2);
    expect(bits(meters, 's9', ALL)).toBe(90);
  });

  test('a release starts at 0 even above a floor', () => {
    const { meters, upkeep } = open();
    meters.saveCounters(seen('s', 50));
    meters.saveMeters([meter('s', 'a.example', 100), meter('s', 'b.example', 200), meter('s', ALL, 300)]);
    pruneMeters(upkeep, { meters: 1, sessions: NO_BOUND, parents: NO_BOUND });
    expect(bits(meters, 's', 'b.example')).toBe(200);
    meters.openSessionEpoch({ ...seen('s', 0), epoch: 1 }, [{ session: 's', parent: 'b.example' }]);
    expect(bits(meters, 's', 'b.example')).toBe(0);
  });
});

test('pruned fleet meters leave a floor for their own refill rate alone', () => {
  const { meters, upkeep } = open();
  meters.saveMeters([meter(ALL, 'a.example', 100), meter(`${ALL} 256`, 'a.example', 200), meter('s', 'a.example', 50)]);
  pruneMeters(upkeep, { meters: 1, sessions: NO_BOUND, parents: NO_BOUND });
  expect(bits(meters, ALL, 'never-asked.example')).toBe(100);
  expect(bits(meters, `${ALL} 256`, 'never-asked.example')).toBe(200);
  expect(bits(meters, 's', 'never-asked.example')).toBe(50);
});

test('pruning first sends takes the oldest; such a parent is known again from its next send', () => {
  const { meters, upkeep } = open();
  for (let n = 0; n < 100; n++) meters.saveMeters([], { parent: `p${n}.example`, atMs: 1_000 + n });
  expect(pruneMeters(upkeep, { meters: NO_BOUND, sessions: NO_BOUND, parents: 80 })).toBe(24);
  expect(meters.firstSentMs('p23.example')).toBeNull();
  expect(meters.firstSentMs('p24.example')).toBe(1_024);
  meters.saveMeters([], { parent: 'p0.example', atMs: 9_000 });
  expect(meters.firstSentMs('p0.example')).toBe(9_000);
});

test('a file of the first schema is brought up to date with all its bits', () => {
  const file = join(temporaryFolder(), 'meters.sqlite');
  const old = new Database(file);
  old.exec(METER_MIGRATIONS[0] ?? '');
  old.pragma('user_version = 1');
  old.exec("INSERT INTO meters VALUES ('s', 'a.example', 0, 128, 1000)");
  old.close();
  const opened = openMeters(file);
  if (opened.kind === 'error') throw new Error(opened.message);
  onTestFinished(opened.meters.close);
  expect(bits(opened.meters, 's', 'a.example')).toBe(128);
  opened.meters.saveMeters([], { parent: 'a.example', atMs: 7 });
  expect(opened.meters.firstSentMs('a.example')).toBe(7);
});

describe('lasting meters', () => {
  test('throw when the disk is full, and keep what was written before', () => {
    const { meters } = open({ maxPages: 12 });
    const fill = (): void => {
      for (let n = 0; n < 10_000; n++) meters.saveMeters([meter('session', `parent-number-${n}.example`, 64)]);
    };
    expect(fill).toThrow(/full/);
    expect(bits(meters, 'session', 'parent-number-0.example')).toBe(64);
  });

  test('wait for a lock once, not with every query that meets it, and for the next one again', () => {
    const { meters, upkeep } = open();
    const failing = (): number => {
      const startedMs = performance.now();
      expect(() => meters.saveMeters([meter('s', 'a.example', 64)])).toThrow(/locked/);
      return performance.now() - startedMs;
    };
    upkeep.exec('BEGIN IMMEDIATE');
    expect(failing()).toBeGreaterThan(200);
    const startedMs = performance.now();
    for (let n = 0; n < 20; n++) failing();
    expect(performance.now() - startedMs).toBeLessThan(20 * 100);
    upkeep.exec('ROLLBACK');
    meters.saveMeters([meter('s', 'a.example', 64)]);
    upkeep.exec('BEGIN IMMEDIATE');
    expect(failing()).toBeGreaterThan(200);
    upkeep.exec('ROLLBACK');
  });

  test('throw when another process keeps the file locked, instead of waiting for long', () => {
    const { meters, upkeep } = open();
    upkeep.exec('BEGIN IMMEDIATE');
    const startMs = performance.now();
    expect(() => meters.saveMeters([meter('s', 'a.example', 64)])).toThrow(/locked/);
    expect(performance.now() - startMs).toBeLessThan(2_000);
    upkeep.exec('ROLLBACK');
    meters.saveMeters([meter('s', 'a.example', 64)]);
  });

  test('write all rows of a charge or none', () => {
    const { meters } = open();
    const broken = { ...meter('s', 'b.example', 64), session: null as unknown as string };
    expect(() => meters.saveMeters([meter('s', 'a.example', 64), broken])).toThrow(/NOT NULL/);
    expect(bits(meters, 's', 'a.example')).toBeNull();
  });

  test('read a damaged row of less than 0 bits as spent, not as a budget without end', () => {
    const { meters, upkeep } = open();
    const damage = upkeep.prepare('INSERT INTO meters (session, parent, epoch, leased_bits, at_ms) VALUES (?, ?, 0, -1e12, 1000)');
    damage.run('s', 'a.example');
    damage.run('(pruned)', '(pruned)');
    expect(bits(meters, 's', 'a.example')).toBe(Number.POSITIVE_INFINITY);
    expect(bits(meters, 'other', 'a.example')).toBe(Number.POSITIVE_INFINITY);
  });

  test('are still there after a checkpoint, whose log starts anew', () => {
    const { meters, upkeep } = open();
    for (let n = 0; n < 1_000; n++) meters.saveMeters([meter('s', `p${n}.example`, n)]);
    checkpoint(upkeep);
    const [state] = upkeep.pragma('wal_checkpoint(PASSIVE)') as { log: number }[];
    expect(state?.log).toBeLessThan(5);
    expect(bits(meters, 's', 'p999.example')).toBe(999);
  });
});
