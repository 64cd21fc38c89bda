/**
 * Which Host headers the control API answers: a web page that rebinds its own name to this address (DNS rebinding) sends its
 * name, so anything but an address that is ours is refused. Pure.
 */
import { isIPv4 } from 'node:net';

/** `listening`: the configured address; `local`: the address this connection arrived at. */
export function isOwnHost(hostHeader: string | undefined, listening: string, local: string | undefined): boolean {
  const host = hostOf(hostHeader ?? '');
  if (host === 'localhost' || host === '::1' || isLoopbackV4(host)) return true;
  return host !== '' && (host === listening.toLowerCase() || host === unmapped(local ?? '').toLowerCase());
}

export function isLoopback(address: string | undefined): boolean {
  const plain = unmapped(address ?? '');
  return plain === '::1' || isLoopbackV4(plain);
}

/** The host of `host`, `host:port` or `[v6]:port`, lower-cased, without a trailing dot. */
function hostOf(header: string): string {
  const match = /^(?:\[(?<v6>[0-9a-f:.]+)\]|(?<name>[^:[\]]+))(?::\d{1,5})?$/i.exec(header);
  return (match?.groups?.['v6'] ?? match?.groups?.['name'] ?? '').toLowerCase().replace(/\.$/, '');
}

function isLoopbackV4(host: string): boolean {
  return isIPv4(host) && host.startsWith('127.');
}

function unmapped(address: string): string {
  return address.toLowerCase().startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}
