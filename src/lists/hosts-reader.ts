/**
 * Hosts files: `0.0.0.0 NAME…`. A rule of theirs covers the name alone, as it does in the resolvers of operating systems, in Pi-hole
 * and in AdGuard Home. Lines that map names to a real address are no block and no permission; they are counted.
 */
import { isIP } from 'node:net';
import { readListName, whyNotAName } from './list-name.ts';
import { type LineReader, plainRule, type RuleSink, tell } from './list-rule.ts';

/** Addresses that stand for "nowhere". */
const SINKHOLES: ReadonlySet<string> = new Set(['0.0.0.0', '127.0.0.1', '::', '::1', '0:0:0:0:0:0:0:0', '0:0:0:0:0:0:0:1']);

/** What hosts files hold about the machine itself (hosts(5), and the IPv6 lines that distributions add). */
const OWN_NAMES: ReadonlySet<string> = new Set([
  'localhost',
  'localhost.localdomain',
  'localhost4',
  'localhost6',
  'localhost4.localdomain4',
  'localhost6.localdomain6',
  'local',
  'broadcasthost',
  'ip6-localhost',
  'ip6-loopback',
  'ip6-localnet',
  'ip6-mcastprefix',
  'ip6-allnodes',
  'ip6-allrouters',
  'ip6-allhosts',
  '0.0.0.0',
]);

/** Whether the address blocks, in a hosts file or as data of an RPZ. */
export function isSinkhole(address: string): boolean {
  return SINKHOLES.has(address);
}

/** Reads lines of a hosts file; a name without an address counts like one with a sinkhole's. */
export function hostsReader(sink: RuleSink): LineReader {
  return (text, line) => {
    const words = wordsOf(text);
    const first = words[0];
    if (first === undefined) return;
    if (readHostsLine(words, line, sink)) return;
    if (words.length === 1) addName(first, line, sink);
    else sink.notApplied('syntax', line);
  };
}

/** What stands before a comment, split at spaces. */
export function wordsOf(text: string): string[] {
  const comment = text.indexOf('#');
  const said = (comment < 0 ? text : text.slice(0, comment)).trim();
  return said === '' ? [] : said.split(/\s+/);
}

/** Takes a line that begins with an address; false: it begins with something else, and nothing was done. */
export function readHostsLine(words: readonly string[], line: number, sink: RuleSink): boolean {
  const [address = ''] = words;
  if (!isSinkhole(address)) {
    if (isIP(address) === 0) return false;
    // Lines such as `ff02::1 ip6-allnodes` are about the machine itself.
    if (!words.slice(1).every((word) => OWN_NAMES.has(word))) sink.notApplied('other-address', line);
    else if (words.length === 1) sink.notApplied('address', line);
    return true;
  }
  if (words.length === 1) sink.notApplied('no-names', line);
  for (let index = 1; index < words.length; index++) addName(words[index] ?? '', line, sink);
  return true;
}

function addName(text: string, line: number, sink: RuleSink): void {
  if (OWN_NAMES.has(text)) return;
  const base = readListName(text);
  tell(base === null ? whyNotAName(text) : plainRule(base, 'exact'), line, sink);
}
