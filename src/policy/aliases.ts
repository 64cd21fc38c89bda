/**
 * What an answer points at: aliases that lead to a blocked name, and private addresses in answers about public names (rebinding).
 * Pure. Allow was decided on the name asked; every alias target is held against the block entries as if it had been asked.
 */
import type { Config } from '../config/config.ts';
import type { QName } from '../wire/name.ts';
import { addressesOf, targetName } from '../wire/rdata.ts';
import type { ResourceRecord } from '../wire/record.ts';
import { type AddressSet, addressOctets, addressSet, PRIVATE_PREFIXES } from './address-set.ts';
import type { RoutedName } from './classify-name.ts';
import { LOOPBACK_ANSWER_ZONES } from './loopback-answers.ts';
import { compilePatterns, type ListEntry, type PatternSet, type Policy } from './policy.ts';

export type AliasFinding =
  | { readonly reason: 'blocked-alias'; readonly entry: ListEntry; readonly target: QName }
  | { readonly reason: 'rebinding'; readonly address: string };

/**
 * `PRIVATE_PREFIXES` hold the metadata services (169.254.169.254, fd00:ec2::254, 100.100.100.200). The others are not reached through
 * the internet either (IANA's special-purpose registries) and end on this machine or in this network. 192.0.0.0/24 is not among them:
 * ipv4only.arpa is there, by which clients find their NAT64 (RFC 7050).
 */
const INWARD = addressSet([
  ...PRIVATE_PREFIXES,
  '0.0.0.0/8', // this network (RFC 791 §3.2): on Linux the machine itself
  '198.18.0.0/15', // benchmarks (RFC 2544), and labs ever since
  '224.0.0.0/4', // multicast: whoever listens in this network
  '240.0.0.0/4', // reserved, in private use; broadcast
  '::/128',
  '64:ff9b:1::/48', // NAT64 of this site (RFC 8215)
  'fec0::/10', // site-local (RFC 3879)
  'ff00::/8',
]);

/**
 * Ways to write an IPv4 address in an IPv6 one: NAT64 (RFC 6052 §2.1), IPv4-compatible (RFC 4291 §2.5.5.1), IPv4-translated (RFC 2765
 * §2.1), 6to4 (RFC 3056 §2), Teredo, whose second address is the client's with every bit inverted (RFC 4380 §4).
 */
const EMBEDDINGS: readonly { readonly prefix: AddressSet; readonly at: number; readonly inverted?: boolean }[] = [
  { prefix: addressSet(['64:ff9b::/96', '::/96', '::ffff:0:0:0/96']), at: 12 },
  { prefix: addressSet(['2002::/16']), at: 2 },
  { prefix: addressSet(['2001::/32']), at: 4 },
  { prefix: addressSet(['2001::/32']), at: 12, inverted: true },
];

/** Without these a mail server or antivirus could not ask its lists. */
const CODE_ZONES = compilePatterns(LOOPBACK_ANSWER_ZONES.map((zone) => `**.${zone}`));

export class AliasRules {
  readonly #mayBePrivate: PatternSet;

  constructor(config: Pick<Config, 'rebinding'>) {
    this.#mayBePrivate = compilePatterns(config.rebinding.allow);
  }

  /** The first reason to withhold this answer, or null. */
  check(policy: Policy, routed: RoutedName, qname: QName, qtype: number, records: readonly ResourceRecord[]): AliasFinding | null {
    return blockedAlias(policy, qtype, records) ?? this.#rebinding(routed, qname, records);
  }

  #rebinding(routed: RoutedName, qname: QName, records: readonly ResourceRecord[]): AliasFinding | null {
    if (routed.ofThisSite) return null;
    // Few answers lead inside, so what is allowed to is asked last.
    for (const record of records) {
      for (const address of addressesOf(record)) {
        if (!leadsInside(address)) continue;
        if (this.#mayBePrivate.match(qname) !== null) return null;
        if (!isListCode(address) || CODE_ZONES.match(qname) === null) return { reason: 'rebinding', address };
      }
    }
    return null;
  }
}

function blockedAlias(policy: Policy, qtype: number, records: readonly ResourceRecord[]): AliasFinding | null {
  for (const record of records) {
    const target = targetName(record);
    if (target === null || policy.matchAllow(target, qtype) !== null) continue;
    const entry = policy.matchBlock(target, qtype);
    if (entry !== null) return { reason: 'blocked-alias', entry, target };
  }
  return null;
}

/** RFC 5782 §2.1: a listing is 127.0.0.0/8; 127.0.0.1 would be an error of the list, and is where services listen. */
function isListCode(address: string): boolean {
  return address.startsWith('127.') && address !== '127.0.0.1';
}

/** Whether a connection to this address would end on this machine or site: private, loopback, link-local, unspecified, also embedded. */
export function leadsInside(address: string): boolean {
  if (INWARD.contains(address)) return true;
  const octets = addressOctets(address);
  if (octets === null || octets.length === 4) return false;
  if (isIsatap(octets) && INWARD.contains(octets.slice(12).join('.'))) return true;
  return EMBEDDINGS.some(({ prefix, at, inverted }) => {
    if (!prefix.contains(address)) return false;
    const embedded = octets.slice(at, at + 4);
    return INWARD.contains((inverted === true ? embedded.map((octet) => ~octet & 0xff) : embedded).join('.'));
  });
}

/** Below any prefix: an interface identifier of 0:5efe or 200:5efe and an IPv4 address (RFC 5214 §6.1). */
function isIsatap(octets: Uint8Array): boolean {
  return ((octets[8] ?? 0) & 0xfd) === 0 && octets[9] === 0 && octets[10] === 0x5e && octets[11] === 0xfe;
}
