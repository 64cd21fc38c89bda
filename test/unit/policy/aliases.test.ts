import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { leadsInside } from '../../../src/policy/aliases.ts';
import { RRCLASS, RRTYPE } from '../../../src/wire/codes.ts';
import { toOctets } from '../../../src/wire/name.ts';
import { addressRecord } from '../../../src/wire/rdata.ts';
import type { ResourceRecord } from '../../../src/wire/record.ts';
import { compile, name } from './compiled-config.ts';

const config = compile(`
upstreams: ["udp://192.168.1.1"]
searchSuffixes: [fritz.box]
zones: { corp.example.net: ["udp://10.0.0.53"], partner.example.org: ["udp://198.51.100.53"] }
rebinding: { allow: ["**.nas.example.com"] }
policies:
  - name: everyone
    allow: [{ section: good, owner: o, reason: r, names: ["shop.example.com", "ok.tracker.example.net"] }]
    block: [{ section: trackers, owner: o, reason: r, names: ["**.tracker.example.net"] }]
`);

function aliasRecord(type: number, owner: string, target: string): ResourceRecord {
  return { owner: name(owner), type, class: RRCLASS.IN, ttlSeconds: 60, rdata: toOctets(name(target)) };
}

/** SvcPriority 1, the target, then raw SvcParams. */
function serviceBinding(owner: string, target: string, params: readonly number[] = []): ResourceRecord {
  return {
    owner: name(owner),
    type: RRTYPE.HTTPS,
    class: RRCLASS.IN,
    ttlSeconds: 60,
    rdata: Uint8Array.from([0, 1, ...toOctets(name(target)), ...params]),
  };
}

describe('an alias that leads to a blocked name is found', () => {
  test.each([
    ['CNAME', [aliasRecord(RRTYPE.CNAME, 'www.example.com', 'x.tracker.example.net')]],
    ['DNAME', [aliasRecord(RRTYPE.DNAME, 'example.com', 'tracker.example.net')]],
    [
      'the second CNAME of a chain',
      [
        aliasRecord(RRTYPE.CNAME, 'www.example.com', 'cdn.example.org'),
        aliasRecord(RRTYPE.CNAME, 'cdn.example.org', 'x.tracker.example.net'),
      ],
    ],
    ['TargetName of an HTTPS record', [serviceBinding('www.example.com', 'x.tracker.example.net')]],
    ['a target in other letter case', [aliasRecord(RRTYPE.CNAME, 'www.example.com', 'X.Tracker.Example.NET')]],
  ])('%s', (_what, records) => {
    expect(config.checkAnswer('www.example.com', records)).toMatchObject({ reason: 'blocked-alias', entry: { section: 'trackers' } });
  });

  test('also when the name asked is on the allowlist', () => {
    const records = [aliasRecord(RRTYPE.CNAME, 'shop.example.com', 'x.tracker.example.net')];
    expect(config.checkAnswer('shop.example.com', records)).toMatchObject({ reason: 'blocked-alias' });
  });
  test('but not when the target itself is on the allowlist', () => {
    expect(config.checkAnswer('www.example.com', [aliasRecord(RRTYPE.CNAME, 'www.example.com', 'ok.tracker.example.net')])).toBeNull();
  });
  test('nor when an HTTPS record names its owner (".")', () => {
    expect(config.checkAnswer('www.example.com', [serviceBinding('www.example.com', '.')])).toBeNull();
  });
});

describe('addresses that lead inside', () => {
  test.each([
    '127.0.0.1',
    '127.53.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '100.100.100.200',
    '0.0.0.0',
    '0.1.2.3',
    '255.255.255.255',
    '::',
    '::1',
    'fd00:ec2::254',
    'fc00::1',
    'fe80::1',
    '::ffff:10.0.0.1',
    '::ffff:127.0.0.1',
    '::10.0.0.1',
    '64:ff9b::10.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    '2002:a00:1::1',
    '198.19.0.1',
    '224.0.0.251',
    '239.255.255.250',
    '240.0.0.1',
    'fec0::1',
    'ff02::fb',
    '::ffff:0:10.0.0.1',
    '::ffff:0:7f00:1',
    // Teredo: the server's address, then the client's, inverted.
    '2001:0:a00:1::1',
    '2001:0:909:909:0:0:f5ff:fffe',
    // ISATAP below a public prefix, with and without the bit that says "globally unique".
    '2001:db8::5efe:10.0.0.1',
    '2001:db8::200:5efe:c0a8:1',
    '64:ff9b::e000:fb',
  ])('%s', (address) => {
    expect(leadsInside(address)).toBe(true);
  });
  test.each([
    '9.9.9.9',
    '172.32.0.1',
    '100.128.0.1',
    '192.0.2.1',
    '2001:db8::1',
    '64:ff9b::9.9.9.9',
    '::ffff:9.9.9.9',
    '2002:909:909::1',
    '192.0.0.170',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '::ffff:0:9.9.9.9',
    '2001:0:909:909:0:0:f6f6:f6f6',
    '2001:db8::5efe:9.9.9.9',
    '2001:db8::5eff:10.0.0.1',
    '2001:4860:4860::8888',
  ])('%s does not', (address) => {
    expect(leadsInside(address)).toBe(false);
  });

  /** Every way to write an IPv4 address in an IPv6 one leads where that leads. */
  test('through any embedding exactly where the IPv4 address does', () => {
    const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 10, 64, 100, 127, 168, 169, 172, 192, 198, 224, 240));
    fc.assert(
      fc.property(fc.tuple(byte, byte, byte, byte), (octets) => {
        const inside = leadsInside(octets.join('.'));
        const hex = (values: readonly number[]): string =>
          [0, 2].map((at) => (((values[at] ?? 0) << 8) | (values[at + 1] ?? 0)).toString(16)).join(':');
        const inverted = hex(octets.map((octet) => octet ^ 0xff));
        const written = [
          `::ffff:${octets.join('.')}`,
          `64:ff9b::${hex(octets)}`,
          `::ffff:0:${hex(octets)}`,
          `2002:${hex(octets)}::1`,
          `2001:0:${hex(octets)}:0:0:f6f6:f6f6`,
          `2001:0:909:909:0:0:${inverted}`,
          `2a00::5efe:${hex(octets)}`,
        ];
        expect(written.filter((address) => leadsInside(address) !== inside)).toEqual([]);
      }),
    );
  });
});

describe('rebinding', () => {
  const privateAnswer = (owner: string, address = '192.168.1.10'): ResourceRecord[] => [addressRecord(name(owner), address, 60)];

  test('a public name may not have a private address', () => {
    expect(config.checkAnswer('www.example.com', privateAnswer('www.example.com'))).toEqual({
      reason: 'rebinding',
      address: '192.168.1.10',
    });
  });
  test('one private address among public ones is enough', () => {
    const records = [...privateAnswer('www.example.com', '9.9.9.9'), ...privateAnswer('www.example.com', 'fd00::1')];
    expect(config.checkAnswer('www.example.com', records)).toEqual({ reason: 'rebinding', address: 'fd00::1' });
  });
  test('the allowlist is no exception from it', () => {
    expect(config.checkAnswer('shop.example.com', privateAnswer('shop.example.com'))).toMatchObject({ reason: 'rebinding' });
  });
  test('address hints of HTTPS records count', () => {
    const ipv4Hint = [0, 4, 0, 8, 9, 9, 9, 9, 169, 254, 169, 254];
    expect(config.checkAnswer('www.example.com', [serviceBinding('www.example.com', '.', ipv4Hint)])).toEqual({
      reason: 'rebinding',
      address: '169.254.169.254',
    });
  });
  test.each([
    ['a name the config lists', 'box.nas.example.com'],
    ['a trusted zone', 'a.corp.example.net'],
    ['a zone with public upstreams', 'a.partner.example.org'],
    ['a single label', 'printer'],
    ['a name below a search suffix', 'nas.fritz.box'],
    ['a top-level name of private networks', 'nas.lan'],
    ['a home network', 'nas.home.arpa'],
  ])('%s may', (_what, asked) => {
    expect(config.checkAnswer(asked, privateAnswer(asked))).toBeNull();
  });
  test('a top-level name of private networks may not when a public upstream says so', () => {
    const open = compile('upstreams: ["udp://9.9.9.9"]');
    expect(open.checkAnswer('nas.lan', privateAnswer('nas.lan'))).toMatchObject({ reason: 'rebinding' });
  });
  test('the codes of DNS blocklists pass, 127.0.0.1 and other private addresses do not', () => {
    const asked = '4.3.2.1.zen.spamhaus.org';
    expect(config.checkAnswer(asked, privateAnswer(asked, '127.0.0.4'))).toBeNull();
    expect(config.checkAnswer(asked, privateAnswer(asked, '127.0.0.1'))).toMatchObject({ reason: 'rebinding' });
    expect(config.checkAnswer(asked, privateAnswer(asked, '10.0.0.1'))).toMatchObject({ reason: 'rebinding' });
    expect(config.checkAnswer('4.3.2.1.evil.com', privateAnswer('4.3.2.1.evil.com', '127.0.0.4'))).toMatchObject({ reason: 'rebinding' });
  });
});
