import { describe, expect, test } from 'vitest';
import { MAX_TEXT_OCTETS, pathText, readYaml } from '../../../src/config/yaml-source.ts';

function problemsOf(text: string): string[] {
  const read = readYaml(text);
  return 'problems' in read
    ? read.problems.map(({ line, column, path, message }) => `${line}:${column} ${pathText(path)}: ${message}`)
    : [];
}

describe('hostile or broken YAML is refused', () => {
  test.each([
    ['a key twice', 'a: 1\nb: 2\na: 3', '3:1 a: the key stands here twice'],
    ['a key twice in two spellings', '1: x\n"1": y', '2:1 ["1"]: the key stands here twice'],
    ['__proto__', 'a: { __proto__: { b: 1 } }', '1:6 a: the key __proto__ is not allowed'],
    ['a custom tag', 'a: !run x', '1:4 : unresolved tag: !run'],
    ['a tag of other schemas', 'a: !!binary x', 'the tag tag:yaml.org,2002:binary has no meaning here'],
    ['a set', 'a: !!set { b, c }', 'tag'],
    ['a second document', 'a: 1\n---\nb: 2', 'multiple documents'],
    ['a list as a key', '? [a]\n: 1', '1:3 : a key must be plain text'],
    ['an alias without an anchor', 'a: *b', 'b'],
    ['an alias to itself', 'a: &a [*a]', 'nested more than 32 levels deep'],
    ['deep nesting', `a: ${'['.repeat(40)}${']'.repeat(40)}`, 'nested more than 32 levels deep'],
    ['nesting that exhausts the parser', `a: ${'['.repeat(20_000)}`, 'nested more than 32 levels deep'],
    ['a tab as indentation', 'a:\n\tb: 1', '2:'],
    ['an unclosed quote', 'a: "x', '1:'],
  ])('%s', (_what, text, message) => {
    const problems = problemsOf(text);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join('\n').toLowerCase()).toContain(message.toLowerCase());
  });

  test('an alias bomb costs no time', () => {
    const levels = Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array.from({ length: 8 }, () => `*a${i}`).join(', ')}]`);
    const started = performance.now();
    expect(problemsOf(`a0: &a0 x\n${levels.join('\n')}`).join('\n')).toContain('more than 100 aliases');
    expect(performance.now() - started).toBeLessThan(2000);
  });
  test('a mapping of many keys costs no more than its length', () => {
    const costMs = (keys: number): number => {
      const text = Array.from({ length: keys }, (_, i) => `k${i}: 1`).join('\n');
      const startedMs = performance.now();
      expect(problemsOf(text)).toEqual([]);
      return performance.now() - startedMs;
    };
    // Ten times the keys cost a hundred times as much where each is compared with all others; the machine's speed drops out.
    costMs(3_000);
    const few = Math.min(...[1, 2, 3].map(() => costMs(3_000)));
    expect(costMs(30_000)).toBeLessThan(50 * few);
  });
  test('a file over the limit is not parsed', () => {
    expect(problemsOf(`a: ${'x'.repeat(MAX_TEXT_OCTETS)}`)).toEqual([`1:1 : the file is larger than ${MAX_TEXT_OCTETS} bytes`]);
  });
});

describe('positions', () => {
  const text = 'a:\n  - b: 1\n    c: 2\n  - &x { d: [3, 4] }\nf: *x\n';
  const read = readYaml(text);
  const source = 'source' in read ? read.source : expect.fail('refused');

  test.each([
    [['a', 0, 'c'], 3, 8],
    [['a', 1, 'd', 1], 4, 17],
    [['f'], 5, 4],
    [['a', 0, 'missing'], 2, 5],
    [['nothing', 'at', 'all'], 1, 1],
  ])('the value at %j stands at %i:%i', (path, line, column) => {
    expect(source.positionOf(path)).toEqual({ line, column });
  });
  test('a key has its own', () => {
    expect(source.positionOfKey(['a', 0, 'c'])).toEqual({ line: 3, column: 5 });
  });
  test('aliases are followed', () => {
    expect(source.value).toEqual({ a: [{ b: 1, c: 2 }, { d: [3, 4] }], f: { d: [3, 4] } });
  });
});

test('paths are written as one would address them', () => {
  expect(pathText(['policies', 0, 'match', 'cidr', 1])).toBe('policies[0].match.cidr[1]');
  expect(pathText(['zones', 'cluster.local', 'trusted'])).toBe('zones["cluster.local"].trusted');
  expect(pathText(['a\u001b[2J'])).toBe('["a\\u001b[2J"]');
  expect(pathText([])).toBe('');
});
