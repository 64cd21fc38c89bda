/**
 * The `records` of a config file: each value read as its type's zone-file text and brought into one canonical form. A record with several
 * values becomes several records.
 */
import type { z } from 'zod';
import { canonicalAddress } from '../policy/address-set.ts';
import { LocalRecords } from '../policy/local-records.ts';
import { parseDomainName } from '../policy/name-pattern.ts';
import { RRTYPE } from '../wire/codes.ts';
import { isAtOrBelow, labelCount, requireName, toPresentation } from '../wire/name.ts';
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
  const name = readOwner(written.name);
  if (name === null) {
    const hint = written.name.includes('*') ? '; an asterisk stands alone at the front: *.home.example' : '';
    problems.add([...path, 'name'], `"${written.name}" is not a domain name${hint}`);
  }
  const [ttlSeconds = DEFAULT_TTL_SECONDS] = written.ttl === undefined ? [] : problems.take(parseDuration(written.ttl), [...path, 'ttl']);
  if (ttlSeconds > MAX_TTL_SECONDS) problems.add([...path, 'ttl'], 'is longer than a TTL can be');
  const { type } = written;
  return readValues(written, [...path, 'value'], problems).flatMap((value) => (name === null ? [] : [{ name, type, value, ttlSeconds }]));
}

function readValues({ type, value: written }: WrittenRecord, path: Path, problems: Problems): string[] {
  const texts =
    typeof written === 'string' ? [{ text: written, at: path }] : written.map((text, index) => ({ text, at: [...path, index] }));
  return texts.flatMap(({ text, at }) => {
    const value = readValue(type, text);
    if (value === null) problems.add(at, `"${text}" is not ${EXPECTED[type]}`);
    return value ?? [];
  });
}

/** The owner of a record: a name, or `*.` and the name below which it is the answer for all that has none of its own (RFC 4592). */
function readOwner(text: string): string | null {
  if (!text.startsWith(WILDCARD)) return readName(text);
  const below = readName(text.slice(WILDCARD.length));
  return below === null ? null : WILDCARD + below;
}

const WILDCARD = '*.';

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

/**
 * An alias stands alone at its name (RFC 1034 §3.6.2) and does not come back, also not by way of a wildcard. Its end may be a name of
 * somebody else's.
 */
function checkAliases(records: readonly { index: number; record: RecordConfig }[], problems: Problems): void {
  const counts = new Map<string, number>();
  for (const { record } of records) counts.set(record.name, (counts.get(record.name) ?? 0) + 1);
  const local = new LocalRecords(records.map(({ record }) => record));
  for (const { index, record } of records) {
    if (record.type !== 'CNAME') continue;
    const path = ['records', index];
    if ((counts.get(record.name) ?? 0) > 1) problems.add([...path, 'name'], `${record.name} has other records beside its CNAME`);
    const target = requireName(record.value);
    const start = requireName(record.name);
    if (target === start || local.answer(start, RRTYPE.A)?.kind === 'endless') {
      problems.add([...path, 'value'], 'the aliases lead in a circle, or through more than 8 names');
    } else if (isAtOrBelow(target, FEEDBACK)) {
      problems.add(
        [...path, 'value'],
        `what is below ${toPresentation(FEEDBACK)} is about the session that asks, and no alias leads there`,
      );
    }
  }
}

/** Kennel's own names: the same as in `policy/classify-name.ts`, which answers them before any record. */
const FEEDBACK = requireName('kennel.internal');
