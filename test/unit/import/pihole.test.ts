import { describe, expect, test } from 'vitest';
import { importPihole, PIHOLE_FILES } from '../../../src/import/pihole.ts';
import { fixture, imported } from './imported.ts';

const one = (name: string, text: string) => importPihole(new Map([[name, text]]));

describe('pihole.toml', () => {
  const { config, parsed, noteAt, yaml } = imported(one('pihole.toml', fixture('pihole.toml')));

  test('asks whom it asked', () => {
    expect(config.upstreams).toEqual(['udp://192.0.2.53:53', 'udp://127.0.0.1:5335']);
    expect(noteAt('dns.upstreams[2]')).toContain('"dns.example" is left out');
  });
  test('conditional forwarding becomes zones, forward and reverse', () => {
    const zones = parsed.zones.map(({ name }) => name);
    expect(zones).toContain('lan');
    expect(zones).toContain('3.168.192.in-addr.arpa');
    expect(zones.filter((name) => /^\d+\.10\.in-addr\.arpa$/.test(name))).toHaveLength(16);
    expect(zones).toContain('corp.example');
    expect(noteAt('dns.revServers[1]')).toContain('switched off');
  });
  test('hosts, aliases and lines for dnsmasq become records', () => {
    expect(parsed.records.map(({ name, type, value, ttlSeconds }) => `${name} ${ttlSeconds} ${type} ${value}`)).toEqual([
      'nas.lan 300 A 192.168.3.10',
      'nas 300 A 192.168.3.10',
      'nas.lan 300 AAAA fd03::10',
      'files.lan 300 CNAME nas.lan',
      'search.example 120 CNAME safe.search.example',
      'box.lan 600 A 192.168.3.11',
      'box.lan 600 AAAA fd03::11',
      'apps.lan 300 A 192.168.3.12',
      '*.apps.lan 300 A 192.168.3.12',
    ]);
    expect(parsed.policies[0]?.block.map(({ pattern }) => pattern)).toEqual(['**.blocked.example']);
    expect(noteAt('dns.hosts[2]')).toContain('nonsense');
    expect(noteAt('misc.dnsmasq_lines[3]')).toContain('local-ttl');
  });
  test('limits, cache and records', () => {
    expect(config.limits).toEqual({ queriesPerSecond: 20, burst: 1200 });
    expect(config.cache).toEqual({ maxEntries: 20_000 });
    expect(config.retention).toEqual({ decisions: 'all', days: 91 });
  });
  test.each(['dns.dnssec', 'dhcp', 'webserver.api', 'gravity.db', 'madeUp', 'dns.blocking', 'dns.listeningMode'])(
    'what has no counterpart is told: %s',
    (path) => {
      expect(noteAt(path)).toBeDefined();
    },
  );
  test('no password is in the result', () => {
    expect(yaml).not.toContain('BALLOON');
  });
});

describe('the folder of version 5', () => {
  const names = [...PIHOLE_FILES, 'dnsmasq.d/05-pihole-custom-cname.conf', 'dnsmasq.d/10-own.conf'];
  const files = names.flatMap((name) => {
    try {
      return [[name, fixture(`pihole-5/${name}`)] as const];
    } catch {
      return [];
    }
  });
  const { config, parsed, noteAt } = imported(importPihole(new Map(files)));

  test('setupVars.conf is read', () => {
    expect(config.upstreams).toEqual(['udp://192.0.2.53:53', 'udp://[2001:db8::53]:53', 'udp://127.0.0.1:5335']);
    expect(Object.keys(config.zones ?? {})).toEqual(['fritz.box', '4.168.192.in-addr.arpa']);
    expect(noteAt('WEBPASSWORD')).toContain('left out');
    expect(noteAt('SOMETHING_NEW')).toBeDefined();
  });
  test('so are the files beside it', () => {
    expect(parsed.lists.map(({ name, source }) => [name, source])).toEqual([
      ['lists.example', { kind: 'url', url: 'https://lists.example/hosts' }],
      ['more.example', { kind: 'url', url: 'https://more.example/domains.txt' }],
    ]);
    expect(parsed.policies[0]?.allow.map(({ pattern }) => pattern)).toEqual(['fine.example']);
    expect(parsed.policies[0]?.block.map(({ pattern }) => pattern)).toEqual(['bad.example']);
    expect(parsed.records.map(({ name }) => name)).toEqual([
      'nas.fritz.box',
      'nas.fritz.box',
      'files.fritz.box',
      'apps.fritz.box',
      '*.apps.fritz.box',
    ]);
    expect(noteAt('blacklist.exact.json [1]')).toContain('switched off');
    expect(noteAt('regex.list line 1')).toContain('regular expression');
    expect(noteAt('gravity.db')).toBeUndefined();
  });
});

test('blocking that was off stays off, whatever else is in the folder', () => {
  const { parsed } = imported(
    importPihole(
      new Map([
        ['setupVars.conf', 'BLOCKING_ENABLED=false\nPIHOLE_DNS_1=9.9.9.9'],
        ['blacklist.txt', 'bad.example'],
        ['adlists.list', 'https://l.example/x'],
      ]),
    ),
  );
  expect(parsed.policies[0]).toMatchObject({ lists: [], block: [] });
});

test.each([
  ['pihole.toml', ''],
  ['pihole.toml', '[dhcp]\nactive = true'],
  ['pihole.toml', 'dns = [[['],
])('%s that is none: %j', (name, text) => {
  expect(one(name, text)).toEqual({ kind: 'failed', message: expect.any(String) });
});

test('a folder without any of its files is told', () => {
  expect(importPihole(new Map())).toMatchObject({ kind: 'failed' });
});
