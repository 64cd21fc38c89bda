/** Who is registered, in memory and on disk. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openRegisteredSecrets, type RegisteredSecrets, type RegisteredSecretsOptions } from '../../../src/secrets/registered-secrets.ts';
import { Asker } from '../scoring/searched-name.ts';

const KEY = { low: 77, high: 99 };
const SECRET = 'q7Vd0xKp3ZrT9mWc2LfY8bNh5GjS1aEu';
const OTHER = 'hT4nB8zQw2Ck6RxV0pJd9LsYg3Fm7AeU';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kennel-secrets-'));
  file = join(folder, 'secrets.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(options: Partial<RegisteredSecretsOptions> = {}): RegisteredSecrets {
  const opened = openRegisteredSecrets({ file, key: KEY, fromConfig: [], wallMs: () => 1_767_700_000_000, ...options });
  if (opened.kind === 'error') throw new Error(opened.message);
  return opened.secrets;
}

function finds({ matcher }: RegisteredSecrets, value: string): string | null {
  return new Asker(matcher).ask('notes.example', [value]).found?.name ?? null;
}

describe('secrets added while Kennel runs', () => {
  test('are found at once and after a restart, until they are removed', () => {
    const first = open();
    expect(first.add({ name: 'openai', kind: 'secret', value: `  ${SECRET}\n` }, 'ada').kind).toBe('done');
    expect(finds(first, SECRET)).toBe('openai');
    const second = open();
    expect(finds(second, SECRET)).toBe('openai');
    expect(second.list()).toEqual([{ name: 'openai', kind: 'secret', from: 'state', addedAtMs: 1_767_700_000_000, actor: 'ada' }]);
    expect(second.remove('openai', 'bob').kind).toBe('done');
    expect(finds(second, SECRET)).toBeNull();
    expect(finds(open(), SECRET)).toBeNull();
  });

  test('leave only hashes on disk, in a file of their owner', () => {
    open().add({ name: 'openai', kind: 'secret', value: SECRET }, 'ada');
    expect(readdirSync(folder)).toEqual(['secrets.json']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const kept = readFileSync(file, 'latin1').toLowerCase();
    for (let at = 0; at + 5 <= SECRET.length; at++) expect(kept).not.toContain(SECRET.slice(at, at + 5).toLowerCase());
  });

  test('cannot be too many names of one, or nameless', () => {
    const secrets = open();
    secrets.add({ name: 'openai', kind: 'secret', value: SECRET }, 'ada');
    expect(secrets.add({ name: 'openai', kind: 'canary', value: OTHER }, 'ada').kind).toBe('conflict');
    expect(secrets.add({ name: '../x', kind: 'canary', value: OTHER }, 'ada').kind).toBe('invalid');
    expect(secrets.add({ name: 'weak', kind: 'canary', value: 'production-database' }, 'ada').kind).toBe('invalid');
    expect(secrets.remove('nobody', 'ada').kind).toBe('not-found');
    expect(secrets.list()).toHaveLength(1);
  });

  test('that cannot be written are not watched', () => {
    const secrets = open({ file: join(folder, 'missing', 'secrets.json') });
    expect(secrets.add({ name: 'openai', kind: 'secret', value: SECRET }, 'ada').kind).toBe('failed');
    expect(secrets.list()).toEqual([]);
    expect(finds(secrets, SECRET)).toBeNull();
  });

  test('are told with who did it, never with their value', () => {
    const changes: unknown[] = [];
    const secrets = open({ onChange: (change) => changes.push(change) });
    secrets.add({ name: 'openai', kind: 'secret', value: SECRET }, 'ada');
    secrets.remove('openai', 'bob');
    expect(changes).toEqual([
      { secret: 'openai', change: 'added', actor: 'ada' },
      { secret: 'openai', change: 'removed', actor: 'bob' },
    ]);
  });
});

describe('secrets of the config', () => {
  const fromConfig = [{ name: 'db', kind: 'canary' as const, value: `${SECRET}\n` }];

  test('are found and leave nothing on disk', () => {
    expect(finds(open({ fromConfig }), SECRET)).toBe('db');
    expect(existsSync(file)).toBe(false);
  });

  test('are removed in the config, not here', () => {
    expect(open({ fromConfig }).remove('db', 'ada').kind).toBe('conflict');
  });

  test('that cannot be watched end the start', () => {
    const opened = openRegisteredSecrets({
      file,
      key: KEY,
      wallMs: () => 0,
      fromConfig: [{ name: 'db', kind: 'secret', value: 'password' }],
    });
    expect(opened).toMatchObject({ kind: 'error', message: expect.stringContaining('the secret db is shorter') });
  });
});

describe('a file that cannot be trusted ends the start', () => {
  test.each([
    ['{"form":1', 'damaged'],
    ['{"form":1,"key":"0","secrets":[]}', 'another state folder'],
    ['[]', 'damaged'],
  ])('%s', (text, why) => {
    writeFileSync(file, text);
    const opened = openRegisteredSecrets({ file, key: KEY, wallMs: () => 0, fromConfig: [] });
    expect(opened).toMatchObject({ kind: 'error', message: expect.stringContaining(why) });
  });

  test('a secret whose hashes are cut off', () => {
    open().add({ name: 'openai', kind: 'secret', value: SECRET }, 'ada');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"hashes":"[^"]{8}/, '"hashes":"'));
    const opened = openRegisteredSecrets({ file, key: KEY, wallMs: () => 0, fromConfig: [] });
    expect(opened).toMatchObject({ kind: 'error', message: expect.stringContaining('damaged') });
  });
});
