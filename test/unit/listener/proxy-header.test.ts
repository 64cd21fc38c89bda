/** PROXY headers of version 2: which are read, which refused, and how early. */
import { describe, expect, test } from 'vitest';
import { readProxyHeader } from '../../../src/listener/proxy-header.ts';
import { PROXY_SIGNATURE, proxyAddresses, proxyHeader } from '../../packet-proxy.ts';

const V4 = Uint8Array.of(203, 0, 113, 7);
const V6 = Buffer.from('20010db8000000000000000000000007', 'hex');

describe('a PROXY header', () => {
  test('tells the client of a connection over IPv4 and over IPv6', () => {
    expect(readProxyHeader(proxyHeader({ body: proxyAddresses(V4, 40_000) }))).toEqual({
      kind: 'proxied',
      address: '203.0.113.7',
      port: 40_000,
      octets: 28,
    });
    expect(readProxyHeader(proxyHeader({ family: 0x21, body: proxyAddresses(V6, 1) }))).toEqual({
      kind: 'proxied',
      address: '2001:db8::7',
      port: 1,
      octets: 52,
    });
  });

  test('names an IPv4-mapped client as IPv4, so that it has one address', () => {
    const mapped = Buffer.concat([Buffer.from('00000000000000000000ffff', 'hex'), V4]);
    expect(readProxyHeader(proxyHeader({ family: 0x21, body: proxyAddresses(mapped, 1) }))).toMatchObject({ address: '203.0.113.7' });
  });

  test('may end with TLVs, which are passed over, and be followed by the first query', () => {
    const header = proxyHeader({ body: proxyAddresses(V4, 9, Buffer.from('030004aabbccdd', 'hex')) });
    expect(readProxyHeader(Buffer.concat([header, Buffer.from('query')]))).toMatchObject({ kind: 'proxied', octets: 35 });
  });

  test('LOCAL is the proxy itself, whatever stands in its body', () => {
    expect(readProxyHeader(proxyHeader({ command: 0x20, family: 0 }))).toEqual({ kind: 'local', octets: 16 });
    expect(readProxyHeader(proxyHeader({ command: 0x20, body: proxyAddresses(V4, 1) }))).toEqual({ kind: 'local', octets: 28 });
  });

  test('needs every octet it announces', () => {
    const header = proxyHeader({ body: proxyAddresses(V4, 9, new Uint8Array(20)) });
    for (let length = 0; length < header.length; length++) {
      expect(readProxyHeader(header.subarray(0, length))).toEqual({ kind: 'incomplete' });
    }
  });

  test.each([
    ['the text of version 1', Buffer.from('PROXY TCP4 203.0.113.7 127.0.0.1 40000 53\r\n'), 'version 2'],
    ['a DNS query with its length', Buffer.from('001d12340100', 'hex'), 'version 2'],
    ['a signature wrong in its last octet', Buffer.concat([PROXY_SIGNATURE.subarray(0, 11), Buffer.from('0b', 'hex')]), 'version 2'],
    ['version 1 in binary', proxyHeader({ command: 0x11, body: proxyAddresses(V4, 1) }), 'version or command'],
    ['an unknown command', proxyHeader({ command: 0x22, body: proxyAddresses(V4, 1) }), 'version or command'],
    ['UDP', proxyHeader({ family: 0x12, body: proxyAddresses(V4, 1) }), 'not TCP'],
    ['a Unix socket', proxyHeader({ family: 0x31, body: new Uint8Array(216) }), 'not TCP'],
    ['an unknown family', proxyHeader({ family: 0x00, body: proxyAddresses(V4, 1) }), 'not TCP'],
    ['too few octets for IPv4', proxyHeader({ body: new Uint8Array(11) }), 'too short'],
    ['too few octets for IPv6', proxyHeader({ family: 0x21, body: proxyAddresses(V4, 1) }), 'too short'],
    ['a length beyond 536 octets', proxyHeader({ body: proxyAddresses(V4, 1), length: 521 }), 'longer than 536'],
    ['a LOCAL header of 64 KiB', proxyHeader({ command: 0x20, length: 0xffff }), 'longer than 536'],
  ])('is refused: %s', (_, octets, reason) => {
    const read = readProxyHeader(octets);
    expect(read.kind).toBe('refused');
    expect(read.kind === 'refused' ? read.reason : '').toContain(reason);
  });

  test('is refused at its first wrong octet', () => {
    expect(readProxyHeader(Buffer.from('P'))).toMatchObject({ kind: 'refused' });
    expect(readProxyHeader(Buffer.from('00', 'hex'))).toMatchObject({ kind: 'refused' });
  });
});
