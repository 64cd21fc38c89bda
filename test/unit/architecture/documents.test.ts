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
    const cited = [...threats.matchAll(/`([\w./-]+\.(?:test\.ts|live\.ts|differential\.ts|yaml|txt))`/g)].map((match) => match[1] ?? '');
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
  const named = [...textOf('ARCHITECTURE.md').matchAll(/`((?:src|scoring|scripts|docs|blocklists|test)\/[\w./-]*)`/g)].map(
    (match) => match[1] ?? '',
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('CONTRIBUTING.md names every npm script', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { readonly scripts: Readonly<Record<string, string>> };
  const text = textOf('CONTRIBUTING.md');
  const missing = Object.keys(scripts).filter((name) => !new RegExp(`\`(?:npm )?(?:run )?${name}[ \`]`).test(text));
  expect(missing).toEqual([]);
});

test('links of the documents lead to files that are there', () => {
  const pages = globSync(['*.md', 'docs/**/*.md', 'scoring/*.md', 'blocklists/*.md'], { cwd: ROOT });
  const links = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => join(page, '..', target)),
  );
  expect(links.length).toBeGreaterThan(20);
  expect(links.filter((target) => !existsSync(join(ROOT, target)))).toEqual([]);
});
