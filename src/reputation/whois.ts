/**
 * Registration dates by WHOIS (RFC 3912), where RDAP has no answer. whoiser's parser knows the registries' many formats; the socket is
 * ours, because whoiser's own has an idle timeout only, no cap, follows referrals, and resolves through the operating system.
 * A fixed map names the servers, IANA's server the rest; what a registry refers to is never followed.
 */
import { connect } from 'node:net';
import { parseDomainWhois } from 'whoiser/src/parsers.js';
import { lookupThrough, type ResolveAddress, readAtMost } from '../outbound/own-requests.ts';
import { isAskable, topLevelDomain } from './askable-domain.ts';
import { parseWhoisDate, type Registration, type RegistrationSource } from './registration.ts';
import servers from './whois-servers.json' with { type: 'json' };

export interface WhoisOptions {
  readonly resolveAddress: ResolveAddress;
  readonly wallMs: () => number;
  /** One server for every top-level domain, in place of map and IANA; the operator's word, so it may be private. */
  readonly server?: { readonly host: string; readonly port?: number };
  /** For the whole look-up, from the first connection to the last octet. */
  readonly timeoutMs?: number;
  readonly maxOctets?: number;
}

const SERVERS: ReadonlyMap<string, string> = new Map(Object.entries(servers.hosts));

/** Knows the server of every top-level domain. */
const IANA = 'whois.iana.org';

/** RFC 3912 §2. */
const PORT = 43;

/** Servers learned from IANA; there are about 1,500 top-level domains. */
const LEARNED_LIMIT = 2_000;

/** An answer takes a few kilobytes. The parser's expressions take the square of a hostile one's length: 0.1 s for this much. */
const MAX_OCTETS = 16 * 1024;

const HOST_NAME = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/;

export function createWhois(options: WhoisOptions): RegistrationSource {
  const timeoutMs = options.timeoutMs ?? 5_000;
  const maxOctets = options.maxOctets ?? MAX_OCTETS;
  const lookup = lookupThrough(options.resolveAddress, options.server !== undefined);
  const learned = new Map<string, string | null>();

  const query = async (host: string, port: number, text: string, signal: AbortSignal): Promise<string> => {
    const socket = connect({ host, port, lookup, signal });
    socket.write(`${text}\r\n`);
    return readAtMost(socket, maxOctets);
  };
  const serverFor = async (domain: string, signal: AbortSignal): Promise<string | null> => {
    const tld = topLevelDomain(domain);
    const known = SERVERS.get(tld) ?? learned.get(tld);
    if (known !== undefined) return known;
    const host = readIanaAnswer(await query(IANA, PORT, tld, signal));
    if (learned.size < LEARNED_LIMIT) learned.set(tld, host);
    return host;
  };
  return {
    lookUp: async (domain) => {
      if (!isAskable(domain)) throw new Error('WHOIS is asked for registrable domains only');
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        const host = options.server?.host ?? (await serverFor(domain, signal));
        if (host === null) return { kind: 'unsupported' };
        const text = await query(host, options.server?.port ?? PORT, questionFor(host, domain), signal);
        return readWhois(text, domain, options.wallMs());
      } catch (error) {
        return { kind: 'failed', detail: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}

/** Two registries want more than the name: DENIC's to give domains only, JPRS's to answer in English. */
function questionFor(host: string, domain: string): string {
  if (host === 'whois.denic.de') return `-T dn,ace ${domain}`;
  return host === 'whois.jprs.jp' ? `${domain}/e` : domain;
}

/** The `whois:` line of IANA's answer, if it is a host name and nothing else. */
export function readIanaAnswer(text: string): string | null {
  const host = /^whois:[ \t]*(\S{1,253})[ \t]*\r?$/im.exec(text)?.[1]?.toLowerCase();
  return host !== undefined && HOST_NAME.test(host) ? host : null;
}

/** The creation date in a registry's answer; an answer about another domain is a failure. */
export function readWhois(text: string, domain: string, nowMs: number): Registration {
  const fields = parseDomainWhois(domain, text, true);
  const name = fields['Domain Name'];
  if (typeof name === 'string' && name.trim().toLowerCase().replace(/\.$/, '') !== domain) {
    return { kind: 'failed', detail: 'about another domain' };
  }
  const created = fields['Created Date'];
  const atMs = typeof created === 'string' ? parseWhoisDate(created, nowMs) : null;
  if (atMs !== null) return { kind: 'registered', atMs };
  return text.trim() === '' ? { kind: 'failed', detail: 'an empty answer' } : { kind: 'no-date' };
}
