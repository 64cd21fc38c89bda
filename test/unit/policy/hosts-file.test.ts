import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostsRecords, hostsTable, parseHosts } from '../../../src/policy/hosts-file.ts';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { toPresentation } from '../../../src/wire/name.ts';
import { addressesOf, targetName } from '../../../src/wire/rdata.ts';
import { name } from './compiled-config.ts';

const FILE = `# a comment
127.0.0.1\tlocalhost
127.0.1.1 desk.lan desk
::1 localhost ip6-localhost
192.168.1.10  NAS.lan nas # the box\r
192.168.1.10 backup.lan
fd00::10 nas.lan
0.0.0.0 ads.example
::ffff:192.168.1.11 tv.lan
192.168.1.12 bücher.example

fe80::1%eth0 router
300.1.1.1 broken
192.168.1.13
192.168.1.14 a/b.example
`;

const parsed = parseHosts(FILE);
const table = hostsTable([parsed]);

function addresses(asked: string): string[] | null {
  return hostsRecords(table, name(asked))?.flatMap(addressesOf) ?? null;
}

function pointer(asked: string): string | null {
  const [record] = hostsRecords(table, name(asked)) ?? [];
  const target = record?.type === RRTYPE.PTR ? targetName({ ...record, type: RRTYPE.CNAME }) : null;
  return target === null ? null : toPresentation(target);
}

describe('a hosts file', () => {
  test.each([
    ['nas.lan', ['192.168.1.10', 'fd00::10']],
    ['nas', ['192.168.1.10']],
    ['desk', ['127.0.1.1']],
    ['ads.example', ['0.0.0.0']],
    ['tv.lan', ['192.168.1.11']],
    ['xn--bcher-kva.example', ['192.168.1.12']],
    ['other.lan', null],
    ['localhost', null],
    ['router', null],
  ])('%s: %j', (asked, expected) => {
    expect(addresses(asked)).toEqual(expected);
  });
  test('gives each address the first name written beside it', () => {
    expect(pointer('10.1.168.192.in-addr.arpa')).toBe('nas.lan');
    expect(pointer(`0.1.${'0.'.repeat(26)}0.0.d.f.ip6.arpa`)).toBe('nas.lan');
  });
  test('gives no pointer to this machine and to no address', () => {
    expect(pointer('1.0.0.127.in-addr.arpa')).toBeNull();
    expect(pointer('1.1.0.127.in-addr.arpa')).toBeNull();
    expect(pointer('0.0.0.0.in-addr.arpa')).toBeNull();
  });
  test('tells which lines it could not use', () => {
    expect(parsed.skipped).toEqual({ count: 4, first: [12, 13, 14, 15] });
  });
  test('comes before the next one, and adds up with it', () => {
    const both = hostsTable([parseHosts('10.0.0.1 a.lan first.lan'), parseHosts('10.0.0.1 second.lan\n10.0.0.2 a.lan\n10.0.0.1 a.lan')]);
    expect(both.addresses.get(name('a.lan'))).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(both.pointers.get(name('1.0.0.10.in-addr.arpa'))).toBe(name('a.lan'));
  });
});

describe('a hostile hosts file', () => {
  test('is bounded in names, and in addresses of a name', () => {
    const many = parseHosts(Array.from({ length: 250_000 }, (_, i) => `10.0.0.1 n${i}`).join('\n'));
    expect(many.lines).toHaveLength(200_000);
    expect(many.skipped.count).toBe(50_000);
    const wide = hostsTable([parseHosts(Array.from({ length: 300 }, (_, i) => `10.0.${i >> 8}.${i & 255} a.lan`).join('\n'))]);
    expect(wide.addresses.get(name('a.lan'))).toHaveLength(64);
  });
  test('may have one line of any length', () => {
    expect(parseHosts(`10.0.0.1 ${'a '.repeat(1_000_000)}`)).toMatchObject({ lines: [], skipped: { count: 1 } });
    expect(parseHosts(' '.repeat(1_000_000)).lines).toEqual([]);
  });
  test('never throws, and every name of it is answered', () => {
    const word = fc.oneof(fc.string(), fc.constantFrom('10.0.0.1', '::1', 'a.lan', '#', '\t', 'fd00::1'));
    fc.assert(
      fc.property(
        fc.array(fc.array(word).map((words) => words.join(' '))).map((lines) => lines.join('\n')),
        (text) => {
          const made = hostsTable([parseHosts(text)]);
          for (const key of [...made.addresses.keys(), ...made.pointers.keys()]) expect(hostsRecords(made, key)?.length).toBeGreaterThan(0);
        },
      ),
    );
  });
});
