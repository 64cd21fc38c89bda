import { describe, expect, test } from 'vitest';
import { isPublicSuffix, registrableDomain } from '../../../src/policy/registrable-domain.ts';
import { name } from './compiled-config.ts';

describe('where names are cut', () => {
  test.each([
    ['an ordinary name', 'a.b.example.com', 'example.com', ['a', 'b'], 'example.com'],
    ['the registrable domain itself', 'example.com', 'example.com', [], 'example.com'],
    ['a suffix of two labels', 'x.example.co.uk', 'example.co.uk', ['x'], 'example.co.uk'],
    ['a tenant of a private suffix', 'x.tenant.github.io', 'tenant.github.io', ['x'], null],
    ['a private suffix itself', 'github.io', 'github.io', [], null],
    ['a tenant of a dynamic DNS suffix', 'secret.duckdns.org', 'secret.duckdns.org', [], null],
    ['a public suffix itself', 'co.uk', 'co.uk', [], null],
    ['a top-level domain', 'com', 'com', [], null],
    ['the root', '.', '.', [], null],
    ['a single label', 'printer', 'printer', [], null],
    ['a top-level domain that is not public', 'a.b.cluster.local', 'cluster.local', ['a', 'b'], null],
    ['a punycode top-level domain', 'a.b.xn--p1ai', 'b.xn--p1ai', ['a'], 'b.xn--p1ai'],
    ['a name that looks like an address', '1.2.3.4', '3.4', ['1', '2'], null],
  ])('%s: %s', (_what, asked, parent, labels, icannDomain) => {
    expect(registrableDomain(name(asked))).toMatchObject({ parent, parentName: name(parent), labels, icannDomain });
  });
});

describe('reverse zones are cut where delegations are widest', () => {
  test('in-addr.arpa at /16', () => {
    expect(registrableDomain(name('4.3.2.1.in-addr.arpa'))).toMatchObject({
      parent: '2.1.in-addr.arpa',
      labels: ['4', '3'],
      icannDomain: null,
    });
  });
  test('ip6.arpa at /32', () => {
    const nibbles = Array.from({ length: 32 }, (_, i) => (i % 16).toString(16));
    const domain = registrableDomain(name(`${nibbles.join('.')}.ip6.arpa`));
    expect(domain).toMatchObject({ parent: `${nibbles.slice(24).join('.')}.ip6.arpa`, labels: nibbles.slice(0, 24), icannDomain: null });
  });
  test.each(['in-addr.arpa', '1.in-addr.arpa', 'ip6.arpa', '8.b.d.0.ip6.arpa'])('%s is too short to cut', (asked) => {
    expect(registrableDomain(name(asked))).toMatchObject({ parent: asked, labels: [] });
  });
});

describe('octets that a text matcher would trip over cannot move the cut', () => {
  test.each([
    ['a slash', 'allowed.com/x.evil.com', 'evil.com'],
    ['a slash in the registrable label', 'x.allowed.com\\/evil.com', 'com/evil.com'],
    ['an escaped dot in the registrable label', 'x.allowed\\.com.evil\\.com', 'evil\\.com'],
    ['an escaped dot below the domain', 'x\\.y.evil.com', 'evil.com'],
    ['an at sign', 'user\\@allowed.com\\@evil.com', 'com\\@evil.com'],
    ['a port', 'allowed.com:80.evil.com', 'evil.com'],
    ['a question mark', 'allowed.com?.evil.com', 'evil.com'],
    ['a NUL', 'allowed.com\\000.evil.com', 'evil.com'],
    ['a high octet in the suffix', 'a.b.c\\255m', 'c\\255m'],
    ['a NUL before a suffix of two labels', 'x.a\\000b.co.uk', 'a\\000b.co.uk'],
    ['brackets', '[::1].evil.com', 'evil.com'],
    ['a space', 'my\\032printer.example.com', 'example.com'],
    ['edge hyphens', '-a-.evil.com', 'evil.com'],
  ])('%s: %s', (_what, asked, parent) => {
    expect(registrableDomain(name(asked)).parent).toBe(parent);
  });

  test('an odd label below the domain does not hide the domain from age look-ups', () => {
    expect(registrableDomain(name('x\\000y.evil.com')).icannDomain).toBe('evil.com');
  });
  test.each(['_x.com', 'a\\000b.com'])('%s cannot be registered, so nobody is asked about it', (asked) => {
    expect(registrableDomain(name(asked)).icannDomain).toBeNull();
  });
});

test.each([
  ['com', true],
  ['co.uk', true],
  ['github.io', true],
  ['.', true],
  ['example.com', false],
  ['lan', false],
  ['cluster.local', false],
  ['co\\.uk', false],
])('%s is a public suffix: %s', (text, expected) => {
  expect(isPublicSuffix(name(text))).toBe(expected);
});
