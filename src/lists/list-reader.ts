/**
 * Reads a list in any of the formats: chooses the reader, and hands it line after line. A new format is a reader that is listed here
 * and told apart in `sniff.ts`.
 */
import type { ListFormat } from '../config/config.ts';
import { adblockReader } from './adblock-reader.ts';
import { domainsReader } from './domains-reader.ts';
import { hostsReader } from './hosts-reader.ts';
import { ListLines } from './list-lines.ts';
import type { KnownFormat } from './list-report.ts';
import type { LineReader, ListKind, RuleSink } from './list-rule.ts';
import { rpzReader } from './rpz-reader.ts';
import { notAList, SNIFFED_OCTETS, type Sniffed, sniff } from './sniff.ts';

/** Takes a list's octets as they come. Whatever they are, nothing throws. */
export interface SniffingReader {
  push(octets: Uint8Array): void;
  /** The format it was read as and why, or what it is instead of a list. */
  end(): Sniffed;
}

/** `format`: as the config says, `auto` to tell it from the first octets. What is found goes to `sink`. */
export function openListReader(format: ListFormat, kind: ListKind, sink: RuleSink): SniffingReader {
  /** Octets kept until there are enough to tell the format. */
  let start: Uint8Array[] = [];
  let startOctets = 0;
  let sniffed: Sniffed | null = null;
  let lines: ListLines | null = null;

  function decide(): Sniffed {
    const octets = Buffer.concat(start);
    start = [];
    const chosen = chooseFormat(format, octets);
    if ('format' in chosen) {
      lines = new ListLines(readerOf(chosen.format, kind, sink), (line) => sink.notApplied('line-too-long', line));
      lines.push(octets);
    }
    return chosen;
  }

  return {
    push(octets) {
      if (sniffed !== null) return lines?.push(octets);
      // A copy, as the caller may use its buffer again; `slice` on a Buffer makes none.
      start.push(new Uint8Array(octets));
      startOctets += octets.length;
      if (startOctets >= SNIFFED_OCTETS) sniffed = decide();
      return undefined;
    },
    end() {
      sniffed ??= decide();
      lines?.end();
      return sniffed;
    },
  };
}

function chooseFormat(format: ListFormat, octets: Uint8Array): Sniffed {
  if (format === 'auto') return sniff(octets);
  const problem = notAList(octets);
  return problem === null ? { format, chosenBy: 'the config' } : { problem };
}

function readerOf(format: KnownFormat, kind: ListKind, sink: RuleSink): LineReader {
  switch (format) {
    case 'hosts':
      return hostsReader(sink);
    case 'domains':
    case 'wildcard':
      return domainsReader(kind, sink);
    case 'adblock':
      return adblockReader(kind, sink);
    case 'rpz':
      return rpzReader(kind, sink);
  }
}
