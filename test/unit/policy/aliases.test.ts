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
  ])('%s', (address) => {
    expect(leadsInside(address)).toBe(true);
  });
  test.each(['9.9.9.9', '172.32.0.1', '100.128.0.1', '192.0.2.1', '2001:db8::1', '64:ff9b::9.9.9.9', '::ffff:9.9.9.9', '2002:909:909::1'])(
    '%s does not',
    (address) => {
      expect(leadsInside(address)).toBe(false);
    },
  );
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
