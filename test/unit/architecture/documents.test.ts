/** What the documents say about the tree, held against the tree. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../../src/config/parse-config.ts';

const ROOT = join(import.meta.dirname, '../../..');

function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

test('the example config of the README is accepted without a warning', () => {
  const yaml = /```yaml\n([\s\S]*?)```/.exec(textOf('README.md'))?.[1] ?? '';
  const parsed = parseConfig(yaml, 'README.md', { resolvConf: null, stateFolder: '/var/lib/kennel' });
  expect(parsed).toMatchObject({ ok: true, warnings: [] });
});

describe('threats', () => {
  const threats = textOf('docs/threats.md');

  test('are numbered in order, each with a word on whether it is handled', () => {
    const rows = [...threats.matchAll(/^\| (\d+) \| .+? \| (.+?) \|/gm)].map(([, number, handled]) => ({
      number: Number(number),
      handled,
    }));
    expect(rows.map(({ number }) => number)).toEqual(rows.map((_, index) => index + 1));
    expect(rows.length).toBeGreaterThanOrEqual(31);
    for (const { handled } of rows) expect(['yes', 'partly', 'no']).toContain(handled);
  });

  test('name tests and fixtures that are there', () => {
    const cited = [...threats.matchAll(/`([\w./-]+\.(?:test\.ts|live\.ts|yaml|txt))`/g)].map((match) => match[1] ?? '');
    const missing = cited.filter((path) => !['', 'test', 'fixtures/scenarios'].some((folder) => existsSync(join(ROOT, folder, path))));
    expect(cited.length).toBeGreaterThan(40);
    expect(missing).toEqual([]);
  });

  test('are cited in the sources by a number that there is', () => {
    const sources = globSync(['src/**/*.ts', 'scoring/**/*.ts', 'test/**/*.ts'], { cwd: ROOT }).map(textOf);
    const cited = sources.flatMap((source) => [...source.matchAll(/\bthreat (\d+)/g)].map((match) => Number(match[1])));
    expect(cited.length).toBeGreaterThan(0);
    for (const number of cited) expect(threats).toContain(`\n| ${number} |`);
  });
});

test('the folders and files that ARCHITECTURE.md names are there', () => {
  const named = [...textOf('ARCHITECTURE.md').matchAll(/`((?:src|scoring|scripts|docs|blocklists)\/[\w./-]*)`/g)].map(
    (match) => match[1] ?? '',
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});
