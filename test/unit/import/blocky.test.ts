import { describe, expect, test } from 'vitest';
import { importBlocky } from '../../../src/import/blocky.ts';
import { fixture, imported } from './imported.ts';

describe('a config of Blocky', () => {
  const { config, parsed, noteAt, yaml } = imported(importBlocky(fixture('blocky.yml')));

  test('listens where it listened', () => {
    expect(config.listen).toEqual({ dns: ['0.0.0.0:53', '[::]:53', '127.0.0.1:5353', '[::1]:5353'] });
  });
  test('asks whom it asked', () => {
    expect(config.upstreams).toEqual([
      'udp://192.0.2.53:53',
      'tls://dns.example.net:853',
      'https://dns.example.org/dns-query',
      'udp://192.0.2.54:53',
    ]);
    expect(config.forwarding).toEqual({ strategy: 'ordered', bootstrap: ['udp://198.51.100.1:53', 'https://198.51.100.2/dns-query'] });
    expect(config.zones).toEqual({
      'fritz.lan': ['udp://192.168.5.1:53'],
      'office.example': ['udp://10.1.0.53:53', 'udp://10.1.0.54:5353'],
    });
    expect(config.lanUpstreams).toEqual(['udp://192.168.5.1:53']);
    expect(noteAt('upstreams.groups["kids*"]')).toContain('upstreams of their own');
  });
  test('custom names stand for all below them, and its zone is read', () => {
    expect(parsed.records.map(({ name, type, value, ttlSeconds }) => `${name} ${ttlSeconds} ${type} ${value}`)).toEqual([
      'nas.lan 1800 A 192.168.5.10',
      '*.nas.lan 1800 A 192.168.5.10',
      'nas.lan 1800 AAAA fd05::10',
      '*.nas.lan 1800 AAAA fd05::10',
      'alias.example 300 CNAME nas.lan',
      'home.example 7200 A 192.168.5.1',
      'www.home.example 3600 CNAME home.example',
      'mail.home.example 7200 MX 10 mx.home.example',
      'text.home.example 7200 TXT two words',
    ]);
    expect(noteAt('customDNS.zone line 8')).toContain('NAPTR');
    expect(noteAt('customDNS.mapping["bad.lan"]')).toContain('no address');
  });
  test('groups become lists, and clients policies that use them', () => {
    expect(parsed.lists.map(({ name, kind }) => [name, kind])).toEqual([
      ['ads', 'block'],
      ['ads-2', 'block'],
      ['games', 'block'],
      ['only-allow', 'allow'],
    ]);
    expect(parsed.policies.map(({ name, match, lists }) => [name, match.cidr, lists])).toEqual([
      ['laptop', ['192.168.5.30/32', 'fd05::30/128'], ['games', 'ads', 'ads-2']],
      ['192.168.5.77-24', ['192.168.5.0/24'], ['games']],
      ['everyone', null, ['ads', 'ads-2']],
    ]);
    expect(noteAt('blocking.clientGroupsBlock["stranger*"]')).toContain('by IP address');
    expect(noteAt('blocking.allowlists.only')).toContain('default: deny');
  });
  test('names written in the config are entries', () => {
    expect(parsed.policies[0]?.block.map(({ pattern }) => pattern)).toEqual(['inline.example', '**.wild.example']);
    expect(parsed.policies[0]?.allow.map(({ pattern }) => pattern)).toEqual(['fine.inline.example']);
    expect(noteAt('blocking.denylists.ads[2] line 4')).toContain('regular expression');
  });
  test('cache, types, hosts files and records', () => {
    expect(config.cache).toEqual({ maxEntries: 5000, minTtl: '300s', maxTtl: '1800s', negativeMaxTtl: '600s', prefetch: true });
    expect(parsed.policies[0]?.qtypes).not.toContain('HTTPS');
    expect(config.hostsFiles).toEqual(['/etc/hosts']);
    expect(config.retention).toEqual({ decisions: 'all', days: 14 });
  });
  test.each([
    'redis',
    'queryLog',
    'ecs',
    'minTlsServeVersion',
    'dnssec',
    'ports.http',
    'caching.exclude',
    'conditional.fallbackUpstream',
    'madeUp',
  ])('what has no counterpart is told: %s', (path) => {
    expect(noteAt(path)).toBeDefined();
  });
  test('no address or password of a database is in the result', () => {
    expect(yaml).not.toMatch(/keeper|mysql|redis/);
  });
});

test('the older names of keys mean the same', () => {
  const { config, parsed } = imported(
    importBlocky(
      'upstream: { default: [tcp-tls:dns.example.net] }\nport: 5353\nblocking: { blackLists: { ads: ["https://l.example/a"] }, whiteLists: { ads: ["https://l.example/b"] }, clientGroupsBlock: { default: [ads] } }\nbootstrapDns: 9.9.9.9\nhostsFile: { filePath: /etc/hosts }',
    ),
  );
  expect(config.upstreams).toEqual(['tls://dns.example.net:853']);
  expect(config.listen).toEqual({ dns: ['0.0.0.0:5353', '[::]:5353'] });
  expect(config.hostsFiles).toEqual(['/etc/hosts']);
  expect(parsed.lists.map(({ name, kind }) => [name, kind])).toEqual([
    ['ads', 'block'],
    ['ads-allow', 'allow'],
  ]);
  expect(parsed.policies.map(({ name, lists }) => [name, lists])).toEqual([['everyone', null]]);
});

test.each(['', 'dns: {}', '[]', '}{'])('%j is no config of Blocky', (text) => {
  expect(importBlocky(text)).toEqual({ kind: 'failed', message: expect.any(String) });
});
