import { describe, expect, test } from 'vitest';
import { answerAny } from '../../../src/policy/classify-name.ts';
import { RCODE, RRTYPE } from '../../../src/wire/codes.ts';
import { addressesOf, soaMinimumSeconds } from '../../../src/wire/rdata.ts';
import { compile, name } from './compiled-config.ts';

const LISTS = `
policies:
  - name: agents
    match: { cidr: ["10.42.0.0/16"] }
    default: deny
    allow:
      - { section: registry, owner: platform, reason: image pulls, names: ["**.registry.example.com", "one.example.org", "both.example.org"] }
    block:
      - { section: ads, owner: security, reason: tracking, names: ["**.ads.example.net", "both.example.org"] }
  - name: everyone
    block:
      - { section: ads, owner: security, reason: tracking, names: ["**.ads.example.net"] }
`;
const AGENT = '10.42.1.1';

describe('lists', () => {
  const config = compile(LISTS, ['popular.com']);

  test('an allowed name says which entry allowed it', () => {
    expect(config.route('a.b.registry.example.com', RRTYPE.A, AGENT)).toMatchObject({
      listing: 'allowed',
      standing: 'allowlisted',
      entry: { section: 'registry', owner: 'platform', reason: 'image pulls', pattern: '**.registry.example.com', exact: false },
    });
  });
  test('an exact entry is marked as such', () => {
    expect(config.route('one.example.org', RRTYPE.A, AGENT).entry).toMatchObject({ pattern: 'one.example.org', exact: true });
  });
  test('a blocked name says which entry blocked it', () => {
    expect(config.route('x.ads.example.net')).toMatchObject({
      listing: 'blocked',
      standing: 'unlisted',
      entry: { section: 'ads', owner: 'security' },
    });
  });
  test('an allow entry wins over a block entry', () => {
    expect(config.route('both.example.org', RRTYPE.A, AGENT)).toMatchObject({ listing: 'allowed', entry: { section: 'registry' } });
  });
  test('default deny refuses the rest, popular or not', () => {
    expect(config.route('example.com', RRTYPE.A, AGENT)).toMatchObject({ listing: 'denied-by-default', entry: null });
    expect(config.route('www.popular.com', RRTYPE.A, AGENT).listing).toBe('denied-by-default');
  });
  test('default allow leaves the rest to the score', () => {
    expect(config.route('example.com')).toMatchObject({ listing: 'none', standing: 'unlisted', entry: null, group: 'default' });
  });
  test('names that only look allowed are not', () => {
    for (const asked of ['registry.example.com.evil.org', 'xregistry.example.com', 'registry\\.example.com', 'registry.example.com\\000']) {
      expect(config.route(asked, RRTYPE.A, AGENT).listing).toBe('denied-by-default');
    }
  });
  test('an empty allowlist under default deny allows nothing', () => {
    const strict = compile('policies: [{ name: strict, default: deny }]');
    expect(strict.route('example.com').listing).toBe('denied-by-default');
  });
  test('unlisted: refuse under default: allow refuses what is not listed', () => {
    const strict = compile('policies: [{ name: strict, default: allow, unlisted: refuse }]');
    expect(strict.route('example.com').listing).toBe('denied-by-default');
  });
});

describe('popularity', () => {
  const config = compile('', ['popular.com', 'readthedocs.io', 'co.uk']);

  test('counts for the registrable domain and everything below it', () => {
    expect(config.route('a.b.popular.com').standing).toBe('popular');
  });
  test('never counts for tenants of a private suffix', () => {
    expect(config.route('evil.readthedocs.io').standing).toBe('unlisted');
    expect(config.route('x.evil.readthedocs.io').standing).toBe('unlisted');
  });
  test('never counts for a public suffix', () => {
    expect(config.route('x.evil.co.uk').standing).toBe('unlisted');
  });
  test('is not reached by octets that only print like a dot', () => {
    expect(config.route('x.popular\\.com').standing).toBe('unlisted');
    expect(config.route('x.popular.com\\000').standing).toBe('unlisted');
  });
});

describe('legitimate encoders', () => {
  const config = compile(
    `
zones: { corp.cloudfront.net: ["udp://10.0.0.53"] }
policies:
  - name: agents
    match: { cidr: ["10.42.0.0/16"] }
    allow: [{ section: s, owner: o, reason: r, names: ["**.mydb.rds.amazonaws.com"] }]
    block: [{ section: s, owner: o, reason: r, names: ["**.googlevideo.com"] }]
  - name: everyone
`,
    ['amazonaws.com'],
  );

  test('beat popularity, and are metered below their entry', () => {
    expect(config.route('a.eu-west-1.elb.amazonaws.com')).toMatchObject({ standing: 'encoder', encoder: name('amazonaws.com') });
  });
  test('are beaten by an allow entry and by a trusted zone', () => {
    expect(config.route('x.mydb.rds.amazonaws.com', RRTYPE.A, AGENT)).toMatchObject({ standing: 'allowlisted', encoder: null });
    expect(config.route('a.corp.cloudfront.net')).toMatchObject({ standing: 'trusted', encoder: null });
  });
  test('are blocked by a block entry', () => {
    expect(config.route('rr1.googlevideo.com', RRTYPE.A, AGENT).listing).toBe('blocked');
  });
  test.each(['4.3.2.1.in-addr.arpa', `${'a.'.repeat(32)}ip6.arpa`])(
    'the reverse of an address is one, metered by its network: %s',
    (asked) => {
      expect(config.route(asked, RRTYPE.PTR)).toMatchObject({ standing: 'encoder', encoder: null });
    },
  );
  test('a top-level name that nobody can own is one: names below it reach no stranger', () => {
    expect(config.route('www.example.com.us-west-2.compute.internal')).toMatchObject({ standing: 'encoder', encoder: name('internal') });
  });
  test.each([
    'x.4.3.2.1.in-addr.arpa',
    '3.2.1.in-addr.arpa',
    '256.3.2.1.in-addr.arpa',
    '04.3.2.1.in-addr.arpa',
    '0/26.3.2.1.in-addr.arpa',
    `${'a.'.repeat(31)}ip6.arpa`,
    `x.${'a.'.repeat(32)}ip6.arpa`,
    `aa.${'a.'.repeat(31)}ip6.arpa`,
    `${'g.'.repeat(32)}ip6.arpa`,
  ])('the owner of a reverse zone gets no favour for other labels: %s', (asked) => {
    expect(config.route(asked, RRTYPE.PTR).standing).toBe('unlisted');
  });
});

describe('encrypted resolvers', () => {
  const config = compile(`
policies:
  - name: agents
    match: { cidr: ["10.42.0.0/16"] }
    preset: agent
    allow: [{ section: s, owner: o, reason: r, names: ["dns.quad9.net"] }]
  - name: relayed
    match: { cidr: ["10.43.0.0/16"] }
    preset: agent
    allow: [{ section: s, owner: o, reason: r, names: ["mask.icloud.com"] }]
  - name: everyone
`);

  test('are known by name, unless an allow entry covers them', () => {
    expect(config.route('dns.quad9.net').dohEndpoint).toBe(true);
    expect(config.route('dns.quad9.net', RRTYPE.A, AGENT).dohEndpoint).toBe(false);
  });
  test.each(['mask.icloud.com', 'mask-h2.icloud.com'])('%s does not exist where they are refused', (asked) => {
    expect(config.classify(asked, RRTYPE.A, AGENT)).toMatchObject({ kind: 'local', rcode: RCODE.NXDOMAIN });
    expect(config.classify(asked)).toMatchObject({ kind: 'routed' });
  });
  test('an allow entry lets iCloud Private Relay be found', () => {
    expect(config.classify('mask.icloud.com', RRTYPE.A, '10.43.0.1')).toMatchObject({ kind: 'routed', listing: 'allowed' });
  });
});

const ZONES = `
upstreams: ["udp://9.9.9.9"]
zones:
  corp.example.net: ["udp://10.0.0.53"]
  lab.corp.example.net: { upstreams: ["udp://10.0.0.54"], trusted: false }
  partner.example.org: ["udp://198.51.100.53"]
  lan: ["udp://192.168.1.1"]
  test: ["udp://127.0.0.1:5301"]
  10.in-addr.arpa: ["udp://10.0.0.53"]
records:
  - { name: nas.lan, type: A, value: 192.168.1.10 }
policies:
  - name: agents
    match: { cidr: ["10.42.0.0/16"] }
    default: deny
    allow: [{ section: s, owner: o, reason: r, names: [allowed.example.com] }]
    block: [{ section: s, owner: o, reason: r, names: ["secret.corp.example.net"] }]
  - name: everyone
`;

describe('forward zones', () => {
  const config = compile(ZONES);

  test('the longest zone decides', () => {
    expect(config.route('a.corp.example.net')).toMatchObject({ group: 'zone:corp.example.net', standing: 'trusted' });
    expect(config.route('a.lab.corp.example.net')).toMatchObject({
      group: 'zone:lab.corp.example.net',
      standing: 'unlisted',
    });
  });
  test('a zone covers its own name and stops at label dots', () => {
    expect(config.route('corp.example.net').group).toBe('zone:corp.example.net');
    expect(config.route('xcorp.example.net').group).toBe('default');
  });
  test('public upstreams make no trusted zone', () => {
    expect(config.route('a.partner.example.org')).toMatchObject({ group: 'zone:partner.example.org', standing: 'unlisted' });
  });
  test('a trusted zone passes default deny, an untrusted one does not', () => {
    expect(config.route('a.corp.example.net', RRTYPE.A, AGENT).listing).toBe('none');
    expect(config.route('a.partner.example.org', RRTYPE.A, AGENT).listing).toBe('denied-by-default');
  });
  test('a block entry below a trusted zone still blocks', () => {
    expect(config.route('secret.corp.example.net', RRTYPE.A, AGENT)).toMatchObject({ listing: 'blocked', standing: 'trusted' });
  });
  test('a zone beats the built-in names', () => {
    expect(config.route('a.test').group).toBe('zone:test');
    expect(config.route('1.0.0.10.in-addr.arpa', RRTYPE.PTR).group).toBe('zone:10.in-addr.arpa');
    expect(config.route('lan').group).toBe('zone:lan');
  });
  test('a record beats the zone around it', () => {
    expect(config.classify('nas.lan')).toMatchObject({ kind: 'local', rcode: RCODE.NOERROR });
    expect(config.route('other.lan').group).toBe('zone:lan');
  });
});

test('a private default upstream does not make its names trusted', () => {
  const config = compile('upstreams: ["udp://192.168.1.1"]');
  expect(config.route('example.com')).toMatchObject({ standing: 'unlisted', ofThisSite: false });
});

describe('records', () => {
  const config = compile(`
records:
  - { name: nas.home.arpa, type: A, value: 192.168.1.10 }
  - { name: nas.home.arpa, type: AAAA, value: "fd00::10" }
  - { name: www.home.arpa, type: CNAME, value: nas.home.arpa }
  - { name: use-application-dns.net, type: TXT, value: ours }
`);
  test('answer their types', () => {
    const answer = config.classify('NAS.home.arpa', RRTYPE.AAAA);
    expect(answer.kind === 'local' ? answer.answers.flatMap(addressesOf) : null).toEqual(['fd00::10']);
  });
  test('answer no data for other types of their names, with an SOA', () => {
    const answer = config.classify('nas.home.arpa', RRTYPE.MX);
    expect(answer).toMatchObject({ kind: 'local', rcode: RCODE.NOERROR, answers: [] });
    expect(answer.kind === 'local' ? answer.authority.map((soa) => soa.owner) : null).toEqual([name('nas.home.arpa')]);
  });
  test('are followed through aliases', () => {
    const answer = config.classify('www.home.arpa', RRTYPE.A);
    expect(answer.kind === 'local' ? answer.answers.map((record) => record.type) : null).toEqual([RRTYPE.CNAME, RRTYPE.A]);
  });
  test('beat the built-in names', () => {
    expect(config.classify('use-application-dns.net', RRTYPE.TXT)).toMatchObject({ rcode: RCODE.NOERROR });
  });
});

describe('special-use names with a public upstream', () => {
  const config = compile('upstreams: ["udp://9.9.9.9"]');
  test.each([
    ['localhost is this machine', 'localhost', RRTYPE.A, RCODE.NOERROR, ['127.0.0.1']],
    ['localhost over IPv6', 'localhost', RRTYPE.AAAA, RCODE.NOERROR, ['::1']],
    ['names below localhost as well', 'a.b.localhost', RRTYPE.A, RCODE.NOERROR, ['127.0.0.1']],
    ['localhost has nothing else', 'localhost', RRTYPE.TXT, RCODE.NOERROR, []],
    ['invalid', 'a.invalid', RRTYPE.A, RCODE.NXDOMAIN, []],
    ['test', 'a.test', RRTYPE.A, RCODE.NXDOMAIN, []],
    ['multicast DNS names', 'printer.local', RRTYPE.A, RCODE.NXDOMAIN, []],
    ['onion services', 'abcdef.onion', RRTYPE.A, RCODE.NXDOMAIN, []],
    ['home networks', 'nas.home.arpa', RRTYPE.A, RCODE.NXDOMAIN, []],
    ['discovery of designated resolvers', '_dns.resolver.arpa', RRTYPE.SVCB, RCODE.NOERROR, []],
    ['other names below resolver.arpa', 'x.resolver.arpa', RRTYPE.SVCB, RCODE.NXDOMAIN, []],
    ['the DNS over HTTPS canary', 'use-application-dns.net', RRTYPE.A, RCODE.NXDOMAIN, []],
    ['a single label', 'printer', RRTYPE.A, RCODE.NXDOMAIN, []],
    ['a top-level domain asked for an address', 'com', RRTYPE.A, RCODE.NXDOMAIN, []],
    ['reverse of 10/8', '1.0.0.10.in-addr.arpa', RRTYPE.PTR, RCODE.NXDOMAIN, []],
    ['reverse of 172.16/12', '1.0.31.172.in-addr.arpa', RRTYPE.PTR, RCODE.NXDOMAIN, []],
    ['reverse of 192.168/16', '1.0.168.192.in-addr.arpa', RRTYPE.PTR, RCODE.NXDOMAIN, []],
    ['reverse of 100.64/10', '1.0.127.100.in-addr.arpa', RRTYPE.PTR, RCODE.NXDOMAIN, []],
    ['reverse of link-local', '1.0.254.169.in-addr.arpa', RRTYPE.PTR, RCODE.NXDOMAIN, []],
    ['reverse of loopback but for 127.0.0.1', '2.0.0.127.in-addr.arpa', RRTYPE.PTR, RCODE.NXDOMAIN, []],
    ['reverse of a ULA', '1.d.f.ip6.arpa', RRTYPE.PTR, RCODE.NXDOMAIN, []],
    ['reverse of link-local IPv6', '1.a.e.f.ip6.arpa', RRTYPE.PTR, RCODE.NXDOMAIN, []],
  ])('%s: %s', (_what, asked, qtype, rcode, addresses) => {
    const answer = config.classify(asked, qtype);
    expect(answer).toMatchObject({ kind: 'local', rcode });
    expect(answer.kind === 'local' ? answer.answers.flatMap(addressesOf) : null).toEqual(addresses);
    expect(answer.kind === 'local' ? answer.authority.length : null).toBe(addresses.length > 0 ? 0 : 1);
  });

  test('the pointer of 127.0.0.1 and of ::1 is localhost', () => {
    for (const asked of ['1.0.0.127.in-addr.arpa', `1.${'0.'.repeat(31)}ip6.arpa`]) {
      const answer = config.classify(asked, RRTYPE.PTR);
      expect(answer.kind === 'local' ? answer.answers.map((record) => Buffer.from(record.rdata).toString('latin1')) : null).toEqual([
        name('localhost'),
      ]);
    }
  });

  test.each([
    ['example. is ordinary', 'www.example', RRTYPE.A],
    ['example.com is ordinary', 'example.com', RRTYPE.A],
    ['ipv4only.arpa is ordinary', 'ipv4only.arpa', RRTYPE.AAAA],
    ['public reverse zones are ordinary', '9.9.9.9.in-addr.arpa', RRTYPE.PTR],
    ['172.32/16 is not private', '1.0.32.172.in-addr.arpa', RRTYPE.PTR],
    ['a validator may ask for the keys of a top-level domain', 'com', RRTYPE.DNSKEY],
    ['the root is ordinary', '.', RRTYPE.NS],
    ['a name that only ends alike', 'notlocalhost.com', RRTYPE.A],
    ['an escaped dot is no label border', 'a.b\\.local', RRTYPE.A],
    ['iCloud Private Relay is left alone', 'mask.icloud.com', RRTYPE.A],
  ])('%s: %s', (_what, asked, qtype) => {
    expect(config.classify(asked, qtype)).toMatchObject({ kind: 'routed', group: 'default' });
  });

  test('a key record of a top-level domain that is not public stays here', () => {
    expect(config.classify('printer', RRTYPE.DNSKEY)).toMatchObject({ kind: 'local', rcode: RCODE.NXDOMAIN });
  });
});

describe('names of the site with a private upstream', () => {
  const config = compile('upstreams: ["udp://192.168.1.1"]');
  test.each(['printer', 'nas.home.arpa', '1.168.192.in-addr.arpa', '1.d.f.ip6.arpa'])('%s is asked there, untrusted', (asked) => {
    expect(config.route(asked)).toMatchObject({ group: 'default', ofThisSite: true, standing: 'unlisted' });
  });
  test.each(['a.test', 'printer.local', 'abc.onion', '2.0.0.127.in-addr.arpa'])('%s is still answered here', (asked) => {
    expect(config.classify(asked)).toMatchObject({ kind: 'local', rcode: RCODE.NXDOMAIN });
  });
  test('one public upstream among them is enough to keep such names here', () => {
    const mixed = compile('upstreams: ["udp://192.168.1.1", "udp://9.9.9.9"]');
    expect(mixed.classify('printer')).toMatchObject({ kind: 'local', rcode: RCODE.NXDOMAIN });
  });
});

describe('names of the site with upstreams of the LAN', () => {
  const config = compile(
    'upstreams: ["udp://9.9.9.9"]\nlanUpstreams: ["udp://192.168.1.1"]\nzones: { 10.in-addr.arpa: ["udp://10.0.0.53"] }',
  );
  test.each(['printer', 'nas.home.arpa', '1.168.192.in-addr.arpa', '1.d.f.ip6.arpa', 'nas.lan', 'a.b.internal'])(
    '%s is asked there',
    (asked) => {
      expect(config.route(asked)).toMatchObject({ group: 'lan', ofThisSite: true });
      expect(config.route(asked).standing).not.toBe('trusted');
    },
  );
  test('a zone comes first', () => {
    expect(config.route('1.0.0.10.in-addr.arpa', RRTYPE.PTR).group).toBe('zone:10.in-addr.arpa');
  });
  test.each(['example.com', '9.9.9.9.in-addr.arpa', 'nas.lan.example'])('%s is not', (asked) => {
    expect(config.route(asked)).toMatchObject({ group: 'default', ofThisSite: false });
  });
  test.each(['a.test', 'printer.local', 'abc.onion'])('%s is still answered here', (asked) => {
    expect(config.classify(asked)).toMatchObject({ kind: 'local', rcode: RCODE.NXDOMAIN });
  });
  test('without them a private top-level name goes the way of all names', () => {
    expect(compile('upstreams: ["udp://9.9.9.9"]').route('nas.lan')).toMatchObject({ group: 'default', ofThisSite: false });
  });
});

describe('feedback names', () => {
  const config = compile('zones: { internal: ["udp://10.0.0.53"] }');
  test.each([
    ['kennel.internal', { kind: 'apex' }],
    ['session.kennel.internal', { kind: 'session' }],
    ['last.why.kennel.internal', { kind: 'last' }],
    ['d-7f3k9q2mzc.why.kennel.internal', { kind: 'decision', id: 'd-7f3k9q2mzc' }],
    ['secret.evil.example.why.kennel.internal', { kind: 'name', name: 'secret.evil.example' }],
    ['a\\.b.evil.example.why.kennel.internal', { kind: 'name', name: 'a\\.b.evil.example' }],
    ['why.why.example.why.kennel.internal', { kind: 'name', name: 'why.why.example' }],
    ['x.kennel.internal', { kind: 'unknown' }],
    ['session.x.kennel.internal', { kind: 'unknown' }],
  ])('%s', (asked, topic) => {
    expect(config.classify(asked, RRTYPE.TXT)).toEqual({ kind: 'feedback', topic });
  });

  test('explain names of up to 235 octets', () => {
    const longest = `${`${'a'.repeat(57)}.`.repeat(4)}b`;
    expect(name(longest)).toHaveLength(235);
    expect(config.classify(`${longest}.why.kennel.internal`, RRTYPE.TXT)).toEqual({
      kind: 'feedback',
      topic: { kind: 'name', name: longest },
    });
  });
  test('do not take names that only end alike', () => {
    expect(config.route('xkennel.internal').group).toBe('zone:internal');
  });
});

test('ANY is answered with one HINFO that says so', () => {
  const answer = answerAny(name('example.com'));
  expect(answer).toMatchObject({ rcode: RCODE.NOERROR, authority: [] });
  expect(answer.answers.map(({ owner, type, rdata }) => [owner, type, Buffer.from(rdata).toString('latin1')])).toEqual([
    [name('example.com'), 13, '\x07RFC8482\0'],
  ]);
});

test('negative answers made here are kept for a minute at most', () => {
  const answer = compile('').classify('a.test');
  expect(answer.kind === 'local' ? answer.authority.map(soaMinimumSeconds) : null).toEqual([60]);
});
