/**
 * What an answer points at: aliases that lead to a blocked name, and private addresses in answers about public names (rebinding).
 * Pure. Allow was decided on the name asked; every alias target is held against the block entries as if it had been asked.
 */
import type { Config } from '../config/config.ts';
import type { QName } from '../wire/name.ts';
import { addressesOf, targetName } from '../wire/rdata.ts';
import type { ResourceRecord } from '../wire/record.ts';
import { addressOctets, addressSet, PRIVATE_PREFIXES } from './address-set.ts';
import type { RoutedName } from './classify-name.ts';
import { LOOPBACK_ANSWER_ZONES } from './loopback-answers.ts';
import { compilePatterns, type ListEntry, type PatternSet, type Policy } from './policy.ts';

export type AliasFinding =
  | { readonly reason: 'blocked-alias'; readonly entry: ListEntry; readonly target: QName }
  | { readonly reason: 'rebinding'; readonly address: string };

/** `PRIVATE_PREFIXES` hold the metadata services (169.254.169.254, fd00:ec2::254, 100.100.100.200); these lead into the machine too. */
const INWARD = addressSet([...PRIVATE_PREFIXES, '0.0.0.0/8', '::/128', '255.255.255.255/32', '64:ff9b:1::/48']);

/** Ways to write an IPv4 address in an IPv6 one: NAT64 (RFC 6052), IPv4-compatible (RFC 4291 §2.5.5.1), 6to4 (RFC 3056). */
const EMBEDDINGS = [
  { prefix: addressSet(['64:ff9b::/96']), at: 12 },
  { prefix: addressSet(['::/96']), at: 12 },
  { prefix: addressSet(['2002::/16']), at: 2 },
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
  return EMBEDDINGS.some(({ prefix, at }) => prefix.contains(address) && INWARD.contains(octets.slice(at, at + 4).join('.')));
}
