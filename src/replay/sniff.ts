/**
 * Which format a recording has, told from its first octets; names of files say nothing. The first line that looks like one of the
 * known formats decides for the whole file.
 */
import { isCapture } from './capture-file.ts';
import { captureReader } from './capture-reader.ts';
import { parseRow, readAdGuardLine, readOwnLine, readZeekJsonLine } from './json-logs.ts';
import type { RecordingReader, RecordingSink } from './recording-reader.ts';
import { readerOfLines } from './text-lines.ts';
import { COREDNS_START, coreDnsLines, dnsmasqReader, readBlockyLine, zeekLines } from './text-logs.ts';

export type RecordingFormat = 'capture' | 'kennel' | 'adguard' | 'dnsmasq' | 'blocky' | 'coredns' | 'zeek' | 'zeek-json';

/** For people. */
export const FORMAT_NAMES: Readonly<Record<RecordingFormat, string>> = {
  capture: 'packet capture',
  kennel: 'Kennel JSONL',
  adguard: 'AdGuard Home query log',
  dnsmasq: 'dnsmasq or Pi-hole log',
  blocky: 'Blocky CSV',
  coredns: 'CoreDNS log',
  zeek: 'Zeek dns.log',
  'zeek-json': 'Zeek dns.log as JSON',
};

/** As much of a file as is looked at. */
export const SNIFFED_OCTETS = 64 * 1024;

/** The format of a file that begins with these octets; null when it is none of them. */
export function sniff(octets: Uint8Array): RecordingFormat | null {
  if (isCapture(octets)) return 'capture';
  for (const line of new TextDecoder('utf-8').decode(octets.subarray(0, SNIFFED_OCTETS)).split('\n')) {
    const format = formatOfLine(line.trimEnd());
    if (format !== null) return format;
  }
  return null;
}

function formatOfLine(line: string): RecordingFormat | null {
  if (line.startsWith('#separator') || line.startsWith('#fields\t')) return 'zeek';
  if (line.startsWith('{')) return formatOfRow(parseRow(line));
  if (/\bdnsmasq\[\d+\]: /.test(line)) return 'dnsmasq';
  if (/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\t/.test(line)) return 'blocky';
  return COREDNS_START.test(line) ? 'coredns' : null;
}

function formatOfRow(row: Readonly<Record<string, unknown>> | null): RecordingFormat | null {
  if (row === null) return null;
  if ('qname' in row) return 'kennel';
  if ('QH' in row && 'QT' in row) return 'adguard';
  return 'id.orig_h' in row ? 'zeek-json' : null;
}

export interface ReaderOptions {
  /** Ports on which captured servers listen. */
  readonly ports: readonly number[];
  /** Wall time of now: no recording is from the future, which tells the year of a date without one. */
  readonly nowMs: number;
}

/** The reader of a format. */
export function readerOf(format: RecordingFormat, sink: RecordingSink, { ports, nowMs }: ReaderOptions): RecordingReader {
  switch (format) {
    case 'capture':
      return captureReader(sink, ports);
    case 'kennel':
      return readerOfLines(sink, readOwnLine);
    case 'adguard':
      return readerOfLines(sink, readAdGuardLine);
    case 'dnsmasq':
      return dnsmasqReader(sink, nowMs);
    case 'blocky':
      return readerOfLines(sink, readBlockyLine);
    case 'coredns':
      return readerOfLines(sink, coreDnsLines());
    case 'zeek':
      return readerOfLines(sink, zeekLines());
    case 'zeek-json':
      return readerOfLines(sink, readZeekJsonLine);
  }
}
