/**
 * Which format a list has, told from its first lines; addresses and names of files say nothing. What decides is shown to the
 * operator, because one format's rule is another's comment.
 */
import { isIP } from 'node:net';
import type { KnownFormat } from './list-report.ts';

/** As much of a list as is looked at. */
export const SNIFFED_OCTETS = 64 * 1024;

export type Sniffed = { readonly format: KnownFormat; readonly chosenBy: string } | { readonly problem: string };

/** The format of a list that begins with these octets. `problem`: it is no list, in words for the operator. */
export function sniff(octets: Uint8Array): Sniffed {
  const problem = notAList(octets);
  if (problem !== null) return { problem };
  const counts: Record<KnownFormat, number> = { hosts: 0, domains: 0, wildcard: 0, adblock: 0, rpz: 0 };
  const text = new TextDecoder('utf-8').decode(octets.subarray(0, SNIFFED_OCTETS));
  for (const line of text.split('\n')) {
    const format = formatOfLine(line.trimEnd());
    if (format !== null) counts[format] += 1;
  }
  return choose(counts);
}

/** What a failed download looks like; null: it may be a list. */
export function notAList(octets: Uint8Array): string | null {
  if (octets[0] === 0x1f && octets[1] === 0x8b) return 'it is compressed (gzip)';
  if (octets[0] === 0x50 && octets[1] === 0x4b && octets[2] === 0x03) return 'it is an archive (zip)';
  const start = Buffer.from(octets.subarray(0, 512))
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  if (/^<(?:!doctype|html|head|body|\?xml)/i.test(start)) return 'it is a web page, not a list';
  if (/^[{[]\s*(?:["{]|$)/.test(start)) return 'it is JSON, not a list';
  return octets.subarray(0, SNIFFED_OCTETS).includes(0) ? 'it is not text: it holds NUL octets' : null;
}

/** Other formats hold some lines of hosts files and plain names as well, so these decide by their number. */
function choose(counts: Readonly<Record<KnownFormat, number>>): Sniffed {
  const { hosts, domains, wildcard, adblock, rpz } = counts;
  const others = hosts + domains + wildcard;
  if (rpz > 0 && rpz >= adblock + others) return { format: 'rpz', chosenBy: `${lines(rpz)} like those of a zone file` };
  if (adblock > 0 && adblock * 4 >= others) return { format: 'adblock', chosenBy: `${lines(adblock)} like ||name^` };
  if (hosts > 0 && hosts >= domains + wildcard) return { format: 'hosts', chosenBy: `${lines(hosts)} with an address and a name` };
  if (wildcard > 0 && wildcard >= domains) return { format: 'wildcard', chosenBy: `${lines(wildcard)} like *.name` };
  return { format: 'domains', chosenBy: domains > 0 ? `${lines(domains)} with a name each` : 'nothing but comments' };
}

function lines(count: number): string {
  return count === 1 ? '1 line' : `${count} lines`;
}

function formatOfLine(line: string): KnownFormat | null {
  if (/^\[Adblock|^@@|^\|\|?[^|]|^\S*#@?[$?%]{0,2}#[^#\s]|^[^\s#]+\^|^!/.test(line)) return 'adblock';
  if (/^\$(?:TTL|ORIGIN)\s|\s(?:SOA|CNAME)\s/i.test(line) && !line.startsWith('#')) return 'rpz';
  const words = line.replace(/#.*/, '').trim().split(/\s+/);
  const [first = ''] = words;
  if (first === '' || first.startsWith(';')) return null;
  if (isIP(first) !== 0) return words.length > 1 ? 'hosts' : null;
  if (words.length > 1) return null;
  if (first.startsWith('*.')) return 'wildcard';
  return first.includes('.') && !/[/:]/.test(first) ? 'domains' : null;
}
