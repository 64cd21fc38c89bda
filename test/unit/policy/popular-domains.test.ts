import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadPopularDomains, popularDomains } from '../../../src/policy/popular-domains.ts';

describe('the shipped table', () => {
  const popular = loadPopularDomains();

  test.each(['google.com', 'github.com', 'bbc.co.uk', 'npmjs.org'])('%s is popular', (domain) => {
    expect(popular.has(domain)).toBe(true);
  });
  test.each(['github.io', 'co.uk', 'com', '', 'zzzz', 'no-such-domain-anywhere.example', 'www.google.com', 'google.com\nx'])(
    '%s is not',
    (domain) => {
      expect(popular.has(domain)).toBe(false);
    },
  );
});

test('a table has exactly the names in it', () => {
  const domain = fc.stringMatching(/^[a-c-]{1,4}\.[a-c]{1,2}$/);
  fc.assert(
    fc.property(fc.uniqueArray(domain), domain, (names, asked) => {
      const table = popularDomains(
        `# comment\n${names
          .toSorted()
          .map((one) => `${one}\n`)
          .join('')}`,
      );
      expect(table.size).toBe(names.length);
      for (const one of names) expect(table.has(one)).toBe(true);
      expect(table.has(asked)).toBe(names.includes(asked));
    }),
    { numRuns: 300 },
  );
});
