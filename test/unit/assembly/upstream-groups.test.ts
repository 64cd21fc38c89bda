import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { groupsTrustedForAd, type OpenedGroups, openUpstreamGroups } from '../../../src/assembly/upstream-groups.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';
import { FakeClock } from '../../lab/clocks.ts';
import { permitFor } from '../../lab/permits.ts';
import { a, type StubAuthority, startStubAuthority } from '../../lab/stub-authority.ts';
import { identity, startTlsFront, TEST_CA } from '../../lab/tls-servers.ts';
import { accepted } from '../config/read-config.ts';
import { temporaryFolder } from '../storage/temporary-folder.ts';

const metrics = new Metrics({ version: '0', onInternalError: (cause) => expect.fail(String(cause)) });
const opened: OpenedGroups[] = [];
const stubs: StubAuthority[] = [];

afterEach(async () => {
  for (const { groups } of opened.splice(0)) for (const group of groups.values()) group.close();
  for (const stub of stubs.splice(0)) await stub.close();
});

function open(config: string, previous?: OpenedGroups): OpenedGroups {
  const result = openUpstreamGroups(accepted(`mode: observe\n${config}`), { metrics, clock: new FakeClock() }, previous);
  if (result.kind === 'error') return expect.fail(result.message);
  opened.push(result);
  return result;
}

const BASE = 'upstreams: ["udp://192.0.2.1", "udp://192.0.2.2"]\n';
const WITH_ZONE = `${BASE}zones: { corp.example.net: ["udp://10.0.0.1"] }\n`;

test('the default, each zone and the LAN have a group', () => {
  const { groups } = open(`${WITH_ZONE}lanUpstreams: ["udp://192.168.1.1"]\n`);
  expect([...groups.keys()].sort()).toEqual(['default', 'lan', 'zone:corp.example.net']);
  expect(groups.get('lan')?.status()).toMatchObject([{ url: 'udp://192.168.1.1:53' }]);
});

describe('the AD flag is passed on', () => {
  const trusted = (config: string) => [...groupsTrustedForAd(accepted(`mode: observe\n${config}`))].sort();
  const ENCRYPTED = '"tls://dns.example@192.0.2.1", "https://dns.example/dns-query@192.0.2.1"';

  test('from upstreams on this machine', () => {
    expect(trusted('upstreams: ["udp://127.0.0.1:5353", "udp://[::1]:5353"]\n')).toEqual(['default']);
    expect(trusted('upstreams: ["udp://127.0.0.1:5353", "udp://192.0.2.1"]\n')).toEqual([]);
  });

  test('from proven ones only if the config says so, and then not if a single one of the group is not proven', () => {
    const on = 'forwarding: { trustAd: on }\n';
    expect(trusted(`upstreams: [${ENCRYPTED}]\n`)).toEqual([]);
    expect(trusted(`upstreams: [${ENCRYPTED}]\n${on}`)).toEqual(['default']);
    expect(trusted(`upstreams: [${ENCRYPTED}, "udp://127.0.0.1:5353"]\n${on}`)).toEqual(['default']);
    expect(trusted(`upstreams: [${ENCRYPTED}, "tcp://192.0.2.2"]\n${on}`)).toEqual([]);
    expect(trusted(`upstreams: [${ENCRYPTED}]\nzones: { corp.example.net: ["udp://10.0.0.1"] }\n${on}`)).toEqual(['default']);
  });
});

describe('over a reload', () => {
  test('what means the same is the same group, and nothing is retired', () => {
    const before = open(WITH_ZONE);
    const after = open(`${WITH_ZONE}contact: somebody else\n`, before);
    expect([...after.groups]).toEqual([...before.groups]);
    for (const [id, group] of after.groups) expect(group).toBe(before.groups.get(id));
    expect(after.retired).toEqual([]);
  });

  test.each([
    ['another upstream', WITH_ZONE.replace('192.0.2.2', '192.0.2.3')],
    ['another order', WITH_ZONE.replace('"udp://192.0.2.1", "udp://192.0.2.2"', '"udp://192.0.2.2", "udp://192.0.2.1"')],
  ])('%s makes a new group of the default and leaves the zone alone', (_what, changed) => {
    const before = open(WITH_ZONE);
    const after = open(changed, before);
    expect(after.groups.get('default')).not.toBe(before.groups.get('default'));
    expect(after.groups.get('zone:corp.example.net')).toBe(before.groups.get('zone:corp.example.net'));
    expect(after.retired).toEqual([before.groups.get('default')]);
  });

  test.each([
    ['the strategy', 'strategy: fastest'],
    ['letter case', 'randomCase: on'],
    ['cookies', 'cookies: off'],
  ])('%s makes all groups new', (_what, forwarding) => {
    const before = open(WITH_ZONE);
    const after = open(`${WITH_ZONE}forwarding: { ${forwarding} }\n`, before);
    expect(after.retired).toEqual([...before.groups.values()]);
  });

  test('a zone that is gone is retired, and taken over again by nobody', () => {
    const before = open(WITH_ZONE);
    const without = open(BASE, before);
    expect(without.retired).toEqual([before.groups.get('zone:corp.example.net')]);
    const again = open(WITH_ZONE, without);
    expect(again.groups.get('zone:corp.example.net')).not.toBe(before.groups.get('zone:corp.example.net'));
    expect(again.groups.get('default')).toBe(before.groups.get('default'));
  });

  test('an answer under way arrives although its group is retired, and then the sockets close', async () => {
    const stub = await startStubAuthority({ reply: ({ qname }) => ({ answers: [a(qname, '192.0.2.80')], delayMs: 150 }) });
    stubs.push(stub);
    const before = open(`upstreams: ["${stub.url('udp')}"]\n`);
    const exchange = before.groups.get('default')?.exchange(permitFor('www.example.com'));
    const after = open(BASE, before);
    for (const group of after.retired) group.retire();
    expect(await exchange).toMatchObject({ kind: 'response' });
    expect(await before.groups.get('default')?.exchange(permitFor('late.example.com'))).toMatchObject({ kind: 'failure' });
    expect(stub.received).toHaveLength(1);
  });
});

describe('upstreams without an address', () => {
  const NAMED = 'upstreams: ["tls://dns.example.net"]\nforwarding: { bootstrap: ["udp://192.0.2.9"] }\n';

  test('have bootstrap upstreams as a group of their own, which is there only if somebody needs it', () => {
    expect([...open(NAMED).groups.keys()]).toEqual(['default', 'bootstrap']);
    expect([...open(NAMED.replace('example.net', 'example.net@192.0.2.1')).groups.keys()]).toEqual(['default']);
  });

  test('other bootstrap upstreams make the groups new that depend on them', () => {
    const before = open(NAMED);
    expect(open(NAMED, before).retired).toEqual([]);
    const after = open(NAMED.replace('192.0.2.9', '192.0.2.10'), before);
    expect(after.retired).toEqual([...before.groups.values()]);
  });

  test('ask the bootstrap upstream for the host, A then AAAA, and send nothing anywhere without an address', async () => {
    const stub = await startStubAuthority({ reply: () => ({}) });
    stubs.push(stub);
    const { groups } = open(NAMED.replace('udp://192.0.2.9', stub.url('udp')));
    const result = await groups.get('default')?.exchange(permitFor('secret.example.com'));
    expect(result).toMatchObject({ kind: 'failure', reason: 'unreachable' });
    expect(stub.received.map(({ qname, qtype }) => [qname, qtype])).toEqual([
      ['dns.example.net', 1],
      ['dns.example.net', 28],
    ]);
  });
});

describe('forwarding.caFile', () => {
  let folder = '';
  beforeEach(() => {
    folder = temporaryFolder();
  });

  function messageFor(content: string | null): string {
    const file = join(folder, 'ca.pem');
    if (content !== null) writeFileSync(file, content);
    const config = accepted(`mode: observe\n${BASE}forwarding: { caFile: ${file} }\n`);
    const result = openUpstreamGroups(config, { metrics, clock: new FakeClock() });
    return result.kind === 'error' ? result.message.replace(file, 'FILE') : expect.fail('it was accepted');
  }

  test('what it says is believed of an upstream whose address was found by a bootstrap upstream, and of nobody else', async () => {
    const authority = await startStubAuthority({ transports: ['tcp'], reply: ({ qname }) => ({ answers: [a(qname, '192.0.2.80')] }) });
    const bootstrap = await startStubAuthority({ transports: ['udp'], reply: ({ qname }) => ({ answers: [a(qname, '127.0.0.1')] }) });
    stubs.push(authority, bootstrap);
    const front = await startTlsFront(authority.port, identity('good'));
    const file = join(folder, 'ca.pem');
    writeFileSync(file, TEST_CA);
    const forwarding = (ca: string) => `forwarding: { bootstrap: ["${bootstrap.url('udp')}"]${ca} }\n`;
    const upstreams = `upstreams: ["tls://dns.test:${front.port}"]\n`;
    const { groups } = open(upstreams + forwarding(`, caFile: ${file}`));
    expect(await groups.get('default')?.exchange(permitFor('secret.example.com'))).toMatchObject({ kind: 'response' });
    expect(new Set(bootstrap.received.map(({ qname }) => qname.toLowerCase()))).toEqual(new Set(['dns.test']));
    expect(authority.received.map(({ qname }) => qname)).toEqual(['secret.example.com']);

    const without = open(upstreams + forwarding(''));
    expect(await without.groups.get('default')?.exchange(permitFor('secret.example.org'))).toMatchObject({ kind: 'failure' });
    expect(authority.received).toHaveLength(1);
    await front.close();
  });

  test('another content of the same file makes the groups new', () => {
    const file = join(folder, 'ca.pem');
    writeFileSync(file, TEST_CA);
    const config = `${BASE}forwarding: { caFile: ${file} }\n`;
    const before = open(config);
    expect(open(config, before).retired).toEqual([]);
    writeFileSync(file, TEST_CA + TEST_CA);
    expect(open(config, before).retired).toHaveLength(1);
  });

  test.each([
    ['is missing', null, /^forwarding\.caFile FILE cannot be read: ENOENT/],
    ['is empty', '', /holds no certificate/],
    ['is no PEM file', 'hello', /holds no certificate/],
    ['holds a key instead', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', /holds no certificate/],
    ['holds nonsense', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', /cannot be read, number 1/],
    ['is too large', ' '.repeat(4 * 1024 * 1024 + 1), /larger than 4 MB/],
  ])('a file that %s is an error as a value', (_what, content, message) => {
    expect(messageFor(content)).toMatch(message);
  });
});
