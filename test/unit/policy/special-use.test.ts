import { describe, expect, test } from 'vitest';
import { specialUse, typeMatters } from '../../../src/policy/special-use.ts';
import { RCODE, RRTYPE, typeName } from '../../../src/wire/codes.ts';
import { name } from './compiled-config.ts';

const LOOPBACK_V6 = `1.${'0.'.repeat(31)}ip6.arpa`;

function said(asked: string, qtype: number): string | null {
  const special = specialUse(name(asked), qtype);
  if (special === null) return null;
  const types = special.answers.map(({ type }) => typeName(type)).join();
  return `${special.kind}: ${types || (special.rcode === RCODE.NXDOMAIN ? 'no such name' : 'no data')}`;
}

describe('a zone that every resolver serves itself', () => {
  test.each([
    ['home.arpa', 'site'],
    ['service.arpa', 'site'],
    ['10.in-addr.arpa', 'site'],
    ['31.172.in-addr.arpa', 'site'],
    ['64.100.in-addr.arpa', 'site'],
    ['254.169.in-addr.arpa', 'site'],
    ['d.f.ip6.arpa', 'site'],
    ['8.e.f.ip6.arpa', 'site'],
    ['255.255.255.255.in-addr.arpa', 'answer'],
    ['2.0.192.in-addr.arpa', 'answer'],
    ['8.b.d.0.1.0.0.2.ip6.arpa', 'answer'],
    ['resolver.arpa', 'answer'],
    ['127.in-addr.arpa', 'answer'],
  ])('%s has an apex and nothing below (RFC 6303 §3)', (zone, kind) => {
    expect(said(zone, RRTYPE.SOA)).toBe(`${kind}: SOA`);
    expect(said(zone, RRTYPE.NS)).toBe(`${kind}: NS`);
    expect(said(zone, RRTYPE.A)).toBe(`${kind}: no data`);
    expect(said(`x.${zone}`, RRTYPE.A)).toBe(`${kind}: no such name`);
    expect(said(`x.${zone}`, RRTYPE.DS)).toBe(`${kind}: no such name`);
  });
  test.each(['home.arpa', 'service.arpa', '10.in-addr.arpa', 'd.f.ip6.arpa', 'resolver.arpa', '127.in-addr.arpa'])(
    'the DS of %s is the business of the zone above (RFC 8375 §4)',
    (zone) => {
      expect(said(zone, RRTYPE.DS)).toBeNull();
      expect(typeMatters(name(zone))).toBe(true);
    },
  );
});

describe('a name that is nobody’s', () => {
  test.each(['test', 'invalid', 'local', 'onion', 'alt', '6tisch.arpa', 'eap.arpa', 'eap-noob.arpa', 'use-application-dns.net'])(
    '%s does not exist, nor does anything below',
    (top) => {
      for (const qtype of [RRTYPE.A, RRTYPE.SOA, RRTYPE.DS]) {
        expect(said(top, qtype)).toBe('answer: no such name');
        expect(said(`a.b.${top}`, qtype)).toBe('answer: no such name');
      }
    },
  );
  test.each(['mytest', 'notalt', 'a.onion.example', 'localhost.example', 'xhome.arpa'])('%s is not one of them', (asked) => {
    expect(said(`www.${asked}`, RRTYPE.A)).toBeNull();
  });
});

describe('this machine', () => {
  test.each([
    ['127.in-addr.arpa', RRTYPE.PTR, 'no data'],
    ['0.127.in-addr.arpa', RRTYPE.PTR, 'no data'],
    ['0.0.127.in-addr.arpa', RRTYPE.A, 'no data'],
    ['1.0.0.127.in-addr.arpa', RRTYPE.PTR, 'PTR'],
    ['1.0.0.127.in-addr.arpa', RRTYPE.TXT, 'no data'],
    ['2.0.0.127.in-addr.arpa', RRTYPE.PTR, 'no such name'],
    ['1.127.in-addr.arpa', RRTYPE.PTR, 'no such name'],
    [LOOPBACK_V6, RRTYPE.PTR, 'PTR'],
    [LOOPBACK_V6, RRTYPE.SOA, 'SOA'],
    [`x.${LOOPBACK_V6}`, RRTYPE.PTR, 'no such name'],
  ])('%s %i: %s', (asked, qtype, expected) => {
    expect(said(asked, qtype)).toBe(`answer: ${expected}`);
  });
});

describe('discovery of encrypted resolvers (RFC 9462)', () => {
  test.each([RRTYPE.SVCB, RRTYPE.HTTPS, RRTYPE.A])('type %i finds nothing', (qtype) => {
    expect(said('_dns.resolver.arpa', qtype)).toBe('answer: no data');
    expect(said('x._dns.resolver.arpa', qtype)).toBe('answer: no such name');
  });
});

describe('ordinary names', () => {
  test.each([
    ['ipv4only.arpa', RRTYPE.AAAA],
    ['170.0.0.192.in-addr.arpa', RRTYPE.PTR],
    ['171.0.0.192.in-addr.arpa', RRTYPE.PTR],
    ['www.example', RRTYPE.A],
    ['in-addr.arpa', RRTYPE.NS],
    ['172.in-addr.arpa', RRTYPE.NS],
    ['15.172.in-addr.arpa', RRTYPE.PTR],
    ['128.100.in-addr.arpa', RRTYPE.PTR],
    ['0.0.192.in-addr.arpa', RRTYPE.PTR],
    ['arpa', RRTYPE.DS],
    ['.', RRTYPE.NS],
  ])('%s %i', (asked, qtype) => {
    expect(said(asked, qtype)).toBeNull();
  });
});
