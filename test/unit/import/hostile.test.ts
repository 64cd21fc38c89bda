/** Whatever a file holds, an import ends with a config that Kennel accepts or with a reason. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { importAdGuardHome } from '../../../src/import/adguardhome.ts';
import { importBlocky } from '../../../src/import/blocky.ts';
import type { ImportResult } from '../../../src/import/draft.ts';
import { importPihole } from '../../../src/import/pihole.ts';
import { readYamlSource, Source } from '../../../src/import/source.ts';
import { accepted, fixture, imported } from './imported.ts';

const IMPORTS: readonly (readonly [string, (text: string) => ImportResult, string])[] = [
  ['adguardhome', importAdGuardHome, fixture('AdGuardHome.yaml')],
  ['blocky', importBlocky, fixture('blocky.yml')],
  ['pihole 6', (text) => importPihole(new Map([['pihole.toml', text]])), fixture('pihole.toml')],
  [
    'pihole 5',
    (text) =>
      importPihole(
        new Map([
          ['setupVars.conf', text],
          ['custom.list', text],
          ['adlists.list', text],
          ['dnsmasq.d/x.conf', text],
          ['adlist.json', text],
        ]),
      ),
    fixture('pihole-5/setupVars.conf'),
  ],
];

function endsWell(result: ImportResult): void {
  if (result.kind === 'imported') accepted(result);
  else expect(result.message).not.toBe('');
}

describe.each(IMPORTS)('%s', (_format, importText, sample) => {
  test('any text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200, unit: 'binary' }), (text) => endsWell(importText(text))),
      { numRuns: 50 },
    );
  });
  test('the sample with a part cut out, doubled or replaced', () => {
    const junk = fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.constantFrom('null', '[]', '{}', '- ', '\n', '"', '\0', '0x10', '!!js/function x', '&a [*a]', '[::]:99999', '*.', '1e400'),
    );
    fc.assert(
      fc.property(fc.nat(sample.length), fc.nat(60), junk, (at, length, text) =>
        endsWell(importText(sample.slice(0, at) + text + sample.slice(at + length))),
      ),
      { numRuns: 40 },
    );
  });
  test('every value replaced by one of another kind', () => {
    const value = fc.jsonValue({ maxDepth: 2 });
    const keys = fc.constantFrom(
      'dns',
      'upstreams',
      'upstream_dns',
      'upstream',
      'groups',
      'default',
      'filtering',
      'rewrites',
      'user_rules',
      'filters',
      'clients',
      'persistent',
      'blocking',
      'denylists',
      'customDNS',
      'mapping',
      'zone',
      'conditional',
      'ports',
      'hosts',
      'revServers',
      'cnameRecords',
      '__proto__',
      'constructor',
      'toString',
    );
    const tree = fc.dictionary(keys, fc.oneof(value, fc.dictionary(keys, fc.oneof(value, fc.dictionary(keys, value)))));
    fc.assert(
      fc.property(tree, (object) => endsWell(importText(stringify(object)))),
      { numRuns: 50 },
    );
  });
});

describe('bombs', () => {
  const laughs = `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghij'].map((letter, i) => `${letter}: &${letter} [${Array(9).fill(`*${'abcdefghij'[i]}`).join(',')}]`).join('\n')}\ndns: *j\n`;
  test.each([
    ['aliases of aliases', laughs],
    ['an alias of itself', 'dns: &d { upstream_dns: *d }'],
    ['deep nesting', `dns: ${'['.repeat(50_000)}`],
    ['deep mappings', `dns: ${'{a: '.repeat(2000)}1${'}'.repeat(2000)}`],
    ['a file that is too large', `dns: {}\n#${'x'.repeat(11 * 1024 * 1024)}`],
  ])('%s ends soon, with a reason', (_what, text) => {
    const startedMs = performance.now();
    expect(importAdGuardHome(text)).toEqual({ kind: 'failed', message: expect.any(String) });
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });
  test('a key that reaches a prototype is a key like others', () => {
    const read = readYamlSource('__proto__: { polluted: 1 }\ndns: {}');
    expect(read.kind === 'parsed' ? read.source.at('__proto__', 'polluted').number() : null).toBe(1);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
  test('many rules and many clients stay within what a config may hold', () => {
    const rules = Array.from({ length: 5000 }, (_, i) => `||n${i}.example^`);
    const persistent = Array.from({ length: 300 }, (_, i) => ({
      name: `c${i}`,
      ids: [`10.0.${i >> 8}.${i & 255}`],
      use_global_settings: false,
      filtering_enabled: false,
    }));
    const { parsed, notes } = imported(
      importAdGuardHome(stringify({ dns: { upstream_dns: ['9.9.9.9'] }, user_rules: rules, clients: { persistent } })),
    );
    expect(parsed.policies.at(-1)?.block).toHaveLength(2000);
    expect(notes.length).toBeLessThanOrEqual(1001);
  });
  test('notes steer no terminal', () => {
    const { notes } = imported(importAdGuardHome('dns: { upstream_dns: [9.9.9.9], "\\e[31mred": 1, disallowed_clients: ["\\e]0;x\\a"] }'));
    const said = notes.map(({ path, message }) => path + message).join('');
    expect(said).toContain('red');
    expect(said).not.toMatch(/\p{Cc}/u);
  });
  test('nor does the config, which is printed', () => {
    const lists = '"https://x.example/\\x1b]0;x\\a", "https://y.example/\\x9b31m", "/etc/\\u202egnp.list"';
    const { yaml } = imported(
      importBlocky(`upstreams: { groups: { default: [9.9.9.9] } }\nblocking: { denylists: { "\\x9b": [${lists}] } }`),
    );
    expect(yaml).toContain('y.example');
    expect(yaml.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
  test.each([
    ['TOML', () => importPihole(new Map([['pihole.toml', '[dns]\npwhash = "never-copied"\nx = = 1']]))],
    ['YAML', () => importAdGuardHome('password: never-copied\ndns: [}')],
  ])('a mistake in %s is told without the lines around it', (_format, importFile) => {
    expect(JSON.stringify(importFile())).not.toContain('never-copied');
  });
});

test('what was read at any depth is not told as left out', () => {
  const source = new Source({ a: { b: 1, c: 2, d: { e: [1, 2], f: '' } }, g: [] });
  expect(source.unread()).toEqual(['a']);
  source.at('a', 'b').number();
  expect(source.unread()).toEqual(['a.c', 'a.d']);
  source.at('a', 'd', 'e').list()[1]?.number();
  expect(source.unread()).toEqual(['a.c', 'a.d.e[0]']);
  source.at('a').ignore('c', 'd');
  expect(source.unread()).toEqual([]);
});
