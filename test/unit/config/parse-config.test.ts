import { describe, expect, test } from 'vitest';
import { FIRST_CONTACT_BITS, PRESETS } from '../../../scoring/presets.ts';
import { configHash } from '../../../src/config/config.ts';
import { defaultConfig } from '../../../src/config/parse-config.ts';
import { configErrorText } from '../../../src/config/problems.ts';
import { accepted, FACTS, refused, warnings } from './read-config.ts';

const { refuse, quarantine } = PRESETS.interactive.thresholds;

describe('the example of the contract', () => {
  const config = accepted(`
mode: enforce
listen: { dns: ["127.0.0.1:53", "[::1]:53"], control: "127.0.0.1:8053" }
state: /var/lib/kennel
upstreams: ["udp://9.9.9.9", "tcp://192.0.2.53:5353"]
zones: { cluster.local: ["udp://10.96.0.10"], Corp.Example.net.: { upstreams: ["tcp://10.0.0.53"], trusted: false } }
limits: { queriesPerSecond: 500, burst: 2000 }
policies:
  - name: batch-agents
    match: { cidr: ["10.42.0.0/16"] }
    preset: batch
    default: deny
    allow:
      - { section: registry, owner: platform, reason: image pulls, names: ["**.Registry.example.com"] }
    budgets: { parentBits: 512, sessionBits: 2048 }
  - name: everyone
    match: {}
    default: allow
`);
  test('is read into canonical values', () => {
    expect(config).toMatchObject({
      mode: 'enforce',
      listen: {
        dns: [
          { address: '127.0.0.1', port: 53 },
          { address: '::1', port: 53 },
        ],
        control: { kind: 'tcp', address: '127.0.0.1', port: 8053 },
      },
      upstreams: [{ text: 'udp://9.9.9.9:53' }, { text: 'tcp://192.0.2.53:5353' }],
      limits: { queriesPerSecond: 500, burst: 2000 },
    });
  });
  test('zones with private upstreams are trusted unless the file says otherwise', () => {
    expect(config.zones.map(({ name, trusted }) => [name, trusted])).toEqual([
      ['cluster.local', true],
      ['corp.example.net', false],
    ]);
  });
  test('policies are filled in from their preset', () => {
    expect(config.policies[0]).toMatchObject({
      default: 'deny',
      unlisted: 'refuse',
      mode: 'enforce',
      allow: [{ section: 'registry', owner: 'platform', reason: 'image pulls', pattern: '**.registry.example.com' }],
      thresholds: PRESETS.batch.thresholds,
      budgets: { ...PRESETS.batch.budgets, parentBits: 512, sessionBits: 2048 },
      quarantine: { forSeconds: 3600, answers: 'nxdomain', stillAllow: null },
    });
    expect(config.policies[1]).toMatchObject({ preset: 'interactive', unlisted: 'score', match: { cidr: null, listener: null } });
  });
});

describe('without a file', () => {
  const parsed = defaultConfig(FACTS);
  const config = parsed.ok ? parsed.config : expect.fail('no default config');

  test('Kennel observes on loopback with the upstreams of the system', () => {
    expect(config).toMatchObject({
      mode: 'observe',
      listen: { dns: [{ address: '127.0.0.1', port: 5300 }], control: { kind: 'tcp', address: '127.0.0.1', port: 8053 } },
      state: '/var/lib/kennel',
      upstreams: [{ text: 'udp://9.9.9.9:53' }],
      searchSuffixes: ['corp.example.net'],
      policies: [{ name: 'default', preset: 'interactive', default: 'allow', unlisted: 'score', match: { cidr: null, listener: null } }],
    });
  });
  test('the internet is not served', () => {
    expect(config.clients.allow).toEqual([
      '127.0.0.0/8',
      '10.0.0.0/8',
      '172.16.0.0/12',
      '192.168.0.0/16',
      '169.254.0.0/16',
      '100.64.0.0/10',
      '::1/128',
      'fc00::/7',
      'fe80::/10',
    ]);
  });
  test.each([
    ['no resolv.conf', null],
    ['a resolv.conf without nameservers', { nameservers: [], search: [] }],
  ])('%s is an error', (_what, resolvConf) => {
    const failed = defaultConfig({ ...FACTS, resolvConf });
    expect(failed.ok ? [] : failed.errors.map(configErrorText)).toEqual([expect.stringContaining('nobody to ask')]);
  });
  test('an IPv6 nameserver is one', () => {
    const read = defaultConfig({ ...FACTS, resolvConf: { nameservers: ['2001:db8::53'], search: [] } });
    expect(read.ok ? read.config.upstreams.map((upstream) => upstream.text) : null).toEqual(['udp://[2001:db8::53]:53']);
  });
  test('means the same as a file with nothing but the mode', () => {
    expect(configHash(accepted('mode: observe'))).toBe(configHash(config));
  });
});

describe('an empty or broken file never means "allow all"', () => {
  test.each([
    ['an empty file', '', 'kennel.yaml:1:1: the file is empty'],
    ['only comments', '# nothing\n', 'the file is empty'],
    ['a list', '- mode', 'not a mapping of keys'],
    ['text', 'mode', 'not a mapping of keys'],
    ['no mode', 'upstreams: ["udp://9.9.9.9"]', 'kennel.yaml:1:1 mode: is required: observe or enforce'],
    ['an empty mode', 'mode:', 'mode: expected observe or enforce, not nothing'],
    ['an unknown mode', 'mode: allow', 'kennel.yaml:1:7 mode: expected observe or enforce, not "allow"'],
    ['empty policies', 'mode: enforce\npolicies:', 'kennel.yaml:2:10 policies: expected a list, not nothing'],
    ['no policies', 'mode: enforce\npolicies: []', 'kennel.yaml:2:11 policies: must not be empty'],
    ['no upstreams', 'mode: enforce\nupstreams: []', 'kennel.yaml:2:12 upstreams: must not be empty'],
    ['a mapping of policies', 'mode: enforce\npolicies: {a: {}}', 'policies: expected a list, not a mapping'],
    ['a half-written file', 'mode: enforce\npolicies: [', 'kennel.yaml:2:'],
  ])('%s', (_what, text, message) => {
    expect(refused(text).join('\n')).toContain(message);
  });
});

test('every error is told at once, in the order of the file, with its line and path', () => {
  expect(
    refused(`
mode: observe
upstream: [x]
limits: { queriesPerSecond: 0, bursts: 3 }
events: []
listen: { dns: ["localhost:53", "127.0.0.1:53"] }
upstreams: ["quic://dns.quad9.net@9.9.9.9", "udp://127.0.0.1:53"]
policies:
  - name: a b
    match: { cidr: ["10.42.0.1/16", x], sessionType: [x] }
    default: deny
    unlisted: tripwire
    allow: [{ section: a, owner: b, names: ["*.com"] }]
  - name: c
    thresholds: { flag: 90 }
    quarantine: { for: 5 }
`),
  ).toEqual([
    'kennel.yaml:3:1 upstream: unknown key; did you mean upstreams?',
    'kennel.yaml:4:29 limits.queriesPerSecond: must be at least 1, not 0',
    'kennel.yaml:4:32 limits.bursts: unknown key; did you mean burst?',
    'kennel.yaml:5:1 events: is not supported by this version',
    'kennel.yaml:6:17 listen.dns[0]: "localhost:53" is not IP:PORT, such as 127.0.0.1:53 or [::1]:53',
    'kennel.yaml:7:13 upstreams[0]: upstream "quic://dns.quad9.net@9.9.9.9" has the unknown scheme quic://; use udp://, tcp://, tls:// or https://',
    "kennel.yaml:7:45 upstreams[1]: udp://127.0.0.1:53 is Kennel's own listener (127.0.0.1:53): it would ask itself; name the resolver to ask instead",
    'kennel.yaml:9:11 policies[0].name: must be 1 to 63 letters, digits, dots, dashes or underscores, no dash or dot first',
    'kennel.yaml:10:21 policies[0].match.cidr[0]: "10.42.0.1/16" has host bits set; did you mean 10.42.0.0/16?',
    'kennel.yaml:10:37 policies[0].match.cidr[1]: "x" is not an address or CIDR prefix',
    'kennel.yaml:10:41 policies[0].match.sessionType: is not supported by this version',
    'kennel.yaml:12:15 policies[0].unlisted: "tripwire" is not supported by this version',
    'kennel.yaml:13:13 policies[0].allow[0].reason: is required: text',
    'kennel.yaml:13:45 policies[0].allow[0].names[0]: "*.com" is too wide: anybody can register a name below the public suffix com',
    `kennel.yaml:15:17 policies[1].thresholds: must rise: flag 90, refuse ${refuse}, quarantine ${quarantine} (what is not written comes from the preset)`,
    'kennel.yaml:16:24 policies[1].quarantine.for: expected text, not 5',
  ]);
});

describe('keys', () => {
  test.each(['events', 'kubernetes', 'firewall', 'shared', 'trustedIdentity', 'workers', 'transport', 'phases'])(
    '%s belongs to a later version and is not called unknown',
    (key) => {
      expect(refused(`mode: observe\n${key}: {}`)).toEqual([`kennel.yaml:2:1 ${key}: is not supported by this version`]);
    },
  );
  test('an unknown key without a likeness lists the known ones', () => {
    expect(refused('mode: observe\nlisten: { quic: [] }')).toEqual(['kennel.yaml:2:11 listen.quic: unknown key; known here: dns, control']);
  });
  test.each(['constructor', 'toString', 'hasOwnProperty'])('%s is unknown like any other', (key) => {
    expect(refused(`mode: observe\n${key}: 1`)[0]).toContain('unknown key');
  });
  test('a zone may be called like a property of objects', () => {
    expect(accepted('mode: observe\nzones: { constructor: ["udp://10.0.0.1"] }').zones[0]).toMatchObject({ name: 'constructor' });
  });
});

describe('policies between each other', () => {
  test.each([
    ['nobody is left without one', '[{ name: a, match: { cidr: ["10.0.0.0/8"] } }]', 'policies[0]: the last policy must match everybody'],
    [
      'none is out of reach',
      '[{ name: a }, { name: b, match: { cidr: ["10.0.0.0/8"] } }]',
      'policies[1]: never applies: policy a above it',
    ],
    ['names are unique', '[{ name: a, match: { cidr: ["10.0.0.0/8"] } }, { name: a }]', 'policies[1].name: another policy is called a'],
  ])('%s', (_what, policies, message) => {
    expect(refused(`mode: observe\npolicies: ${policies}`)).toEqual([expect.stringContaining(message)]);
  });
});

describe('one policy', () => {
  const policyErrors = (yaml: string, mode = 'observe'): string[] => refused(`mode: ${mode}\npolicies: [{ name: a, ${yaml} }]`);

  test.each([
    [
      'default deny cannot score what is not listed',
      'default: deny, unlisted: score',
      'policies[0].unlisted: score contradicts default: deny',
    ],
    ['thresholds must rise', 'thresholds: { quarantine: 1 }', 'policies[0].thresholds: must rise: flag '],
    ['a threshold is at most 100', 'thresholds: { quarantine: 101 }', 'policies[0].thresholds.quarantine: must be at most 100'],
    ['a threshold of 0 would refuse everything', 'thresholds: { flag: 0 }', 'must be at least 1'],
    ['an unknown type', 'qtypes: [A, NOSUCH]', 'policies[0].qtypes[1]: "NOSUCH" is not an RR type'],
    ['ANY is a question, not a record', 'qtypes: [ANY]', 'ANY is not a type that a resolver can answer'],
    ['a zone transfer', 'qtypes: [AXFR]', 'AXFR is not a type'],
    ['OPT', 'qtypes: [TYPE41]', 'OPT is not a type'],
    ['no types at all', 'qtypes: []', 'policies[0].qtypes: must not be empty'],
    ['budgets are counts', 'budgets: { parentBits: -1 }', 'policies[0].budgets.parentBits: must be at least 0'],
    ['budgets are whole', 'budgets: { parentBits: 1.5 }', 'policies[0].budgets.parentBits: expected a whole number, not 1.5'],
    ['budgets are not switched on', 'budgets: on', 'policies[0].budgets: expected off or a mapping of keys, not "on"'],
    [
      'a quarantine needs a unit',
      'quarantine: { for: "60" }',
      'policies[0].quarantine.for: "60" is not a duration; write 30s, 5m, 1h or 7d',
    ],
    ['a quarantine has a least length', 'quarantine: { for: 1s }', 'policies[0].quarantine.for: a quarantine lasts at least 1m'],
    [
      'a preset that does not exist',
      'preset: strict',
      'policies[0].preset: expected interactive or agent or batch or scheduled or homelab, not "strict"',
    ],
    [
      'a section without its owner',
      'block: [{ section: s, reason: r, names: [a.example] }]',
      'policies[0].block[0].owner: is required: text',
    ],
    ['a reason over several lines', 'block: [{ section: s, owner: o, reason: "a\\nb", names: [] }]', 'must not contain control characters'],
    [
      'an escape sequence in an owner',
      'block: [{ section: s, owner: "\\e[2J", reason: r, names: [] }]',
      'must not contain control characters',
    ],
  ])('%s', (_what, yaml, message) => {
    expect(policyErrors(yaml)).toEqual([expect.stringContaining(message)]);
  });

  test('a listener is named by its address', () => {
    expect(refused('mode: observe\npolicies: [{ name: a, match: { listener: [eth0] } }, { name: b }]')).toEqual([
      expect.stringContaining('policies[0].match.listener[0]: "eth0" is not IP:PORT'),
    ]);
  });
  test('may be stricter than the file, not laxer', () => {
    expect(accepted('mode: observe\npolicies: [{ name: a, mode: enforce }]').policies[0]?.mode).toBe('enforce');
    expect(policyErrors('mode: observe', 'enforce')).toEqual([
      expect.stringContaining('policies[0].mode: a policy may only be as strict as the file or stricter'),
    ]);
  });
  test('budgets: off leaves none', () => {
    expect(accepted('mode: observe\npolicies: [{ name: a, budgets: off }]').policies[0]?.budgets).toEqual({
      parentBits: null,
      sessionBits: null,
      fleetParentBits: null,
      parentRefillBitsPerDay: 0,
      sessionRefillBitsPerDay: 0,
      encoderBits: null,
      encoderRefillBitsPerDay: 0,
    });
  });
  test('budgets per 12h refill twice a day', () => {
    expect(
      accepted('mode: observe\npolicies: [{ name: a, budgets: { parentBits: 100, sessionBits: 300, per: 12h } }]').policies[0]?.budgets,
    ).toMatchObject({
      parentRefillBitsPerDay: 200,
      sessionRefillBitsPerDay: 600,
    });
  });
  test('an encoder budget refills within `per`, or within a day', () => {
    const budgets = (written: string) => accepted(`mode: observe\npolicies: [{ name: a, budgets: ${written} }]`).policies[0]?.budgets;
    expect(budgets('{ encoderBits: 5000 }')).toMatchObject({ encoderBits: 5000, encoderRefillBitsPerDay: 5000 });
    expect(budgets('{ encoderBits: 5000, per: 12h }')).toMatchObject({ encoderRefillBitsPerDay: 10_000 });
    expect(budgets('{ parentBits: 100 }')).toMatchObject({
      encoderBits: PRESETS.interactive.budgets.encoderBits,
      encoderRefillBitsPerDay: PRESETS.interactive.budgets.encoderRefillBitsPerDay,
    });
  });
  test.each([
    ['preset: agent', FIRST_CONTACT_BITS, 'refuse'],
    ['preset: batch', FIRST_CONTACT_BITS, 'refuse'],
    ['preset: scheduled', FIRST_CONTACT_BITS, 'refuse'],
    ['preset: interactive', null, 'score'],
    ['preset: homelab', null, 'score'],
    ['firstContact: on', FIRST_CONTACT_BITS, 'score'],
    ['firstContact: true', FIRST_CONTACT_BITS, 'score'],
    ['firstContact: 40, dohEndpoints: refuse', 40, 'refuse'],
    ['preset: agent, firstContact: off, dohEndpoints: score', null, 'score'],
    ['preset: agent, firstContact: false', null, 'refuse'],
  ])('first contacts and encrypted resolvers: %s', (yaml, firstContactBits, dohEndpoints) => {
    expect(accepted(`mode: observe\npolicies: [{ name: a, ${yaml} }]`).policies[0]).toMatchObject({ firstContactBits, dohEndpoints });
  });
  test.each(['firstContact: maybe', 'firstContact: -1', 'dohEndpoints: off', 'firstContactBits: 3', 'budgets: { encodersBits: 1 }'])(
    'refuses %s',
    (yaml) => {
      expect(policyErrors(yaml)).toHaveLength(1);
    },
  );
  test("a session's larger share raises the fleet's budget with it", () => {
    expect(
      accepted('mode: observe\npolicies: [{ name: a, preset: agent, budgets: { parentBits: 5000 } }]').policies[0]?.budgets.fleetParentBits,
    ).toBe(5000);
  });
  test('an allowlist that allows nothing is worth a warning', () => {
    expect(warnings('mode: enforce\npolicies: [{ name: a, default: deny }]')).toEqual([expect.stringContaining('allows no name')]);
  });
});

describe('who is asked', () => {
  test.each([
    ['the listener itself', 'listen: { dns: ["127.0.0.1:53"] }\nupstreams: ["udp://127.0.0.1"]'],
    ['the same over TCP', 'listen: { dns: ["127.0.0.1:53"] }\nupstreams: ["tcp://127.0.0.1:53"]'],
    ['the default listener', 'upstreams: ["udp://127.0.0.1:5300"]'],
    [
      'loopback under a wildcard listener',
      'listen: { dns: ["0.0.0.0:53"] }\nclients: { allow: ["10.0.0.0/8"] }\nupstreams: ["udp://127.0.0.53"]',
    ],
    [
      'IPv6 loopback under a wildcard listener',
      'listen: { dns: ["[::]:53"] }\nclients: { allow: ["10.0.0.0/8"] }\nupstreams: ["udp://[::1]"]',
    ],
    ['the listener in another spelling', 'listen: { dns: ["[::1]:53"] }\nupstreams: ["udp://[0:0:0:0:0:0:0:1]:53"]'],
  ])('%s is a loop', (_what, yaml) => {
    expect(refused(`mode: observe\n${yaml}`)).toEqual([expect.stringContaining("is Kennel's own listener")]);
  });
  test('a loop in a zone is told where the zone is written', () => {
    expect(refused('mode: observe\nzones:\n  lan: ["udp://10.0.0.1", "udp://127.0.0.1:5300"]')).toEqual([
      expect.stringMatching(/^kennel\.yaml:3:27 zones\.lan\[1\]: udp:\/\/127\.0\.0\.1:5300 is Kennel's own listener/),
    ]);
  });
  test("the system's resolv.conf may point at Kennel itself", () => {
    const facts = { ...FACTS, resolvConf: { nameservers: ['127.0.0.1'], search: [] } };
    expect(refused('mode: observe\nlisten: { dns: ["127.0.0.1:53"] }', facts)).toEqual([expect.stringContaining('it would ask itself')]);
  });
  test('another port or address is no loop', () => {
    expect(
      accepted('mode: observe\nlisten: { dns: ["127.0.0.1:53"] }\nupstreams: ["udp://127.0.0.1:5301", "udp://127.0.0.53"]').upstreams,
    ).toHaveLength(2);
  });
  test.each([
    ['an upstream twice', 'upstreams: ["udp://9.9.9.9", "udp://9.9.9.9:53"]', 'upstreams[1]: udp://9.9.9.9:53 is listed twice'],
    ['an upstream by name', 'upstreams: ["udp://dns.quad9.net"]', 'upstreams[0]:'],
    ['an upstream over QUIC', 'upstreams: ["quic://dns.quad9.net@9.9.9.9"]', 'has the unknown scheme quic://'],
    ['a zone without upstreams', 'zones: { lan: [] }', 'zones.lan: must not be empty'],
    ['a zone that is no name', 'zones: { "a..b": ["udp://10.0.0.1"] }', 'zones["a..b"]: "a..b" is not a domain name'],
    ['the root as a zone', 'zones: { ".": ["udp://10.0.0.1"] }', 'is not a domain name'],
    ['a zone in two spellings', 'zones: { lan: ["udp://10.0.0.1"], LAN.: ["udp://10.0.0.2"] }', 'the zone lan is written twice'],
    [
      'trust in a public suffix',
      'zones: { com: { upstreams: ["udp://10.0.0.1"], trusted: true } }',
      'com is a public suffix and cannot be trusted as a whole',
    ],
    [
      'an unknown key of a zone',
      'zones: { lan: { upstreams: ["udp://10.0.0.1"], trust: true } }',
      'zones.lan.trust: unknown key; did you mean trusted?',
    ],
  ])('%s is an error', (_what, yaml, message) => {
    expect(refused(`mode: observe\n${yaml}`)).toEqual([expect.stringContaining(message)]);
  });
  test('a public suffix with private upstreams is not trusted by itself', () => {
    expect(accepted('mode: observe\nzones: { in-addr.arpa: ["udp://10.0.0.1"] }').zones[0]?.trusted).toBe(false);
  });
});

describe('who is served', () => {
  test.each(['203.0.113.1:53', '0.0.0.0:53', '[::]:53'])('listening on %s without clients.allow is a start-up warning', (address) => {
    expect(warnings(`mode: observe\nlisten: { dns: ["${address}"] }`)).toEqual([expect.stringContaining('listen.dns: ')]);
    expect(warnings(`mode: observe\nlisten: { dns: ["${address}"] }\nclients: { allow: ["203.0.113.0/24"] }`)).toEqual([]);
  });
  test('listening on private addresses is not', () => {
    expect(warnings('mode: observe\nlisten: { dns: ["192.168.1.1:53", "[fd00::1]:53"] }')).toEqual([]);
  });
  test.each([
    ['a host name', '"localhost:53"'],
    ['port 0', '"127.0.0.1:0"'],
    ['port 65536', '"127.0.0.1:65536"'],
    ['IPv6 without brackets', '"::1:53"'],
    ['a zone', '"[fe80::1%eth0]:53"'],
    ['a number', '53'],
  ])('%s is no listener', (_what, address) => {
    expect(refused(`mode: observe\nlisten: { dns: [${address}] }`)).toHaveLength(1);
  });
  test('an address alone means port 53', () => {
    expect(accepted('mode: observe\nlisten: { dns: ["127.0.0.2"] }').listen.dns).toEqual([{ address: '127.0.0.2', port: 53 }]);
  });
  test('the same listener twice is an error', () => {
    expect(refused('mode: observe\nlisten: { dns: ["127.0.0.1", "127.0.0.1:53"] }')).toEqual([
      expect.stringContaining('listen.dns[1]: 127.0.0.1:53 is listed twice'),
    ]);
  });
  test.each([
    ['unix:/run/kennel/control.sock', { kind: 'unix', path: '/run/kennel/control.sock' }],
    ['[::1]:8053', { kind: 'tcp', address: '::1', port: 8053 }],
  ])('the control API may listen on %s', (written, control) => {
    expect(accepted(`mode: observe\nlisten: { control: "${written}" }`).listen.control).toEqual(control);
  });
  test.each(['unix:run/sock', `unix:/${'a'.repeat(107)}`, '127.0.0.1', 'localhost:8053', '8053'])(
    'the control API cannot listen on %s',
    (written) => {
      expect(refused(`mode: observe\nlisten: { control: "${written}" }`)).toEqual([expect.stringContaining('listen.control: ')]);
    },
  );
});

describe('limits', () => {
  test('off removes the rate limit and leaves the bounds of TCP', () => {
    expect(accepted('mode: observe\nlimits: off').limits).toMatchObject({ queriesPerSecond: null, tcp: { maxConnections: 1000 } });
  });
  test('the burst follows the rate', () => {
    expect(accepted('mode: observe\nlimits: { queriesPerSecond: 10 }').limits).toMatchObject({ queriesPerSecond: 10, burst: 40 });
  });
  test('TCP has its own', () => {
    expect(accepted('mode: observe\nlimits: { tcp: { idle: 2m, maxOutstanding: 5 } }').limits.tcp).toMatchObject({
      idleSeconds: 120,
      maxOutstanding: 5,
    });
  });
});

describe('records', () => {
  test('each type has one canonical form', () => {
    const records = accepted(`
mode: observe
records:
  - { name: NAS.lan., type: A, value: 192.168.1.10, ttl: 1h }
  - { name: nas.lan, type: AAAA, value: "FD00::0010" }
  - { name: www.lan, type: CNAME, value: NAS.lan }
  - { name: lan, type: MX, value: "10  Mail.lan." }
  - { name: _sip._tcp.lan, type: SRV, value: "0 5 5060 nas.lan" }
  - { name: 10.1.168.192.in-addr.arpa, type: PTR, value: nas.lan }
  - { name: nas.lan, type: TXT, value: "any; text" }
`).records;
    expect(records.map(({ name, type, value, ttlSeconds }) => [name, type, value, ttlSeconds])).toEqual([
      ['nas.lan', 'A', '192.168.1.10', 3600],
      ['nas.lan', 'AAAA', 'fd00::10', 300],
      ['www.lan', 'CNAME', 'nas.lan', 300],
      ['lan', 'MX', '10 mail.lan', 300],
      ['_sip._tcp.lan', 'SRV', '0 5 5060 nas.lan', 300],
      ['10.1.168.192.in-addr.arpa', 'PTR', 'nas.lan', 300],
      ['nas.lan', 'TXT', 'any; text', 300],
    ]);
  });
  test.each([
    ['an IPv6 address in an A', '{ name: a.lan, type: A, value: "::1" }', 'records[0].value: "::1" is not an IPv4 address'],
    ['an IPv4 address in an AAAA', '{ name: a.lan, type: AAAA, value: 10.0.0.1 }', 'is not an IPv6 address'],
    ['an asterisk in the middle', '{ name: "a.*.lan", type: A, value: 10.0.0.1 }', 'an asterisk stands alone at the front'],
    ['a part of a label', '{ name: "a*.lan", type: A, value: 10.0.0.1 }', 'an asterisk stands alone at the front'],
    ['a wildcard for everything', '{ name: "*", type: A, value: 10.0.0.1 }', 'is not a domain name'],
    [
      'one bad value among several',
      '{ name: a.lan, type: A, value: [10.0.0.1, "::1"] }',
      'records[0].value[1]: "::1" is not an IPv4 address',
    ],
    ['no value', '{ name: a.lan, type: A, value: [] }', 'records[0].value'],
    ['an MX without preference', '{ name: a.lan, type: MX, value: b.lan }', 'is not a preference and a domain name'],
    ['a port over 65535', '{ name: a.lan, type: SRV, value: "0 0 65536 b.lan" }', 'is not priority, weight, port'],
    ['an unknown type', '{ name: a.lan, type: LOC, value: x }', 'records[0].type: expected A or AAAA or CNAME'],
    ['an alias to itself', '{ name: a.lan, type: CNAME, value: a.lan }', 'the aliases lead in a circle'],
    ['an alias that a wildcard brings back', '{ name: "*.lan", type: CNAME, value: a.lan }', 'the aliases lead in a circle'],
    [
      'an alias of what a session asks about itself',
      '{ name: a.lan, type: CNAME, value: session.kennel.internal }',
      'no alias leads there',
    ],
  ])('%s is an error', (_what, record, message) => {
    expect(refused(`mode: observe\nrecords: [${record}]`)).toEqual([expect.stringContaining(message)]);
  });
  test('a wildcard stands for every name below', () => {
    const [record] = accepted('mode: observe\nrecords: [{ name: "*.Home.example.", type: A, value: 10.0.0.1 }]').records;
    expect(record?.name).toBe('*.home.example');
  });
  test('several values are several records', () => {
    const { records } = accepted('mode: observe\nrecords: [{ name: a.lan, type: A, value: [10.0.0.1, 10.0.0.2], ttl: 1m }]');
    expect(records.map(({ value, ttlSeconds }) => [value, ttlSeconds])).toEqual([
      ['10.0.0.1', 60],
      ['10.0.0.2', 60],
    ]);
  });
  test('an alias may lead to a name of somebody else', () => {
    const [record] = accepted('mode: observe\nrecords: [{ name: a.lan, type: CNAME, value: b.example.com }]').records;
    expect(record?.value).toBe('b.example.com');
  });
  test('a CNAME stands alone', () => {
    const text =
      'mode: observe\nrecords: [{ name: b.lan, type: A, value: 10.0.0.1 }, { name: a.lan, type: CNAME, value: b.lan }, { name: a.lan, type: A, value: 10.0.0.2 }]';
    expect(refused(text)).toEqual([expect.stringContaining('a.lan has other records beside its CNAME')]);
  });
});

describe('the rest', () => {
  test.each([
    ['reputation: off', { rdap: null, whois: null }],
    ['reputation: { whois: off }', { rdap: { baseUrl: null }, whois: null }],
    ['reputation: { whois: false, rdapBaseUrl: "https://rdap.example/" }', { rdap: { baseUrl: 'https://rdap.example/' }, whois: null }],
    ['reputation: { rdap: off, whoisServer: whois.example }', { rdap: null, whois: { server: 'whois.example' } }],
  ])('%s', (yaml, reputation) => {
    expect(accepted(`mode: observe\n${yaml}`).reputation).toEqual(reputation);
  });
  test.each(['ftp://a.example/', 'rdap.example', 'https://user:password@a.example/', 'https://a.example/?q='])(
    '%s is no base URL',
    (url) => {
      expect(refused(`mode: observe\nreputation: { rdapBaseUrl: "${url}" }`)).toEqual([expect.stringContaining('reputation.rdapBaseUrl')]);
    },
  );
  test('state must be absolute', () => {
    expect(refused('mode: observe\nstate: ./state')).toEqual(['kennel.yaml:2:8 state: "./state" must be an absolute path']);
  });
  test('written search suffixes replace those of the system', () => {
    expect(accepted('mode: observe\nsearchSuffixes: [Lan., lan, a.example]').searchSuffixes).toEqual(['lan', 'a.example']);
    expect(accepted('mode: observe\nsearchSuffixes: []').searchSuffixes).toEqual([]);
  });
  test('durations of the cache', () => {
    expect(accepted('mode: observe\ncache: { maxTtl: 7d, negativeMaxTtl: 30s, maxMegabytes: 1 }').cache).toMatchObject({
      maxTtlSeconds: 604_800,
      negativeMaxTtlSeconds: 30,
      maxOctets: 1_048_576,
    });
  });
  test('session prefixes have sane lengths', () => {
    expect(refused('mode: observe\nsessions: { prefixLengths: { ipv4: 0 } }')).toEqual([expect.stringContaining('must be at least 8')]);
    expect(accepted('mode: observe\nsessions: { prefixLengths: { ipv6: 64 } }').sessions.prefixLengths).toEqual({
      ipv4: 32,
      ipv6: 64,
      ipv6Budgets: 64,
    });
    expect(accepted('mode: observe\nsessions: { prefixLengths: { ipv6Budgets: 128 } }').sessions.prefixLengths.ipv6Budgets).toBe(128);
    expect(refused('mode: observe\nsessions: { prefixLengths: { ipv6Budgets: 63 } }')).toEqual([
      expect.stringContaining('must be at least 64'),
    ]);
  });
});

test('the hash depends on what a config means, not on how it is written', () => {
  const one = accepted('mode: observe\nupstreams: ["udp://9.9.9.9"]\ncontact: ops');
  const respelt = accepted('contact: "ops"\nupstreams:\n  - udp://9.9.9.9:53 # quad9\nmode: observe');
  const changed = accepted('mode: observe\nupstreams: ["udp://9.9.9.10"]\ncontact: ops');
  expect(configHash(one)).toMatch(/^[0-9a-f]{64}$/);
  expect(configHash(respelt)).toBe(configHash(one));
  expect(configHash(changed)).not.toBe(configHash(one));
});
