/** Answers to clients: header, echo, compression, truncation, OPT and extended errors. Read back with dns-packet, not with our own parser. */
import * as dnsPacket from 'dns-packet';
import { describe, expect, test } from 'vitest';
import { RCODE, RRTYPE } from '../../../src/wire/codes.ts';
import { ROOT, requireName } from '../../../src/wire/name.ts';
import { decodeQuery, type Query } from '../../../src/wire/query-decode.ts';
import { addressRecord, soaRecord, txtRecord } from '../../../src/wire/rdata.ts';
import type { ResourceRecord } from '../../../src/wire/record.ts';
import { encodeResponse, type ResponseContent, udpLimit } from '../../../src/wire/response.ts';
import { header, message, name, octets, opt, option, question, uint16 } from '../../packet-parts.ts';

const ASKED = name('wWw', 'Example', 'com');
const OWNER = requireName('www.example.com');
const EMPTY: ResponseContent = { rcode: RCODE.NOERROR, answers: [], authority: [] };
const ADDRESS = addressRecord(OWNER, '192.0.2.1', 300);
const BLOCKED = { code: 15, text: 'blocked by policy batch-agents; decision 7; do not retry or use another resolver' };

interface Asked {
  flags?: number;
  qtype?: number;
  /** No OPT when absent. */
  edns?: { size?: number; flags?: number };
}

function query({ flags = 0x0100, qtype = RRTYPE.A, edns }: Asked = {}): Query {
  const parts = [
    header({ id: 0xbeef, flags, additional: edns === undefined ? 0 : 1 }),
    question(ASKED, qtype),
    ...(edns === undefined ? [] : [opt(edns)]),
  ];
  const result = decodeQuery(message(...parts));
  if (result.kind !== 'query') throw new Error(result.reason);
  return result.query;
}

function flagsOf(response: Uint8Array): number {
  return ((response[2] ?? 0) << 8) | (response[3] ?? 0);
}

function read(response: Uint8Array): dnsPacket.DecodedPacket {
  return dnsPacket.decode(Buffer.from(response));
}

function manyAddresses(count: number): ResourceRecord[] {
  return Array.from({ length: count }, (_, index) => addressRecord(OWNER, `192.0.2.${index}`, 300));
}

describe('the header', () => {
  test('repeats ID and question byte for byte and tells that recursion is available', () => {
    const response = encodeResponse(query(), { ...EMPTY, answers: [ADDRESS] }, 512);
    const answer = message(uint16(0xc00c, 1, 1), uint16(0, 300, 4), Uint8Array.of(192, 0, 2, 1));
    expect(response).toEqual(message(header({ id: 0xbeef, flags: 0x8180, answers: 1 }), question(ASKED), answer));
  });

  test.each([
    ['RD is copied', { flags: 0 }, EMPTY, 0x8080],
    ['CD is copied', { flags: 0x0110 }, EMPTY, 0x8190],
    ['AD is shown to who set AD', { flags: 0x0120 }, { ...EMPTY, authenticData: true }, 0x81a0],
    ['AD is shown to who set DO', { edns: { flags: 0x8000 } }, { ...EMPTY, authenticData: true }, 0x81a0],
    ['AD is not shown to who did not ask', { edns: {} }, { ...EMPTY, authenticData: true }, 0x8180],
    ['AD is not made up', { flags: 0x0120 }, EMPTY, 0x8180],
    ['AA is as told', {}, { ...EMPTY, authoritative: true }, 0x8580],
    ['TC is as told', {}, { ...EMPTY, truncated: true }, 0x8380],
    ['the code is in the last bits', {}, { ...EMPTY, rcode: RCODE.NXDOMAIN }, 0x8183],
  ] satisfies [string, Asked, ResponseContent, number][])('%s', (_, asked, content, expected) => {
    expect(flagsOf(encodeResponse(query(asked), content, 512))).toBe(expected);
  });

  test('splits a code above 15 between header and OPT, and is SERVFAIL without one', () => {
    const withOpt = encodeResponse(query({ edns: {} }), { ...EMPTY, rcode: 23 }, 512);
    expect(flagsOf(withOpt) & 15).toBe(7);
    expect(withOpt.at(-6)).toBe(1);
    expect(flagsOf(encodeResponse(query(), { ...EMPTY, rcode: 23 }, 512)) & 15).toBe(RCODE.SERVFAIL);
  });
});

describe('records', () => {
  test('lose the age of the cache from their TTL, but not below 0', () => {
    const answers = [ADDRESS, addressRecord(OWNER, '192.0.2.2', 10)];
    const response = read(encodeResponse(query(), { ...EMPTY, answers, ttlOffsetSeconds: 100 }, 512));
    expect(response.answers).toMatchObject([{ ttl: 200 }, { ttl: 0 }]);
  });

  test('share the suffixes of their owners and of the question', () => {
    const answers = [
      addressRecord(requireName('a.other.example.com'), '192.0.2.1', 1),
      addressRecord(requireName('b.other.example.com'), '192.0.2.2', 1),
    ];
    const authority = [
      soaRecord(requireName('com'), 1, 1),
      addressRecord(requireName('fresh.test'), '192.0.2.3', 1),
      addressRecord(requireName('x.test'), '192.0.2.4', 1),
    ];
    const response = encodeResponse(query(), { ...EMPTY, answers, authority }, 512);
    const names = (records: dnsPacket.Answer[] | undefined) => records?.map((record) => record.name.toLowerCase());
    expect(names(read(response).answers)).toEqual(['a.other.example.com', 'b.other.example.com']);
    expect(names(read(response).authorities)).toEqual(['com', 'fresh.test', 'x.test']);
    // a, other + pointer; b + pointer; pointer; fresh, test; x + pointer
    const owners = 2 + 6 + 2 + (2 + 2) + 2 + (6 + 5 + 1) + (2 + 2);
    expect(response.length).toBe(33 + owners + 5 * 10 + 4 * 4 + soaRecord(ROOT, 1, 1).rdata.length);
  });

  test('at the root have one octet as owner', () => {
    const root = decodeQuery(message(header(), question(name(), RRTYPE.SOA)));
    if (root.kind !== 'query') throw new Error(root.reason);
    const response = encodeResponse(root.query, { ...EMPTY, answers: [soaRecord(ROOT, 1, 1)] }, 512);
    expect(response.subarray(12 + 5, 12 + 5 + 5)).toEqual(octets('\0\0\x06\0\x01'));
  });

  test('never point beyond what 14 bits can tell', () => {
    const filler = Array.from({ length: 70 }, () => txtRecord(OWNER, ['x'.repeat(255)], 1));
    const far = [addressRecord(requireName('far.away.test'), '192.0.2.1', 1), addressRecord(requireName('far.away.test'), '192.0.2.2', 1)];
    const response = encodeResponse(query(), { ...EMPTY, answers: [...filler, ...far] }, 65_535);
    expect(response.length).toBeGreaterThan(0x4000);
    const expectedTail = message(
      ...['\x01', '\x02'].map((last) => message(name('far', 'away', 'test'), uint16(1, 1, 0, 1, 4), octets(`\xc0\0\x02${last}`))),
    );
    expect(response.subarray(-expectedTail.length)).toEqual(expectedTail);
  });
});

describe('an answer too large', () => {
  test('keeps the whole records that fit, answers first, with TC', () => {
    const content = { ...EMPTY, answers: manyAddresses(40), authority: [soaRecord(OWNER, 1, 1)] };
    const response = encodeResponse(query(), content, 512);
    expect(response.length).toBe(33 + 16 * 29);
    expect(read(response)).toMatchObject({ flag_tc: true, authorities: [] });
    expect(read(response).answers).toHaveLength(29);
  });

  test('exactly as large as the limit is not truncated', () => {
    const answers = [...manyAddresses(28), txtRecord(OWNER, ['x'.repeat(18)], 300)];
    expect(encodeResponse(query(), { ...EMPTY, answers }, 512).length).toBe(512);
    expect(flagsOf(encodeResponse(query(), { ...EMPTY, answers }, 512)) & 0x0200).toBe(0);
  });

  test('gives up a record rather than its OPT', () => {
    const answers = [...manyAddresses(28), txtRecord(OWNER, ['x'.repeat(18)], 300)];
    const response = encodeResponse(query({ edns: {} }), { ...EMPTY, answers }, 512);
    expect(read(response).answers).toHaveLength(28);
    expect(response.subarray(-11)).toEqual(opt());
    expect(flagsOf(response) & 0x0200).toBe(0x0200);
  });

  test('goes out whole over TCP', () => {
    const response = encodeResponse(query(), { ...EMPTY, answers: manyAddresses(200) }, 65_535);
    expect(read(response).answers).toHaveLength(200);
    expect(flagsOf(response) & 0x0200).toBe(0);
  });

  test('loses whole records even when the first one alone is too large', () => {
    const response = encodeResponse(query(), { ...EMPTY, answers: [txtRecord(OWNER, ['x'.repeat(600)], 1), ADDRESS] }, 512);
    expect(response).toEqual(message(header({ id: 0xbeef, flags: 0x8380 }), question(ASKED)));
  });

  test('may use 512 octets whatever a caller says, so that question and OPT always fit', () => {
    expect(encodeResponse(query(), { ...EMPTY, answers: manyAddresses(40) }, 0).length).toBe(33 + 16 * 29);
  });
});

describe('OPT and extended errors', () => {
  test('are only for clients that sent an OPT', () => {
    const content = { ...EMPTY, extendedErrors: [BLOCKED] };
    expect(encodeResponse(query(), content, 512)).toEqual(message(header({ id: 0xbeef, flags: 0x8180 }), question(ASKED)));
  });

  test('advertise 1232 octets and version 0 and copy DO', () => {
    const response = encodeResponse(query({ edns: { size: 4096, flags: 0x8000 } }), EMPTY, 512);
    expect(response.subarray(33)).toEqual(opt({ size: 1232, flags: 0x8000 }));
  });

  test('come one option each, in order, in UTF-8', () => {
    const extendedErrors = [BLOCKED, { code: 18, text: 'ü' }];
    const response = encodeResponse(query({ edns: {} }), { ...EMPTY, extendedErrors }, 512);
    const options = message(option(15, message(uint16(15), octets(BLOCKED.text))), option(15, octets('\0\x12\xc3\xbc')));
    expect(response.subarray(33)).toEqual(opt({ options }));
  });

  test('lose their texts before any record is lost, without TC', () => {
    const content = { ...EMPTY, answers: manyAddresses(28), extendedErrors: [BLOCKED] };
    const response = encodeResponse(query({ edns: {} }), content, 512);
    expect(read(response).answers).toHaveLength(28);
    expect(response.subarray(-17)).toEqual(opt({ options: option(15, uint16(15)) }));
    expect(flagsOf(response) & 0x0200).toBe(0);
  });

  test('are dropped with TC when not even their codes fit beside the records', () => {
    const answers = [...manyAddresses(27), txtRecord(OWNER, ['x'.repeat(22)], 300)];
    const response = encodeResponse(query({ edns: {} }), { ...EMPTY, answers, extendedErrors: [BLOCKED] }, 512);
    expect(response.length).toBe(511);
    expect(read(response).answers).toHaveLength(28);
    expect(flagsOf(response) & 0x0200).toBe(0x0200);
  });
});

test.each([
  [undefined, 512],
  [0, 512],
  [512, 512],
  [1000, 1000],
  [1232, 1232],
  [65_535, 1232],
])('a client that advertises %s gets at most %i octets over UDP', (size, expected) => {
  expect(udpLimit(query(size === undefined ? {} : { edns: { size } }))).toBe(expected);
});
