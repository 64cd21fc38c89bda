/** Server cookies against the examples of RFC 9018 Appendix A, and what is not accepted. */
import { describe, expect, test } from 'vitest';
import { checkServerCookie, encodeCookieOption, makeServerCookie, readCookie } from '../../../src/wire/server-cookie.ts';
import { sipKey } from '../../../src/wire/siphash.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const asHex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

function cookie(text: string) {
  const read = readCookie(hex(text));
  if (read === null) throw new Error(`malformed: ${text}`);
  return read;
}

const SECRET = sipKey(hex('e5e973e5a6b2a43f48e7dc849e37bfcf'));
const OLD_SECRET = sipKey(hex('dd3bdf9344b678b185a6f5cb60fca715'));
const NEW_SECRET = sipKey(hex('445536bcd2513298075a5d379663c962'));
const V4 = '198.51.100.100';
const V6 = '2001:db8:220:1:59de:d0f4:8769:82b8';

describe('RFC 9018 Appendix A', () => {
  test.each([
    ['A.1, a new cookie', '2464c4abcf10c957', V4, 1_559_731_985, SECRET, '010000005cf79f111f8130c3eee29480'],
    ['A.2, a renewed one', '2464c4abcf10c957', V4, 1_559_734_385, SECRET, '010000005cf7a871d4a564a1442aca77'],
    ['A.3, another client', 'fc93fc62807ddb86', '203.0.113.203', 1_559_734_700, SECRET, '010000005cf7a9acf73a7810aca2381e'],
    ['A.4, IPv6 and the old secret', '22681ab97d52c298', V6, 1_559_741_817, OLD_SECRET, '010000005cf7c57926556bd0934c72f8'],
    ['A.4, IPv6 and the new secret', '22681ab97d52c298', V6, 1_559_741_961, NEW_SECRET, '010000005cf7c609a6bb79d16625507a'],
  ])('%s', (_, client, address, seconds, secret, expected) => {
    expect(asHex(makeServerCookie(hex(client), address, seconds, secret))).toBe(expected);
  });

  test('A.2: 40 minutes old is accepted and renewed', () => {
    const brought = cookie('2464c4abcf10c957010000005cf79f111f8130c3eee29480');
    expect(checkServerCookie(brought, V4, 1_559_734_385, [SECRET])).toBe('renew');
  });

  test('A.3: reserved octets that are set belong to what is hashed', () => {
    const brought = cookie('fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5');
    expect(checkServerCookie(brought, '203.0.113.203', 1_559_727_985, [SECRET])).toBe('valid');
  });

  test('A.4: a cookie of the secret before is accepted and renewed', () => {
    const brought = cookie('22681ab97d52c298010000005cf7c57926556bd0934c72f8');
    expect(checkServerCookie(brought, V6, 1_559_741_961, [NEW_SECRET, OLD_SECRET])).toBe('renew');
    expect(checkServerCookie(brought, V6, 1_559_741_961, [NEW_SECRET])).toBe('invalid');
  });
});

describe('a server cookie', () => {
  const NOW = 1_800_000_000;
  const client = hex('0102030405060708');
  const issued = (seconds: number) => ({ client, server: makeServerCookie(client, V4, seconds, SECRET) });
  const check = (seconds: number, address = V4) => checkServerCookie(issued(seconds), address, NOW, [SECRET]);

  test('is valid for an hour, renewed after half of it, and may be five minutes ahead (RFC 9018 §4.3)', () => {
    expect(check(NOW)).toBe('valid');
    expect(check(NOW - 1_800)).toBe('valid');
    expect(check(NOW - 1_801)).toBe('renew');
    expect(check(NOW - 3_600)).toBe('renew');
    expect(check(NOW - 3_601)).toBe('invalid');
    expect(check(NOW + 300)).toBe('valid');
    expect(check(NOW + 301)).toBe('invalid');
  });

  test('outlives the wrap of its 32-bit clock', () => {
    const wrapped = 2 ** 32 + 100;
    const brought = { client, server: makeServerCookie(client, V4, 2 ** 32 - 100, SECRET) };
    expect(checkServerCookie(brought, V4, wrapped, [SECRET])).toBe('valid');
  });

  test('is for one address and one client cookie', () => {
    expect(check(NOW, '198.51.100.101')).toBe('invalid');
    expect(checkServerCookie({ ...issued(NOW), client: hex('0102030405060709') }, V4, NOW, [SECRET])).toBe('invalid');
  });

  test.each(Array.from({ length: 16 }, (_, index) => index))('with octet %i changed is invalid', (index) => {
    const { server } = issued(NOW);
    server[index] = (server[index] ?? 0) ^ 1;
    expect(checkServerCookie({ client, server }, V4, NOW, [SECRET])).toBe('invalid');
  });

  test('of another version or length is invalid, not an error', () => {
    const { server } = issued(NOW);
    expect(checkServerCookie({ client, server: server.subarray(0, 8) }, V4, NOW, [SECRET])).toBe('invalid');
    expect(checkServerCookie({ client, server: new Uint8Array([...server, 0]) }, V4, NOW, [SECRET])).toBe('invalid');
    expect(checkServerCookie({ client, server: null }, V4, NOW, [SECRET])).toBe('invalid');
  });

  test('goes into an answer behind the client cookie as it came', () => {
    expect(asHex(encodeCookieOption(client, issued(NOW).server))).toMatch(/^000a00180102030405060708010000006b49d200[0-9a-f]{16}$/);
  });
});
