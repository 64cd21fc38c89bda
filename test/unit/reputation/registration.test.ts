/** Dates as registries write them: strict, because a wrong one would make a young domain old. */
import { describe, expect, test } from 'vitest';
import { parseRdapDate, parseWhoisDate } from '../../../src/reputation/registration.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const DAY = Date.UTC(2001, 1, 28);

describe('a registration date', () => {
  test.each(['2001-02-28T00:00:00Z', '2001-02-28T23:59:59.123456Z', '2001-02-28T12:00:00+02:00'])('in RDAP may be %s', (text) => {
    expect(parseRdapDate(text, NOW_MS)).toBe(DAY);
  });

  test.each([
    '2001-02-28',
    '2001-02-30T00:00:00Z',
    '1970-01-01T00:00:00Z',
    '2027-01-01T00:00:00Z',
    '20010228T000000Z',
    'yesterday',
    '',
    '2001-02-28T00:00:00Z; 1999',
  ])('in RDAP may not be "%s"', (text) => {
    expect(parseRdapDate(text, NOW_MS)).toBeNull();
  });

  test.each([
    '2001-02-28',
    '2001-02-28T10:11:12Z',
    ' 2001-02-28 10:11:12 (UTC)',
    '2001/02/28',
    '2001.02.28',
    '20010228 #1234',
    '28-Feb-2001',
    '28.2.2001',
  ])('in WHOIS may be "%s"', (text) => {
    expect(parseWhoisDate(text, NOW_MS)).toBe(DAY);
  });

  test.each(['02/28/2001', '2001-02', '31-Feb-2001', '28-Foo-2001', '2999-01-01', '0001-01-01', 'before Aug-1996', '200102281', ''])(
    'in WHOIS may not be "%s"',
    (text) => {
      expect(parseWhoisDate(text, NOW_MS)).toBeNull();
    },
  );
});
