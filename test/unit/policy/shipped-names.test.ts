import { parse } from 'tldts';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../../src/config/parse-config.ts';
import { classifyName, compileNaming } from '../../../src/policy/classify-name.ts';
import { compilePolicies } from '../../../src/policy/policy.ts';
import { loadPopularDomains } from '../../../src/policy/popular-domains.ts';
import { readShippedTable, readTable, type ShippedName } from '../../../src/policy/shipped-names.ts';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { isAtOrBelow, labelCount, toPresentation } from '../../../src/wire/name.ts';
import { name } from './compiled-config.ts';

const TABLES = {
  encoders: readShippedTable('encoders'),
  'doh-endpoints': readShippedTable('doh-endpoints'),
  'shared-parents': readShippedTable('shared-parents'),
};

const KINDS = {
  encoders: ['reputation', 'dnsbl', 'mail', 'device', 'tenant', 'site', 'content', 'telemetry'],
  'doh-endpoints': ['resolver', 'site'],
  'shared-parents': ['oast', 'request-bin', 'tunnel', 'dynamic-dns', 'reflector', 'malicious'],
};

describe.each(Object.entries(TABLES))('blocklists/%s.txt', (table, entries) => {
  const texts = entries.map(({ name: listed }) => toPresentation(listed));

  test('is sorted within each of its kinds, and holds each name once', () => {
    const kinds = KINDS[table as keyof typeof KINDS];
    const expected = entries.toSorted((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || order(text(a), text(b)));
    expect(entries.map(text)).toEqual(expected.map(text));
    expect(new Set(entries.map(({ kind }) => kind))).toEqual(new Set(kinds));
    expect(texts.filter((one, at) => texts.indexOf(one) !== at)).toEqual([]);
  });
  test('holds no name that a wider entry of the table covers', () => {
    expect(
      entries
        .filter((one) => entries.some((other) => other !== one && other.kind !== 'site' && isAtOrBelow(one.name, other.name)))
        .map(text),
    ).toEqual([]);
  });
  test('holds no public suffix that anybody registers names below', () => {
    const isSuffix = (one: string): boolean => parse(one, { allowPrivateDomains: false, extractHostname: false }).publicSuffix === one;
    expect(texts.filter(isSuffix)).toEqual([]);
    expect(entries.filter((one) => labelCount(one.name) < 2)).toEqual([]);
  });
});

test('no name is in two tables, and none covers one of another', () => {
  const contradictions = (one: readonly ShippedName[], other: readonly ShippedName[]): string[] =>
    one.flatMap((a) =>
      other.filter((b) => isAtOrBelow(a.name, b.name) || isAtOrBelow(b.name, a.name)).map((b) => `${text(a)} and ${text(b)}`),
    );
  expect(contradictions(TABLES.encoders, TABLES['shared-parents'])).toEqual([]);
  expect(contradictions(TABLES.encoders, TABLES['doh-endpoints'])).toEqual([]);
  expect(contradictions(TABLES['doh-endpoints'], TABLES['shared-parents'])).toEqual([]);
});

test.each([
  ['two columns', 'a.example\tkind'],
  ['four columns', 'a.example\tkind\tabout\tmore'],
  ['no name', 'a b\tkind\tabout'],
  ['an empty column', 'a.example\t\tabout'],
])('a damaged table is not read: %s', (_what, line) => {
  expect(() => readTable(`# comment\n${line}\n`)).toThrow('not an entry');
});

describe('with the shipped tables', () => {
  const parsed = parseConfig('mode: enforce\nupstreams: ["udp://9.9.9.9"]', 'test.yaml', { resolvConf: null, stateFolder: '/nowhere' });
  if (!parsed.ok) expect.fail('the config is one');
  const policy = compilePolicies(parsed.config).choose('10.0.0.1');
  const naming = compileNaming(parsed.config, loadPopularDomains());
  const route = (asked: string) => {
    const classified = classifyName(policy, naming, name(asked), RRTYPE.A);
    return classified.kind === 'routed' ? classified : expect.fail(`${asked} is ${classified.kind}`);
  };

  test.each([
    'oastify.com',
    'oast.fun',
    'oast.live',
    'oast.me',
    'oast.online',
    'oast.pro',
    'oast.site',
    'webhook.site',
    'trycloudflare.com',
    'duckdns.org',
    'avsvmcloud.com',
    'ngrok.io',
    'nip.io',
    'interact.sh',
    'synology.me',
    'asuscomm.com',
  ])('however popular %s is, nobody vouches for names below it', (parent) => {
    expect(route(`x.${parent}`)).toMatchObject({ standing: 'unlisted', encoder: null });
  });
  test('nobody vouches for names below any shared parent', () => {
    expect(TABLES['shared-parents'].filter((one) => route(`x.${text(one)}`).standing !== 'unlisted').map(text)).toEqual([]);
  });
  test.each([
    ['4.3.2.1.zen.spamhaus.org', 'spamhaus.org'],
    ['2.57.b32hash.p.00.mac.sophosxl.net', 'sophosxl.net'],
    ['web-1234567.eu-west-1.elb.amazonaws.com', 'amazonaws.com'],
    ['d111111abcdef8.cloudfront.net', 'cloudfront.net'],
    ['192-168-1-10.0123456789abcdef.plex.direct', 'plex.direct'],
    ['project-git-main-1cj2nivb9.vercel.app', 'vercel.app'],
    ['spamhaus.org', 'spamhaus.org'],
  ])('%s is metered below the encoder %s', (asked, encoder) => {
    expect(route(asked)).toMatchObject({ standing: 'encoder', encoder: name(encoder), dohEndpoint: false });
  });
  test.each(['4157535f53454352.tenant.workers.dev', 'data.tenant.github.io', 'x.y.z.pages.dev'])(
    '%s lies below a tenant, who is a parent that nobody vouches for',
    (asked) => {
      expect(route(asked)).toMatchObject({ standing: 'unlisted', encoder: null });
    },
  );
  test.each(['profile.trafficmanager.net', 'property.akadns.net', 'www.customer.com.cdn.cloudflare.net', 'spamhaus.org.evil.example'])(
    '%s is no encoder: its owner is shown queries, or it only looks like one',
    (asked) => {
      expect(route(asked).encoder).toBeNull();
    },
  );
  test.each([
    ['dns.google', true],
    ['mozilla.cloudflare-dns.com', true],
    ['abc123.dns.nextdns.io', true],
    ['dnsforge.de', true],
    ['blog.dnsforge.de', false],
    ['google.com', false],
    ['nextdns.io', false],
  ])('%s is an encrypted resolver: %s', (asked, is) => {
    expect(route(asked).dohEndpoint).toBe(is);
  });
});

function text(entry: ShippedName): string {
  return toPresentation(entry.name);
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
