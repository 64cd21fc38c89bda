/** What came back is counted when it is new, as many octets as it has, and never counted down. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AnswersSeen } from '../../../scoring/profile/answers-seen.ts';

const KEY = { low: 3, high: 9 };
const A = 1;
const TXT = 16;
const octets = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

describe('the answers seen', () => {
  test('counts a value when it is new and not again', () => {
    const seen = new AnswersSeen();
    for (let i = 0; i < 50; i++) seen.add([{ type: A, octets: Uint8Array.of(192, 0, 2, i % 3) }], KEY);
    expect(seen.newOctets).toBe(12);
    expect(seen.freeFormOctets).toBe(0);
  });

  test('tells the last octet of two long values apart', () => {
    const seen = new AnswersSeen();
    for (const last of ['a', 'b']) seen.add([{ type: TXT, octets: octets('x'.repeat(4000) + last) }], KEY);
    expect(seen.newOctets).toBe(8002);
  });

  test('measures octets at random as denser than words, and words as denser than one letter', () => {
    const bitsOf = (text: Uint8Array) => {
      const seen = new AnswersSeen();
      seen.add([{ type: TXT, octets: text }], KEY);
      return seen.freeFormBits / seen.freeFormOctets;
    };
    const allOctets = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(bitsOf(allOctets)).toBe(8);
    expect(bitsOf(octets('v=spf1 include:_spf.mail.example include:_spf.crm.example ip4:192.0.2.0/24 ~all'))).toBeLessThan(5);
    expect(bitsOf(octets('aaaaaaaaaaaaaaaa'))).toBe(0);
  });

  test('counts at least three quarters of 200 new values, whatever was seen before', () => {
    const seen = new AnswersSeen();
    for (let i = 0; i < 200; i++) seen.add([{ type: A, octets: Uint8Array.of(10, 1, i >> 8, i & 255) }], KEY);
    expect(seen.newOctets).toBeGreaterThanOrEqual(0.75 * 800);
    expect(seen.newOctets).toBeLessThanOrEqual(800);
  });

  test('grows only, and never beyond what came', () => {
    const record = fc.record({ type: fc.constantFrom(A, 28, TXT, 5, 10), octets: fc.uint8Array({ maxLength: 40 }) });
    fc.assert(
      fc.property(fc.array(fc.array(record, { maxLength: 4 }), { maxLength: 40 }), (messages) => {
        const seen = new AnswersSeen();
        let came = 0;
        for (const rdata of messages) {
          const before = { ...seen };
          seen.add(rdata, KEY);
          for (const one of rdata) came += one.octets.length;
          expect(seen.newOctets).toBeGreaterThanOrEqual(before.newOctets);
          expect(seen.freeFormBits).toBeGreaterThanOrEqual(before.freeFormBits);
          expect(seen.newOctets).toBeLessThanOrEqual(came);
          expect(seen.freeFormOctets).toBeLessThanOrEqual(seen.newOctets);
          expect(seen.freeFormBits).toBeLessThanOrEqual(8 * seen.freeFormOctets + 1e-6);
        }
      }),
    );
  });
});
