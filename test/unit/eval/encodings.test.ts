/**
 * The evaluation's encodings carry what they claim to carry: what the receiver decodes from the names is the payload.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ENCODINGS } from '../../../scripts/eval/encodings.ts';
import { secretPayload } from '../../../scripts/eval/secret-payloads.ts';
import { nameBelow } from '../../../scripts/eval/stream.ts';
import { WORD_LIST } from '../../../scripts/eval/word-list.ts';
import { labelsOf } from '../../../src/wire/name.ts';

const exact = ENCODINGS.filter((encoding) => encoding.readable === 1);

describe.each(exact)('$name', (encoding) => {
  test('gives names from which the payload can be read again', () => {
    fc.assert(
      fc.property(fc.constantFrom(...encoding.chunkSizes), fc.infiniteStream(fc.nat(255)), fc.nat(9_999), (size, octets, index) => {
        const chunk = Uint8Array.from(octets.take(size));
        const qname = nameBelow(encoding.encode(chunk, index), 'a.example');
        expect(qname).not.toBeNull();
        const labels = qname === null ? [] : labelsOf(qname).slice(0, -2);
        expect([...encoding.decode(labels)]).toEqual([...chunk]);
      }),
      { numRuns: 50 },
    );
  });
});

test('base64 in lower case still gives the same labels when its guess is encoded again', () => {
  const base64 = ENCODINGS.find((encoding) => encoding.name === 'base64url');
  const chunk = secretPayload('keys', 30, 'test');
  const labels = base64?.encode(chunk, 0) ?? [];
  expect(base64?.encode(base64.decode(labels), 0)).toEqual(labels);
});

test('one octet is one word', () => {
  expect(new Set(WORD_LIST).size).toBe(256);
});

test('payloads are as long as asked for, and the same for the same seed', () => {
  for (const kind of ['env', 'keys', 'source', 'pem'] as const) {
    const payload = secretPayload(kind, 700, 'a');
    expect(payload).toHaveLength(700);
    expect(secretPayload(kind, 700, 'a')).toEqual(payload);
    expect(secretPayload(kind, 700, 'b')).not.toEqual(payload);
  }
});
