/**
 * One name a line, and `*.NAME`. In a block list a name means itself and all below: whoever owns a domain can name hosts below it at
 * will, and Blocky's and dnscrypt-proxy's users write such lists. (In Pi-hole a list of this form means the names alone.) In an allow
 * list a name means itself alone, as in Kennel's own config, because each name below would be one more way out. `*.NAME` is the
 * name and all below in both. Lines of hosts files are read as such wherever they stand.
 */
import { labelCount } from '../wire/name.ts';
import { readHostsLine, wordsOf } from './hosts-reader.ts';
import { readListName, whyNotAName } from './list-name.ts';
import { type LineReader, type ListKind, plainRule, type Reading, type RuleSink, tell } from './list-rule.ts';

/** Reads a list line by line; lines are independent of each other. */
export function domainsReader(kind: ListKind, sink: RuleSink): LineReader {
  return (text, line) => {
    // Headers of lists that are published in several formats.
    if (text.startsWith('!') || text.startsWith(';') || text.startsWith('//')) return;
    const words = wordsOf(text);
    const [word] = words;
    if (word === undefined || readHostsLine(words, line, sink)) return;
    tell(words.length > 1 ? 'syntax' : readWord(word, kind), line, sink);
  };
}

function readWord(word: string, kind: ListKind): Reading {
  const wildcard = word.startsWith('*.');
  const written = wildcard ? word.slice(2) : word;
  const base = readListName(written);
  if (base === null) return written.includes('*') ? 'part-of-a-name' : whyNotAName(written);
  // A word of its own is more often a slip, or a line of some other text, than the wish to block a top-level domain.
  if (!wildcard && labelCount(base) === 1) return 'too-wide';
  return plainRule(base, wildcard || kind === 'block' ? 'at-or-below' : 'exact');
}
