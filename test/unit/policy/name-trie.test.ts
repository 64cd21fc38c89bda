import { describe, expect, test } from 'vitest';
import { parsePattern } from '../../../src/policy/name-pattern.ts';
import { NameTrie } from '../../../src/policy/name-trie.ts';
import { ROOT } from '../../../src/wire/name.ts';
import { name } from './compiled-config.ts';

function trieOf(...patterns: string[]): NameTrie<string> {
  const trie = new NameTrie<string>();
  for (const text of patterns) {
    const pattern = parsePattern(text);
    if ('problem' in pattern) expect.fail(pattern.problem);
    trie.add(pattern, text);
  }
  return trie;
}

describe('what each kind of pattern covers', () => {
  test.each([
    ['a.b.example', 'a.b.example', true],
    ['a.b.example', 'x.a.b.example', false],
    ['a.b.example', 'b.example', false],
    ['*.b.example', 'a.b.example', true],
    ['*.b.example', 'b.example', false],
    ['*.b.example', 'x.a.b.example', false],
    ['**.b.example', 'a.b.example', true],
    ['**.b.example', 'z.y.x.a.b.example', true],
    ['**.b.example', 'b.example', true],
    ['**.b.example', 'xb.example', false],
    ['**.b.example', 'example', false],
    ['**.b.example', 'b.example.com', false],
    ['**.b.example', 'a\\.b.example', false],
    ['a.b.example', 'a\\.b.example', false],
    ['**.b.example', 'x\\000.b.example', true],
    ['b.example', 'b.example\\000', false],
    ['b.example', 'b\\000.example', false],
  ])('%s and %s: %s', (pattern, asked, covered) => {
    expect(trieOf(pattern).match(name(asked))).toBe(covered ? pattern : null);
  });
});

describe('the most specific pattern wins', () => {
  test.each([
    ['an exact name over wildcards', ['**.b.example', '*.b.example', 'a.b.example'], 'a.b.example', 'a.b.example'],
    ['one label over any depth', ['**.b.example', '*.b.example'], 'a.b.example', '*.b.example'],
    ['a longer base over a shorter', ['**.example', '**.b.example'], 'x.a.b.example', '**.b.example'],
    ['a longer any-depth base over a shorter one-label', ['*.b.example', '**.a.b.example'], 'a.b.example', '**.a.b.example'],
    ['any depth where one label does not reach', ['**.b.example', '*.b.example'], 'x.a.b.example', '**.b.example'],
  ])('%s', (_what, patterns, asked, winner) => {
    expect(trieOf(...patterns).match(name(asked))).toBe(winner);
    expect(trieOf(...patterns.toReversed()).match(name(asked))).toBe(winner);
  });
});

test('a pattern written twice keeps its first entry', () => {
  const trie = new NameTrie<string>();
  const pattern = { kind: 'exact', base: name('a.example') } as const;
  trie.add(pattern, 'first');
  trie.add(pattern, 'second');
  expect(trie.match(name('a.example'))).toBe('first');
});

test('the root matches nothing, and an empty trie matches nothing', () => {
  expect(trieOf('**.example').match(ROOT)).toBeNull();
  expect(trieOf().match(name('a.example'))).toBeNull();
});

test('a name of 127 labels is walked to its end', () => {
  const deepest = name(Array.from({ length: 127 }, () => 'a').join('.'));
  expect(trieOf('**.a.a').match(deepest)).toBe('**.a.a');
});
