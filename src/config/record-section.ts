/**
 * The `records` of a config file: each value read as its type's zone-file text and brought into one canonical form.
 */
import type { z } from 'zod';
import { canonicalAddress } from '../policy/address-set.ts';
import { parseDomainName } from '../policy/name-pattern.ts';
import { labelCount, toPresentation } from '../wire/name.ts';
import type { RecordConfig } from './config.ts';
import type { Problems } from './problems.ts';
import type { recordSchema } from './schema.ts';
import { parseDuration } from './values.ts';
import type { Path } from './yaml-source.ts';

type WrittenRecord = z.infer<typeof recordSchema>;
type RecordType = WrittenRecord['type'];

const DEFAULT_TTL_SECONDS = 300;
/** RFC 2181 §8. */
const MAX_TTL_SECONDS = 2 ** 31 - 1;

/** `index`: where each stands in the file's list. */
export function readRecords(written: readonly { index: number; value: WrittenRecord }[], problems: Problems): RecordConfig[] {
  const records = written.flatMap(({ index, value }) =>
    readRecord(value, ['records', index], problems).map((record) => ({ index, record })),
  );
  checkAliases(records, problems);
  return records.map(({ record }) => record);
}

function readRecord(written: WrittenRecord, path: Path, problems: Problems): RecordConfig[] {
  const name = readName(written.name);
  if (name === null)
    problems.add(
      [...path, 'name'],
      `"${written.name}" is not a domain name${written.name.includes('*') ? '; wildcards are not supported here' : ''}`,
    );
  const value = readValue(written.type, written.value);
  if (value === null) problems.add([...path, 'value'], `"${written.value}" is not ${EXPECTED[written.type]}`);
  const [ttlSeconds = DEFAULT_TTL_SECONDS] = written.ttl === undefined ? [] : problems.take(parseDuration(written.ttl), [...path, 'ttl']);
  if (ttlSeconds > MAX_TTL_SECONDS) problems.add([...path, 'ttl'], 'is longer than a TTL can be');
  return name === null || value === null ? [] : [{ name, type: written.type, value, ttlSeconds }];
}

const EXPECTED: Readonly<Record<RecordType, string>> = {
  A: 'an IPv4 address',
  AAAA: 'an IPv6 address',
  CNAME: 'a domain name',
  MX: 'a preference and a domain name, such as 10 mail.example.net',
  PTR: 'a domain name',
  SRV: 'priority, weight, port and a domain name, such as 0 5 5060 sip.example.net',
  TXT: 'text',
};

function readValue(type: RecordType, text: string): string | null {
  switch (type) {
    case 'A':
    case 'AAAA': {
      const address = canonicalAddress(text);
      return address !== null && address.includes(':') === (type === 'AAAA') ? address : null;
    }
    case 'CNAME':
    case 'PTR':
      return readName(text);
    case 'MX':
      return readNumbersAndName(text, 1);
    case 'SRV':
      return readNumbersAndName(text, 3);
    case 'TXT':
      return text;
  }
}

/** `count` numbers of 16 bits, then a name, single spaces between. */
function readNumbersAndName(text: string, count: number): string | null {
  const parts = text.trim().split(/\s+/);
  const name = readTarget(parts.pop() ?? '');
  const inRange = parts.length === count && parts.every((part) => /^\d{1,5}$/.test(part) && Number(part) <= 0xffff);
  return inRange && name !== null ? [...parts.map(Number), name].join(' ') : null;
}

/** A name, or `.` for "no such service" (RFC 2782, RFC 7505). */
function readTarget(text: string): string | null {
  return text === '.' ? '.' : readName(text);
}

function readName(text: string): string | null {
  const name = parseDomainName(text);
  return name === null || labelCount(name) === 0 || text.includes('*') ? null : toPresentation(name);
}

/** An alias stands alone at its name (RFC 1034 §3.6.2) and leads to another record here, without coming back. */
function checkAliases(records: readonly { index: number; record: RecordConfig }[], problems: Problems): void {
  const aliases = new Map<string, string>();
  for (const { record } of records) if (record.type === 'CNAME') aliases.set(record.name, record.value);
  const names = new Map<string, number>();
  for (const { record } of records) names.set(record.name, (names.get(record.name) ?? 0) + 1);
  for (const { index, record } of records) {
    if (record.type !== 'CNAME') continue;
    const path = ['records', index];
    if ((names.get(record.name) ?? 0) > 1) problems.add([...path, 'name'], `${record.name} has other records beside its CNAME`);
    if (!names.has(record.value))
      problems.add([...path, 'value'], `${record.value} has no record here: a local alias must lead to a local record`);
    if (returnsTo(record.name, aliases)) problems.add([...path, 'value'], 'the aliases lead in a circle, or through more than 8 names');
  }
}

/** `LocalRecords` follows as many. */
const MAX_ALIASES = 8;

function returnsTo(start: string, aliases: ReadonlyMap<string, string>): boolean {
  let name: string | undefined = start;
  for (let hops = 0; hops <= MAX_ALIASES && name !== undefined; hops++) name = aliases.get(name);
  return name !== undefined;
}
