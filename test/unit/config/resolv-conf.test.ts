import { expect, test } from 'vitest';
import { parseResolvConf } from '../../../src/config/resolv-conf.ts';

test('nameservers and search list are read as the C library reads them', () => {
  expect(
    parseResolvConf(`# made by somebody
; or by somebody else
nameserver 192.0.2.53
  nameserver   2001:db8::53   # trailing words do not matter
nameserver fe80::1%eth0
nameserver 192.0.2.53
search Corp.Example.net. svc.cluster.local
options ndots:5 edns0
`),
  ).toEqual({ nameservers: ['192.0.2.53', '2001:db8::53', 'fe80::1%eth0'], search: ['corp.example.net', 'svc.cluster.local'] });
});

test.each([
  ['an empty file', ''],
  ['a host name', 'nameserver dns.example'],
  ['an address of three parts', 'nameserver 10.1'],
  ['an empty zone', 'nameserver fe80::1%'],
  ['nothing behind the keyword', 'nameserver'],
  ['a comment', '#nameserver 192.0.2.53'],
  ['letters in upper case', 'NAMESERVER 192.0.2.53'],
])('%s names nobody', (_what, text) => {
  expect(parseResolvConf(text).nameservers).toEqual([]);
});

test('the last search or domain line counts', () => {
  expect(parseResolvConf('search a.example b.example\ndomain c.example').search).toEqual(['c.example']);
});

test('"search ." means no search list', () => {
  expect(parseResolvConf('search .').search).toEqual([]);
});

test('CRLF line ends do no harm', () => {
  expect(parseResolvConf('nameserver 192.0.2.53\r\nsearch a.example\r\n')).toEqual({ nameservers: ['192.0.2.53'], search: ['a.example'] });
});
