/** Captures: every file form and link layer, UDP and TCP, answers matched, and files that lie. */
import { describe, expect, test } from 'vitest';
import { back, FRAMES, framed, type Packet, pcap, pcapng, query, type Route, response, TO_SERVER, tcp, udp } from './capture-parts.ts';
import { inShort, readOctets } from './read-octets.ts';

const AT_MS = Date.UTC(2026, 0, 6, 12);
const T = '2026-01-06T12:00:0';

const V6: Route = { from: 'fd00::7', to: 'fd00::53', fromPort: 40_001, toPort: 53 };

/** A query answered after 20 ms, one that does not exist, one over IPv6 without an answer. */
function conversation(wrap: (packet: Buffer) => Buffer = (packet) => packet): Packet[] {
  const at = (ms: number, packet: Buffer): Packet => ({ atMs: AT_MS + ms, frame: wrap(packet) });
  return [
    at(0, udp(TO_SERVER, query(1, 'www.example.com'))),
    at(20, udp(back(TO_SERVER), response(1, 'www.example.com', { ttl: 90 }))),
    at(100, udp(TO_SERVER, query(2, 'missing.example.com'))),
    at(150, udp(V6, query(3, 'www.example.org', 'AAAA'))),
    at(160, udp(back(TO_SERVER), response(2, 'missing.example.com', { rcode: 3, minimum: 45 }))),
  ];
}

const CONVERSATION = [
  `${T}0.000 10.0.0.5 www.example.com A: rcode 0 ttl 90 after 20`,
  `${T}0.100 10.0.0.5 missing.example.com A: rcode 3 ttl 45 after 60`,
  `${T}0.150 fd00::7 www.example.org AAAA: unanswered`,
];

describe('capture files', () => {
  test.each(Object.entries(FRAMES))('link layer %s', (_name, { linkType, wrap }) => {
    const read = readOctets(pcap(conversation(wrap), linkType));
    expect(read.queries.map(inShort)).toEqual(CONVERSATION);
    expect(read.problems).toEqual([]);
    expect(readOctets(pcapng(conversation(wrap), linkType)).queries.map(inShort)).toEqual(CONVERSATION);
  });

  test.each([
    { little: true, nanoseconds: true },
    { little: false, nanoseconds: true },
    { little: false, nanoseconds: false },
  ])('pcap $little $nanoseconds', (form) => {
    expect(readOctets(pcap(conversation(), 101, form)).queries.map(inShort)).toEqual(CONVERSATION);
  });

  test.each([
    { little: false, resolution: null },
    { little: true, resolution: 9 },
    { little: false, resolution: 0x80 | 20 },
  ])('pcapng $little $resolution', (form) => {
    expect(readOctets(pcapng(conversation(), 101, form)).queries.map(inShort)).toEqual(CONVERSATION);
  });

  test('sections with another byte order may follow each other', () => {
    const later = conversation().map(({ atMs, frame }) => ({ atMs: atMs + 9_000, frame }));
    const octets = Buffer.concat([pcapng(conversation(), 101), pcapng(later, 101, { little: false, resolution: 9 })]);
    expect(readOctets(octets).queries).toHaveLength(6);
  });

  test('a record that claims more than there can be ends the file and is told', () => {
    const octets = pcap(conversation());
    octets.writeUInt32LE(0x7fffffff, 24 + 8);
    const read = readOctets(octets);
    expect(read.queries).toEqual([]);
    expect(read.problems).toEqual([{ at: 1, what: 'the record claims more than a mebibyte; the rest of the file is not read' }]);
  });

  test('a file that was cut is read up to there', () => {
    const octets = pcap(conversation());
    const read = readOctets(octets.subarray(0, octets.length - 10));
    expect(read.queries.map(inShort).slice(0, 1)).toEqual(CONVERSATION.slice(0, 1));
    expect(read.queries).toHaveLength(3);
    expect(read.problems).toEqual([{ at: 5, what: 'the file ends within a record' }]);
  });

  test('a pcapng block without length does not stop the reader for ever', () => {
    const octets = Buffer.concat([pcapng(conversation()), Buffer.alloc(64)]);
    const read = readOctets(octets);
    expect(read.queries).toHaveLength(3);
    expect(read.problems[0]?.what).toContain('impossible length');
  });
});

describe('DNS in captures', () => {
  const read = (...packets: Packet[]) => readOctets(pcap(packets));
  const at = (ms: number, frame: Buffer): Packet => ({ atMs: AT_MS + ms, frame });

  test('a response matches by addresses, ports, ID and question together', () => {
    const other = { ...TO_SERVER, fromPort: 40_009 };
    const answers = read(
      at(0, udp(TO_SERVER, query(7, 'www.example.com'))),
      at(1, udp(back(other), response(7, 'www.example.com', { ttl: 90 }))),
      at(2, udp(back(TO_SERVER), response(8, 'www.example.com', { ttl: 90 }))),
      at(3, udp(back(TO_SERVER), response(7, 'mail.example.com', { ttl: 90 }))),
    );
    expect(answers.queries.map(({ response: answer }) => answer)).toEqual([null]);
    expect(answers.leftOut).toEqual({ 'responses without a query': 3 });
  });

  test('a query that was sent again gets the same answer, and order is kept', () => {
    const { queries } = read(
      at(0, udp(TO_SERVER, query(7, 'www.example.com'))),
      at(1000, udp(TO_SERVER, query(7, 'www.example.com'))),
      at(1200, udp(back(TO_SERVER), response(7, 'www.example.com', { ttl: 90 }))),
    );
    expect(queries.map((one) => one.response?.delayMs)).toEqual([1200, 200]);
  });

  test('an answer after five seconds is none', () => {
    const { queries } = read(
      at(0, udp(TO_SERVER, query(7, 'www.example.com'))),
      at(5001, udp(V6, query(8, 'www.example.org'))),
      at(5002, udp(back(TO_SERVER), response(7, 'www.example.com', { ttl: 90 }))),
    );
    expect(queries.map((one) => one.response)).toEqual([null, null]);
  });

  test('other ports are DNS where they are named', () => {
    const packets = [at(0, udp({ ...TO_SERVER, toPort: 5353 }, query(7, 'www.example.com')))];
    expect(read(...packets).queries).toEqual([]);
    expect(readOctets(pcap(packets), { ports: [53, 5353] }).queries).toHaveLength(1);
  });

  test('fragments are left out and counted', () => {
    const frame = udp(TO_SERVER, query(7, 'www.example.com'));
    frame[6] = 0x20;
    expect(read(at(0, frame))).toMatchObject({ queries: [], leftOut: { 'IP fragments': 1 } });
  });

  test('messages over TCP are put together from segments in order', () => {
    const message = framed(query(7, 'www.example.com'));
    const two = framed(query(8, 'mail.example.com'));
    const { queries } = read(
      at(0, tcp(TO_SERVER, 999, Buffer.alloc(0), 0x02)),
      at(1, tcp(TO_SERVER, 1000, message.subarray(0, 1))),
      at(2, tcp(TO_SERVER, 1001, message.subarray(1, 20))),
      at(2, tcp(TO_SERVER, 1001, message.subarray(1, 20))),
      at(3, tcp(TO_SERVER, 1010, Buffer.concat([message.subarray(10), two]))),
      at(9, tcp(back(TO_SERVER), 5000, framed(response(8, 'mail.example.com', { ttl: 61 })))),
    );
    expect(queries.map(inShort)).toEqual([
      `${T}0.003 10.0.0.5 www.example.com A: unanswered`,
      `${T}0.003 10.0.0.5 mail.example.com A: rcode 0 ttl 61 after 6`,
    ]);
  });

  test('sequence numbers may pass zero', () => {
    const message = framed(query(7, 'www.example.com'));
    const start = 2 ** 32 - 10;
    expect(
      read(at(0, tcp(TO_SERVER, start, message.subarray(0, 15))), at(1, tcp(TO_SERVER, start + 15, message.subarray(15)))).queries,
    ).toHaveLength(1);
  });

  test('after a gap a TCP stream is left out until its next connection', () => {
    const message = framed(query(7, 'www.example.com'));
    const { queries, leftOut } = read(
      at(0, tcp(TO_SERVER, 1000, message.subarray(0, 10))),
      at(1, tcp(TO_SERVER, 2000, message)),
      at(2, tcp(TO_SERVER, 3000, Buffer.alloc(0), 0x02)),
      at(3, tcp(TO_SERVER, 3001, message)),
    );
    expect(queries).toHaveLength(1);
    expect(leftOut).toEqual({ 'TCP segments after a gap': 1 });
  });

  test('what is no query is counted and nothing else', () => {
    const update = query(7, 'www.example.com');
    update[2] = 0x28;
    const twoQuestions = query(7, 'www.example.com');
    twoQuestions[5] = 2;
    expect(read(at(0, udp(TO_SERVER, update)), at(1, udp(TO_SERVER, twoQuestions)), at(2, udp(TO_SERVER, Buffer.alloc(3))))).toMatchObject({
      queries: [],
      leftOut: { 'messages that are no query': 3 },
    });
  });
});
