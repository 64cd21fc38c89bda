/**
 * Registrable domains for thieves: two ordinary words below a top-level domain of the public DNS, other ones for every seed, none of
 * them popular. A name that gives itself away, or is the same in each run, would be caught for the wrong reason.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { SeededRandom } from './seeded-random.ts';

const FIRST =
  'amber birch cedar copper coral dune ember fern flint garden granite hazel heron indigo ivory jasper juniper lantern linen maple marble meadow mint olive orchard pebble pine prairie quartz river saffron silver slate spruce sunny timber velvet walnut willow winter'.split(
    ' ',
  );
const SECOND =
  'atelier bakery books catering ceramics choir clinic craft dairy design farm florist framing furniture gallery glass grocer guild joinery kitchen laundry market music nursery optics painting paper pottery press printing rowing roofing school stables studio supply tailor toys travel yoga'.split(
    ' ',
  );
const TOP_LEVEL = ['com', 'net', 'org', 'info', 'io', 'dev', 'app', 'xyz', 'de', 'fr', 'nl', 'co.uk', 'ch', 'shop', 'online'] as const;

let popular: ReadonlySet<string> | null = null;

/** `count` domains, each once. */
export function thiefDomains(random: SeededRandom, count: number): readonly string[] {
  popular ??= new Set(
    gunzipSync(readFileSync(new URL('../../blocklists/popular-domains.txt.gz', import.meta.url)))
      .toString()
      .split('\n'),
  );
  const domains = new Set<string>();
  while (domains.size < count) {
    const word = (words: readonly string[]) => words[random.below(words.length)] ?? '';
    const domain = `${word(FIRST)}${random.chance(0.5) ? '-' : ''}${word(SECOND)}.${random.pick(TOP_LEVEL)}`;
    if (!popular.has(domain)) domains.add(domain);
  }
  return [...domains];
}

/** A reverse zone of the size that networks are given: the reversed first 32 bits of an IPv6 address in use, below ip6.arpa. */
export function thiefReverseZone(random: SeededRandom): string {
  const prefix = `2a${random.octets(3).toString('hex')}`;
  return `${[...prefix].reverse().join('.')}.ip6.arpa`;
}
