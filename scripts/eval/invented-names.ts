/**
 * Invented registrable domains under real top-level domains, drawn from a seed: the parents of simulated attacks and of invented
 * benign sites are made alike, so that nothing can be learned from a parent's look.
 */

import { registrableDomain } from '../../src/policy/registrable-domain.ts';
import { fromPresentation, requireName } from '../../src/wire/name.ts';
import type { Random } from './random.ts';
import { WORD_LIST } from './word-list.ts';

const TOP_LEVELS = ['com', 'com', 'com', 'net', 'org', 'io', 'dev', 'app', 'co.uk', 'de', 'fr', 'nl', 'info', 'cloud', 'online'];
const SYLLABLES = [
  'ba',
  'co',
  'da',
  'fe',
  'ga',
  'hi',
  'jo',
  'ka',
  'le',
  'mi',
  'no',
  'pa',
  'qui',
  'ro',
  'sa',
  'ti',
  'ul',
  'va',
  'wen',
  'xi',
  'yo',
  'za',
];

/** A registrable domain that `isTaken` does not know. */
export function inventedDomain(random: Random, isTaken: (domain: string) => boolean): string {
  for (;;) {
    const name = random.next() < 0.5 ? twoWords(random) : Array.from({ length: 3 + random.int(2) }, () => random.pick(SYLLABLES)).join('');
    const domain = `${name}.${random.pick(TOP_LEVELS)}`;
    if (isTaken(domain)) continue;
    const qname = fromPresentation(domain);
    if (qname !== null && registrableDomain(qname).parentName === requireName(domain)) return domain;
  }
}

function twoWords(random: Random): string {
  return random.pick(WORD_LIST) + random.pick(WORD_LIST);
}

/** The attacker's own part of a reverse zone, in presentation form: a /32 of IPv6, a /16 of IPv4. */
export function inventedReverseZone(random: Random, kind: 'ip6' | 'in-addr'): string {
  if (kind === 'in-addr') return `${random.int(256)}.${11 + random.int(80)}.in-addr.arpa`;
  const nibbles = Array.from({ length: 5 }, () => random.int(16).toString(16));
  return `${nibbles.join('.')}.a.0.2.ip6.arpa`;
}
