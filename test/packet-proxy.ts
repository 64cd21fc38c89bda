/** PROXY protocol headers of version 2, written octet by octet for the tests. Any field may be wrong. */

export const PROXY_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

export interface ProxyHeaderParts {
  /** Version and command: 0x21 PROXY, 0x20 LOCAL. */
  readonly command?: number;
  /** Family and protocol: 0x11 TCP over IPv4, 0x21 TCP over IPv6. */
  readonly family?: number;
  /** Addresses, ports and TLVs. */
  readonly body?: Uint8Array;
  /** What the length field says; the body's length when absent. */
  readonly length?: number;
}

export function proxyHeader({ command = 0x21, family = 0x11, body = new Uint8Array(0), length = body.length }: ProxyHeaderParts): Buffer {
  return Buffer.concat([PROXY_SIGNATURE, Uint8Array.of(command, family, length >> 8, length & 0xff), body]);
}

/** Source, destination (the same octets), source port, destination port 53, then what follows. */
export function proxyAddresses(source: Uint8Array, port: number, tlvs: Uint8Array = new Uint8Array(0)): Buffer {
  return Buffer.concat([source, source, Uint8Array.of(port >> 8, port & 0xff, 0, 53), tlvs]);
}
