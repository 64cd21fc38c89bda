/**
 * The small texts of a config file: durations, names, addresses with ports, paths of sockets. Each reader gives the value or says in
 * words what is wrong; none throws.
 */
import { canonicalAddress } from '../policy/address-set.ts';
import { parseDomainName } from '../policy/name-pattern.ts';
import { addressAndPort } from '../wire/address.ts';
import { labelCount, toPresentation } from '../wire/name.ts';
import type { ControlEndpoint, Endpoint } from './config.ts';

export type Reading<T> = { readonly value: T } | { readonly problem: string };

const UNIT_SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** `30s`, `5m`, `1h`, `7d`: seconds. */
export function parseDuration(text: string): Reading<number> {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  const unit = match?.[2] as keyof typeof UNIT_SECONDS | undefined;
  if (match?.[1] === undefined || unit === undefined) return { problem: `"${text}" is not a duration; write 30s, 5m, 1h or 7d` };
  return { value: Number(match[1]) * UNIT_SECONDS[unit] };
}

/** Where the control API listens unless the config says otherwise; the verbs look for it there too. */
export const DEFAULT_CONTROL: ControlEndpoint = { kind: 'tcp', address: '127.0.0.1', port: 8053 };

const DNS_PORT = 53;

/** `127.0.0.1:53`, `[::1]:53`, or `127.0.0.1` and `[::1]` for port 53. IPv6 in brackets always: `::1:53` is an address of its own. */
export function parseEndpoint(text: string): Reading<Endpoint> {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const address = canonicalAddress(match?.[1] ?? match?.[2] ?? '');
  if (address === null) return { problem: `"${text}" is not IP:PORT, such as 127.0.0.1:53 or [::1]:53` };
  const port = match?.[3] === undefined ? DNS_PORT : Number(match[3]);
  if (port < 1 || port > 65_535) return { problem: `"${text}": ports are 1 to 65535` };
  return { value: { address, port } };
}

/** The control API's address, `127.0.0.1:8053` or `unix:/run/kennel/control.sock`. */
export function parseControlEndpoint(text: string): Reading<ControlEndpoint> {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    // sun_path holds 108 octets with the closing zero (unix(7)).
    if (!path.startsWith('/') || Buffer.byteLength(path) > 107)
      return { problem: `"${text}": write unix: and an absolute path of at most 107 bytes` };
    return { value: { kind: 'unix', path } };
  }
  if (!/:\d+$/.test(text)) return { problem: `"${text}" is not IP:PORT or unix:/PATH` };
  const endpoint = parseEndpoint(text);
  return 'problem' in endpoint ? endpoint : { value: { kind: 'tcp', ...endpoint.value } };
}

/** What `parseControlEndpoint` reads back: `127.0.0.1:8053`, `unix:/run/kennel/control.sock`. */
export function controlText(endpoint: ControlEndpoint): string {
  return endpoint.kind === 'unix' ? `unix:${endpoint.path}` : addressAndPort(endpoint);
}

/** A domain name other than the root, in canonical presentation form. */
export function parseName(text: string): Reading<string> {
  const name = parseDomainName(text);
  return name !== null && labelCount(name) > 0 ? { value: toPresentation(name) } : { problem: `"${text}" is not a domain name` };
}
