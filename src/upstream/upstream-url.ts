/**
 * Reads how an operator names an upstream: `udp://IP[:port]` or `tcp://IP[:port]`, IPv6 in brackets, port 53 unless told.
 * Owns the spelling and its error messages; nothing is resolved or opened here.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { addressAndPort, bracketed } from '../wire/address.ts';

export interface UpstreamUrl {
  readonly transport: 'udp' | 'tcp' | 'tls' | 'https';
  /** A literal address in canonical form (RFC 5952), for link-local ones with its zone; null: found out by the bootstrap upstreams. */
  readonly address: string | null;
  readonly port: number;
  /** The name that the server's certificate must have; null over UDP and TCP. */
  readonly serverName: string | null;
  /** Of `https`, `/dns-query` unless written; null for the others. */
  readonly path: string | null;
  /** Canonical spelling: what status, metrics and logs show. */
  readonly text: string;
}

/** An upstream whose address is known. */
export type PinnedUpstream = UpstreamUrl & { readonly address: string };

/** Throws where the address is not known: who calls it has made sure. */
export function pinned(url: UpstreamUrl): PinnedUpstream {
  const { address } = url;
  if (address === null) throw new Error(`${url.text} has no address`);
  return { ...url, address };
}

export type UpstreamUrlResult = { readonly kind: 'ok'; readonly url: UpstreamUrl } | { readonly kind: 'error'; readonly message: string };

const DNS_PORT = 53;
/** scheme `://` and either `[address]` or an address without colons, then an optional port. */
const PATTERN = /^([a-z]+):\/\/(?:\[([^\][]+)\]|([^\][:/]+))(?::(\d{1,5}))?\/?$/;
const UNUSABLE_RANGES = new Set(['unspecified', 'multicast', 'broadcast']);

/** Never throws; the message says what to write instead where that is clear. */
export function parseUpstreamUrl(text: string): UpstreamUrlResult {
  const bare = bareAddress(text);
  if (bare !== null) return failure(text, `has no scheme; write ${bare}`);
  if (/^(tls|https):\/\//.test(text)) return failure(text, 'is not supported yet; use udp:// or tcp://');
  const match = PATTERN.exec(text);
  if (match === null) return failure(text, 'is not of the form udp://IP[:port] or tcp://IP[:port], with IPv6 addresses in brackets');

  const [, scheme, bracketed, plain, portText] = match;
  if (scheme !== 'udp' && scheme !== 'tcp') return failure(text, `has the unknown scheme ${scheme}://; use udp:// or tcp://`);
  const literal = bracketed ?? plain ?? '';
  if (isIP(literal) !== (bracketed === undefined ? 4 : 6)) return failure(text, 'does not name a literal IP address (IPv6 in brackets)');
  const parsed = ipaddr.parse(literal);
  if (UNUSABLE_RANGES.has(parsed.range())) return failure(text, `names ${literal}, which is no address of a server`);
  const port = portText === undefined ? DNS_PORT : Number(portText);
  if (port < 1 || port > 65535) return failure(text, `has port ${portText}; ports are 1-65535`);

  const address = parsed.toString();
  return {
    kind: 'ok',
    url: { transport: scheme, address, port, serverName: null, path: null, text: `${scheme}://${addressAndPort({ address, port })}` },
  };
}

/** The UDP URL that a bare `IP`, `IP:port` or `[IP]:port` probably means; null for everything else. */
function bareAddress(text: string): string | null {
  if (isIP(text) !== 0) return `udp://${bracketed(text)}`;
  const match = /^(?:\[([^\][]+)\]|([^\][:/]+)):\d{1,5}$/.exec(text);
  return match !== null && isIP(match[1] ?? match[2] ?? '') !== 0 ? `udp://${text}` : null;
}

function failure(text: string, problem: string): UpstreamUrlResult {
  return { kind: 'error', message: `upstream ${JSON.stringify(text)} ${problem}` };
}
