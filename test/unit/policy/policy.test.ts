import { describe, expect, test } from 'vitest';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { compile, name } from './compiled-config.ts';

describe('which policy applies', () => {
  const { policies } = compile(`
listen: { dns: ["127.0.0.1:53", "[::1]:53", "10.0.0.1:53"] }
policies:
  - { name: pods, match: { cidr: ["10.42.0.0/16", "fd00:42::/32"] } }
  - { name: pods-too-late, match: { cidr: ["10.42.1.0/24"] } }
  - { name: lan, match: { listener: ["10.0.0.1:53"] } }
  - { name: lab, match: { cidr: ["192.168.7.0/24"], listener: ["[::1]:53"] } }
  - { name: everyone, match: {} }
`);
  test.each([
    ['a prefix', '10.42.1.1', undefined, 'pods'],
    ['an IPv6 prefix', 'fd00:42::1', undefined, 'pods'],
    ['an IPv4 address written as IPv6', '::ffff:10.42.1.1', undefined, 'pods'],
    ['the first that matches, not the narrowest', '10.42.1.200', undefined, 'pods'],
    ['the listener asked', '192.0.2.1', '10.0.0.1:53', 'lan'],
    ['another listener', '192.0.2.1', '127.0.0.1:53', 'everyone'],
    ['address and listener together', '192.168.7.1', '[::1]:53', 'lab'],
    ['the right address at another listener', '192.168.7.1', '127.0.0.1:53', 'everyone'],
    ['nobody else', '8.8.8.8', undefined, 'everyone'],
    ['an address nobody can read', 'nonsense', undefined, 'everyone'],
  ])('%s', (_what, address, listener, expected) => {
    expect(policies.choose(address, listener).name).toBe(expected);
    // Again, from memory.
    expect(policies.choose(address, listener).name).toBe(expected);
  });
});

describe('what a policy holds', () => {
  test('the default types leave out those that carry free octets', () => {
    const { allowedTypes } = compile('').policies.choose('10.0.0.1');
    for (const type of [RRTYPE.A, RRTYPE.AAAA, RRTYPE.HTTPS, RRTYPE.TXT, RRTYPE.PTR, RRTYPE.DNSKEY])
      expect(allowedTypes.has(type)).toBe(true);
    for (const type of [RRTYPE.NULL, RRTYPE.KEY, RRTYPE.PRIVATE, RRTYPE.ANY, RRTYPE.AXFR, 0, 999])
      expect(allowedTypes.has(type)).toBe(false);
    expect(allowedTypes.size).toBe(22);
  });
  test('written types replace the default', () => {
    const { allowedTypes } = compile('policies: [{ name: a, qtypes: [A, aaaa, TYPE65] }]').policies.choose('10.0.0.1');
    expect([...allowedTypes]).toEqual([RRTYPE.A, RRTYPE.AAAA, RRTYPE.HTTPS]);
  });
});

describe('what a quarantined session may still ask', () => {
  test('trusted zones, when nothing is written', () => {
    const policy = compile('').policies.choose('10.0.0.1');
    expect(policy.stillAllows(name('a.corp.example'), 'trusted')).toBe(true);
    expect(policy.stillAllows(name('a.corp.example'), 'allowlisted')).toBe(false);
  });
  test('the patterns written, instead of trusted zones', () => {
    const policy = compile('policies: [{ name: a, quarantine: { stillAllow: ["**.help.example.com"] } }]').policies.choose('10.0.0.1');
    expect(policy.stillAllows(name('a.help.example.com'), 'unlisted')).toBe(true);
    expect(policy.stillAllows(name('a.corp.example'), 'trusted')).toBe(false);
  });
  test('nothing, when an empty list is written', () => {
    const policy = compile('policies: [{ name: a, quarantine: { stillAllow: [] } }]').policies.choose('10.0.0.1');
    expect(policy.stillAllows(name('a.corp.example'), 'trusted')).toBe(false);
  });
});
