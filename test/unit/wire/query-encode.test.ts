/** The query to an upstream, octet by octet. */
import { expect, test } from 'vitest';
import { fromPresentation, ROOT } from '../../../src/wire/name.ts';
import { encodeUpstreamQuery } from '../../../src/wire/query-encode.ts';
import { header, message, name, opt, question } from '../../packet-parts.ts';

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
