/** The page about the config file, held against the schema: every key, its values and its default; every example. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../../src/config/parse-config.ts';
import { jsonSchema } from '../../../src/config/schema.ts';
import { accepted, FACTS } from './read-config.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/configuration.md'), 'utf8');

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Every key with what may stand there, by its path: `lists[].name`, `zones.NAME.trusted`. */
function keysOf(schema: SchemaNode): ReadonlyMap<string, readonly SchemaNode[]> {
  const found = new Map<string, readonly SchemaNode[]>();
  const take = (node: SchemaNode, path: string): void => {
    if (node.items !== undefined) takeAll(node.items, `${path}[]`);
    if (typeof node.additionalProperties === 'object') takeAll(node.additionalProperties, `${path}.NAME`);
    for (const [key, value] of Object.entries(node.properties ?? {})) {
      const below = path === '' ? key : `${path}.${key}`;
      found.set(below, alternatives(value));
      takeAll(value, below);
    }
  };
  const takeAll = (node: SchemaNode, path: string): void => {
    for (const one of alternatives(node)) take(one, path);
  };
  takeAll(schema, '');
  return found;
}

function alternatives(node: SchemaNode): readonly SchemaNode[] {
  return node.anyOf ?? [node];
}

interface Row {
  readonly key: string;
  readonly values: string;
  readonly byDefault: string;
}

const KEYS = keysOf(jsonSchema() as SchemaNode);
const ROWS: readonly Row[] = [...PAGE.slice(PAGE.indexOf('\n## Every key')).matchAll(/^\| `([^`]+)` \| (.*?) \| (.*?) ?\| .*$/gm)].map(
  ([, key = '', values = '', byDefault = '']) => ({ key, values, byDefault }),
);

test('the table names every key of the schema, and no other', () => {
  expect(ROWS.map(({ key }) => key).toSorted()).toEqual([...KEYS.keys()].toSorted());
});

test.each(ROWS)('the values of $key are those of the schema', ({ key, values }) => {
  for (const { enum: choices = [], const: only, minimum, maximum } of KEYS.get(key) ?? []) {
    for (const choice of only === undefined ? choices : [only]) expect(values).toContain(`\`${String(choice)}\``);
    if (minimum !== undefined) expect(values).toContain(`${minimum.toLocaleString('en')} to ${maximum?.toLocaleString('en')}`);
  }
});

/** One element of everything there can be several of. */
function leastConfig(): Record<string, unknown> {
  return {
    mode: 'observe',
    zones: { NAME: { upstreams: ['udp://10.0.0.53'] } },
    records: [{ name: 'nas.home.arpa', type: 'A', value: '192.168.1.10' }],
    lists: [{ name: 'ads', file: 'ads.txt' }],
    secrets: [{ name: 'bait', file: 'bait.txt' }],
    policies: [{ name: 'everyone' }],
  };
}

/** Writes a value at the path of a key, making the mappings on the way. */
function write(config: Record<string, unknown>, key: string, value: unknown): void {
  const parts = key.replaceAll('[]', '.0').split('.');
  const last = parts.pop() ?? '';
  let at = config;
  for (const part of parts) {
    at[part] ??= {};
    at = at[part] as Record<string, unknown>;
  }
  at[last] = value;
}

const DEFAULTS = ROWS.flatMap(({ key, byDefault }) => {
  const written = /^`([^`]+)`$/.exec(byDefault)?.[1];
  // What stands for a whole list would replace the element that other keys need.
  return written === undefined || ['zones', 'records', 'lists', 'secrets', 'policies'].includes(key) ? [] : [{ key, written }];
});

test('most defaults are values', () => {
  expect(DEFAULTS.length).toBeGreaterThan(50);
});

test.each(DEFAULTS)('$key: $written is the same as nothing', ({ key, written }) => {
  const config = leastConfig();
  write(config, key, parse(written));
  expect(accepted(JSON.stringify(config))).toEqual(accepted(JSON.stringify(leastConfig())));
});

const EXAMPLES = [...PAGE.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = '']) => ({
  text,
  firstLine: text.slice(0, text.indexOf('\n')),
}));

test('there are examples', () => {
  expect(EXAMPLES.length).toBeGreaterThan(10);
});

test.each(EXAMPLES)('the example that begins with "$firstLine" is accepted without a warning', ({ text }) => {
  const whole = /^mode:/m.test(text) ? text : `mode: observe\n${text}`;
  expect(parseConfig(whole, 'kennel.yaml', FACTS)).toMatchObject({ ok: true, warnings: [] });
});

test('links within the page lead somewhere', () => {
  const headings = [...PAGE.matchAll(/^#+ (.+)$/gm)].map(([, text = '']) =>
    text
      .toLowerCase()
      .replaceAll(' ', '-')
      .replace(/[^\w-]/g, ''),
  );
  const links = [...PAGE.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
  expect(links.length).toBeGreaterThan(10);
  expect(links.filter((anchor) => !headings.includes(anchor ?? ''))).toEqual([]);
});
