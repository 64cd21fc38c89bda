/** What a client without DO sees of signatures and denials. */
import { describe, expect, test } from 'vitest';
import { withoutDnssec } from '../../../src/pipeline/without-dnssec.ts';
import { RRTYPE, typeName } from '../../../src/wire/codes.ts';
import { requireName } from '../../../src/wire/name.ts';

const { A, CNAME, SOA, RRSIG, NSEC, NSEC3, DNSKEY, DS } = RRTYPE;

function records(...types: readonly number[]) {
  const owner = requireName('example.com');
  return types.map((type) => ({ owner, type, class: 1, ttlSeconds: 300, rdata: new Uint8Array(0) }));
}

function kept(types: readonly number[], answerTo: number | null): string[] {
  return withoutDnssec(records(...types), answerTo).map(({ type }) => typeName(type));
}

describe('without DO', () => {
  test('signatures are left out of an answer', () => {
    expect(kept([A, RRSIG], A)).toEqual(['A']);
  });

  test.each([RRSIG, NSEC, NSEC3])('records of type %i stay in the answer to a question for them', (type) => {
    expect(kept([type], type)).toEqual([typeName(type)]);
  });

  test('signatures of an alias are left out even where signatures are asked for', () => {
    const end = { owner: requireName('end.example.com'), type: RRSIG, class: 1, ttlSeconds: 300, rdata: new Uint8Array(0) };
    expect(withoutDnssec([...records(CNAME, RRSIG), end], RRSIG).map(({ type }) => typeName(type))).toEqual(['CNAME', 'RRSIG']);
  });

  test('proofs are left out of the authority section, whatever was asked for', () => {
    expect(kept([SOA, RRSIG, NSEC, RRSIG, NSEC3, RRSIG], null)).toEqual(['SOA']);
  });

  test('keys and their digests are ordinary records', () => {
    expect(kept([DNSKEY, DS], DNSKEY)).toEqual(['DNSKEY', 'DS']);
  });

  test('nothing is copied where nothing has to go', () => {
    const plain = records(A, A);
    expect(withoutDnssec(plain, A)).toBe(plain);
  });
});
