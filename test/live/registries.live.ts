/**
 * What the registries are told: while clients ask for names that carry data below all kinds of suffixes, the RDAP and WHOIS servers are
 * asked for registrable domains alone, no label in front of them, at most one look-up a second, in requests that are otherwise the same.
 */

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ORDINARY_ADDRESS, RESOLV_CONF } from '../lab/clients.ts';
import { askForAll } from '../lab/everyday-tools.ts';
import { type Kennel, startKennelIn } from '../lab/kennel-process.ts';
import { SEED } from '../lab/live-report.ts';
import { createLab, INTERNET_ADDRESS, type Lab } from '../lab/namespaces.ts';
import { eventually, type Running } from '../lab/processes.ts';
import { seededRandom } from '../lab/seeded-random.ts';
import { thiefDomains } from '../lab/thief-domains.ts';
import { startWorld } from '../lab/tunnels.ts';

const RDAP_PORT = 8043;
const LOOK_UPS_WANTED = 5;
const WATCHED_MS = 3_000;
/** Anybody may get a name below these: the part that is registered stands for whoever chose it. */
const PRIVATE_SUFFIXES = ['duckdns.org', 'github.io', 's3.amazonaws.com'];

const random = seededRandom(SEED);
const domains = thiefDomains(random, 8);
const secret = () => random.octets(12).toString('hex');
/** Each with a token of its own that no registry may ever see. */
const names = [
  ...domains.flatMap((domain) => [`www.${domain}`, `${secret()}.${domain}`, `${secret()}.${secret()}.www.${domain}`]),
  ...PRIVATE_SUFFIXES.flatMap((suffix) => [`${secret()}.${suffix}`, `${secret()}.${secret()}.${suffix}`]),
  `${secret()}.printer.corp`,
  `${secret()}.arpa`,
];
const tokens = names.flatMap((name) => name.match(/[0-9a-f]{24}/g) ?? []);

let lab: Lab;
let registries: Running;
beforeAll(async () => {
  lab = await createLab();
  lab.setResolvConf('client-a', RESOLV_CONF.plain);
  await startWorld(lab, SEED + 1, domains);
  // The name of the WHOIS server leads where all ordinary names lead.
  await lab.run('internet', ['ip', 'addr', 'add', `${ORDINARY_ADDRESS}/32`, 'dev', 'lo']);
  await lab.run('resolver', ['ip', 'route', 'add', `${ORDINARY_ADDRESS}/32`, 'via', INTERNET_ADDRESS]);
  registries = lab.start('internet', [
    process.execPath,
    join(import.meta.dirname, '../lab/registry-stub.ts'),
    '0.0.0.0',
    String(RDAP_PORT),
  ]);
  await registries.waitForOutput(/registries ready/, 10_000);
});
afterAll(() => lab?.destroy());

const asked = (protocol: 'rdap' | 'whois') =>
  [...registries.stdout().matchAll(new RegExp(`^${protocol} (\\S+)$`, 'gm'))].map((match) => decodeURIComponent(match[1] ?? ''));

describe.each([
  { protocol: 'rdap', reputation: { rdapBaseUrl: `http://${INTERNET_ADDRESS}:${RDAP_PORT}/`, whois: 'off' } },
  { protocol: 'whois', reputation: { rdap: 'off', whoisServer: 'whois.registry.example' } },
] as const)('asked by $protocol', ({ protocol, reputation }) => {
  let kennel: Kennel;
  let watchedMs: number;
  beforeAll(async () => {
    kennel = await startKennelIn(lab, {
      mode: 'enforce',
      upstreams: [`udp://${INTERNET_ADDRESS}`],
      reputation,
      policies: [{ name: 'agents', match: {}, preset: 'agent', default: 'allow' }],
    });
    const startedMs = performance.now();
    // Another client for each name, as quarantine would end it after a few.
    for (const name of names) {
      lab.becomeAnotherClient('client-a');
      await askForAll(lab, 'client-a', 'getent', 'A', [name]);
    }
    await eventually(() => asked(protocol).length >= LOOK_UPS_WANTED, 20_000);
    await sleep(WATCHED_MS);
    watchedMs = performance.now() - startedMs;
  });
  afterAll(() => kennel?.remove());

  test('the registry is asked for registrable domains and nothing else', () => {
    const requests = asked(protocol);
    expect(requests.length).toBeGreaterThanOrEqual(LOOK_UPS_WANTED);
    const domainOf = (request: string) =>
      protocol === 'rdap' ? /^GET \/domain\/(\S+)\n/.exec(request)?.[1] : request.replace(/\r\n$/, '');
    const mayBeAsked = [...domains, 'duckdns.org', 'github.io', 'amazonaws.com'];
    expect(requests.map(domainOf).filter((domain) => domain === undefined || !mayBeAsked.includes(domain))).toEqual([]);
    expect(tokens.filter((token) => requests.some((request) => request.toLowerCase().includes(token)))).toEqual([]);
  });

  test('each domain is asked for once, at most one a second, in requests that differ by the domain alone', () => {
    const requests = asked(protocol);
    expect(new Set(requests).size).toBe(requests.length);
    expect(requests.length).toBeLessThanOrEqual(Math.ceil(watchedMs / 1_000) + 1);
    const shapes = new Set(requests.map((request) => domains.reduce((shape, domain) => shape.replaceAll(domain, 'DOMAIN'), request)));
    expect([...shapes]).toHaveLength(1);
  });
});
