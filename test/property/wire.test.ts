/** Properties of the wire code over arbitrary octets, and agreement with dns-packet where that reads the same thing. */
import * as dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressToOctets, octetsToAddress } from '../../src/wire/address.ts';
import {
  fromLabels,
  fromPresentation,
  isAtOrBelow,
  labelsOf,
  parentName,
  type QName,
  ROOT,
  readCompressedName,
  readQuestionName,
  toOctets,
  toPresentation,
} from '../../src/wire/name.ts';
import { decodeQuery, type Query } from '../../src/wire/query-decode.ts';
import { encodeUpstreamQuery } from '../../src/wire/query-encode.ts';
import { addressesOf, soaMinimumSeconds, soaRecord, targetName, txtRecord } from '../../src/wire/rdata.ts';
import type { ResourceRecord } from '../../src/wire/record.ts';
import { encodeResponse, type ResponseContent, udpLimit } from '../../src/wire/response.ts';
import { parseResponse } from '../../src/wire/response-parse.ts';
import { header, message, name, opt, pointer, QUESTION_NAME, question, ROOT_LABEL, record, uint16 } from '../packet-parts.ts';

const octet = fc.integer({ min: 0, max: 255 });

/** An octet string: one char per octet. */
const label = fc.array(octet, { minLength: 1, maxLength: 63 }).map((octets) => String.fromCharCode(...octets));
const labelList = fc.array(label, { maxLength: 8 }).filter((labels) => labels.reduce((sum, text) => sum + 1 + text.length, 1) <= 255);
const qname = labelList.map((labels) => fromLabels(labels) ?? ROOT);

/** Names that share suffixes, so that compression has something to do. */
const relatedName = fc
  .array(fc.constantFrom('a', 'b', 'com', 'example', '\0', 'x.y'), { maxLength: 6 })
  .map((labels) => fromLabels(labels) ?? ROOT);

const ordinaryType = fc.constantFrom(1, 2, 5, 6, 12, 15, 16, 28, 33, 64, 65, 255, 65_280);

function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function queryFor(packet: Uint8Array): Query {
  const result = decodeQuery(packet);
  if (result.kind !== 'query') throw new Error(`${result.kind}: ${result.reason}`);
  return result.query;
}

describe('a name', () => {
  test('survives labels, presentation form and wire form, letter case aside', () => {
    fc.assert(
      fc.property(labelList, (labels) => {
        const canonical = fromLabels(labels);
        if (canonical === null) throw new Error('labels within the limits make a name');
        expect(labelsOf(canonical)).toEqual(labels.map(lowerCase));
        expect(fromPresentation(toPresentation(canonical))).toBe(canonical);
        expect(readQuestionName(name(...labels), 0)).toEqual({ name: canonical, end: canonical.length });
        expect(readQuestionName(toOctets(canonical), 0)?.name).toBe(canonical);
      }),
    );
  });

  test('is shown in printable ASCII alone', () => {
    fc.assert(
      fc.property(qname, (canonical) => {
        expect(toPresentation(canonical)).toMatch(/^[!-~]+$/);
      }),
    );
  });

  test('lies below exactly the names that are the endings of its label list', () => {
    fc.assert(
      fc.property(relatedName, relatedName, (below, above) => {
        const ending = labelsOf(below).slice(labelsOf(below).length - labelsOf(above).length);
        const expected = labelsOf(above).length <= labelsOf(below).length && ending.join('\n') === labelsOf(above).join('\n');
        expect(isAtOrBelow(below, above)).toBe(expected);
      }),
    );
  });

  test('reaches the root through its parents', () => {
    fc.assert(
      fc.property(qname, (canonical) => {
        let steps = 0;
        for (let at: QName | null = canonical; at !== null && at !== ROOT; at = parentName(at)) steps++;
        expect(steps).toBe(labelsOf(canonical).length);
      }),
    );
  });

  test('read from arbitrary octets is null or within all limits', () => {
    // Octets that are often small lengths and pointers get further than random ones.
    const hostile = fc
      .uint8Array({ maxLength: 400 })
      .map((octets) => octets.map((value) => (value % 3 === 0 ? 0xc0 | (value & 1) : value % 80)));
    fc.assert(
      fc.property(hostile, fc.nat(400), (packet, offset) => {
        for (const read of [readQuestionName(packet, offset), readCompressedName(packet, offset)]) {
          if (read === null) continue;
          expect(read.end).toBeLessThanOrEqual(packet.length);
          expect(fromLabels(labelsOf(read.name))).toBe(read.name);
        }
      }),
    );
  });

  test('read from presentation form is null or shown in a form that reads the same', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('a', 'Z', '.', '\\', '0', '2', '5', ' ', '\u00e9') })),
        (text) => {
          const read = fromPresentation(text);
          if (read !== null) expect(fromPresentation(toPresentation(read))).toBe(read);
        },
      ),
    );
  });
});

describe('an address', () => {
  test('survives the way to text and back', () => {
    const octets = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map((a) => Uint8Array.from(a)),
    );
    fc.assert(
      fc.property(octets, (address) => {
        expect(addressToOctets(octetsToAddress(address))).toEqual(address);
      }),
    );
  });
});

/** Arbitrary octets with a header that lets them get further than the first check. */
const hostileQuery = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc
    .tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(0, 1, 2), fc.uint8Array({ maxLength: 300 }))
    .map(([questions, additional, rest]) => message(header({ questions, additional }), rest)),
  fc
    .tuple(labelList, octet, octet, fc.uint8Array({ maxLength: 40 }))
    .map(([labels, qtype, qclass, rest]) =>
      message(header({ additional: rest.length > 0 ? 1 : 0 }), question(name(...labels), qtype, qclass % 3), rest),
    ),
  fc
    .tuple(labelList, fc.uint8Array({ maxLength: 40 }))
    .map(([labels, options]) => message(header({ additional: 1 }), question(name(...labels)), opt({ options }))),
);

describe('decodeQuery', () => {
  test('never throws, never answers a response and never replies with more than was asked', () => {
    fc.assert(
      fc.property(hostileQuery, (packet) => {
        const result = decodeQuery(packet);
        if (packet.length < 12 || ((packet[2] ?? 0) & 0x80) !== 0) expect(result.kind).toBe('drop');
        if (result.kind !== 'error') return;
        expect(result.reply.length).toBeLessThanOrEqual(packet.length);
        expect(result.reply.subarray(0, 2)).toEqual(packet.subarray(0, 2));
        expect((result.reply[2] ?? 0) & 0xf9).toBe(0x80 | ((packet[2] ?? 0) & 0x79));
        expect(decodeQuery(result.reply).kind).toBe('drop');
      }),
      { numRuns: 1000 },
    );
  });

  test('reads a well-formed query back from its own canonical form unchanged', () => {
    fc.assert(
      fc.property(fc.nat(65_535), labelList, ordinaryType, fc.boolean(), (id, labels, qtype, dnssecOk) => {
        const parts = [header({ id, additional: 1 }), question(name(...labels), qtype), opt({ flags: dnssecOk ? 0x8000 : 0 })];
        const query = queryFor(message(...parts));
        const again = queryFor(encodeUpstreamQuery(id, query.question.qname, query.question.qtype));
        expect(again.question.qname).toBe(query.question.qname);
        expect(again.question.qtype).toBe(qtype);
        expect(again.id).toBe(id);
        expect(queryFor(encodeUpstreamQuery(id, again.question.qname, qtype))).toEqual(again);
      }),
    );
  });

  test('agrees with dns-packet on what dns-packet writes', () => {
    const hostLabel = fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom(...'abcXYZ019-_') });
    const host = fc.array(hostLabel, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
    fc.assert(
      fc.property(
        host,
        fc.nat(65_535),
        fc.constantFrom('A', 'AAAA', 'TXT', 'MX', 'NS', 'PTR', 'SRV', 'SOA', 'CNAME'),
        fc.boolean(),
        (text, id, type, edns) => {
          const additionals = [{ type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] }] as unknown as dnsPacket.Answer[];
          const packet = dnsPacket.encode({
            type: 'query',
            id,
            flags: dnsPacket.RECURSION_DESIRED,
            questions: [{ type, name: text }],
            ...(edns ? { additionals } : {}),
          });
          const query = queryFor(packet);
          expect(toPresentation(query.question.qname)).toBe(text.toLowerCase());
          expect(query).toMatchObject({ id, recursionDesired: true, edns: edns ? { udpPayloadSize: 4096, dnssecOk: false } : null });
        },
      ),
    );
  });
});

const ttlSeconds = fc.nat(0x7fff_ffff);

/** Records of types that dns-packet reads as well, with RDATA in wire form. */
const anyRecord: fc.Arbitrary<ResourceRecord> = fc.oneof(
  fc
    .tuple(relatedName, ttlSeconds, fc.uint8Array({ minLength: 4, maxLength: 4 }))
    .map(([owner, ttl, rdata]) => ({ owner, type: 1, class: 1, ttlSeconds: ttl, rdata })),
  fc
    .tuple(relatedName, ttlSeconds, relatedName)
    .map(([owner, ttl, target]) => ({ owner, type: 2, class: 1, ttlSeconds: ttl, rdata: toOctets(target) })),
  fc
    .tuple(relatedName, ttlSeconds, fc.array(fc.string({ maxLength: 300 }), { maxLength: 3 }))
    .map(([owner, ttl, texts]) => txtRecord(owner, texts, ttl)),
  fc.tuple(relatedName, ttlSeconds, fc.nat(1000)).map(([owner, ttl, minimum]) => soaRecord(owner, ttl, minimum)),
  fc
    .tuple(relatedName, ttlSeconds, fc.uint8Array({ maxLength: 300 }))
    .map(([owner, ttl, rdata]) => ({ owner, type: 65_280, class: 1, ttlSeconds: ttl, rdata })),
);

const anyContent: fc.Arbitrary<ResponseContent> = fc.record({
  rcode: fc.nat(23),
  answers: fc.array(anyRecord, { maxLength: 30 }),
  authority: fc.array(anyRecord, { maxLength: 5 }),
  authenticData: fc.boolean(),
  extendedErrors: fc.array(fc.record({ code: fc.nat(65_535), text: fc.string({ maxLength: 400 }) }), { maxLength: 3 }),
});

const anyQuery = fc
  .tuple(fc.nat(65_535), fc.array(fc.constantFrom('a', 'B', 'com', 'EXAMPLE'), { maxLength: 6 }), fc.option(fc.nat(65_535)), fc.boolean())
  .map(([id, labels, size, dnssecOk]) => {
    const edns = size === null ? [] : [opt({ size, flags: dnssecOk ? 0x8000 : 0 })];
    return queryFor(message(header({ id, additional: edns.length }), question(name(...labels)), ...edns));
  });

describe('encodeResponse', () => {
  test('keeps to the limit, echoes the question exactly and is read by dns-packet with the records it counts', () => {
    fc.assert(
      fc.property(anyQuery, anyContent, fc.boolean(), (query, content, tcp) => {
        const limit = tcp ? 65_535 : udpLimit(query);
        const response = encodeResponse(query, content, limit);
        expect(response.length).toBeLessThanOrEqual(limit);
        expect(response.subarray(12, 12 + query.question.octets.length)).toEqual(query.question.octets);

        const read = dnsPacket.decode(Buffer.from(response));
        const sent = [...content.answers, ...content.authority];
        const kept = [...(read.answers ?? []), ...(read.authorities ?? [])];
        expect(read.id).toBe(query.id);
        expect(kept.map((record) => record.name.toLowerCase())).toEqual(
          sent.slice(0, kept.length).map(({ owner }) => dnsPacketName(owner)),
        );
        expect(kept.length < sent.length ? read.flag_tc : true).toBe(true);
        if (tcp) expect(read.flag_tc).toBe(false);
        expect(read.additionals).toHaveLength(query.edns === null ? 0 : 1);
      }),
    );
  });

  test('writes what parseResponse reads back as it was', () => {
    const addresses = fc.array(fc.uint8Array({ minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(anyQuery, addresses, ttlSeconds, (query, octets, ttl) => {
        const owner = query.question.qname;
        const answers = octets.map((rdata) => ({ owner, type: 1, class: 1, ttlSeconds: ttl, rdata }));
        const parsed = parseResponse(encodeResponse(query, { rcode: 0, answers, authority: [] }, 65_535), { qname: owner, qtype: 1 });
        expect(parsed).toEqual({
          kind: 'response',
          response: { id: query.id, truncated: false, authenticData: false, rcode: 0, cookie: null, answers, authority: [] },
        });
      }),
    );
  });
});

/** dns-packet's way to write a name: octets as UTF-8, dots inside labels lost. */
function dnsPacketName(owner: QName): string {
  const text = labelsOf(owner)
    .map((octets) => Buffer.from(octets, 'latin1').toString())
    .join('.');
  return text === '' ? '.' : text;
}

describe('parseResponse', () => {
  const asked = { qname: fromPresentation('www.example.com') ?? ROOT, qtype: 1 };
  const www = name('www', 'example', 'com');
  /** Few names, so that records meet in chains, loops and zones. */
  const someName = fc.constantFrom(
    pointer(QUESTION_NAME),
    www,
    name('WWW', 'example', 'com'),
    name('example', 'com'),
    name('a', 'test'),
    name('b', 'test'),
    name('test'),
  );
  const plainName = someName.filter((octets) => octets.length > 2);
  const covered = fc.constantFrom(1, 5, 6, 39, 47);

  const rdataOf = (type: number, rdata: fc.Arbitrary<Uint8Array>) => rdata.map((octets): [number, Uint8Array] => [type, octets]);
  const typeAndRdata = fc.oneof(
    rdataOf(1, fc.uint8Array({ minLength: 4, maxLength: 4 })),
    rdataOf(5, someName),
    rdataOf(39, someName),
    rdataOf(
      6,
      someName.map((mname) => message(mname, ROOT_LABEL, new Uint8Array(20))),
    ),
    rdataOf(
      46,
      fc.tuple(covered, plainName).map(([type, signer]) => message(uint16(type), new Uint8Array(16), signer)),
    ),
    rdataOf(47, plainName),
    rdataOf(65_280, fc.uint8Array({ maxLength: 12 })),
  );
  const lie = fc.oneof({ weight: 80, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1, 300) });
  const anyWireRecord = fc
    .tuple(someName, typeAndRdata, lie)
    .map(([owner, [type, rdata], surplus]) => record(owner, type, rdata, { rdlength: Math.max(0, rdata.length + surplus) }));
  const section = fc.array(anyWireRecord, { maxLength: 7 });
  const anyResponse = fc
    .tuple(section, section, lie, fc.constantFrom(0x8180, 0x8183))
    .map(([answers, authority, surplus, flags]) =>
      message(
        header({ flags, answers: answers.length, authority: authority.length + Math.max(0, surplus) }),
        question(www),
        ...answers,
        ...authority,
      ),
    );

  test('never throws, keeps only the alias chain, and what it keeps can be looked into and sent', () => {
    const query = queryFor(encodeUpstreamQuery(1, asked.qname, asked.qtype));
    let chains = 0;
    fc.assert(
      fc.property(anyResponse, (packet) => {
        const reading = parseResponse(packet, asked);
        if (reading.kind !== 'response') return;
        const { answers, authority } = reading.response;
        if (answers.length > 1) chains++;
        const targets = new Set([asked.qname, ...answers.filter(({ type }) => type === 5).map(targetName)]);
        for (const { owner, type } of answers) expect(targets.has(owner) || isDnameOrItsSignature(type)).toBe(true);
        for (const kept of [...answers, ...authority]) {
          addressesOf(kept);
          soaMinimumSeconds(kept);
        }
        const again = parseResponse(encodeResponse(query, reading.response, 65_535), asked);
        expect(again).toMatchObject({ kind: 'response', response: { answers, authority } });
      }),
      { numRuns: 2000 },
    );
    expect(chains).toBeGreaterThan(20);
  });
});

function isDnameOrItsSignature(type: number): boolean {
  return type === 39 || type === 46;
}
