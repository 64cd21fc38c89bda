/**
 * Hosts files (hosts(5)) as names that are answered here: text to addresses and pointers. Pure; which files there are and when they
 * are read again is `assembly/hosts-files.ts`. Long lists of unwanted names belong to `lists`, which keep them in far less memory.
 */
import { RRCLASS, RRTYPE } from '../wire/codes.ts';
import { isAtOrBelow, labelCount, type QName, requireName, toOctets } from '../wire/name.ts';
import { addressRecord } from '../wire/rdata.ts';
import type { ResourceRecord } from '../wire/record.ts';
import { canonicalAddress, isLoopback, isWildcard } from './address-set.ts';
import { parseDomainName } from './name-pattern.ts';
import { reverseName } from './reverse-name.ts';

/** A larger file is not read: about 100,000 names. */
export const MAX_HOSTS_FILE_OCTETS = 4 * 1024 * 1024;
const MAX_NAMES = 200_000;
/** More addresses of one name would not fit into an answer. */
const MAX_ADDRESSES_PER_NAME = 64;
/** A name of 255 octets, all of them escaped, is longer than anything a hosts file can mean. */
const MAX_WORD_CHARACTERS = 300;
const MAX_LINE_CHARACTERS = 16_384;

/** Short, because the file may change at any time. */
const HOSTS_TTL_SECONDS = 60;

/** What hosts files say together. */
export interface HostsTable {
  readonly addresses: ReadonlyMap<QName, readonly string[]>;
  /** By reverse name: the first name that was written beside the address. */
  readonly pointers: ReadonlyMap<QName, QName>;
}

/** The table of now: replaced as a whole when a file has changed. */
export interface HostsNames {
  readonly table: HostsTable;
}

export const NO_HOSTS: HostsNames = { table: { addresses: new Map(), pointers: new Map() } };

/** An address with the names that a line gives it. */
export interface HostsLine {
  readonly address: string;
  readonly names: readonly QName[];
}

export interface ParsedHosts {
  readonly lines: readonly HostsLine[];
  /** Lines that are neither empty nor an address with names; the first few of their numbers, from 1. */
  readonly skipped: { readonly count: number; readonly first: readonly number[] };
}

const SHOWN_LINES = 5;

/** Reads a hosts file. Never throws; what is no address or no name is left out. Names past the bound are left out as well. */
export function parseHosts(text: string): ParsedHosts {
  const lines: HostsLine[] = [];
  const first: number[] = [];
  let skipped = 0;
  let names = 0;
  for (const [index, written] of text.split('\n').entries()) {
    const line = readLine(written);
    if (line === 'empty') continue;
    if (line === 'unreadable' || names + line.names.length > MAX_NAMES) {
      skipped += 1;
      if (first.length < SHOWN_LINES) first.push(index + 1);
      continue;
    }
    names += line.names.length;
    lines.push(line);
  }
  return { lines, skipped: { count: skipped, first } };
}

function readLine(written: string): HostsLine | 'empty' | 'unreadable' {
  if (written.length > MAX_LINE_CHARACTERS) return 'unreadable';
  const [text = ''] = written.split('#');
  const words = text.trim().split(/\s+/);
  if (words[0] === '' || words[0] === undefined) return 'empty';
  const address = canonicalAddress(words[0]);
  const names = words.slice(1).map(readName);
  if (address === null || names.length === 0 || names.includes(null)) return 'unreadable';
  return { address, names: names.flatMap((name) => name ?? []) };
}

function readName(word: string): QName | null {
  const name = word.length > MAX_WORD_CHARACTERS ? null : parseDomainName(word);
  return name === null || labelCount(name) === 0 ? null : name;
}

const LOCALHOST = requireName('localhost');

/**
 * The table of all files, in order. `localhost` is left out, because it is this machine whatever a file says (RFC 6761 §6.3), and so
 * are the pointers of loopback and unspecified addresses.
 */
export function hostsTable(files: readonly ParsedHosts[]): HostsTable {
  const addresses = new Map<QName, string[]>();
  const pointers = new Map<QName, QName>();
  for (const { address, names } of files.flatMap(({ lines }) => lines)) {
    for (const name of names) {
      if (isAtOrBelow(name, LOCALHOST)) continue;
      const known = addresses.get(name);
      if (known === undefined) addresses.set(name, [address]);
      else if (known.length < MAX_ADDRESSES_PER_NAME && !known.includes(address)) known.push(address);
    }
    const [first] = names;
    if (first === undefined || isLoopback(address) || isWildcard(address)) continue;
    const reverse = reverseName(address);
    if (!pointers.has(reverse)) pointers.set(reverse, first);
  }
  return { addresses, pointers };
}

/** All records of a name; null when the files do not have it. */
export function hostsRecords(table: HostsTable, name: QName): readonly ResourceRecord[] | null {
  const addresses = table.addresses.get(name);
  if (addresses !== undefined) return addresses.map((address) => addressRecord(name, address, HOSTS_TTL_SECONDS));
  const target = table.pointers.get(name);
  if (target === undefined) return null;
  return [{ owner: name, type: RRTYPE.PTR, class: RRCLASS.IN, ttlSeconds: HOSTS_TTL_SECONDS, rdata: toOctets(target) }];
}
