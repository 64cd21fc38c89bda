/**
 * Query logs of text lines: dnsmasq and Pi-hole, Blocky's CSV, CoreDNS' `log` plugin, Zeek's dns.log with tabs.
 * Times without a zone count as UTC, a date without a year as the last one that is not in the future.
 */
import { RCODE } from '../wire/codes.ts';
import { readZeekRow } from './json-logs.ts';
import { readQuestion, readRcode, readTime } from './recorded-values.ts';
import { AnswerWindow, ASSUMED_ANSWER, type RecordingReader, type RecordingSink } from './recording-reader.ts';
import type { ReplayQuery } from './replay.ts';
import { type LineReading, lineReader } from './text-lines.ts';

/** `Jan  5 12:00:01 dnsmasq[77]: query[A] www.example from 10.0.0.5`; with `log-queries=extra` a serial and `client/port` come first. */
const DNSMASQ = /^(?<when>.*?)\s*\bdnsmasq\[\d+\]: (?:(?<serial>\d+) \S+\/\d+ )?(?<what>.*)$/;
const DNSMASQ_QUERY = /^query\[(?<type>[^\]]{1,20})\] (?<name>\S+) from (?<client>\S+)$/;
const DNSMASQ_ANSWER = /^(?<source>reply|cached|cached-stale|config|validation) (?<name>\S+) is (?<value>.+)$/;

/**
 * dnsmasq and Pi-hole: `query[…]` lines are queries, `reply` and `cached` lines tell how they ended. TTLs are not logged. A query
 * without an answer line counts as answered: many keep the query lines alone.
 */
export function dnsmasqReader(sink: RecordingSink, nowMs: number): RecordingReader {
  const window = new AnswerWindow((query) => sink.query(query), ASSUMED_ANSWER);
  const clock = syslogClock(nowMs);
  return lineReader(
    sink,
    (text, number) => {
      const line = DNSMASQ.exec(text)?.groups;
      const what = line?.['what'];
      if (line === undefined || what === undefined) {
        sink.leftOut('lines of other programs');
        return;
      }
      const query = DNSMASQ_QUERY.exec(what)?.groups;
      const answer = query === undefined ? DNSMASQ_ANSWER.exec(what)?.groups : undefined;
      const at = clock(line['when'] ?? '');
      if (query !== undefined) {
        const question = readQuestion(at, query['client'], query['name'], query['type']);
        if ('problem' in question) sink.problem(number, question.problem);
        else window.add(line['serial'] ?? query['name'] ?? '', question);
      } else if (at !== null && answer !== undefined) {
        settle(window, line['serial'], at.getTime(), answer);
      }
    },
    () => window.end(),
  );
}

function settle(window: AnswerWindow, serial: string | undefined, atMs: number, answer: Readonly<Record<string, string>>): void {
  const value = answer['value'] ?? '';
  const rcode = value === 'NXDOMAIN' ? RCODE.NXDOMAIN : value === 'SERVFAIL' ? RCODE.SERVFAIL : value === 'REFUSED' ? RCODE.REFUSED : 0;
  window.settle(serial ?? answer['name'] ?? '', atMs, { rcode, nodata: value.startsWith('NODATA'), ttlSeconds: null });
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const SYSLOG_TIME = /(?<month>[A-Z][a-z]{2})\s+(?<day>\d{1,2}) (?<h>\d\d):(?<m>\d\d):(?<s>\d\d)(?: (?<year>\d{4}))?\b/;
const ISO_TIME = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?/;
const DAY_MS = 86_400_000;
const HALF_YEAR_MS = 182 * DAY_MS;

/** Reads the times of syslog lines; null for none. Going back by half a year means that a year has ended. */
function syslogClock(nowMs: number): (text: string) => Date | null {
  let year: number | null = null;
  let lastMs = 0;
  return (text) => {
    const iso = ISO_TIME.exec(text)?.[0];
    const isoMs = iso === undefined ? null : readTime(iso.replace(',', '.'));
    if (isoMs !== null) return new Date(isoMs);
    const parts = SYSLOG_TIME.exec(text)?.groups;
    const month = MONTHS.indexOf(parts?.['month'] ?? '');
    if (parts === undefined || month < 0) return null;
    const atMs = (inYear: number): number =>
      Date.UTC(inYear, month, Number(parts['day']), Number(parts['h']), Number(parts['m']), Number(parts['s']));
    if (parts['year'] !== undefined) return new Date(atMs(Number(parts['year'])));
    if (year === null) {
      year = new Date(nowMs).getUTCFullYear();
      if (atMs(year) > nowMs + DAY_MS) year -= 1;
    } else if (atMs(year) < lastMs - HALF_YEAR_MS) {
      year += 1;
    }
    lastMs = atMs(year);
    return new Date(lastMs);
  };
}

/** Blocky's CSV has tabs: time, client, its names, milliseconds, reason, question, answer, RCODE, and in newer versions kind, type, instance. */
export function readBlockyLine(line: string): LineReading {
  const cells = line.split('\t').map(unquoted);
  if (cells.length < 8) return { problem: 'fewer than eight columns' };
  const [when = '', address = '', , duration = '', reason = '', question = '', answer = '', code = ''] = cells;
  // Older versions write the question as `A (www.example.)` and have no column for the type.
  const older = /^(?<type>\S+) \((?<name>.*)\)$/.exec(question)?.groups;
  const query = readQuestion(when, address, older?.['name'] ?? question, older?.['type'] ?? cells[9]);
  if ('problem' in query) return query;
  const rcode = readRcode(code);
  const delayMs = Math.max(0, Number(duration)) || 0;
  // What Blocky answered instead of an upstream says nothing about the name.
  const asked = /^BLOCKED/.test(reason) || rcode === null;
  const response = asked ? ASSUMED_ANSWER : { rcode, nodata: rcode === RCODE.NOERROR && answer === '', ttlSeconds: null, delayMs };
  return { ...query, response };
}

/** A cell of RFC 4180: quotes around, quotes inside doubled. */
function unquoted(cell: string): string {
  return cell.startsWith('"') && cell.endsWith('"') && cell.length > 1 ? cell.slice(1, -1).replaceAll('""', '"') : cell;
}

/** `[INFO] 10.0.0.5:4711 - 7 "A IN www.example. udp 41 false 512" NOERROR qr,rd,ra 90 0.001s`; `combined` adds a field at the end. */
const COREDNS =
  /^(?<when>.*?)\[INFO\] (?<client>\S+):\d+ - \d+ "(?<type>\S+) (?<class>\S+) (?<name>\S+) \S+ \d+ \S+ \d+" (?<rcode>\S+) \S+ \d+ (?<seconds>[\d.]+)s/;
/** What every line of the log plugin begins with; CoreDNS says other things too. */
export const COREDNS_START = /\[INFO\] \S+:\d+ - \d+ "/;
const SLASHED_DATE = /(\d{4})\/(\d\d)\/(\d\d) (\d\d:\d\d:\d\d)/;

/** CoreDNS writes no times unless something around it does: then a query a second is assumed, from 1970 on. */
export function coreDnsLines(): (line: string) => LineReading {
  let untimed = 0;
  return (line) => {
    const parts = COREDNS.exec(line)?.groups;
    if (parts === undefined) return COREDNS_START.test(line) ? { problem: 'not the common log format' } : null;
    if (parts['class'] !== 'IN') return null;
    const when = (parts['when'] ?? '').replace(SLASHED_DATE, '$1-$2-$3T$4');
    const iso = ISO_TIME.exec(when)?.[0];
    const query = readQuestion(iso ?? untimed++, parts['client'], parts['name'], parts['type']);
    if ('problem' in query) return query;
    const rcode = readRcode(parts['rcode'] ?? '');
    // `-` where nothing was answered.
    const delayMs = Number(parts['seconds']) * 1000 || 0;
    const response: ReplayQuery['response'] = rcode === null ? null : { ...ASSUMED_ANSWER, rcode, delayMs };
    return { ...query, response };
  };
}

/** Zeek's dns.log: `#fields` names the columns, and may do so again in a file of several logs. */
export function zeekLines(): (line: string) => LineReading {
  let columns = new Map<string, number>();
  return (line) => {
    if (line.startsWith('#')) {
      const [word, ...names] = line.split('\t');
      if (word === '#fields') columns = new Map(names.map((name, index) => [name, index]));
      return null;
    }
    if (columns.size === 0) return { problem: 'a row before the #fields line' };
    const cells = line.split('\t');
    const cell = (name: string): string | undefined => {
      const text = cells[columns.get(name) ?? -1];
      return text === undefined || text === '-' || text === '(empty)' ? undefined : text;
    };
    if (cell('query') === undefined) return null;
    return readZeekRow({
      ts: cell('ts'),
      client: cell('id.orig_h'),
      query: cell('query'),
      qtype: cell('qtype') ?? cell('qtype_name'),
      rcode: cell('rcode') ?? cell('rcode_name'),
      rtt: cell('rtt'),
      ttls: cell('TTLs')?.split(',').map(Number) ?? null,
    });
  };
}
