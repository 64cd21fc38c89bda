/** When a first contact ends, and what fits into one: common host names do, a key of 36 octets does not, whole or in pieces. */
import { describe, expect, test } from 'vitest';
import { KNOWN_NAMES_RESERVE_BITS } from '../../../scoring/decide.ts';
import { FIRST_CONTACT_TOTAL_BITS, firstContactBudgets, firstContactLimit, isFirstContact } from '../../../scoring/first-contact.ts';
import { LeakMeter, type Sent } from '../../../scoring/meter/leak-meter.ts';
import { FIRST_CONTACT_BITS, PRESETS } from '../../../scoring/presets.ts';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { seededRandom } from '../../lab/seeded-random.ts';

describe('a first contact', () => {
  test.each([
    ['nothing is known, and nobody asked before', 'unknown', 0, true],
    ['nothing is known, for almost a week', 'unknown', 6.9, true],
    ['nothing is known, for a week', 'unknown', 7, false],
    ['the domain is young', 29, 0, true],
    ['the domain is young, for a week', 29, 7, false],
    ['the domain is a month old', 30, 0, false],
    ['the registry has no date', 'no-date', 0, false],
  ] as const)('%s', (_what, age, knownDays, is) => {
    expect(isFirstContact(age, knownDays)).toBe(is);
  });
});

function sent(labels: readonly string[], qtype: number = RRTYPE.A): Sent {
  return { labels, qtype };
}

describe('what one name may cost', () => {
  const limit = firstContactLimit(FIRST_CONTACT_BITS, 0);

  test.each([
    '',
    'www',
    'mail',
    'api',
    'cdn',
    'static',
    'registry',
    'packages',
    'downloads',
    'ns1',
    'autodiscover',
    'www.blog',
    '_dmarc',
    '_acme-challenge',
    '_25._tcp.mail',
    'prod-eu-west-1-api',
    'objects-origin',
  ])('passes %s', (host) => {
    const labels = host === '' ? [] : host.split('.');
    for (const qtype of [RRTYPE.A, RRTYPE.AAAA, RRTYPE.HTTPS, RRTYPE.TXT]) {
      expect(new LeakMeter().price(sent(labels, qtype))).toBeLessThanOrEqual(limit);
    }
  });

  test('is less than a key of 36 octets costs, however it is written', () => {
    const random = seededRandom(36);
    const passed: string[] = [];
    for (let round = 0; round < 200; round++) {
      const key = random.octets(36);
      for (const [encoding, labels] of Object.entries(encodings(key))) {
        if (new LeakMeter().price(sent(labels)) <= limit) passed.push(`${encoding}: ${labels.join('.')}`);
      }
    }
    expect(passed).toEqual([]);
  });

  test('falls with what has been spent, and leaves a part of the total to known names', () => {
    expect(firstContactLimit(96, FIRST_CONTACT_TOTAL_BITS - KNOWN_NAMES_RESERVE_BITS - 40)).toBe(40);
    expect(firstContactLimit(96, FIRST_CONTACT_TOTAL_BITS)).toBe(0);
    expect(firstContactLimit(96, 10_000)).toBe(0);
  });

  test('counts the label that a tenant chose for itself, once', () => {
    expect(firstContactLimit(96, 0, 40)).toBe(56);
    expect(firstContactLimit(96, 0, 300)).toBeLessThan(0);
    expect(firstContactLimit(96, 1, 300)).toBe(96);
  });

  test.each([
    [null, FIRST_CONTACT_TOTAL_BITS],
    [100, 100],
    [768, FIRST_CONTACT_TOTAL_BITS],
  ])('a parent budget of %s bits becomes %i', (parentBits, left) => {
    const ordinary = PRESETS.agent.budgets;
    expect(firstContactBudgets({ ...ordinary, parentBits })).toEqual({ ...ordinary, parentBits: left });
  });

  test.each([1, 2, 3, 4, 8])('is too little for a key of 36 octets in pieces of %i octets', (octets) => {
    const random = seededRandom(octets);
    const meter = new LeakMeter();
    let left = 36;
    for (; left > 0; left -= octets) {
      const piece = sent([random.octets(octets).toString('hex')]);
      if (meter.price(piece) > firstContactLimit(FIRST_CONTACT_BITS, meter.spentBits)) break;
      meter.charge(piece);
    }
    expect(left).toBeGreaterThan(0);
  });
});

function encodings(key: Uint8Array): Record<string, string[]> {
  const octets = Buffer.from(key);
  const hex = octets.toString('hex');
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return {
    hex: pieces(hex, 63),
    'hex in labels of 8': pieces(hex, 8),
    'a UUID and more': [`${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 32)}`, ...pieces(hex.slice(32), 40)],
    'Base64 in lower case': [octets.toString('base64url').toLowerCase()],
    decimals: [...key].map(String),
    '36 letters and digits': [[...key].map((octet) => letters[octet % 36]).join('')],
    '36 digits': [[...key].map((octet) => octet % 10).join('')],
    '36 hexadecimal digits': [[...key].map((octet) => (octet % 16).toString(16)).join('')],
    words: pieces([...key].map((octet) => `${WORDS[octet >> 4]}${WORDS[octet & 15]}`).join(''), 60).slice(0, 4),
  };
}

const WORDS = ['mail', 'web', 'blog', 'shop', 'news', 'img', 'cdn', 'api', 'dev', 'test', 'app', 'home', 'data', 'file', 'login', 'media'];

function pieces(text: string, length: number): string[] {
  return text.match(new RegExp(`.{1,${length}}`, 'g')) ?? [];
}
