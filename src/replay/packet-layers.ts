/**
 * From a captured frame to the payload of a UDP datagram or TCP segment: link layer, VLAN tags, IPv4, IPv6 and its extension headers.
 * Every length is checked against the octets that are there; what is cut short is read as far as it goes.
 */
import { octetsToAddress } from '../wire/address.ts';
import { readUint16, readUint32 } from '../wire/octets.ts';

export interface Datagram {
  readonly protocol: 'udp' | 'tcp';
  /** Addresses as octet strings, 4 or 16 chars. */
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
  /** TCP only. */
  readonly sequence: number;
  readonly flags: number;
}

/** Why there is no datagram; `other`: nothing that carries DNS, the usual case in a capture of everything. */
export type NoDatagram = 'other' | 'link type' | 'fragment' | 'cut';

const LINK = {
  NULL: 0,
  ETHERNET: 1,
  RAW_BSD: 12,
  RAW_OPENBSD: 14,
  RAW: 101,
  LOOP: 108,
  SLL: 113,
  IPV4: 228,
  IPV6: 229,
  SLL2: 276,
} as const;

const ETHERTYPE = { IPV4: 0x0800, IPV6: 0x86dd, VLAN: 0x8100, QINQ: 0x88a8, QINQ_OLD: 0x9100 } as const;

const PROTOCOL = { HOP_BY_HOP: 0, TCP: 6, UDP: 17, ROUTING: 43, FRAGMENT: 44, AUTHENTICATION: 51, DESTINATION: 60 } as const;

/** Tags on a frame, extension headers in a packet: more make no sense. */
const MAX_TAGS = 4;
const MAX_EXTENSIONS = 8;

/** Reads a frame of a LINKTYPE_ value. */
export function readFrame(linkType: number, octets: Uint8Array): Datagram | NoDatagram {
  switch (linkType) {
    case LINK.ETHERNET:
      return readEtherType(octets, 12);
    case LINK.SLL:
      return readEtherType(octets, 14);
    case LINK.SLL2:
      return readEtherType(octets, 0, 20);
    case LINK.NULL:
    case LINK.LOOP:
      return readIp(octets, 4);
    case LINK.RAW:
    case LINK.RAW_BSD:
    case LINK.RAW_OPENBSD:
    case LINK.IPV4:
    case LINK.IPV6:
      return readIp(octets, 0);
    default:
      return 'link type';
  }
}

/** The EtherType at `at` says what follows at `next`; VLAN tags (IEEE 802.1Q) stand in between. */
function readEtherType(octets: Uint8Array, at: number, next: number = at + 2): Datagram | NoDatagram {
  let type = readUint16(octets, at);
  let start = next;
  for (let tags = 0; tags < MAX_TAGS && (type === ETHERTYPE.VLAN || type === ETHERTYPE.QINQ || type === ETHERTYPE.QINQ_OLD); tags++) {
    type = readUint16(octets, start + 2);
    start += 4;
  }
  return type === ETHERTYPE.IPV4 || type === ETHERTYPE.IPV6 ? readIp(octets, start) : 'other';
}

function readIp(octets: Uint8Array, at: number): Datagram | NoDatagram {
  const version = (octets[at] ?? 0) >>> 4;
  if (version === 4) return readIpv4(octets, at);
  return version === 6 ? readIpv6(octets, at) : 'other';
}

function readIpv4(octets: Uint8Array, at: number): Datagram | NoDatagram {
  const headerOctets = ((octets[at] ?? 0) & 0x0f) * 4;
  if (headerOctets < 20 || at + headerOctets > octets.length) return 'cut';
  const protocol = octets[at + 9] ?? 0;
  if (protocol !== PROTOCOL.UDP && protocol !== PROTOCOL.TCP) return 'other';
  // More fragments, or not the first one.
  if ((readUint16(octets, at + 6) & 0x3fff) !== 0) return 'fragment';
  // 0 where the network card cuts the segments itself.
  const totalOctets = readUint16(octets, at + 2);
  const end = totalOctets === 0 ? octets.length : Math.min(octets.length, at + totalOctets);
  return readTransport(octets, protocol, at + headerOctets, end, addressAt(octets, at + 12, 4), addressAt(octets, at + 16, 4));
}

function readIpv6(octets: Uint8Array, at: number): Datagram | NoDatagram {
  if (at + 40 > octets.length) return 'cut';
  const payloadOctets = readUint16(octets, at + 4);
  const end = payloadOctets === 0 ? octets.length : Math.min(octets.length, at + 40 + payloadOctets);
  let next = octets[at + 6] ?? 0;
  let start = at + 40;
  for (let extensions = 0; extensions < MAX_EXTENSIONS; extensions++) {
    if (next === PROTOCOL.UDP || next === PROTOCOL.TCP) {
      return readTransport(octets, next, start, end, addressAt(octets, at + 8, 16), addressAt(octets, at + 24, 16));
    }
    if (next === PROTOCOL.FRAGMENT) return 'fragment';
    const length = extensionOctets(next, octets[start + 1] ?? 0);
    if (length === null) return 'other';
    next = octets[start] ?? 0;
    start += length;
    if (start > end) return 'cut';
  }
  return 'other';
}

function extensionOctets(header: number, lengthField: number): number | null {
  if (header === PROTOCOL.HOP_BY_HOP || header === PROTOCOL.ROUTING || header === PROTOCOL.DESTINATION) return (lengthField + 1) * 8;
  return header === PROTOCOL.AUTHENTICATION ? (lengthField + 2) * 4 : null;
}

function readTransport(
  octets: Uint8Array,
  protocol: number,
  at: number,
  end: number,
  source: string,
  destination: string,
): Datagram | NoDatagram {
  const udp = protocol === PROTOCOL.UDP;
  if (at + (udp ? 8 : 20) > end) return 'cut';
  const headerOctets = udp ? 8 : ((octets[at + 12] ?? 0) >>> 4) * 4;
  if (!udp && (headerOctets < 20 || at + headerOctets > end)) return 'cut';
  // A UDP length of 0 is a jumbogram (RFC 2675); others may be shorter than what the link padded.
  const length = udp ? readUint16(octets, at + 4) : 0;
  const payloadEnd = length >= 8 ? Math.min(end, at + length) : end;
  return {
    protocol: udp ? 'udp' : 'tcp',
    source,
    destination,
    sourcePort: readUint16(octets, at),
    destinationPort: readUint16(octets, at + 2),
    payload: octets.subarray(at + headerOctets, payloadEnd),
    sequence: udp ? 0 : readUint32(octets, at + 4),
    flags: udp ? 0 : (octets[at + 13] ?? 0),
  };
}

function addressAt(octets: Uint8Array, at: number, length: 4 | 16): string {
  if (length === 4) return String.fromCharCode(octets[at] ?? 0, octets[at + 1] ?? 0, octets[at + 2] ?? 0, octets[at + 3] ?? 0);
  return Buffer.from(octets.buffer, octets.byteOffset + at, length).toString('latin1');
}

const REMEMBERED_ADDRESSES = 65_536;
const texts = new Map<string, string>();

/** The canonical text of an address in octets; IPv4-mapped IPv6 as IPv4. */
export function addressText(octets: string): string {
  const known = texts.get(octets);
  if (known !== undefined) return known;
  const mapped = octets.length === 16 && octets.startsWith(MAPPED);
  const text = octetsToAddress(Buffer.from(mapped ? octets.slice(MAPPED.length) : octets, 'latin1'));
  if (texts.size >= REMEMBERED_ADDRESSES) texts.clear();
  texts.set(octets, text);
  return text;
}

/** `::ffff:0:0/96` (RFC 4291 §2.5.5.2). */
const MAPPED = '\0\0\0\0\0\0\0\0\0\0\xff\xff';
