/** Opening one database: damage, schema versions and locks are told, never repaired or thrown. */
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../../src/storage/database.ts';
import { temporaryFolder } from './temporary-folder.ts';

const ONE_TABLE = ['CREATE TABLE t (n INTEGER)'];
const OPTIONS = { migrations: ONE_TABLE, synchronous: 'NORMAL' } as const;

function openOk(file: string, options: Parameters<typeof openDatabase>[1] = OPTIONS): Database.Database {
  const opened = openDatabase(file, options);
  if (opened.kind === 'error') throw new Error(opened.message);
  return opened.database;
}

describe('opening a database', () => {
  test('gives its files to their owner alone', () => {
    const file = join(temporaryFolder(), 'a.sqlite');
    const database = openOk(file);
    database.exec('INSERT INTO t VALUES (1)');
    for (const name of [file, `${file}-wal`, `${file}-shm`]) expect(statSync(name).mode & 0o777).toBe(0o600);
    database.close();
  });

  test('applies only the migrations a file has not had', () => {
    const file = join(temporaryFolder(), 'a.sqlite');
    openOk(file).close();
    const database = openOk(file, { ...OPTIONS, migrations: [...ONE_TABLE, 'ALTER TABLE t ADD COLUMN m INTEGER'] });
    database.exec('INSERT INTO t (n, m) VALUES (1, 2)');
    expect(database.pragma('user_version', { simple: true })).toBe(2);
    database.close();
  });

  test('leaves a file as it was when a migration fails', () => {
    const file = join(temporaryFolder(), 'a.sqlite');
    openOk(file).close();
    const opened = openDatabase(file, { ...OPTIONS, migrations: [...ONE_TABLE, 'CREATE TABLE u (n INTEGER); CREATE TABLE u (n INTEGER)'] });
    expect(opened.kind).toBe('error');
    const database = openOk(file);
    expect(database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all()).toEqual(['t']);
    database.close();
  });

  test('refuses a file of a newer version with words', () => {
    const file = join(temporaryFolder(), 'a.sqlite');
    const newer = new Database(file);
    newer.pragma('user_version = 7');
    newer.close();
    const opened = openDatabase(file, OPTIONS);
    expect(opened).toMatchObject({ kind: 'error', code: 'newer' });
    expect(opened.kind === 'error' ? opened.message : '').toContain('written by a newer Kennel (schema 7, this one knows up to 1)');
  });

  test('refuses a file that is no database', () => {
    const file = join(temporaryFolder(), 'a.sqlite');
    writeFileSync(file, 'hello, this is a text file and no database at all'.repeat(100));
    expect(openDatabase(file, OPTIONS)).toMatchObject({ kind: 'error', code: 'damaged' });
  });

  test('finds damage in the middle of a file and does not touch it', () => {
    const file = join(temporaryFolder(), 'a.sqlite');
    const database = openOk(file);
    const insert = database.prepare('INSERT INTO t VALUES (?)');
    database.transaction(() => {
      for (let n = 0; n < 20_000; n++) insert.run(n);
    })();
    database.close();
    truncateSync(file, statSync(file).size - 16_384);
    const before = readFileSync(file);
    expect(openDatabase(file, OPTIONS)).toMatchObject({ kind: 'error', code: 'damaged' });
    expect(readFileSync(file)).toEqual(before);
  });

  test('says that a file is locked', () => {
    const file = join(temporaryFolder(), 'a.sqlite');
    const holder = openOk(file, { ...OPTIONS, journal: 'exclusive' });
    expect(openDatabase(file, { ...OPTIONS, busyMs: 10 })).toMatchObject({ kind: 'error', code: 'locked' });
    holder.close();
  });

  test('says that a path cannot be opened', () => {
    expect(openDatabase(join(temporaryFolder(), 'missing', 'a.sqlite'), OPTIONS)).toMatchObject({ kind: 'error', code: 'unusable' });
    expect(openDatabase('/dev/full/a.sqlite', OPTIONS)).toMatchObject({ kind: 'error', code: 'unusable' });
  });
});
