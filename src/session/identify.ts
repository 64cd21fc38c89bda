/**
 * Which session a source address belongs to: the address itself, or its prefix where the config widens it.
 * Owns the form of a session key. Pods and registered sessions will be further kinds of key.
 */
import ipaddr from 'ipaddr.js';

export type SessionKey = string;

export interface PrefixLengths {
  readonly ipv4: number;
  readonly ipv6: number;
}

/**
 * The session key of a source address in canonical text (no zone, IPv4-mapped IPv6 already written as IPv4): the address for
 * a full-length prefix, else `network/length`. Throws on text that is no address: sources come from the kernel.
 */
export function sessionKeyOf(address: string, prefixes: PrefixLengths): SessionKey {
  const isIpv4 = !address.includes(':');
  const length = isIpv4 ? prefixes.ipv4 : prefixes.ipv6;
  if (length === (isIpv4 ? 32 : 128)) return address;
  const network = isIpv4
    ? ipaddr.IPv4.networkAddressFromCIDR(`${address}/${length}`)
    : ipaddr.IPv6.networkAddressFromCIDR(`${address}/${length}`);
  return `${network.toString()}/${length}`;
}

/** The address of a session key, or the first of its prefix. */
export function addressOf(key: SessionKey): string {
  const slash = key.indexOf('/');
  return slash < 0 ? key : key.slice(0, slash);
}

/** What one IPv6 host is usually given to choose addresses from (RFC 7421). */
export const HOST_NETWORK_BITS = 64;

/** The network of `networkBits` that an IPv6 session is in; the key itself where the session is IPv4 or as wide already. */
export function networkOfKey(key: SessionKey, networkBits: number): string {
  if (!key.includes(':')) return key;
  const [address = key, length = '128'] = key.split('/');
  return Number(length) <= networkBits ? key : sessionKeyOf(address, { ipv4: 32, ipv6: networkBits });
}
