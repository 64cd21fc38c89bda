import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NameTrie } from '../../src/policy/name-trie.ts';
import { fromLabels, labelsOf, type QName } from '../../src/wire/name.ts';

type Kind = 'exact' | 'one-label' | 'any-depth';

/** Few labels, so that names and patterns meet often; any octet, so that nothing hangs on what a label looks like. */
const label = fc.oneof(
  fc.constantFrom('a', 'b', '*', '.', '\0', 'a.b', '\x01a', '\xff'),
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((octet) => String.fromCharCode(octet)), minLength: 1, maxLength: 3 }),
);
const qname = fc.array(label, { maxLength: 5 }).map((labels) => fromLabels(labels) as QName);
const pattern = fc.record({ kind: fc.constantFrom<Kind>('exact', 'one-label', 'any-depth'), base: qname });

/** The rules written down naively: what covers, then the most specific of it. */
function naiveMatch(patterns: readonly { kind: Kind; base: QName }[], name: QName): number | null {
  const asked = labelsOf(name);
  const rank = { exact: 2, 'one-label': 1, 'any-depth': 0 };
  const covering = patterns.flatMap(({ kind, base }, index) => {
    const fixed = labelsOf(base);
    const below = asked.length - fixed.length;
    const ends = below >= 0 && fixed.every((one, i) => one === asked[below + i]);
    const covers = ends && (kind === 'any-depth' || below === (kind === 'exact' ? 0 : 1));
    return covers ? [{ index, exact: kind === 'exact', fixed: fixed.length, rank: rank[kind] }] : [];
  });
  covering.sort((a, b) => Number(b.exact) - Number(a.exact) || b.fixed - a.fixed || b.rank - a.rank || a.index - b.index);
  return covering[0]?.index ?? null;
}

test('the trie finds what a naive search finds, for any patterns and names', () => {
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 12 }), fc.array(qname, { minLength: 1, maxLength: 12 }), (patterns, names) => {
      const trie = new NameTrie<number>();
      for (const [index, one] of patterns.entries()) trie.add(one, index);
      // The bases themselves are the likeliest hits.
      for (const asked of [...names, ...patterns.map((one) => one.base)]) expect(trie.match(asked)).toBe(naiveMatch(patterns, asked));
    }),
    { numRuns: 500 },
  );
});
