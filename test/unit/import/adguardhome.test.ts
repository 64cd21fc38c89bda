import { describe, expect, test } from 'vitest';
import { importAdGuardHome } from '../../../src/import/adguardhome.ts';
import { fixture, imported } from './imported.ts';

describe('AdGuardHome.yaml, schema version 29', () => {
  const { config, parsed, noteAt, notes, yaml } = imported(importAdGuardHome(fixture('AdGuardHome.yaml')));

  test('listens where it listened', () => {
    expect(config.listen).toEqual({ dns: ['192.168.7.1:53', '[fd07::1]:53'] });
  });
  test('asks whom it asked, and those for some domains at zones', () => {
    expect(config.upstreams).toEqual([
      'tls://dns.example.net:853',
      'https://dns.example.org/dns-query',
      'udp://192.0.2.53:53',
      'udp://[2001:db8::53]:5353',
    ]);
    expect(config.forwarding).toEqual({ strategy: 'fastest', bootstrap: ['udp://198.51.100.53:53', 'udp://[2001:db8::1]:53'] });
    expect(config.zones).toEqual({
      'office.example': ['udp://10.20.0.53:53', 'udp://10.20.1.53:5353'],
      'branch.example': ['udp://10.20.0.53:53', 'udp://10.20.1.53:5353'],
    });
    expect(config.lanUpstreams).toEqual(['udp://192.168.7.254:53']);
  });
  test('what it cannot ask is told by its place', () => {
    expect(noteAt('dns.upstream_dns[5]')).toContain('"quic://dns.example.com" is left out');
    expect(noteAt('dns.upstream_dns[7]')).toContain('except.office.example');
    expect(noteAt('dns.fallback_dns')).toContain('udp://198.51.100.99:53');
  });
  test('rewrites become records', () => {
    expect(parsed.records.map(({ name, type, value }) => [name, type, value])).toEqual([
      ['printer.home.example', 'A', '192.168.7.20'],
      ['nas.home.example', 'A', '192.168.7.10'],
      ['nas.home.example', 'AAAA', 'fd07::10'],
      ['*.apps.home.example', 'A', '192.168.7.11'],
      ['search.example', 'CNAME', 'safe.search.example'],
    ]);
    expect(noteAt('filtering.rewrites[4]')).toContain('excepted from another rewrite');
    expect(noteAt('filtering.rewrites[5]')).toContain('switched off');
  });
  test('rules become entries of the policy, as far as they are about names', () => {
    const everyone = parsed.policies.at(-1);
    expect(everyone?.block.map(({ pattern }) => pattern)).toEqual([
      'wpad.example',
      '**.tracker.example',
      '**.loud.example',
      'exact.example',
      'nothing.example',
    ]);
    expect(everyone?.allow.map(({ pattern }) => pattern)).toEqual(['**.needed.tracker.example']);
    expect(noteAt('user_rules[8]')).toContain('regular expression');
  });
  test('a rule for one client becomes a policy, with the rules for all', () => {
    const own = parsed.policies.find(({ match }) => match.cidr?.includes('192.168.7.5/32'));
    const everyone = parsed.policies.at(-1);
    expect(own?.block.map(({ pattern }) => pattern)).toEqual([...(everyone?.block.map(({ pattern }) => pattern) ?? []), '**.some.example']);
    expect(own?.allow).toEqual(everyone?.allow);
  });
  test('lists keep their names, each its own', () => {
    expect(parsed.lists.map(({ name, kind, refreshSeconds }) => [name, kind, refreshSeconds])).toEqual([
      ['Ads-trackers', 'block', 43_200],
      ['Ads-trackers-2', 'block', 43_200],
      ['Fine', 'allow', 43_200],
    ]);
    expect(noteAt('filters[1]')).toContain('switched off');
  });
  test('a client that was not filtered gets a policy without lists and rules', () => {
    expect(parsed.policies).toHaveLength(3);
    expect(parsed.policies[0]).toMatchObject({
      name: 'Work-laptop',
      match: { cidr: ['192.168.7.30/32'] },
      lists: [],
      block: [],
      allow: [],
    });
    expect(noteAt('clients.persistent[0].ids[1]')).toContain('aa:bb:cc:dd:ee:ff');
    expect(noteAt('clients.persistent[0].upstreams')).toContain('Work laptop');
  });
  test('who is served, how fast, and what is kept', () => {
    expect(config.clients).toEqual({ allow: ['192.168.7.0/24'] });
    expect(config.limits).toEqual({ queriesPerSecond: 40 });
    expect(config.cache).toEqual({ maxMegabytes: 8, minTtl: '60s', maxTtl: '7200s' });
    expect(config.retention).toEqual({ decisions: 'all', days: 7 });
    expect(config.hostsFiles).toEqual(['/etc/hosts']);
  });
  test.each([
    'users',
    'tls',
    'dhcp',
    'dns.enable_dnssec',
    'dns.edns_client_subnet',
    'dns.bogus_nxdomain',
    'filtering.blocked_services',
    'filtering.safe_search',
    'filtering.safebrowsing_enabled',
    'dns.anonymize_client_ip',
    'querylog.ignored',
  ])('what has no counterpart is told: %s', (path) => {
    expect(noteAt(path)).toBeDefined();
  });
  test('no password, hash or key is in the result', () => {
    expect(`${yaml}${JSON.stringify(notes)}`).not.toMatch(/\$2y\$10|PRIVATE KEY|keeper/);
  });
});

describe('AdGuardHome.yaml, schema version 20', () => {
  const { config, parsed, notes } = imported(importAdGuardHome(fixture('AdGuardHome-20.yaml')));

  test('is read where its settings stood then', () => {
    expect(config.upstreams).toEqual(['udp://9.9.9.9:53', 'udp://[2620:fe::fe]:53']);
    expect(config.limits).toBe('off');
    expect(config.retention).toEqual({ decisions: 'evidence', days: 90 });
    expect(parsed.records.map(({ name }) => name)).toEqual(['router.lan']);
    expect(parsed.cache.serveStaleSeconds).toBeNull();
    expect(parsed.policies[0]?.qtypes).not.toContain('AAAA');
    expect(config.lanUpstreams).toBeUndefined();
  });
  test('has nothing without a counterpart but that all servers were asked', () => {
    expect(notes.map(({ path }) => path)).toEqual(['dns.upstream_mode']);
  });
});

describe('a file that is another', () => {
  test.each(['', 'a: 1', '- x', 'upstreams: {}', '\0', '{', 'dns: *a'])('%j fails with a reason', (text) => {
    expect(importAdGuardHome(text)).toEqual({ kind: 'failed', message: expect.any(String) });
  });
});

test('filtering that was off stays off', () => {
  const { parsed, noteAt } = imported(
    importAdGuardHome(
      'dns: { upstream_dns: [9.9.9.9] }\nfiltering: { protection_enabled: false }\nuser_rules: ["||a.example^"]\nfilters: [{ enabled: true, name: x, url: "https://l.example/x" }]',
    ),
  );
  expect(parsed.policies).toHaveLength(1);
  expect(parsed.policies[0]).toMatchObject({ lists: [], block: [] });
  expect(noteAt('filtering.protection_enabled')).toContain('1 rules');
});

test('an empty list of clients serves nobody, and does not become the default', () => {
  const { parsed } = imported(importAdGuardHome('dns: { upstream_dns: [9.9.9.9], allowed_clients: [tablet] }'));
  expect(parsed.clients.allow).toEqual([]);
});

test('what Kennel refuses is left out and told', () => {
  const { parsed, notes } = imported(
    importAdGuardHome(
      'dns: { bind_hosts: [127.0.0.1], port: 53, upstream_dns: ["127.0.0.1:53", 9.9.9.9, "tls://dns.example", "[/bad name/]10.0.0.1"], local_ptr_upstreams: [8.8.8.8] }\nfiltering: { rewrites: [{ domain: a.lan, answer: a b }, { domain: b.lan, answer: c.lan }, { domain: c.lan, answer: b.lan }] }',
    ),
  );
  expect(parsed.upstreams.map(({ text }) => text)).toEqual(['udp://9.9.9.9:53']);
  expect(parsed.lanUpstreams).toEqual([]);
  expect(parsed.zones).toEqual([]);
  expect(notes.filter(({ path }) => path.startsWith('result: ')).length).toBeGreaterThanOrEqual(5);
});

test('a password in a URL is shown to nobody', () => {
  const result = imported(
    importAdGuardHome(
      'dns: { upstream_dns: ["https://keeper:never-copied@dns.example/dns-query"] }\nfilters: [{ url: "https://keeper:never-copied@l.example/x", enabled: true }]',
    ),
  );
  expect(result.notes.length).toBeGreaterThan(1);
});

describe('rules for some clients', () => {
  const file = (rules: readonly string[]) => `dns: {}
clients: { persistent: [{ name: the tv, ids: [192.168.1.130, "aa:bb:cc:dd:ee:ff"] }] }
user_rules: ${JSON.stringify(rules)}
schema_version: 29
`;
  const policiesOf = (...rules: string[]) => imported(importAdGuardHome(file(rules)));

  test('by name, by network and by address, quoted or not; the narrowest comes first and holds what is said of the wider', () => {
    const { parsed, notes } = policiesOf(
      '||games.example^$client=192.168.1.0/24',
      "||ads.example^$client='the tv'|192.168.1.5,important",
      '@@||fine.example^$client=192.168.1.5',
    );
    expect(
      parsed.policies.map(({ name, match, block, allow }) => [name, match.cidr, block.map(({ pattern }) => pattern), allow.length]),
    ).toEqual([
      ['the-tv', ['192.168.1.130/32'], ['**.ads.example', '**.games.example'], 0],
      ['192.168.1.5', ['192.168.1.5/32'], ['**.ads.example', '**.games.example'], 1],
      ['192.168.1.0-24', ['192.168.1.0/24'], ['**.games.example'], 0],
      ['everyone', null, [], 0],
    ]);
    expect(notes.map(({ path }) => path)).toEqual(['user_rules[1]', '']);
  });

  test('a client to which everything is blocked gets what is allowed to it', () => {
    const { parsed, noteAt } = policiesOf('||*^$client=the tv', '@@||maker.example^$client=the tv');
    expect(parsed.policies[0]).toMatchObject({ name: 'the-tv', mode: 'enforce', unlisted: 'refuse' });
    expect(parsed.policies[0]?.allow.map(({ pattern }) => pattern)).toEqual(['**.maker.example']);
    expect(parsed.policies.at(-1)).toMatchObject({ unlisted: 'score' });
    expect(noteAt('user_rules[0]')).toContain('its policy enforces');
  });

  test.each([
    ['||a.example^$client=~192.168.1.5', 'all clients but some'],
    ['||a.example^$client=', 'all clients but some'],
    ['||a.example^$client=somebody', 'knows clients by IP address'],
    ['/ads[0-9]/$client=192.168.1.5', 'regular expression'],
    ['192.0.2.1 a.example$client=192.168.1.5', ''],
  ])('%s is no policy, and told', (rule, told) => {
    const { parsed, noteAt } = policiesOf(rule);
    expect(parsed.policies).toHaveLength(1);
    expect(noteAt('user_rules[0]')).toContain(told);
  });

  test('more clients than anybody has are told, not taken', () => {
    const rules = Array.from({ length: 300 }, (_, index) => `||a.example^$client=10.0.${index >> 8}.${index & 255}`);
    const { parsed, noteAt } = policiesOf(...rules);
    expect(parsed.policies).toHaveLength(201);
    expect(noteAt('user_rules[299]')).toContain('is left out');
  });
});
