/**
 * Query logs with one JSON object a line: Kennel's own, AdGuard Home's `querylog.json`, and Zeek's dns.log written as JSON.
 * Each function reads one line; which of them a file needs is `sniff.ts`'s to tell.
 */
import { RCODE } from '../wire/codes.ts';
import { readAnswer } from './recorded-answer.ts';
import { readQuestion, readRcode } from './recorded-values.ts';
import { ASSUMED_ANSWER } from './recording-reader.ts';
import type { RecordedResponse } from './replay.ts';
import type { LineReading } from './text-lines.ts';

type Row = Readonly<Record<string, unknown>>;

const OPENING_BRACE = 0x7b;

/** The object of a line; null when it is none. */
export function parseRow(line: string): Row | null {
  // What JSON.parse throws costs a hundred times as much as it gives: a file of bad lines must not take minutes.
  if (line.trimStart().charCodeAt(0) !== OPENING_BRACE) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Row) : null;
  } catch {
    return null;
  }
}

const NOT_JSON = { problem: 'not a JSON object' };

/** Kennel's own: `{"ts":…,"client":…,"qname":…,"qtype":…,"rcode":…}`; `client` and `rcode` may be missing or null. */
export function readOwnLine(line: string): LineReading {
  const row = parseRow(line);
  if (row === null) return NOT_JSON;
  const query = readQuestion(row['ts'], row['client'], row['qname'], row['qtype'] ?? 'A');
  if ('problem' in query) return query;
  const rcode = row['rcode'] ?? null;
  if (rcode === null) return { ...query, response: ASSUMED_ANSWER };
  const code = readRcode(String(rcode));
  if (code === null) return { problem: '"rcode" is no response code' };
  return { ...query, response: code === RCODE.NOERROR ? ASSUMED_ANSWER : { ...ASSUMED_ANSWER, rcode: code } };
}

/**
 * AdGuard Home: T, QH, QT, IP; `Answer` is the response in wire form, base64. What a filter answered is not what an upstream said, so
 * of a filtered query only the question counts.
 */
export function readAdGuardLine(line: string): LineReading {
  const row = parseRow(line);
  if (row === null) return NOT_JSON;
  const query = readQuestion(row['T'], row['IP'], row['QH'], row['QT']);
  if ('problem' in query) return query;
  const elapsed = row['Elapsed'];
  const delayMs = typeof elapsed === 'number' && elapsed > 0 ? elapsed / NANOSECONDS_PER_MS : 0;
  const result = row['Result'];
  const filtered = typeof result === 'object' && result !== null && (result as Row)['IsFiltered'] === true;
  const answer = typeof row['Answer'] === 'string' && !filtered ? readAnswer(Buffer.from(row['Answer'], 'base64')) : null;
  return { ...query, response: { ...ASSUMED_ANSWER, ...answer, delayMs } };
}

const NANOSECONDS_PER_MS = 1e6;

/** Zeek: `rcode` is missing where no response was seen. Lines without a question (replies alone, other types of log) are nothing. */
export function readZeekJsonLine(line: string): LineReading {
  const row = parseRow(line);
  if (row === null) return NOT_JSON;
  if (row['query'] === undefined) return null;
  return readZeekRow({
    ts: row['ts'],
    client: row['id.orig_h'],
    query: row['query'],
    qtype: row['qtype'] ?? row['qtype_name'],
    rcode: row['rcode'] ?? row['rcode_name'],
    rtt: row['rtt'],
    ttls: Array.isArray(row['TTLs']) ? row['TTLs'].map(Number) : null,
  });
}

export interface ZeekRow {
  readonly ts: unknown;
  readonly client: unknown;
  readonly query: unknown;
  readonly qtype: unknown;
  /** Undefined: no response was seen. */
  readonly rcode: unknown;
  /** Seconds. */
  readonly rtt: unknown;
  /** Seconds; null: the response held no answers. */
  readonly ttls: readonly number[] | null;
}

/** A row of Zeek's dns.log, from either form. */
export function readZeekRow(row: ZeekRow): LineReading {
  const name = typeof row.query === 'string' ? row.query.replace(ZEEK_ESCAPE, decimalEscape) : row.query;
  const query = readQuestion(row.ts, row.client, name, row.qtype);
  if ('problem' in query) return query;
  const code = row.rcode === undefined ? null : readRcode(String(row.rcode));
  if (code === null) return { ...query, response: null };
  const ttls = (row.ttls ?? []).filter((ttl) => ttl >= 0);
  const delayMs = Math.max(0, Number(row.rtt ?? 0) * 1000) || 0;
  const response: RecordedResponse = {
    rcode: code,
    nodata: code === RCODE.NOERROR && ttls.length === 0,
    ttlSeconds: ttls.length === 0 ? null : Math.min(...ttls),
    delayMs,
  };
  return { ...query, response };
}

const ZEEK_ESCAPE = /\\x([0-9a-fA-F]{2})/g;

/** Zeek writes an octet as `\xHH`, presentation form as `\DDD`. */
function decimalEscape(_escape: string, hex: string): string {
  return `\\${String(Number.parseInt(hex, 16)).padStart(3, '0')}`;
}
