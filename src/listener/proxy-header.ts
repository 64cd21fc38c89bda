/**
 * The PROXY protocol's header, version 2 (HAProxy, `proxy-protocol.txt`), with which a proxy tells whose TCP connection it passes on.
 * Pure: reads octets, strictly. Version 1, a line of text, is refused. Who may send a header is decided before (`tcp.ts`).
 */
import { octetsToAddress } from '../wire/address.ts';
import { readUint16 } from '../wire/octets.ts';

export type ProxyHeader =
  /** More octets are needed. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'refused'; readonly reason: string }
  /** The proxy itself asks: a health check. `octets` is what the header takes. */
  | { readonly kind: 'local'; readonly octets: number }
  | { readonly kind: 'proxied'; readonly address: string; readonly port: number; readonly octets: number };

const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);

/** Signature, version and command, family and protocol, length. */
const FIXED_OCTETS = 16;

/** Section 2.2: a receiver need not take more than fits the smallest segment of IPv4. */
export const MAX_PROXY_HEADER_OCTETS = 536;

const LOCAL = 0x20;
const PROXY = 0x21;

/** Two addresses and two ports. TLVs may follow and are passed over. */
const TCP_OVER_IPV4 = { code: 0x11, addressOctets: 4 } as const;
const TCP_OVER_IPV6 = { code: 0x21, addressOctets: 16 } as const;

/** Reads a header at the beginning of a connection. What can only become a wrong one is refused at its first wrong octet. */
export function readProxyHeader(octets: Uint8Array): ProxyHeader {
  for (let index = 0; index < Math.min(octets.length, SIGNATURE.length); index++) {
    if (octets[index] !== SIGNATURE[index]) return refused('not a PROXY header of version 2');
  }
  if (octets.length < FIXED_OCTETS) return { kind: 'incomplete' };
  const command = octets[12];
  if (command !== LOCAL && command !== PROXY) return refused('another version or command');
  const end = FIXED_OCTETS + readUint16(octets, 14);
  if (end > MAX_PROXY_HEADER_OCTETS) return refused(`longer than ${MAX_PROXY_HEADER_OCTETS} octets`);
  if (command === LOCAL) return octets.length < end ? { kind: 'incomplete' } : { kind: 'local', octets: end };

  const family = [TCP_OVER_IPV4, TCP_OVER_IPV6].find(({ code }) => code === octets[13]);
  if (family === undefined) return refused('not TCP over IPv4 or IPv6');
  const portAt = FIXED_OCTETS + 2 * family.addressOctets;
  if (end < portAt + 4) return refused('too short for its addresses');
  if (octets.length < end) return { kind: 'incomplete' };
  const source = octets.subarray(FIXED_OCTETS, FIXED_OCTETS + family.addressOctets);
  return { kind: 'proxied', address: clientText(source), port: readUint16(octets, portAt), octets: end };
}

/** `::ffff:0:0/96` (RFC 4291 §2.5.5.2): one client must not have two addresses. */
const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

function clientText(source: Uint8Array): string {
  const mapped = source.length > MAPPED.length && MAPPED.every((octet, index) => source[index] === octet);
  return octetsToAddress(mapped ? source.subarray(MAPPED.length) : source);
}

function refused(reason: string): ProxyHeader {
  return { kind: 'refused', reason };
}
