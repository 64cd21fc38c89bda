/**
 * Makes `blocklists/popular-domains.txt.gz`: popular registrable domains without those below which strangers get names.
 *
 *   node scripts/make-popular-domains.ts TOP-DOMAINS.txt.gz DYNAMIC-DNS-PARENTS.txt.gz
 *
 * Both inputs hold one name a line; where they come from, and the hashes to expect, is in `blocklists/SOURCES.md`.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { argv, exit } from 'node:process';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parseDomainName } from '../src/policy/name-pattern.ts';
import { registrableDomain } from '../src/policy/registrable-domain.ts';
import { toPresentation } from '../src/wire/name.ts';

const BLOCKLISTS = new URL('../blocklists/', import.meta.url);

const [topFile, dynamicFile] = argv.slice(2);
if (topFile === undefined || dynamicFile === undefined) {
  console.error('usage: node scripts/make-popular-domains.ts TOP-DOMAINS.txt.gz DYNAMIC-DNS-PARENTS.txt.gz');
  exit(2);
}

const top = readLines(gunzipSync(readFileSync(topFile)));
const shared = readLines(readFileSync(new URL('shared-parents.txt', BLOCKLISTS))).map((line) => line.split('\t')[0] ?? '');
const dynamic = readLines(gunzipSync(readFileSync(dynamicFile))).map((line) => line.replace(/^\./, ''));
const excluded = new Set([...shared, ...dynamic].map(registrable));

const popular = new Set<string>();
for (const line of top) {
  const name = parseDomainName(line);
  if (name === null) continue;
  const { parent, icannDomain } = registrableDomain(name);
  // Only whole registrable domains: a popular host says nothing about its siblings, a tenant nothing about its landlord.
  if (icannDomain !== null && icannDomain === toPresentation(name) && parent === icannDomain && !excluded.has(icannDomain))
    popular.add(icannDomain);
}

const header = '# Popular registrable domains; origin and licence in SOURCES.md; made by scripts/make-popular-domains.ts\n';
const text = `${header}${[...popular].sort().join('\n')}\n`;
const packed = gzipSync(text, { level: 9 });
writeFileSync(new URL('popular-domains.txt.gz', BLOCKLISTS), packed);
console.log(
  `${top.length} names in, ${popular.size} out, ${packed.length} octets; sha256 of the text ${createHash('sha256').update(text).digest('hex')}`,
);

function readLines(octets: Buffer): string[] {
  return octets
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** The parent that a name of an exclusion list stands for. */
function registrable(text: string): string {
  const name = parseDomainName(text);
  return name === null ? text : registrableDomain(name).parent;
}
