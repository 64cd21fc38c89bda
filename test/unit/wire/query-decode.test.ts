/** What a client's query is read as, and which errors are told how. Malformed packets are in malformed-packets.test.ts. */
import { describe, expect, test } from 'vitest';
import { RCODE, RRTYPE } from '../../../src/wire/codes.ts';
import { fromPresentation } from '../../../src/wire/name.ts';
import { decodeQuery, type Query } from '../../../src/wire/query-decode.ts';
import { header, message, name, octets, opt, option, question } from '../../packet-parts.ts';

const EXAMPLE = name('wWw', 'ExamplE', 'com');

function decoded(packet: Uint8Array): Query {
  const result = decodeQuery(packet);
  if (result.kind !== 'query') throw new Error(`${result.kind}: ${result.reason}`);
  return result.query;
}

function errorReply(packet: Uint8Array): { rcode: number; reply: Uint8Array } {
  const result = decodeQuery(packet);
  if (result.kind !== 'error') throw new Error(`not an error but ${result.kind}`);
  return result;
}

describe('a plain query', () => {
  test('is read with its name in lower case and its question verbatim', () => {
    const query = decoded(message(header({ id: 0xbeef }), question(EXAMPLE, RRTYPE.AAAA)));
    expect(query).toEqual({
      id: 0xbeef,
      recursionDesired: true,
      checkingDisabled: false,
      authenticData: false,
      question: { qname: fromPresentation('www.example.com'), qtype: 28, qclass: 1, octets: question(EXAMPLE, 28) },
      edns: null,
    });
  });

  test('tells RD, AD and CD and ignores AA, RA, Z and a code', () => {
    const ask = question(EXAMPLE);
    expect(decoded(message(header({ flags: 0x0000 }), ask))).toMatchObject({ recursionDesired: false, authenticData: false });
    expect(decoded(message(header({ flags: 0x0030 }), ask))).toMatchObject({ checkingDisabled: true, authenticData: true });
    expect(decoded(message(header({ flags: 0x04cf }), ask))).toMatchObject({ recursionDesired: false, checkingDisabled: false });
  });

  test('keeps nothing of the packet, so that its buffer may be reused', () => {
    const packet = Buffer.from(message(header(), question(EXAMPLE)));
    const query = decoded(packet);
    packet.fill(0xff);
    expect(query.question.octets).toEqual(question(EXAMPLE));
    expect(query.question.qname).toBe(fromPresentation('www.example.com'));
  });

  test.each([
    ['a dot inside a label', 'a.b'],
    ['a NUL', '\0'],
    ['octets from 0x80 on', '\x80\xff'],
    ['63 octets', 'a'.repeat(63)],
  ])('may have a label with %s', (_, label) => {
    const query = decoded(message(header(), question(name(label, 'example'))));
    expect(query.question.qname).toBe(`${String.fromCharCode(label.length)}${label}\x07example\0`);
  });

  test('may ask for the root, for a name of 255 octets, for ANY and for an unknown type', () => {
    const longest = name('a'.repeat(63), 'a'.repeat(63), 'a'.repeat(63), 'a'.repeat(61));
    expect(decoded(message(header(), question(name(), RRTYPE.NS))).question.qname).toBe('\0');
    expect(decoded(message(header(), question(longest))).question.qname).toHaveLength(255);
    expect(decoded(message(header(), question(EXAMPLE, RRTYPE.ANY))).question.qtype).toBe(255);
    expect(decoded(message(header(), question(EXAMPLE, 65_280))).question.qtype).toBe(65_280);
  });
});

describe('EDNS', () => {
  test('tells payload size and DO', () => {
    const query = decoded(message(header({ additional: 1 }), question(EXAMPLE), opt({ size: 4096, flags: 0x8000 })));
    expect(query.edns).toEqual({ udpPayloadSize: 4096, dnssecOk: true, cookie: null, wantsKeepalive: false });
  });

  test('may carry any well-formed options, of which all but a cookie and a keepalive are forgotten', () => {
    const options = message(option(8, octets('\0\x01\x18\0\xc0\0\x02')), option(65_001, octets('')), option(11, octets('\0\x64')));
    const query = decoded(message(header({ additional: 1 }), question(EXAMPLE), opt({ options, flags: 0x7fff })));
    const edns = { udpPayloadSize: 1232, dnssecOk: false, cookie: null, wantsKeepalive: false };
    expect(query).toEqual({ ...decoded(message(header(), question(EXAMPLE))), edns });
  });

  const withOptions = (...options: Uint8Array[]) =>
    message(header({ additional: 1 }), question(EXAMPLE), opt({ options: message(...options) }));

  test('tells a client cookie, with a server cookie behind it or not, and the wish for a keepalive', () => {
    const client = octets('cookie!!');
    expect(decoded(withOptions(option(10, client))).edns?.cookie).toEqual({ client, server: null });
    const server = octets('0123456789abcdef');
    expect(decoded(withOptions(option(10, octets('cookie!!0123456789abcdef')))).edns?.cookie).toEqual({ client, server });
    expect(decoded(withOptions(option(11, octets('')))).edns?.wantsKeepalive).toBe(true);
  });

  test('with several cookies tells the first (RFC 7873 §5.2)', () => {
    const query = decoded(withOptions(option(10, octets('cookie 1')), option(10, octets('cookie 2'))));
    expect(query.edns?.cookie?.client).toEqual(octets('cookie 1'));
  });

  test.each([0, 1, 7, 9, 15, 41, 100])('with a cookie of %i octets is a format error (RFC 7873 §5.2.2)', (length) => {
    const { rcode } = errorReply(withOptions(option(10, octets('c'.repeat(length)))));
    expect(rcode).toBe(RCODE.FORMERR);
  });

  test('of another version is answered BADVERS, split over header and OPT', () => {
    const packet = message(header({ id: 7, additional: 1 }), question(EXAMPLE), opt({ version: 1, flags: 0x8000 }));
    const { rcode, reply } = errorReply(packet);
    expect(rcode).toBe(RCODE.BADVERS);
    expect(reply).toEqual(
      message(header({ id: 7, flags: 0x8180, additional: 1 }), question(EXAMPLE), opt({ extendedRcode: 1, flags: 0x8000 })),
    );
  });
});

describe('an error reply', () => {
  test('repeats ID, opcode, RD and CD alone and clears AD, Z and TC', () => {
    const { rcode, reply } = errorReply(message(header({ id: 0xfade, flags: 0x7f7f, questions: 0 })));
    expect(rcode).toBe(RCODE.NOTIMP);
    expect(reply).toEqual(header({ id: 0xfade, flags: 0xf994, questions: 0 }));
  });

  test('repeats the question as the client wrote it once it could be read', () => {
    const ask = question(EXAMPLE, RRTYPE.TXT, 3);
    const { reply } = errorReply(message(header({ id: 1 }), ask));
    expect(reply).toEqual(message(header({ id: 1, flags: 0x8185 }), ask));
  });

  test('reflects nothing of what could not be read', () => {
    const { reply } = errorReply(message(header({ id: 1 }), octets('\x03www\xc0\x0c secret')));
    expect(reply).toEqual(header({ id: 1, flags: 0x8181, questions: 0 }));
  });

  test('has an OPT with DO copied when the query had a well-formed one', () => {
    const ask = question(EXAMPLE, RRTYPE.AXFR);
    const { rcode, reply } = errorReply(
      message(header({ additional: 1 }), ask, opt({ flags: 0x8000, options: option(10, octets('12345678')) })),
    );
    expect(rcode).toBe(RCODE.REFUSED);
    expect(reply).toEqual(message(header({ flags: 0x8185, additional: 1 }), ask, opt({ flags: 0x8000 })));
  });
});
