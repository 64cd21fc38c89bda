/** What docs/configuration.md says a line of a list means, held against the readers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { KnownFormat } from '../../../src/lists/list-report.ts';
import type { ListKind } from '../../../src/lists/list-rule.ts';
import { compiled, lists } from './compiled-texts.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/configuration.md'), 'utf8');
const TABLE = PAGE.slice(PAGE.indexOf('### What a line means'), PAGE.indexOf('### Fetching'));

/** Which of the two names a meaning covers. */
const COVERED: Readonly<Record<string, { readonly itself: boolean; readonly below: boolean }>> = {
  '': { itself: false, below: false },
  'exactly these names': { itself: true, below: false },
  'exactly this name': { itself: true, below: false },
  'the name and all below': { itself: true, below: true },
  'all below, not the name': { itself: false, below: true },
  'all below, not the name; not below a closer record of the zone': { itself: false, below: true },
};

interface Example {
  readonly format: KnownFormat;
  readonly kind: ListKind;
  readonly line: string;
  readonly meaning: string;
}

/** One for each format, kind and line of the table. A line that begins with its type stands for the owner before it. */
function examples(): Example[] {
  let formats: readonly string[] = [];
  const rows = [...TABLE.matchAll(/^\| (.*?) ?\| (`.*`.*?) \| (.*?) ?\| (.*?) ?\|$/gm)];
  return rows.flatMap(([, named = '', lines = '', blocks = '', allows = '']) => {
    if (named !== '') formats = codesIn(named);
    return formats.flatMap((format) =>
      codesIn(lines)
        .map((code) => wholeLine(code, format))
        .flatMap((line) => [
          { format: format as KnownFormat, kind: 'block' as const, line, meaning: blocks },
          { format: format as KnownFormat, kind: 'allow' as const, line, meaning: allows },
        ]),
    );
  });
}

function codesIn(cell: string): string[] {
  return [...cell.replaceAll('\\|', '|').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

function wholeLine(code: string, format: string): string {
  if (format === 'rpz' && /^[A-Z]/.test(code)) return `a.example ${code}`;
  return format === 'hosts' && /^[\d:.]+$/.test(code) ? `${code} a.example` : code;
}

/** Whether the list has `a.example`, and whether it has a name below it. */
function covered(text: string, format: KnownFormat, kind: ListKind): { itself: boolean; below: boolean } {
  const list = compiled(text, format, kind);
  return { itself: lists(list, 'a.example'), below: lists(list, 'x.a.example') };
}

const EXAMPLES = examples();

test('the table is read', () => {
  expect(EXAMPLES.length).toBeGreaterThan(30);
});

test.each(EXAMPLES)('$format, $kind list: "$line" is "$meaning"', ({ format, kind, line, meaning }) => {
  if (meaning === 'takes it off this list') {
    const listed = format === 'rpz' ? '*.example CNAME .' : '||example^';
    expect(covered(listed, format, kind).itself).toBe(true);
    expect(covered(`${listed}\n${line}`, format, kind).itself).toBe(false);
    return;
  }
  expect(covered(line, format, kind)).toEqual(COVERED[meaning]);
});
