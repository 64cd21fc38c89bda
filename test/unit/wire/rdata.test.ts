/** The records made here and the RDATA looked into, and addresses in both forms. */
import { describe, expect, test } from 'vitest';
import { addressToOctets, octetsToAddress } from '../../../src/wire/address.ts';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { requireName } from '../../../src/wire/name.ts';
import { addressesOf, addressRecord, soaMinimumSeconds, soaRecord, targetName, txtRecord } from '../../../src/wire/rdata.ts';
import type { ResourceRecord } from '../../../src/wire/record.ts';
import { message, name, octets, option, ROOT_LABEL, uint16, uint32 } from '../../packet-parts.ts';

const OWNER = requireName('owner.example');

function recordOf(type: number, rdata: Uint8Array): ResourceRecord {
  return { owner: OWNER, type, class: 1, ttlSeconds: 60, rdata };
}

describe('a SOA of our own', () => {
  test('has the negative TTL in its MINIMUM and names that nobody else owns', () => {
    const expected = message(name('kennel', 'internal'), name('nobody', 'invalid'), uint32(1, 3600, 1200, 604_800, 10));
    expect(soaRecord(OWNER, 5, 10)).toEqual({ owner: OWNER, type: 6, class: 1, ttlSeconds: 5, rdata: expected });
    expect(soaMinimumSeconds(soaRecord(OWNER, 5, 10))).toBe(10);
  });
});

describe('a TXT of our own', () => {
  test('has one character-string per text in UTF-8', () => {
    expect(txtRecord(OWNER, ['verdict=refuse', 'ü'], 0).rdata).toEqual(octets('\x0everdict=refuse\x02\xc3\xbc'));
    expect(txtRecord(OWNER, [], 0).rdata).toEqual(ROOT_LABEL);
    expect(txtRecord(OWNER, [''], 0).rdata).toEqual(ROOT_LABEL);
  });

  test('splits a text at 255 octets', () => {
    expect(txtRecord(OWNER, ['a'.repeat(255)], 0).rdata).toEqual(octets(`\xff${'a'.repeat(255)}`));
    expect(txtRecord(OWNER, ['a'.repeat(256)], 0).rdata).toEqual(octets(`\xff${'a'.repeat(255)}\x01a`));
  });

  test('never exceeds the octets that RDLENGTH can tell, and ends with a whole string', () => {
    const { rdata } = txtRecord(OWNER, ['a'.repeat(70_000)], 0);
    expect(rdata.length).toBe(255 * 256);
    expect(txtRecord(OWNER, ['a'.repeat(255 * 255), 'b'.repeat(254)], 0).rdata.length).toBe(65_535);
  });
});

describe('an address record', () => {
  test('is an A or an AAAA by the form of the address', () => {
    expect(addressRecord(OWNER, '192.0.2.1', 60)).toEqual({
      owner: OWNER,
      type: RRTYPE.A,
      class: 1,
      ttlSeconds: 60,
      rdata: Uint8Array.of(192, 0, 2, 1),
    });
    expect(addressRecord(OWNER, '2001:db8::1', 60)).toMatchObject({ type: RRTYPE.AAAA });
  });

  test.each(['', 'localhost', '192.0.2', '192.0.2.256', '0x7f.0.0.1', '127.1', '::1%lo', '1::2::3'])('is not made from %j', (text) => {
    expect(() => addressRecord(OWNER, text, 60)).toThrow(RangeError);
  });

  test.each([
    ['192.0.2.255', '192.0.2.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['fe80:0:0:0:0:0:0:ffff', 'fe80::ffff'],
  ])('reads %s and shows it as %s', (text, shown) => {
    expect(octetsToAddress(addressToOctets(text) ?? new Uint8Array(16))).toBe(shown);
  });
});

describe('the target of an alias', () => {
  test('is that of a CNAME, a DNAME, a SVCB or an HTTPS record, in lower case', () => {
    const target = name('Target', 'EXAMPLE');
    expect(targetName(recordOf(RRTYPE.CNAME, target))).toBe(requireName('target.example'));
    expect(targetName(recordOf(RRTYPE.DNAME, target))).toBe(requireName('target.example'));
    expect(targetName(recordOf(RRTYPE.SVCB, message(uint16(0), target)))).toBe(requireName('target.example'));
    expect(targetName(recordOf(RRTYPE.HTTPS, message(uint16(1), target, option(1, octets('\x02h2')))))).toBe(requireName('target.example'));
  });

  test('is none for a service at the owner itself and for all other types', () => {
    expect(targetName(recordOf(RRTYPE.HTTPS, message(uint16(1), ROOT_LABEL)))).toBeNull();
    expect(targetName(recordOf(RRTYPE.NS, name('ns', 'example')))).toBeNull();
    expect(targetName(recordOf(RRTYPE.HTTPS, uint16(1)))).toBeNull();
  });
});

describe('the addresses a record leads to', () => {
  test('are those of A and AAAA', () => {
    expect(addressesOf(addressRecord(OWNER, '10.0.0.1', 1))).toEqual(['10.0.0.1']);
    expect(addressesOf(addressRecord(OWNER, '::1', 1))).toEqual(['::1']);
    expect(addressesOf(recordOf(RRTYPE.A, Uint8Array.of(1, 2)))).toEqual([]);
    expect(addressesOf(recordOf(RRTYPE.TXT, octets('\x0410.0')))).toEqual([]);
  });

  test('are also the hints of SVCB and HTTPS, wherever they stand among the parameters', () => {
    const hints = message(
      option(1, octets('\x02h2')),
      option(4, Uint8Array.of(10, 0, 0, 1, 10, 0, 0, 2)),
      option(5, octets('ech')),
      option(6, addressToOctets('fd00::1') ?? ROOT_LABEL),
    );
    expect(addressesOf(recordOf(RRTYPE.HTTPS, message(uint16(1), ROOT_LABEL, hints)))).toEqual(['10.0.0.1', '10.0.0.2', 'fd00::1']);
    expect(addressesOf(recordOf(RRTYPE.SVCB, message(uint16(1), name('x'), hints)))).toHaveLength(3);
  });
});

describe('the MINIMUM of a SOA', () => {
  test('is large with its top bit set (RFC 8767 §4) and is nothing in other types', () => {
    const soa = message(ROOT_LABEL, ROOT_LABEL, uint32(1, 2, 3, 4, 0x8000_0000));
    expect(soaMinimumSeconds(recordOf(RRTYPE.SOA, soa))).toBe(0x7fff_ffff);
    expect(soaMinimumSeconds(recordOf(RRTYPE.TXT, soa))).toBeNull();
  });
});
