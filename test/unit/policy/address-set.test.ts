import { describe, expect, test } from 'vitest';
import { addressSet, canonicalAddress, canonicalPrefix, isLoopback, isPrivate, isWildcard } from '../../../src/policy/address-set.ts';

test.each([
  ['10.42.0.0/16', '10.42.0.0/16'],
  ['192.0.2.7', '192.0.2.7/32'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['::/0', '::/0'],
  ['FD00:0:0::/8', 'fd00::/8'],
  ['::1', '::1/128'],
  ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
])('the prefix %s reads as %s', (text, prefix) => {
  expect(canonicalPrefix(text)).toEqual({ prefix });
});

test.each([
  ['10.42.0.1/16', 'did you mean 10.42.0.0/16?'],
  ['10.0.0.0/33', '0 to 32'],
  ['::/129', '0 to 128'],
  ['10.0.0.0/-1', 'is not an address'],
  ['10.0.0.0/', 'is not an address'],
  ['10.1', 'is not an address'],
  ['0x0a000001', 'is not an address'],
  ['010.0.0.1', 'is not an address'],
  ['fe80::1%eth0', 'is not an address'],
  ['example.com', 'is not an address'],
  ['', 'is not an address'],
])('the prefix %s is refused: %s', (text, problem) => {
  const read = canonicalPrefix(text);
  expect('problem' in read ? read.problem : 'accepted').toContain(problem);
});

describe('membership', () => {
  const set = addressSet(['10.42.0.0/15', '192.0.2.7/32', 'fd00::/8', '2001:db8:8000::/33']);
  test.each([
    ['10.42.0.0', true],
    ['10.43.255.255', true],
    ['10.44.0.0', false],
    ['10.41.255.255', false],
    ['192.0.2.7', true],
    ['192.0.2.6', false],
    ['::ffff:10.42.1.1', true],
    ['fdff::1', true],
    ['fe00::1', false],
    ['2001:db8:8000::', true],
    ['2001:db8:7fff::', false],
    ['fd00::1%eth0', true],
    ['not an address', false],
    ['', false],
  ])('%s: %s', (address, inside) => {
    expect(set.contains(address)).toBe(inside);
  });

  test('no prefix of one family holds addresses of the other', () => {
    expect(addressSet(['0.0.0.0/0']).contains('::1')).toBe(false);
    expect(addressSet(['::/0']).contains('127.0.0.1')).toBe(false);
  });
  test('the empty set holds nothing', () => {
    expect(addressSet([]).contains('127.0.0.1')).toBe(false);
  });
});

test.each([
  ['127.0.0.1', true],
  ['10.0.0.1', true],
  ['172.31.255.255', true],
  ['172.32.0.0', false],
  ['192.168.1.1', true],
  ['169.254.169.254', true],
  ['100.64.0.1', true],
  ['100.128.0.1', false],
  ['::1', true],
  ['fc00::1', true],
  ['fe80::1%en0', true],
  ['2001:db8::1', false],
  ['9.9.9.9', false],
])('%s is private: %s', (address, expected) => {
  expect(isPrivate(address)).toBe(expected);
});

test.each([
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['::ffff:127.0.0.1', true],
  ['::1', true],
  ['10.0.0.1', false],
  ['2001:db8::1', false],
  ['', false],
])('%s is loopback: %s', (address, expected) => {
  expect(isLoopback(address)).toBe(expected);
});

test.each(['0.0.0.0', '::', '0:0::0'])('%s stands for every address', (address) => {
  expect(isWildcard(address)).toBe(true);
});

test('an address has one canonical text', () => {
  expect(canonicalAddress('2001:DB8:0:0::1')).toBe('2001:db8::1');
  expect(canonicalAddress('::ffff:192.0.2.1')).toBe('192.0.2.1');
  expect(canonicalAddress('fe80::1%eth0')).toBeNull();
});
