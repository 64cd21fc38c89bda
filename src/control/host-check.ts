/**
 * Which Host headers the control API answers: a web page that rebinds its own name to this address (DNS rebinding) sends its
 * name, so anything but an address that is ours is refused. Pure.
 */
import { canonicalAddress, isLoopback } from '../policy/address-set.ts';

/** `listening`: the configured address; `local`: the address this connection arrived at. */
export function isOwnHost(hostHeader: string | undefined, listening: string, local: string | undefined): boolean {
  const host = hostOf(hostHeader ?? '');
  if (host === 'localhost') return true;
  const address = canonicalAddress(host);
  if (address === null) return false;
  return isLoopback(address) || address === canonicalAddress(listening) || address === canonicalAddress(local ?? '');
}

/** The host of `host`, `host:port` or `[v6]:port`, lower-cased, without a trailing dot. */
function hostOf(header: string): string {
  const match = /^(?:\[(?<v6>[0-9a-f:.]+)\]|(?<name>[^:[\]]+))(?::\d{1,5})?$/i.exec(header);
  return (match?.groups?.['v6'] ?? match?.groups?.['name'] ?? '').toLowerCase().replace(/\.$/, '');
}
