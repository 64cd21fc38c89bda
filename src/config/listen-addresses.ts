/**
 * Rules about where Kennel listens and whom it asks: wildcards expanded to the machine's addresses, and the loops in which it
 * would ask itself. Pure; the machine's addresses are an argument.
 */
import type { NetworkInterfaceInfo } from 'node:os';
import { canonicalAddress, isLoopback, isPrivate, isWildcard } from '../policy/address-set.ts';
import type { UpstreamUrl } from '../upstream/upstream-url.ts';
import { addressAndPort } from '../wire/address.ts';
import type { Endpoint } from './config.ts';

/** As `os.networkInterfaces()` gives it. */
export type NetworkInterfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * Each address to bind: `0.0.0.0` stands for every IPv4 address of the machine and `::` for every IPv6 address, because a socket
 * on the wildcard may answer from another address than the one asked. Link-local IPv6 is left out (it needs a zone). Addresses
 * that appear later are listened on from the next reload on.
 */
export function expandListenAddresses(listen: readonly Endpoint[], interfaces: NetworkInterfaces): Endpoint[] {
  const expanded = new Map<string, Endpoint>();
  for (const endpoint of listen) {
    const addresses = isWildcard(endpoint.address) ? machineAddresses(endpoint.address, interfaces) : [endpoint.address];
    for (const address of addresses) {
      const one = { address, port: endpoint.port };
      expanded.set(addressAndPort(one), one);
    }
  }
  return [...expanded.values()];
}

function machineAddresses(wildcard: string, interfaces: NetworkInterfaces): string[] {
  const family = wildcard.includes(':') ? 'IPv6' : 'IPv4';
  return Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter((info) => info.family === family && !(family === 'IPv6' && info.address.toLowerCase().startsWith('fe80:')))
    .flatMap((info) => canonicalAddress(info.address) ?? []);
}

/** The listener that this upstream would reach, or null. Give expanded listeners to also find the machine's own addresses. */
export function listenerAskedBy(upstream: UpstreamUrl, listeners: readonly Endpoint[]): Endpoint | null {
  const reached = listeners.find(({ address, port }) => {
    if (port !== upstream.port) return false;
    // Without an address yet: the bootstrap upstreams find out, and are checked themselves.
    if (upstream.address === null) return false;
    if (address === upstream.address) return true;
    const sameFamily = address.includes(':') === upstream.address.includes(':');
    return sameFamily && isWildcard(address) && isLoopback(upstream.address);
  });
  return reached ?? null;
}

/** Listeners that the internet may reach. */
export function publicListeners(listeners: readonly Endpoint[]): Endpoint[] {
  return listeners.filter(({ address }) => isWildcard(address) || !isPrivate(address));
}
