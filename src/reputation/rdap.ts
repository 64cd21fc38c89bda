/**
 * Registration dates by RDAP (RFC 9082, 9083): one HTTPS GET to the registry that the bootstrap map names for the top-level domain.
 * Node's own client rather than `fetch`, which can't be told how to resolve names. At most one redirect, to a host of the map.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { lookupThrough, type ResolveAddress, readAtMost } from '../outbound/own-requests.ts';
import { isAskable, topLevelDomain } from './askable-domain.ts';
import bootstrap from './rdap-bootstrap.json' with { type: 'json' };
import { parseRdapDate, type Registration, type RegistrationSource } from './registration.ts';

export interface RdapOptions {
  readonly resolveAddress: ResolveAddress;
  /** Wall clock, for dates that lie in the future. */
  readonly wallMs: () => number;
  /** One server for every top-level domain, in place of the map; the operator's word, so it may be private and plain HTTP. */
  readonly baseUrl?: string;
  /** For the whole look-up. */
  readonly timeoutMs?: number;
  readonly maxOctets?: number;
}

const BASES: ReadonlyMap<string, string> = new Map(Object.entries(bootstrap.bases).flatMap(([url, tlds]) => tlds.map((tld) => [tld, url])));

const KNOWN_HOSTS: ReadonlySet<string> = new Set([...BASES.values()].map((url) => new URL(url).hostname));

/** Events looked at; a domain has a handful. */
const MAX_EVENTS = 64;

export function createRdap(options: RdapOptions): RegistrationSource {
  const timeoutMs = options.timeoutMs ?? 5_000;
  const maxOctets = options.maxOctets ?? 256 * 1024;
  const lookup = lookupThrough(options.resolveAddress, options.baseUrl !== undefined);
  return {
    lookUp: async (domain) => {
      if (!isAskable(domain)) throw new Error('RDAP is asked for registrable domains only');
      const base = options.baseUrl ?? BASES.get(topLevelDomain(domain));
      if (base === undefined) return { kind: 'unsupported' };
      const url = new URL(`domain/${domain}`, base.endsWith('/') ? base : `${base}/`);
      try {
        return await ask(url, domain, { lookup, maxOctets, signal: AbortSignal.timeout(timeoutMs) }, options.wallMs());
      } catch (error) {
        return { kind: 'failed', detail: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}

interface GetOptions {
  readonly lookup: LookupFunction;
  readonly signal: AbortSignal;
  readonly maxOctets: number;
}

async function ask(url: URL, domain: string, options: GetOptions, nowMs: number): Promise<Registration> {
  let response = await get(url, options);
  if (isRedirect(response)) {
    const target = redirectTarget(response.headers.location, url);
    response.destroy();
    if (target === null) return { kind: 'failed', detail: 'redirected to where Kennel does not follow' };
    response = await get(target, options);
  }
  // RFC 9082 §4.1 and RFC 7480 §5.3: the registry has no such domain.
  if (response.statusCode === 404) {
    response.destroy();
    return { kind: 'unregistered' };
  }
  if (response.statusCode !== 200) {
    response.destroy();
    return { kind: 'failed', detail: `HTTP ${response.statusCode ?? 'without status'}` };
  }
  return readRegistration(await readAtMost(response, options.maxOctets), domain, nowMs);
}

function get(url: URL, options: GetOptions): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      agent: false,
      lookup: options.lookup,
      signal: options.signal,
      maxHeaderSize: 16 * 1024,
      headers: { accept: 'application/rdap+json', 'user-agent': 'kennel' },
    });
    sent.on('response', resolve);
    sent.on('error', reject);
    sent.end();
  });
}

function isRedirect(response: IncomingMessage): boolean {
  return [301, 302, 303, 307, 308].includes(response.statusCode ?? 0);
}

/** Where a redirect may lead: HTTPS, the standard port, a registry of the map, no credentials. Null: not followed. */
export function redirectTarget(location: string | undefined, from: URL): URL | null {
  if (location === undefined || !URL.canParse(location, from.href)) return null;
  const target = new URL(location, from);
  const isPlain = target.port === '' && target.username === '' && target.password === '';
  return target.protocol === 'https:' && isPlain && KNOWN_HOSTS.has(target.hostname) ? target : null;
}

/** The registration event of an RDAP domain object (RFC 9083 §4.5, §5.3). Anything unexpected is a failure, never a date. */
export function readRegistration(body: string, domain: string, nowMs: number): Registration {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return { kind: 'failed', detail: 'not JSON' };
  }
  if (!isObject(value) || value['objectClassName'] !== 'domain') return { kind: 'failed', detail: 'not an RDAP domain' };
  const name = value['ldhName'];
  if (typeof name !== 'string' || name.toLowerCase().replace(/\.$/, '') !== domain)
    return { kind: 'failed', detail: 'about another domain' };
  const events = Array.isArray(value['events']) ? value['events'].slice(0, MAX_EVENTS) : [];
  for (const event of events as unknown[]) {
    if (!isObject(event) || event['eventAction'] !== 'registration' || typeof event['eventDate'] !== 'string') continue;
    const atMs = parseRdapDate(event['eventDate'], nowMs);
    if (atMs !== null) return { kind: 'registered', atMs };
  }
  return { kind: 'no-date' };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
