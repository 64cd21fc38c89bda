/** `kennel lists` against the API, and against files alone. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ListSummary } from '../../../src/control/lists-port.ts';
import { readUpdateWish } from '../../../src/control/lists-routes.ts';
import * as lists from '../../../src/verbs/lists.ts';
import { type ServedPort, serveFakePort } from '../control/served-port.ts';

const NOW = Date.now();

const ADS: ListSummary = {
  name: 'ads',
  kind: 'block',
  source: 'url',
  state: 'current',
  format: 'adblock',
  entries: 120,
  ignored: 3,
  fetchedAtMs: NOW - 5 * 3_600_000,
  checkedAtMs: NOW - 2 * 3_600_000 - 1_000,
  error: null,
};

const GONE: ListSummary = {
  ...ADS,
  name: 'gone',
  kind: 'allow',
  state: 'absent',
  format: null,
  entries: 0,
  ignored: 0,
  fetchedAtMs: null,
  checkedAtMs: null,
  error: 'HTTP 404',
};

let served: ServedPort;

beforeEach(async () => {
  served = await serveFakePort();
});

const run = (...args: string[]) => served.run(lists, ...args);

describe('kennel lists', () => {
  test('shows how lists stand', async () => {
    served.port.listSummaries = [ADS, GONE];
    const { code, out, err } = await run();
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(
      [
        'NAME  KIND   ENTRIES  IGNORED  FORMAT   AGE  STATE',
        'ads   block  120      3        adblock  2h   current',
        'gone  allow  0        0        -        -    never loaded: HTTP 404',
        '',
      ].join('\n'),
    );
  });

  test('says so when there is none', async () => {
    expect(await run()).toEqual({ code: 0, out: 'The config subscribes to no list.\n', err: '' });
  });

  test('gives JSON with ISO times', async () => {
    served.port.listSummaries = [ADS];
    const { fetchedAtMs: _fetched, checkedAtMs: _checked, ...rest } = ADS;
    expect(JSON.parse((await run('--json')).out)).toEqual({
      lists: [{ ...rest, fetchedAt: new Date(NOW - 5 * 3_600_000).toISOString(), checkedAt: new Date(NOW - 7_201_000).toISOString() }],
    });
  });
});

describe('kennel lists update', () => {
  test('asks for all, for some, and with force', async () => {
    served.port.listSummaries = [ADS];
    expect((await run('update')).code).toBe(0);
    expect((await run('update', 'ads', '--force')).code).toBe(0);
    expect(served.port.listUpdates).toEqual([
      { names: null, force: false },
      { names: ['ads'], force: true },
    ]);
  });

  test('exits 1 when a source fails or there is no such list', async () => {
    served.port.listSummaries = [ADS, GONE];
    expect((await run('update')).code).toBe(1);
    expect(await run('update', 'nope')).toEqual({ code: 1, out: '', err: 'there is no list "nope"\n' });
  });
});

describe('kennel lists check', () => {
  function file(text: string): string {
    const path = join(served.folder, 'list.txt');
    writeFileSync(path, text);
    return path;
  }

  test('says what a file would do and which lines do nothing', async () => {
    const path = file(
      '! comment\n||ads.example^\n||ads.example^\n@@||good.ads.example^\n||x.example^$script\nsite.example##.ad\n/ads[0-9]/\n',
    );
    const { code, out } = await run('check', path);
    expect(code).toBe(0);
    expect(out).toContain(path);
    expect(out).toMatch(/format: +adblock/);
    expect(out).toMatch(/rules: +2 in force, in a block list/);
    expect(out).toMatch(/exceptions: +1/);
    expect(out).toMatch(/hides parts of web pages +1 +6/);
    expect(out).toMatch(/a regular expression +1 +7/);
    expect(out).toMatch(/depends on more than a name and a type +1 +5/);
    const json = JSON.parse((await run('check', path, '--json')).out);
    expect(json).toMatchObject({ files: [{ file: path, ok: true, format: 'adblock', entries: 2 }] });
  });

  test('exits 1 for what is no list, 3 for what cannot be read, 2 for wrong usage', async () => {
    expect(await run('check', file('<!DOCTYPE html><html></html>'))).toMatchObject({ code: 1, err: '' });
    expect(await run('check', join(served.folder, 'missing'))).toMatchObject({ code: 3, out: '' });
    expect(await run('check')).toMatchObject({ code: 2 });
    expect(await run('check', 'x', '--format', 'csv')).toMatchObject({ code: 2 });
    expect(await run('fetch')).toMatchObject({ code: 2 });
  });
});

test.each([
  [{ names: 'ads' }],
  [{ names: [] }],
  [{ names: [1] }],
  [{ names: Array.from({ length: 1_001 }, () => 'a') }],
  [{ force: 'yes' }],
])('the API refuses an update like %j', (body) => {
  expect(typeof readUpdateWish(body)).toBe('string');
});
