/** Each query log format, good lines and hostile ones, from the files in fixtures/replay. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sniff } from '../../../src/replay/sniff.ts';
import { inShort, readOctets } from './read-octets.ts';

function fixture(name: string): Buffer {
  return readFileSync(new URL(`../../../fixtures/replay/${name}`, import.meta.url));
}

interface Expected {
  readonly file: string;
  readonly format: string;
  readonly queries: readonly string[];
  /** Lines that cannot be read, by number. */
  readonly problems: readonly number[];
}

const T = '2026-01-06T12:00:0';
const EXPECTED: readonly Expected[] = [
  {
    file: 'kennel.jsonl',
    format: 'kennel',
    queries: [
      `${T}0.000 10.0.0.5 www.example.com A: rcode 0 ttl null after 0`,
      `${T}0.500 10.0.0.5 www.example.com AAAA: rcode 0 ttl null after 0`,
      `${T}1.000 10.0.0.6 missing.example.net A: rcode 3 ttl null after 0`,
      `${T}2.000 fd00::7 a\\032b.example.org TXT: rcode 0 ttl null after 0`,
      `${T}3.000 0.0.0.0 _443._tcp.example.org TLSA: rcode 0 ttl null after 0`,
    ],
    problems: [7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  },
  {
    file: 'adguard.json',
    format: 'adguard',
    queries: [
      `${T}0.000 10.0.0.5 www.example.com A: rcode 0 ttl 120 after 2`,
      `${T}0.500 10.0.0.5 www.example.com AAAA: rcode 0 nodata ttl 120 after 2`,
      `${T}1.000 10.0.0.6 missing.example.net A: rcode 3 ttl 120 after 2`,
      `${T}2.000 fd00::7 ads.example.org A: rcode 0 ttl null after 2`,
      `${T}3.000 10.0.0.5 damaged.example.org A: rcode 0 ttl null after 2`,
      `${T}3.000 0.0.0.0 nobody.example.org A: rcode 0 ttl null after 2`,
      `${T}3.000 10.0.0.5 . A: rcode 0 ttl null after 2`,
    ],
    problems: [7, 9],
  },
  {
    file: 'dnsmasq.log',
    format: 'dnsmasq',
    queries: [
      `${T}0.000 10.0.0.5 www.example.com A: rcode 0 ttl null after 0`,
      `${T}0.000 10.0.0.5 www.example.com AAAA: rcode 0 nodata ttl null after 0`,
      `${T}1.000 10.0.0.6 missing.example.net A: rcode 3 ttl null after 1000`,
      `${T}2.000 fd00::7 www.example.com HTTPS: rcode 0 ttl null after 0`,
    ],
    problems: [12, 13, 15],
  },
  {
    file: 'blocky.log',
    format: 'blocky',
    queries: [
      `${T}0.000 10.0.0.5 www.example.com A: rcode 0 ttl null after 12`,
      `${T}0.000 10.0.0.5 www.example.com AAAA: rcode 0 nodata ttl null after 0`,
      `${T}1.000 10.0.0.6 missing.example.net A: rcode 3 ttl null after 5`,
      `${T}2.000 fd00::7 ads.example.org A: rcode 0 ttl null after 0`,
      `${T}3.000 10.0.0.5 old.example.org A: rcode 0 ttl null after 3`,
    ],
    problems: [6, 7, 8],
  },
  {
    file: 'coredns.log',
    format: 'coredns',
    queries: [
      '1970-01-01T00:00:00.000 10.0.0.5 www.example.com A: rcode 0 ttl null after 38',
      '1970-01-01T00:00:01.000 10.0.0.5 www.example.com AAAA: rcode 0 ttl null after 1',
      '1970-01-01T00:00:02.000 10.0.0.6 missing.example.net A: rcode 3 ttl null after 2',
      '1970-01-01T00:00:03.000 fd00::7 www.example.com HTTPS: unanswered',
    ],
    problems: [10, 11],
  },
  {
    file: 'zeek.log',
    format: 'zeek',
    queries: [
      `${T}0.000 10.0.0.5 www.example.com A: rcode 0 ttl 60 after 20`,
      `${T}0.500 10.0.0.5 www.example.com AAAA: rcode 0 nodata ttl null after 10`,
      `${T}1.000 10.0.0.6 missing.example.net A: rcode 3 ttl null after 0`,
      `${T}2.000 fd00::7 a\\032b.example.org TXT: unanswered`,
    ],
    problems: [14, 15],
  },
  {
    file: 'zeek.json',
    format: 'zeek-json',
    queries: [
      `${T}0.000 10.0.0.5 www.example.com A: rcode 0 ttl 60 after 20`,
      `${T}0.500 10.0.0.5 www.example.com AAAA: rcode 0 nodata ttl null after 0`,
      `${T}1.000 10.0.0.6 missing.example.net A: rcode 3 ttl null after 0`,
      `${T}2.000 fd00::7 a\\032b.example.org TXT: unanswered`,
    ],
    problems: [6, 7, 8],
  },
];

describe('query logs', () => {
  test.each(EXPECTED)('$file: queries are read, bad lines are told by number', ({ file, format, queries, problems }) => {
    const octets = fixture(file);
    expect(sniff(octets)).toBe(format);
    const read = readOctets(octets);
    expect(read.queries.map(inShort)).toEqual(queries);
    expect(read.problems.map(({ at }) => at)).toEqual(problems);
  });

  test('lines end in CRLF as well, and the last line needs no end', () => {
    const text = fixture('kennel.jsonl').toString('utf8').trimEnd();
    const lines = text.split('\n').slice(0, 5);
    expect(readOctets(Buffer.from(lines.join('\r\n'))).queries.map(inShort)).toEqual(EXPECTED[0]?.queries);
  });

  test('a line without end is told and held in bounded memory, and reading goes on behind it', () => {
    const good = fixture('kennel.jsonl').toString('utf8').split('\n')[0] ?? '';
    const read = readOctets(Buffer.from(`${good}\n{"qname":"${'x'.repeat(3 * 1024 * 1024)}\n${good}\n`));
    expect(read.queries).toHaveLength(2);
    expect(read.problems).toEqual([{ at: 2, what: 'the line is longer than a mebibyte' }]);
  });

  test('a dnsmasq log that goes over New Year goes on in the next year', () => {
    const line = (when: string, name: string) => `${when} dnsmasq[1]: query[A] ${name}.example.com from 10.0.0.5\n`;
    const read = readOctets(Buffer.from(line('Dec 31 23:59:59', 'old') + line('Jan  1 00:00:01', 'new')));
    expect(read.queries.map(({ atMs }) => new Date(atMs).toISOString())).toEqual(['2025-12-31T23:59:59.000Z', '2026-01-01T00:00:01.000Z']);
  });

  test('CoreDNS lines that a container runtime stamped keep those times', () => {
    const line = '2026-01-06T12:00:00.25Z stdout F [INFO] 10.0.0.5:1 - 2 "A IN www.example.com. udp 41 false 512" NOERROR qr 68 0.001s\n';
    expect(readOctets(Buffer.from(line)).queries.map(inShort)).toEqual([`${T}0.250 10.0.0.5 www.example.com A: rcode 0 ttl null after 1`]);
  });

  test('what is none of the formats is told so', () => {
    expect(sniff(Buffer.from('hello\nworld\n'))).toBeNull();
    expect(sniff(Buffer.from('{"some":"json"}\n'))).toBeNull();
    expect(sniff(new Uint8Array(0))).toBeNull();
  });
});
