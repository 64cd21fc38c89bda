/** The PROXY header's reader over arbitrary octets, and over headers cut into arbitrary pieces. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_PROXY_HEADER_OCTETS, readProxyHeader } from '../../src/listener/proxy-header.ts';
import { octetsToAddress } from '../../src/wire/address.ts';
import { PROXY_SIGNATURE, proxyAddresses, proxyHeader } from '../packet-proxy.ts';

const address = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }));
const tlvs = fc.uint8Array({ maxLength: 400 });

test('a header that is well-formed tells its address, port and length, whatever follows it', () => {
  fc.assert(
    fc.property(address, fc.nat(65_535), tlvs, fc.uint8Array({ maxLength: 50 }), (source, port, extra, rest) => {
      const header = proxyHeader({ family: source.length === 4 ? 0x11 : 0x21, body: proxyAddresses(source, port, extra) });
      const expected = { kind: 'proxied', address: octetsToAddress(source), port, octets: header.length };
      expect(readProxyHeader(Buffer.concat([header, rest]))).toEqual(expected);
    }),
  );
});

test('nothing is read twice: a decision, once taken, does not change with what comes later', () => {
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc.uint8Array({ maxLength: 600 }).map((octets) => Buffer.concat([PROXY_SIGNATURE, octets])),
    fc
      .tuple(fc.constantFrom(0x20, 0x21, 0x11), fc.constantFrom(0x11, 0x21, 0x12, 0), fc.uint8Array({ maxLength: 560 }), fc.nat(0xffff))
      .map(([command, family, body, length]) => proxyHeader({ command, family, body, ...(length % 3 === 0 ? { length } : {}) })),
  );
  fc.assert(
    fc.property(hostile, fc.uint8Array({ maxLength: 40 }), (octets, more) => {
      const read = readProxyHeader(octets);
      if (read.kind !== 'incomplete') {
        expect(readProxyHeader(Buffer.concat([octets, more]))).toEqual(read);
        if (read.kind !== 'refused') expect(read.octets).toBeLessThanOrEqual(Math.min(octets.length, MAX_PROXY_HEADER_OCTETS));
      } else expect(octets.length).toBeLessThan(MAX_PROXY_HEADER_OCTETS);
    }),
  );
});
