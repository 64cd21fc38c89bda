/**
 * IP addresses between presentation form and octets, as A, AAAA and SVCB hints need them, and with a port.
 * Knows no ranges and no meaning: private, loopback and the like are policy.
 */
import { isIPv4, isIPv6 } from 'node:net';

/** 4 or 16 octets; null when the text is no IPv4 address in four decimal parts and no IPv6 address (zone identifiers are refused). */
export function addressToOctets(text: string): Uint8Array | null {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  if (!isIPv6(text) || text.includes('%')) return null;
  const [head = '', tail] = text.split('::');
  const before = groupsToOctets(head);
  if (tail === undefined) return Uint8Array.from(before);
  const after = groupsToOctets(tail);
  return Uint8Array.from([...before, ...new Array<number>(16 - before.length - after.length).fill(0), ...after]);
}

function groupsToOctets(groups: string): number[] {
  if (groups === '') return [];
  return groups.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >>> 8, value & 0xff];
  });
}

/** Presentation form of 4 or 16 octets, IPv6 as RFC 5952 §4 writes it. */
export function octetsToAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => (((octets[index * 2] ?? 0) << 8) | (octets[index * 2 + 1] ?? 0)).toString(16));
  const { start, length } = longestZeroRun(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

/** The first of the longest runs of zero groups (RFC 5952 §4.2.3). */
function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === '0' ? length + 1 : 0;
    if (length > longest.length) longest = { start: index + 1 - length, length };
  }
  return longest;
}

/** `127.0.0.1:53`, `[::1]:53`: an IPv6 address stands in brackets (RFC 3986 §3.2.2). */
export function addressAndPort({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${bracketed(address)}:${port}`;
}

/** `127.0.0.1`, `[::1]`: as an address stands in a URL. */
export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
