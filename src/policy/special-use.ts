/**
 * Names that the public DNS must not be asked for: what is answered here, and what only servers of this site may see
 * (IANA "Special-Use Domain Names" and "Locally-Served DNS Zones"). Ordinary to a resolver are `example.` (RFC 6761 §6.5), `ipv4only.arpa`
 * and its reverse names, which have to reach the network's own resolver, because it may do NAT64 (RFC 7050 §3, RFC 8880 §7).
 * Records, hosts files and zones of the config come before all of these; the caller looks there first.
 */
import { RCODE, RRCLASS, RRTYPE } from '../wire/codes.ts';
import { isAtOrBelow, labelCount, type QName, requireName, toOctets } from '../wire/name.ts';
import { addressRecord, soaRecord } from '../wire/rdata.ts';
import type { ResourceRecord } from '../wire/record.ts';
import { NameTrie } from './name-trie.ts';
import { hasPublicTopLevel } from './registrable-domain.ts';

interface SpecialAnswer {
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
}

export type SpecialUse =
  | ({ readonly kind: 'answer' } & SpecialAnswer)
  /** Only a resolver of this site may be asked; without one, this is the answer. */
  | ({ readonly kind: 'site' } & SpecialAnswer)
  | null;

/**
 * `empty` and `site`: a zone with nothing but its own SOA and NS (RFC 6303 §3), so its apex exists. `nxdomain`: no such name, and no
 * zone either.
 */
type Rule = 'loopback' | 'loopback-reverse' | 'discovery' | 'nxdomain' | 'empty' | 'site';

const RULES: readonly (readonly [Rule, readonly string[]])[] = [
  ['loopback', ['localhost']], // RFC 6761 §6.3
  ['nxdomain', ['test', 'invalid', 'local', 'onion']], // RFC 6761 §6.2 and §6.4, RFC 6762 §22, RFC 7686 §2
  ['nxdomain', ['alt']], // RFC 9476 §2: names that are not of the DNS; what they say is nothing to tell the root servers
  ['discovery', ['resolver.arpa']], // RFC 9462 §6.4: no way past us is advertised
  ['nxdomain', ['use-application-dns.net']], // switches DNS over HTTPS off in browsers
  ['nxdomain', ['6tisch.arpa', 'eap.arpa', 'eap-noob.arpa']], // RFC 9031 §11, RFC 9965, RFC 9140 §5.6: realms and hosts of other protocols
  ['site', ['home.arpa', 'service.arpa']], // RFC 8375 §4, RFC 9665 §8.4
  // RFC 6303 §4.1, RFC 6762 §4, RFC 7793 (100.64/10)
  ['site', ['10.in-addr.arpa', '168.192.in-addr.arpa', '254.169.in-addr.arpa']],
  ['site', range(16, 31).map((octet) => `${octet}.172.in-addr.arpa`)],
  ['site', range(64, 127).map((octet) => `${octet}.100.in-addr.arpa`)],
  ['loopback-reverse', ['127.in-addr.arpa', `1.${'0.'.repeat(31)}ip6.arpa`]],
  // RFC 6303 §4.2: "this network", broadcast, documentation
  [
    'empty',
    ['0.in-addr.arpa', '255.255.255.255.in-addr.arpa', '2.0.192.in-addr.arpa', '100.51.198.in-addr.arpa', '113.0.203.in-addr.arpa'],
  ],
  // RFC 6303 §4.3-4.6: unspecified, ULA, link-local, documentation
  ['empty', [`${'0.'.repeat(32)}ip6.arpa`, '8.b.d.0.1.0.0.2.ip6.arpa']],
  ['site', ['c.f.ip6.arpa', 'd.f.ip6.arpa', '8.e.f.ip6.arpa', '9.e.f.ip6.arpa', 'a.e.f.ip6.arpa', 'b.e.f.ip6.arpa']],
];

/** Top-level names that private networks use and the public DNS will not delegate or has not (RFC 6762 appendix G). */
const PRIVATE_TOP_LEVELS = ['internal', 'intranet', 'private', 'corp', 'home', 'lan'].map(requireName);

/** A validator below us needs these about real top-level domains; they carry no host name. */
const INFRASTRUCTURE_TYPES: ReadonlySet<number> = new Set([RRTYPE.NS, RRTYPE.SOA, RRTYPE.DS, RRTYPE.DNSKEY]);

const LOCAL_TTL_SECONDS = 3600;
/** Short, because a record may be added. */
export const NEGATIVE_TTL_SECONDS = 60;

const rules = new NameTrie<Rule>();
/** Names of zones that the public DNS has too, unsigned: a validator finds that out from the DS, which the zone above answers. */
const zoneNames = new Set<QName>();
for (const [rule, names] of RULES) {
  for (const name of names.map(requireName)) {
    rules.add({ kind: 'any-depth', base: name }, rule);
    if (labelCount(name) > 1 && rule !== 'nxdomain') zoneNames.add(name);
  }
}
const LOCALHOST = requireName('localhost');
/** Where Apple's devices find iCloud Private Relay, which looks names up elsewhere; NXDOMAIN switches it off. */
const PRIVATE_RELAY = ['mask.icloud.com', 'mask-h2.icloud.com'].map(requireName);
const LOOPBACK_REVERSE = [requireName('1.0.0.127.in-addr.arpa'), requireName(`1.${'0.'.repeat(31)}ip6.arpa`)];
const DISCOVERY = requireName('_dns.resolver.arpa');

/** What the standards say about a name; null: an ordinary name. */
export function specialUse(qname: QName, qtype: number): SpecialUse {
  // RFC 8375 §4 for home.arpa: nothing of it is forwarded but a question for its DS, whose proof only the zone above has.
  if (qtype === RRTYPE.DS && zoneNames.has(qname)) return null;
  const rule = rules.match(qname);
  if (rule !== null) return byRule(rule, qname, qtype);
  return isBareName(qname, qtype) ? { kind: 'site', ...NO_SUCH_NAME } : null;
}

/** Whether what the standards say about the name may be another thing for another type. */
export function typeMatters(qname: QName): boolean {
  return labelCount(qname) === 1 || zoneNames.has(qname);
}

function byRule(rule: Rule, qname: QName, qtype: number): SpecialUse {
  switch (rule) {
    case 'site':
      return { kind: 'site', ...inEmptyZone(qname, qtype) };
    case 'empty':
      return { kind: 'answer', ...inEmptyZone(qname, qtype) };
    case 'nxdomain':
      return { kind: 'answer', ...NO_SUCH_NAME };
    case 'discovery':
      return { kind: 'answer', ...(qname === DISCOVERY ? NO_DATA : inEmptyZone(qname, qtype)) };
    case 'loopback':
      return { kind: 'answer', ...loopback(qname, qtype) };
    case 'loopback-reverse':
      return { kind: 'answer', ...loopbackReverse(qname, qtype) };
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

const NO_SUCH_NAME: SpecialAnswer = { rcode: RCODE.NXDOMAIN, answers: [] };
const NO_DATA: SpecialAnswer = { rcode: RCODE.NOERROR, answers: [] };

/** RFC 6303 §3: the zone's name has an SOA and is its own name server, and there is nothing below it. */
function inEmptyZone(qname: QName, qtype: number): SpecialAnswer {
  if (!zoneNames.has(qname)) return NO_SUCH_NAME;
  if (qtype === RRTYPE.SOA) return having(soaRecord(qname, LOCAL_TTL_SECONDS, NEGATIVE_TTL_SECONDS));
  if (qtype === RRTYPE.NS) return having(pointer(qname, RRTYPE.NS, qname));
  return NO_DATA;
}

function loopback(qname: QName, qtype: number): SpecialAnswer {
  if (qtype === RRTYPE.A) return having(addressRecord(qname, '127.0.0.1', LOCAL_TTL_SECONDS));
  if (qtype === RRTYPE.AAAA) return having(addressRecord(qname, '::1', LOCAL_TTL_SECONDS));
  return NO_DATA;
}

/** 127/8 has names between its own and 127.0.0.1's, which exist without records (RFC 8020 §2). */
function loopbackReverse(qname: QName, qtype: number): SpecialAnswer {
  if (LOOPBACK_REVERSE.includes(qname) && qtype === RRTYPE.PTR) return having(pointer(qname, RRTYPE.PTR, LOCALHOST));
  if (zoneNames.has(qname)) return inEmptyZone(qname, qtype);
  return LOOPBACK_REVERSE.some((name) => isAtOrBelow(name, qname)) ? NO_DATA : NO_SUCH_NAME;
}

function having(record: ResourceRecord): SpecialAnswer {
  return { rcode: RCODE.NOERROR, answers: [record] };
}

function pointer(owner: QName, type: number, target: QName): ResourceRecord {
  return { owner, type, class: RRCLASS.IN, ttlSeconds: LOCAL_TTL_SECONDS, rdata: toOctets(target) };
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
