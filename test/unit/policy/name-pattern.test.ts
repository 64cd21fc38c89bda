import { describe, expect, test } from 'vitest';
import { parsePattern } from '../../../src/policy/name-pattern.ts';

describe('patterns that are accepted', () => {
  test.each([
    ['a name stands for itself', 'api.example.com', 'exact', 'api.example.com'],
    ['letter case and a trailing dot do not matter', 'API.Example.COM.', 'exact', 'api.example.com'],
    ['one asterisk stands for one label', '*.example.com', 'one-label', '*.example.com'],
    ['two asterisks stand for any depth', '**.example.com', 'any-depth', '**.example.com'],
    ['Unicode becomes punycode', '**.bücher.example.com', 'any-depth', '**.xn--bcher-kva.example.com'],
    ['underscores are fine', '_dmarc.example.com', 'exact', '_dmarc.example.com'],
    ['a top-level domain of a private network may be a wildcard', '**.lan', 'any-depth', '**.lan'],
    ['a reverse zone may be a wildcard', '**.10.in-addr.arpa', 'any-depth', '**.10.in-addr.arpa'],
    ['a public suffix may be named exactly', 'github.io', 'exact', 'github.io'],
  ])('%s: %s', (_what, text, kind, canonical) => {
    expect(parsePattern(text)).toMatchObject({ kind, text: canonical });
  });
});

test('a Unicode name that is far too long is no name, and costs nothing', () => {
  const label = Array.from({ length: 5_000 }, (_, n) => String.fromCodePoint(0x4e00 + ((n * 7) % 20_000))).join('');
  const startedMs = performance.now();
  for (let n = 0; n < 200; n++) expect(parsePattern(`${label}.example`)).toHaveProperty('problem');
  // 8 seconds where each was encoded.
  expect(performance.now() - startedMs).toBeLessThan(2_000);
});

describe('patterns that are refused', () => {
  test.each([
    ['a lone asterisk', '*', 'every name'],
    ['two asterisks alone', '**', 'every name'],
    ['a wildcard of the root', '*.', 'every name'],
    ['a wildcard of a top-level domain', '*.com', 'too wide'],
    ['a deep wildcard of a top-level domain', '**.zip', 'too wide'],
    ['a wildcard of an ICANN public suffix', '**.co.uk', 'too wide'],
    ['a wildcard of a private public suffix', '**.github.io', 'too wide'],
    ['a wildcard of a suffix that the list knows by a wildcard of its own', '*.b.ck', 'too wide'],
    ['a wildcard of a suffix in other letter case', '**.GitHub.IO', 'too wide'],
    ['a wildcard of all reverse zones', '**.in-addr.arpa', 'too wide'],
    ['an asterisk in the middle', 'a.*.example.com', 'at the front'],
    ['an asterisk inside a label', 'api*.example.com', 'at the front'],
    ['three asterisks', '***.example.com', 'at the front'],
    ['two wildcards', '*.*.example.com', 'at the front'],
    ['an empty label', 'a..example.com', 'not a domain name'],
    ['a leading dot', '.example.com', 'not a domain name'],
    ['a space', 'a b.example.com', 'not a domain name'],
    ['a line break', 'a\n.example.com', 'not a domain name'],
    ['a Unicode name with a line break', 'ü\n.example.com', 'not a domain name'],
    ['a Unicode name that maps to nothing', '\u00ad.example.com', 'not a domain name'],
    ['a label of 64 octets', `${'a'.repeat(64)}.example.com`, 'not a domain name'],
    ['a URL', 'https://example.com/', 'not a domain name'],
    ['an address with a port', 'example.com:53', 'not a domain name'],
    ['an escape', 'a\\.b.example.com', 'not a domain name'],
    ['the root', '.', 'root'],
    ['nothing', '', 'not a domain name'],
  ])('%s: %s', (_what, text, problem) => {
    const parsed = parsePattern(text);
    expect(parsed).toHaveProperty('problem');
    expect('problem' in parsed ? parsed.problem : '').toContain(problem);
  });
});

test('full-width dots and letters mean what a browser would make of them', () => {
  expect(parsePattern('ｅｘａｍｐｌｅ。com')).toMatchObject({ text: 'example.com' });
});
