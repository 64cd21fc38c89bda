/**
 * Sets of IP addresses given as CIDR prefixes, and the classes of address that matter to a resolver (private, loopback, …).
 * Owns reading addresses and prefixes; what being in a set means is the caller's.
 */
import { addressToOctets, octetsToAddress } from '../wire/address.ts';

/** A prefix in canonical form: IPv4-mapped IPv6 already written as IPv4, host bits zero. */
interface Prefix {
  readonly octets: Uint8Array;
  readonly bits: number;
}

export interface AddressSet {
  /** False for text that is no address. IPv4-mapped IPv6 counts as the IPv4 address it holds; a zone (`%eth0`) is ignored. */
  contains(address: string): boolean;
}

/** Remembered octets of addresses: a resolver hears from few clients, many times each. */
const REMEMBERED_ADDRESSES = 4096;
const remembered = new Map<string, Uint8Array | null>();

/** `::ffff:0:0/96` (RFC 4291 §2.5.5.2). */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** The octets of an address, 4 or 16, IPv4-mapped IPv6 as IPv4, a zone ignored; null when the text is none. */
export function addressOctets(address: string): Uint8Array | null {
  const known = remembered.get(address);
  if (known !== undefined) return known;
  const octets = readAddress(address);
  if (remembered.size >= REMEMBERED_ADDRESSES) remembered.clear();
  remembered.set(address, octets);
  return octets;
}

function readAddress(text: string): Uint8Array | null {
  const zoneAt = text.indexOf('%');
  const octets = addressToOctets(zoneAt < 0 ? text : text.slice(0, zoneAt));
  if (octets === null || octets.length === 4) return octets;
  return MAPPED.every((octet, index) => octets[index] === octet) ? octets.subarray(MAPPED.length) : octets;
}

/** The canonical text of an address (RFC 5952 for IPv6, mapped IPv4 as IPv4); null when it is none or has a zone. */
export function canonicalAddress(text: string): string | null {
  if (text.includes('%')) return null;
  const octets = readAddress(text);
  return octets === null ? null : octetsToAddress(octets);
}

/**
 * Reads `10.42.0.0/16`, `fd00::/8` or a single address into canonical text. `problem` says what is wrong in words for the
 * person who wrote it, with the prefix they probably meant where host bits are set.
 */
export function canonicalPrefix(text: string): { prefix: string } | { problem: string } {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text);
  const written = match?.[1];
  if (written === undefined || written.includes('%')) return { problem: `"${text}" is not an address or CIDR prefix` };
  const octets = readAddress(written);
  if (octets === null) return { problem: `"${text}" is not an address or CIDR prefix` };
  const mapped = octets.length === 4 && written.includes(':');
  const width = octets.length * 8;
  const bits = match?.[2] === undefined ? width : Number(match[2]) - (mapped ? 96 : 0);
  if (bits < 0 || bits > width) return { problem: `"${text}": the prefix length must be 0 to ${width}` };
  const network = octets.map((octet, index) => octet & maskOctet(bits, index));
  const prefix = `${octetsToAddress(network)}/${bits}`;
  if (network.some((octet, index) => octet !== octets[index])) return { problem: `"${text}" has host bits set; did you mean ${prefix}?` };
  return { prefix };
}

/** The set of addresses in any of the prefixes (`canonicalPrefix` form). Throws on text that is no prefix: a bug of the caller. */
export function addressSet(prefixes: readonly string[]): AddressSet {
  const parsed = prefixes.map(parsePrefix);
  return {
    contains(address) {
      const octets = addressOctets(address);
      return octets !== null && parsed.some((prefix) => inPrefix(octets, prefix));
    },
  };
}

function parsePrefix(text: string): Prefix {
  const result = canonicalPrefix(text);
  if ('problem' in result) throw new Error(result.problem);
  const slash = result.prefix.indexOf('/');
  const octets = readAddress(result.prefix.slice(0, slash));
  if (octets === null) throw new Error(`"${text}" is not a prefix`);
  return { octets, bits: Number(result.prefix.slice(slash + 1)) };
}

function inPrefix(octets: Uint8Array, prefix: Prefix): boolean {
  if (octets.length !== prefix.octets.length) return false;
  for (let i = 0; i * 8 < prefix.bits; i++) {
    if (((octets[i] ?? 0) & maskOctet(prefix.bits, i)) !== prefix.octets[i]) return false;
  }
  return true;
}

/** The mask of octet number `index` under a prefix of `bits` bits. */
function maskOctet(bits: number, index: number): number {
  const covered = Math.min(8, Math.max(0, bits - index * 8));
  return (0xff << (8 - covered)) & 0xff;
}

const LOOPBACK = addressSet(['127.0.0.0/8', '::1/128']);
const WILDCARD = addressSet(['0.0.0.0/32', '::/128']);

/** Loopback, RFC 1918, CGNAT (RFC 6598), ULA (RFC 4193) and link-local: who is served, and believed over UDP, by default. */
export const PRIVATE_PREFIXES: readonly string[] = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '100.64.0.0/10',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
];
const PRIVATE = addressSet(PRIVATE_PREFIXES);

export function isLoopback(address: string): boolean {
  return LOOPBACK.contains(address);
}

/** `0.0.0.0` or `::`, which mean every address of the machine. */
export function isWildcard(address: string): boolean {
  return WILDCARD.contains(address);
}

/** In `PRIVATE_PREFIXES`: nobody outside the site or machine can be behind it. */
export function isPrivate(address: string): boolean {
  return PRIVATE.contains(address);
}
