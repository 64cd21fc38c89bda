/** The gate: only ICANN registrable domains are ever asked for. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAskable } from '../../../src/reputation/askable-domain.ts';

describe('what may be asked for', () => {
  test.each(['example.com', 'example.co.uk', 'xn--bcher-kva.de', 'a-b.org', 'duckdns.org', 'github.io'])('%s may', (domain) => {
    expect(isAskable(domain)).toBe(true);
  });

  test.each([
    ['a name below a registrable domain', 'secret.example.com'],
    ['a tenant of a private suffix', 'secret.duckdns.org'],
    ['a public suffix', 'co.uk'],
    ['a top-level domain', 'com'],
    ['an unknown top-level domain', 'printer.corp'],
    ['a local name', 'svc.cluster.local'],
    ['an address', '192.0.2.1'],
    ['a path', 'allowed.com/x.evil.com'],
    ['upper case', 'Example.com'],
    ['a trailing dot', 'example.com.'],
    ['an empty label', 'example..com'],
    ['an edge hyphen', '-example.com'],
    ['a line break', 'example.com\r\nother.com'],
    ['an escape', 'ex\\.ample.com'],
    ['a port', 'example.com:43'],
    ['nothing', ''],
    ['a label of 64 octets', `${'a'.repeat(64)}.com`],
  ])('%s may not', (_, domain) => {
    expect(isAskable(domain)).toBe(false);
  });

  test('nothing with a label in front of a domain that may be asked for may be asked for itself', () => {
    const label = fc.stringMatching(/^[a-z0-9]{1,20}$/);
    fc.assert(fc.property(label, label, (front, name) => !isAskable(`${front}.${name}.com`)));
  });
});
