/** The query to an upstream, octet by octet. */
import { describe, expect, test } from 'vitest';
import { withRandomCase } from '../../../src/upstream/random-case.ts';
import { fromPresentation, ROOT, requireName } from '../../../src/wire/name.ts';
import { encodeUpstreamQuery, PADDING_BLOCK_OCTETS } from '../../../src/wire/query-encode.ts';
import { header, message, name, octets, opt, option, question } from '../../packet-parts.ts';

test('an upstream query is header, question in lower case and our OPT with DO, and nothing else', () => {
  const qname = fromPresentation('WWW.Example.COM') ?? ROOT;
  const expected = message(
    header({ id: 0xbeef, flags: 0x0100, additional: 1 }),
    question(name('www', 'example', 'com'), 65),
    opt({ flags: 0x8000 }),
  );
  expect(encodeUpstreamQuery(0xbeef, qname, 65)).toEqual(expected);
});

test('two upstream queries for one question differ in their ID alone', () => {
  const qname = fromPresentation('a\\.b.\\000\\255.example') ?? ROOT;
  expect(encodeUpstreamQuery(1, qname, 1).subarray(2)).toEqual(encodeUpstreamQuery(0xffff, qname, 1).subarray(2));
});

describe('what a transport adds', () => {
  const qname = requireName('www.example.com');
  const asked = (options: Uint8Array) =>
    message(header({ id: 7, flags: 0x0100, additional: 1 }), question(name('www', 'example', 'com')), opt({ flags: 0x8000, options }));

  test('a cookie is an option of our OPT', () => {
    const cookie = octets('clientccserverrserverr');
    expect(encodeUpstreamQuery(7, qname, 1, { cookie })).toEqual(asked(option(10, cookie)));
  });

  test('padding brings the message to the next 128 octets, and comes last', () => {
    const cookie = octets('clientcc');
    const used = 12 + 17 + 4 + 11;
    expect(encodeUpstreamQuery(7, qname, 1, { blockOctets: PADDING_BLOCK_OCTETS })).toEqual(
      asked(option(12, new Uint8Array(128 - used - 4))),
    );
    expect(encodeUpstreamQuery(7, qname, 1, { cookie, blockOctets: PADDING_BLOCK_OCTETS })).toEqual(
      asked(message(option(10, cookie), option(12, new Uint8Array(128 - used - 12 - 4)))),
    );
  });

  test.each(Array.from({ length: 60 }, (_, length) => length + 1))(
    'padded questions are as long as many others (label of %i octets)',
    (length) => {
      const packet = encodeUpstreamQuery(1, requireName(`${'a'.repeat(length)}.b${'c'.repeat(20)}.example`), 1, { blockOctets: 128 });
      expect([128, 256]).toContain(packet.length);
    },
  );

  test('a spelling changes the case of the question and nothing else', () => {
    const spelling = withRandomCase(qname, () => 0b101);
    const expected = message(
      header({ id: 7, flags: 0x0100, additional: 1 }),
      question(name('WwW', 'example', 'com')),
      opt({ flags: 0x8000 }),
    );
    expect(encodeUpstreamQuery(7, qname, 1, { spelling, cookie: null })).toEqual(expected);
  });
});
