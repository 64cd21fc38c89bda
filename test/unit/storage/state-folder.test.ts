/** The state folder: private, one Kennel at a time, and clear words when it can't be used. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openStateFolder, type StateFolder } from '../../../src/storage/state-folder.ts';
import { temporaryFolder } from './temporary-folder.ts';

function open(path: string): StateFolder {
  const opened = openStateFolder(path, randomBytes);
  if (opened.kind === 'error') throw new Error(opened.message);
  onTestFinished(opened.folder.close);
  return opened.folder;
}

function messageOf(path: string): string {
  const opened = openStateFolder(path, randomBytes);
  if (opened.kind === 'ok') {
    opened.folder.close();
    throw new Error('the folder opened');
  }
  return opened.message;
}

const CHILD = new URL('./open-folder.child.ts', import.meta.url).pathname;

describe('a state folder', () => {
  test('is created for its owner alone, with the folders above it', () => {
    const path = join(temporaryFolder(), 'deep', 'state');
    const folder = open(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(folder.file('meta.sqlite')).mode & 0o777).toBe(0o600);
  });

  test('remembers the mode and the key', () => {
    const path = temporaryFolder();
    const first = open(path);
    expect(first.lastModes()).toBeNull();
    const key = first.nameKey();
    expect(key).toHaveLength(32);
    first.setLastModes(
      new Map([
        ['agents', 'enforce'],
        ['everyone', 'observe'],
      ]),
    );
    first.close();

    const second = open(path);
    expect([...(second.lastModes() ?? [])]).toEqual([
      ['agents', 'enforce'],
      ['everyone', 'observe'],
    ]);
    expect(second.nameKey()).toEqual(key);
  });

  test('is not shared by two Kennels of one process', () => {
    const path = temporaryFolder();
    open(path);
    expect(messageOf(path)).toContain('another Kennel is using it');
  });

  test('is not shared with another process, and is free again once that was killed', async () => {
    const path = temporaryFolder();
    const child = spawn(process.execPath, [CHILD, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    expect(line.toString()).toBe('open\n');
    expect(messageOf(path)).toContain('another Kennel is using it');

    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    open(path);
  });

  test('must not be a file', () => {
    const path = join(temporaryFolder(), 'state');
    writeFileSync(path, '');
    expect(messageOf(path)).toBe(`state folder ${path}: is a file, or lies below one. Name a folder.`);
    expect(messageOf(join(path, 'below'))).toContain('is a file, or lies below one');
  });

  test.runIf(process.getuid?.() === 0)('must be writable (tried as another user, since root may write anywhere)', () => {
    const above = temporaryFolder();
    chmodSync(above, 0o755);
    const path = join(above, 'state');
    mkdirSync(path, { mode: 0o755 });
    const result = spawnSync(process.execPath, [CHILD, path], { encoding: 'utf8', env: { ...process.env, AS_UID: '65534' } });
    expect(result.stdout).toBe(
      `state folder ${path}: is not writable for this user (uid 65534). Change its owner, or name another with --state.\n`,
    );
  });

  test('with a damaged database does not open, and the file stays as it was', () => {
    const path = temporaryFolder();
    const file = join(path, 'meta.sqlite');
    const damaged = Buffer.concat([Buffer.from('SQLite format 3\0'), randomBytes(8_192)]);
    writeFileSync(file, damaged);
    expect(messageOf(path)).toMatch(/meta\.sqlite is damaged .*left as it is/);
    expect(readFileSync(file)).toEqual(damaged);
  });
});
