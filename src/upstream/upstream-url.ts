/**
 * Reads how an operator names an upstream: `udp://IP[:port]`, `tcp://IP[:port]`, `tls://NAME@IP[:port]`, `https://NAME[:port][/path]@IP`.
 * Over TLS and HTTPS the `@IP` may be left out: then the address is found out later, or the name is an address itself. IPv6 in brackets.
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
  /** The name, or address, that the server's certificate must have; in lower case; null over UDP and TCP. */
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

type Transport = UpstreamUrl['transport'];

/** RFC 1035 §4.2, RFC 7858 §3.1, RFC 8484 (that of HTTPS). */
const DEFAULT_PORT: Readonly<Record<Transport, number>> = { udp: 53, tcp: 53, tls: 853, https: 443 };

/** The path that RFC 8484 uses in its examples, and public resolvers after it. */
const DEFAULT_PATH = '/dns-query';

const FORMS: Readonly<Record<Transport, string>> = {
  udp: 'udp://IP[:port], with IPv6 addresses in brackets',
  tcp: 'tcp://IP[:port], with IPv6 addresses in brackets',
  tls: 'tls://NAME@IP[:port], with IPv6 addresses in brackets',
  https: 'https://NAME[:port][/path]@IP, with IPv6 addresses in brackets',
};

/** Either `[address]` or what has no colon, then an optional port. */
const HOST_AND_PORT = /^(?:\[(?<bracketed>[^\][]+)\]|(?<plain>[^\][:/]+))(?::(?<port>\d{1,5}))?$/;
/** RFC 1123 §2.1 host names, and underscores, which some have. */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
/** RFC 3986 §3.3 without `@`, which would leave open where the address begins. */
const PATH = /^(?:\/(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*)+$/;
const MAX_PATH_CHARS = 255;
const UNUSABLE_RANGES = new Set(['unspecified', 'multicast', 'broadcast']);

/** What is wrong, to follow the upstream's text in a message. */
type Parsed<T> = { readonly value: T } | { readonly problem: string };

/** Never throws; the message says what to write instead where that is clear. */
export function parseUpstreamUrl(text: string): UpstreamUrlResult {
  const bare = bareAddress(text);
  if (bare !== null) return failure(text, `has no scheme; write ${bare}`);
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/s.exec(text) ?? [];
  if (scheme === undefined || rest === undefined)
    return failure(text, `is not of the form ${FORMS.udp}; tcp://, tls:// and https:// exist too`);
  if (!isTransport(scheme)) return failure(text, `has the unknown scheme ${scheme}://; use udp://, tcp://, tls:// or https://`);
  const parsed = READERS[scheme](rest);
  return 'problem' in parsed ? failure(text, parsed.problem) : { kind: 'ok', url: parsed.value };
}

const READERS: Readonly<Record<Transport, (rest: string) => Parsed<UpstreamUrl>>> = {
  udp: (rest) => readPlain('udp', rest),
  tcp: (rest) => readPlain('tcp', rest),
  tls: readTls,
  https: readHttps,
};

function readPlain(transport: 'udp' | 'tcp', rest: string): Parsed<UpstreamUrl> {
  const host = readHost(rest.replace(/\/$/, ''), transport);
  if ('problem' in host) return host;
  const { address, port } = host.value;
  if (address === null) return { problem: 'does not name a literal IP address (IPv6 in brackets)' };
  const text = `${transport}://${addressAndPort({ address, port })}`;
  return { value: { transport, address, port, serverName: null, path: null, text } };
}

function readTls(rest: string): Parsed<UpstreamUrl> {
  const trimmed = rest.replace(/\/$/, '');
  const { name: written, at } = splitAtAddress(trimmed);
  if (written === '') return { problem: `has no name before the @; write ${FORMS.tls}, the name being that of the certificate` };
  if (at === null) {
    const host = readHost(written, 'tls');
    if ('problem' in host) return host;
    const { serverName, address, port } = host.value;
    return { value: tlsUrl(serverName, address, port) };
  }
  const name = readHost(written, 'tls');
  if ('problem' in name) return name;
  if (name.value.portText !== null) return { problem: `has a port before the @; write ${FORMS.tls}` };
  const place = readHost(at, 'tls');
  if ('problem' in place) return place;
  if (place.value.address === null) return { problem: 'does not name a literal IP address after the @ (IPv6 in brackets)' };
  return { value: tlsUrl(name.value.serverName, place.value.address, place.value.port) };
}

function tlsUrl(serverName: string, address: string | null, port: number): UpstreamUrl {
  const place = address === null || address === serverName ? '' : `@${bracketed(address)}`;
  return { transport: 'tls', address, port, serverName, path: null, text: `tls://${bracketed(serverName)}${place}:${port}` };
}

function readHttps(rest: string): Parsed<UpstreamUrl> {
  const { name: written, at } = splitAtAddress(rest);
  const slash = written.indexOf('/');
  const path = slash < 0 ? DEFAULT_PATH : written.slice(slash);
  if (/[?#{}]/.test(written)) return { problem: 'has a query, a fragment or a template; write the path alone: questions are sent by POST' };
  if (path.length > MAX_PATH_CHARS || !PATH.test(path)) return { problem: `has a path that is none; write ${FORMS.https}` };
  const host = readHost(slash < 0 ? written : written.slice(0, slash), 'https');
  if ('problem' in host) return host;
  const { serverName, port } = host.value;
  if (at === null) return { value: httpsUrl(serverName, host.value.address, port, path) };
  const place = readHost(at, 'https');
  if ('problem' in place) return place;
  if (place.value.address === null) {
    return { problem: 'does not name a literal IP address after the @ (IPv6 in brackets); a user name cannot be given' };
  }
  if (place.value.portText !== null) return { problem: `has a port after the address; write ${FORMS.https}` };
  return { value: httpsUrl(serverName, place.value.address, port, path) };
}

function httpsUrl(serverName: string, address: string | null, port: number, path: string): UpstreamUrl {
  const authority = port === DEFAULT_PORT.https ? bracketed(serverName) : `${bracketed(serverName)}:${port}`;
  const place = address === null || address === serverName ? '' : `@${bracketed(address)}`;
  return { transport: 'https', address, port, serverName, path, text: `https://${authority}${path}${place}` };
}

/** What stands before and after the last `@`; null without one. */
function splitAtAddress(rest: string): { name: string; at: string | null } {
  const at = rest.lastIndexOf('@');
  return at < 0 ? { name: rest, at: null } : { name: rest.slice(0, at), at: rest.slice(at + 1) };
}

interface Host {
  /** The name or the address, canonical. */
  readonly serverName: string;
  /** Null where a name is written. */
  readonly address: string | null;
  readonly port: number;
  /** As written; null: the default. */
  readonly portText: string | null;
}

function readHost(written: string, transport: Transport): Parsed<Host> {
  const groups = HOST_AND_PORT.exec(written)?.groups;
  if (groups === undefined) return { problem: `is not of the form ${FORMS[transport]}` };
  const portText = groups['port'] ?? null;
  const port = portText === null ? DEFAULT_PORT[transport] : Number(portText);
  if (port < 1 || port > 65535) return { problem: `has port ${portText}; ports are 1-65535` };
  const literal = groups['bracketed'] ?? groups['plain'] ?? '';
  const isBracketed = groups['bracketed'] !== undefined;
  if (isIP(literal) !== (isBracketed ? 6 : 4)) {
    const name = isBracketed ? null : readName(literal);
    if (name === null) return { problem: `does not name a literal IP address (IPv6 in brackets)${nameHint(transport)}` };
    return { value: { serverName: name, address: null, port, portText } };
  }
  const parsed = ipaddr.parse(literal);
  if (UNUSABLE_RANGES.has(parsed.range())) return { problem: `names ${literal}, which is no address of a server` };
  const address = parsed.toString();
  return { value: { serverName: address, address, port, portText } };
}

/** In lower case and without the dot at the end; null for what can be in no certificate. A last label of digits is a mistyped address. */
function readName(text: string): string | null {
  const name = text.toLowerCase().replace(/\.$/, '');
  return HOST_NAME.test(name) && !/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(name) ? name : null;
}

function nameHint(transport: Transport): string {
  return transport === 'tls' || transport === 'https' ? ' or a host name (international ones as xn--…)' : '';
}

function isTransport(scheme: string): scheme is Transport {
  return Object.hasOwn(DEFAULT_PORT, scheme);
}

/** The UDP URL that a bare `IP`, `IP:port` or `[IP]:port` probably means; null for everything else. */
function bareAddress(text: string): string | null {
  if (isIP(text) !== 0) return `udp://${bracketed(text)}`;
  const match = /^(?:\[([^\][]+)\]|([^\][:/]+)):\d{1,5}$/.exec(text);
  return match !== null && isIP(match[1] ?? match[2] ?? '') !== 0 ? `udp://${text}` : null;
}

/** `//USER:PASSWORD@`, which no upstream has; a name with a port stands before an `@` as well. */
const PASSWORD = /(\/\/[^/@:]*:)(?!\d+@)[^/@]*@/g;

/** A password that somebody wrote is not quoted: what is wrong with a config is logged. */
function failure(text: string, problem: string): UpstreamUrlResult {
  return { kind: 'error', message: `upstream ${JSON.stringify(text.replace(PASSWORD, '$1…@'))} ${problem}` };
}
