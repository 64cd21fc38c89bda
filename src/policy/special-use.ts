/**
 * Names that the public DNS must not be asked for: what is answered here, and what only servers of this site may see
 * (RFC 6761, 6762, 6303, 7686, 8375, 9462). `example.` is ordinary to a resolver (RFC 6761 §6.5),
 * and `ipv4only.arpa` has to reach the network's own resolver, which may do NAT64 (RFC 7050 §3).
 * Records and zones of the config come before all of these; the caller looks there first.
 */
import { RCODE, RRCLASS, RRTYPE } from '../wire/codes.ts';
import { isAtOrBelow, labelCount, type QName, requireName, toOctets } from '../wire/name.ts';
import { addressRecord } from '../wire/rdata.ts';
import type { ResourceRecord } from '../wire/record.ts';
import { NameTrie } from './name-trie.ts';
import { hasPublicTopLevel } from './registrable-domain.ts';

export type SpecialUse =
  | { readonly kind: 'answer'; readonly rcode: number; readonly answers: readonly ResourceRecord[] }
  /** Only a resolver of this site may be asked; without one the name does not exist. */
  | { readonly kind: 'site' }
  | null;

type Rule = 'loopback' | 'loopback-reverse' | 'nodata' | 'nxdomain' | 'site';

const RULES: readonly (readonly [Rule, readonly string[]])[] = [
  ['loopback', ['localhost']], // RFC 6761 §6.3
  ['nxdomain', ['test', 'invalid', 'local', 'onion']], // RFC 6761 §6.2 and §6.4, RFC 6762 §22, RFC 7686 §2
  ['nodata', ['resolver.arpa', '_dns.resolver.arpa']], // RFC 9462 §6.4: no way past us is advertised
  ['nxdomain', ['use-application-dns.net']], // switches DNS over HTTPS off in browsers
  ['site', ['home.arpa']], // RFC 8375 §4
  // RFC 6303 §4.1, RFC 7793 (100.64/10)
  ['site', ['10.in-addr.arpa', '168.192.in-addr.arpa', '254.169.in-addr.arpa']],
  ['site', range(16, 31).map((octet) => `${octet}.172.in-addr.arpa`)],
  ['site', range(64, 127).map((octet) => `${octet}.100.in-addr.arpa`)],
  ['loopback-reverse', ['127.in-addr.arpa', `1.${'0.'.repeat(31)}ip6.arpa`]],
  // RFC 6303 §4.2: "this network", broadcast, documentation
  [
    'nxdomain',
    ['0.in-addr.arpa', '255.255.255.255.in-addr.arpa', '2.0.192.in-addr.arpa', '100.51.198.in-addr.arpa', '113.0.203.in-addr.arpa'],
  ],
  // RFC 6303 §4.3-4.6: unspecified, ULA, link-local, documentation
  ['nxdomain', [`${'0.'.repeat(32)}ip6.arpa`, '8.b.d.0.1.0.0.2.ip6.arpa']],
  ['site', ['c.f.ip6.arpa', 'd.f.ip6.arpa', '8.e.f.ip6.arpa', '9.e.f.ip6.arpa', 'a.e.f.ip6.arpa', 'b.e.f.ip6.arpa']],
];

/** Top-level names that private networks use and the public DNS will not delegate or has not (RFC 6762 appendix G). */
const PRIVATE_TOP_LEVELS = ['internal', 'intranet', 'private', 'corp', 'home', 'lan'].map(requireName);

/** A validator below us needs these about real top-level domains; they carry no host name. */
const INFRASTRUCTURE_TYPES: ReadonlySet<number> = new Set([RRTYPE.NS, RRTYPE.SOA, RRTYPE.DS, RRTYPE.DNSKEY]);

const LOCAL_TTL_SECONDS = 3600;

const rules = new NameTrie<Rule>();
for (const [rule, names] of RULES) {
  for (const name of names) rules.add({ kind: 'any-depth', base: requireName(name) }, rule);
}
const LOCALHOST = requireName('localhost');
/** Where Apple's devices find iCloud Private Relay, which looks names up elsewhere; NXDOMAIN switches it off. */
const PRIVATE_RELAY = ['mask.icloud.com', 'mask-h2.icloud.com'].map(requireName);
const LOOPBACK_REVERSE = [requireName('1.0.0.127.in-addr.arpa'), requireName(`1.${'0.'.repeat(31)}ip6.arpa`)];
const RESOLVER_ARPA = [requireName('resolver.arpa'), requireName('_dns.resolver.arpa')];

/** What the standards say about a name; null: an ordinary name. */
export function specialUse(qname: QName, qtype: number): SpecialUse {
  const rule = rules.match(qname);
  if (rule !== null) return byRule(rule, qname, qtype);
  return isBareName(qname, qtype) ? { kind: 'site' } : null;
}

function byRule(rule: Rule, qname: QName, qtype: number): SpecialUse {
  switch (rule) {
    case 'site':
      return { kind: 'site' };
    case 'nxdomain':
      return nothing(RCODE.NXDOMAIN);
    case 'nodata':
      return nothing(RESOLVER_ARPA.includes(qname) ? RCODE.NOERROR : RCODE.NXDOMAIN);
    case 'loopback':
      return loopback(qname, qtype);
    case 'loopback-reverse':
      return loopbackReverse(qname, qtype);
  }
}

/** The top-level name, at or above this name, that only private networks use: nobody outside can own a name below it. Else null. */
export function privateTopLevel(qname: QName): QName | null {
  return PRIVATE_TOP_LEVELS.find((name) => isAtOrBelow(qname, name)) ?? null;
}

/** Whether a name lies below a top-level name that only private networks use. */
export function isPrivateTopLevel(qname: QName): boolean {
  return privateTopLevel(qname) !== null;
}

/** Whether a device asks this name before it sends its look-ups through iCloud Private Relay. */
export function isPrivateRelay(qname: QName): boolean {
  return PRIVATE_RELAY.includes(qname);
}

/** A single label: a search list's business, or the LAN's. */
function isBareName(qname: QName, qtype: number): boolean {
  return labelCount(qname) === 1 && !(INFRASTRUCTURE_TYPES.has(qtype) && hasPublicTopLevel(qname));
}

function loopback(qname: QName, qtype: number): SpecialUse {
  if (qtype === RRTYPE.A) return { kind: 'answer', rcode: RCODE.NOERROR, answers: [addressRecord(qname, '127.0.0.1', LOCAL_TTL_SECONDS)] };
  if (qtype === RRTYPE.AAAA) return { kind: 'answer', rcode: RCODE.NOERROR, answers: [addressRecord(qname, '::1', LOCAL_TTL_SECONDS)] };
  return nothing(RCODE.NOERROR);
}

function loopbackReverse(qname: QName, qtype: number): SpecialUse {
  if (!LOOPBACK_REVERSE.includes(qname)) return nothing(RCODE.NXDOMAIN);
  if (qtype !== RRTYPE.PTR) return nothing(RCODE.NOERROR);
  const pointer = { owner: qname, type: RRTYPE.PTR, class: RRCLASS.IN, ttlSeconds: LOCAL_TTL_SECONDS, rdata: toOctets(LOCALHOST) };
  return { kind: 'answer', rcode: RCODE.NOERROR, answers: [pointer] };
}

function nothing(rcode: number): SpecialUse {
  return { kind: 'answer', rcode, answers: [] };
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
