import { describe, expect, test } from 'vitest';
import { expandListenAddresses, listenerAskedBy } from '../../../src/config/listen-addresses.ts';
import { parseUpstreamUrl } from '../../../src/upstream/upstream-url.ts';

const MAC = '00:00:00:00:00:00';
const INTERFACES = {
  lo: [
    { address: '127.0.0.1', netmask: '255.0.0.0', family: 'IPv4', mac: MAC, internal: true, cidr: '127.0.0.1/8' },
    {
      address: '::1',
      netmask: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      family: 'IPv6',
      mac: MAC,
      internal: true,
      cidr: '::1/128',
      scopeid: 0,
    },
  ],
  eth0: [
    { address: '192.168.1.5', netmask: '255.255.255.0', family: 'IPv4', mac: MAC, internal: false, cidr: '192.168.1.5/24' },
    { address: 'fd00::5', netmask: 'ffff:ffff:ffff:ffff::', family: 'IPv6', mac: MAC, internal: false, cidr: 'fd00::5/64', scopeid: 0 },
    { address: 'fe80::5', netmask: 'ffff:ffff:ffff:ffff::', family: 'IPv6', mac: MAC, internal: false, cidr: 'fe80::5/64', scopeid: 2 },
  ],
} as const;

function upstream(text: string) {
  const read = parseUpstreamUrl(text);
  return read.kind === 'ok' ? read.url : expect.fail(read.message);
}

describe('listen addresses', () => {
  test.each([
    ['an IPv4 wildcard is every IPv4 address', ['0.0.0.0'], ['127.0.0.1', '192.168.1.5']],
    ['an IPv6 wildcard is every IPv6 address but link-local ones', ['::'], ['::1', 'fd00::5']],
    ['an explicit address stays', ['192.168.1.5'], ['192.168.1.5']],
    ['what a wildcard covers already is bound once', ['192.168.1.5', '0.0.0.0'], ['192.168.1.5', '127.0.0.1']],
    ['an address the machine does not have yet is tried all the same', ['192.168.1.9'], ['192.168.1.9']],
  ])('%s', (_what, written, bound) => {
    const listen = written.map((address) => ({ address, port: 53 }));
    expect(expandListenAddresses(listen, INTERFACES)).toEqual(bound.map((address) => ({ address, port: 53 })));
  });
  test('two ports of one address are two listeners', () => {
    const listen = [
      { address: '127.0.0.1', port: 53 },
      { address: '127.0.0.1', port: 5300 },
    ];
    expect(expandListenAddresses(listen, INTERFACES)).toEqual(listen);
  });
});

test("an upstream that is the machine's own address is found once wildcards are expanded", () => {
  const listen = [{ address: '0.0.0.0', port: 53 }];
  expect(listenerAskedBy(upstream('udp://192.168.1.5'), listen)).toBeNull();
  expect(listenerAskedBy(upstream('udp://192.168.1.5'), expandListenAddresses(listen, INTERFACES))).toEqual({
    address: '192.168.1.5',
    port: 53,
  });
  expect(listenerAskedBy(upstream('udp://192.168.1.5:54'), expandListenAddresses(listen, INTERFACES))).toBeNull();
});
