/**
 * DNS over TLS and HTTPS with a real server, Debian's Unbound, and certificates of an authority made here by OpenSSL. Between Kennel and every
 * server stands a tap that keeps what crossed: whatever goes wrong, no octet of a question is among it in clear, and the next upstream
 * of the group answers in time.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createUpstreamGroup, type ForwardingGroup } from '../../src/upstream/group.ts';
import { openUpstream } from '../../src/upstream/open-upstream.ts';
import { createRandom16 } from '../../src/upstream/random16.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { parseUpstreamUrl } from '../../src/upstream/upstream-url.ts';
import { addressesOf } from '../../src/wire/rdata.ts';
import { SkippingClock } from '../lab/clocks.ts';
import { freePort } from '../lab/free-port.ts';
import { startKennelOnLoopback } from '../lab/kennel-process.ts';
import { labelsOfText, queryMessage, summariseAnswer } from '../lab/messages.ts';
import { permitFor } from '../lab/permits.ts';
import { eventually, run, start } from '../lab/processes.ts';
import { toolPath } from '../lab/required-tools.ts';
import { a, startStubAuthority } from '../lab/stub-authority.ts';
import { startTap, type Tap } from '../lab/tls-servers.ts';
import { openUdpAsker } from '../lab/udp-asker.ts';

/** As the product gives it to an exchange. */
const PATIENCE_MS = 4_500;

const clock = new SkippingClock();
const folder = mkdtempSync(join(tmpdir(), 'kennel-lab-tls-'));
const inFolder = (file: string) => join(folder, file);
const cleanUp: (() => unknown)[] = [];
const cleanUpAll: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];

afterEach(async () => {
  for (const act of cleanUp.splice(0).reverse()) await act();
});
afterAll(async () => {
  for (const act of cleanUpAll.splice(0).reverse()) await act();
});

async function openssl(...args: string[]): Promise<void> {
  const done = await run([toolPath('openssl'), ...args]);
  if (done.status !== 0) throw new Error(`openssl ${args[0]}: ${done.stderr}`);
}

async function makeAuthority(name: string): Promise<void> {
  const subject = ['-subj', `/CN=${name}`, '-addext', 'basicConstraints=critical,CA:TRUE', '-days', '2'];
  await openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    ...subject,
    '-keyout',
    inFolder(`${name}.key`),
    '-out',
    inFolder(`${name}.pem`),
  );
}

/** A certificate for `san`; `days` counted from now, 0 for one that is over. */
async function makeCertificate(name: string, authority: string, san: string, isExpired = false): Promise<void> {
  writeFileSync(
    inFolder(`${name}.cnf`),
    `[ca]\ndefault_ca=d\n[d]\ndatabase=${inFolder(`${name}.txt`)}\nserial=${inFolder(`${name}.srl`)}\nnew_certs_dir=${folder}\ndefault_md=sha256\npolicy=p\nrand_serial=yes\n[p]\ncommonName=supplied\n[x]\nsubjectAltName=${san}\n`,
  );
  writeFileSync(inFolder(`${name}.txt`), '');
  await openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    inFolder(`${name}.key`),
    '-out',
    inFolder(`${name}.csr`),
  );
  const span = isExpired ? ['-startdate', '20200101000000Z', '-enddate', '20210101000000Z'] : ['-days', '2'];
  const signer = ['-cert', inFolder(`${authority}.pem`), '-keyfile', inFolder(`${authority}.key`)];
  await openssl(
    'ca',
    '-batch',
    '-notext',
    '-config',
    inFolder(`${name}.cnf`),
    ...signer,
    '-in',
    inFolder(`${name}.csr`),
    '-extensions',
    'x',
    ...span,
    '-out',
    inFolder(`${name}.pem`),
  );
}

interface Unbound {
  readonly tls: Tap;
  readonly https: Tap;
}

/** Unbound with both encrypted listeners; every name below lab.example has an address. */
async function startUnbound(certificate: string, extra = ''): Promise<Unbound> {
  const [plain, tls, https] = [await freePort(), await freePort(), await freePort()];
  const config = inFolder(`unbound-${tls}.conf`);
  writeFileSync(
    config,
    `server:
  directory: "${folder}"
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  interface: 127.0.0.1@${plain}
  interface: 127.0.0.1@${tls}
  interface: 127.0.0.1@${https}
  tls-port: ${tls}
  https-port: ${https}
  tls-service-key: "${inFolder(`${certificate}.key`)}"
  tls-service-pem: "${inFolder(`${certificate}.pem`)}"
  num-threads: 1
  incoming-num-tcp: 200
  module-config: "iterator"
  local-zone: "lab.example." redirect
  local-data: "lab.example. 300 IN A 203.0.113.10"
  ${extra}
remote-control:
  control-enable: no
`,
  );
  const running = start([toolPath('unbound'), '-d', '-c', config]);
  cleanUpAll.push(() => running.kill());
  const asker = await openUdpAsker({ address: '127.0.0.1', port: plain });
  const probe = queryMessage({ id: 1, labels: labelsOfText('probe.lab.example'), qtype: 1 });
  const ready = await eventually(async () => running.hasExited() || (await asker.ask(probe, 200)) !== null, 10_000);
  await asker.close();
  if (!ready || running.hasExited()) throw new Error(`unbound does not answer:\n${running.stdout()}${running.stderr()}`);
  const taps = { tls: await startTap(tls), https: await startTap(https) };
  cleanUpAll.push(
    () => taps.tls.close(),
    () => taps.https.close(),
  );
  return taps;
}

function upstreamAt(text: string): Upstream {
  const url = parseUpstreamUrl(text);
  if (url.kind === 'error') throw new Error(url.message);
  const options = { randomCase: false, cookies: true, ca: readFileSync(inFolder('authority.pem'), 'utf8') };
  const upstream = openUpstream(url.url, clock, createRandom16(), options);
  cleanUp.push(() => upstream.close());
  return upstream;
}

function groupOf(...urls: string[]): ForwardingGroup {
  const group = createUpstreamGroup({ id: 'default', upstreams: urls.map(upstreamAt), clock });
  cleanUp.push(() => group.close());
  return group;
}

/** The address of a name, or why there is none. */
async function addressOf(group: ForwardingGroup, name: string): Promise<string> {
  const result = await group.exchange(permitFor(name));
  return result.kind === 'response' ? result.response.answers.flatMap(addressesOf).join(' ') : `${result.reason}: ${result.detail}`;
}

function expectNothingInClear(tap: Tap, word: string): void {
  expect(tap.received().toString('latin1').toLowerCase()).not.toContain(word);
}

const urlOf = (kind: 'tls' | 'https', name: string, port: number) =>
  kind === 'tls' ? `tls://${name}@127.0.0.1:${port}` : `https://${name}:${port}/dns-query@127.0.0.1`;

let good: Unbound;
let expired: Unbound;
let foreign: Unbound;
beforeAll(async () => {
  await makeAuthority('authority');
  await makeAuthority('nobody');
  await makeCertificate('good', 'authority', 'DNS:dns.test,IP:127.0.0.1');
  await makeCertificate('expired', 'authority', 'DNS:dns.test', true);
  await makeCertificate('foreign', 'nobody', 'DNS:dns.test');
  good = await startUnbound('good');
  expired = await startUnbound('expired');
  foreign = await startUnbound('foreign');
});

describe.each(['tls', 'https'] as const)('%s', (kind) => {
  test('a real server answers, and the tap reads nothing', async () => {
    const group = groupOf(urlOf(kind, 'dns.test', good[kind].port));
    expect(await addressOf(group, 'hushed.lab.example')).toBe('203.0.113.10');
    expect(good[kind].received().length).toBeGreaterThan(300);
    expectNothingInClear(good[kind], 'hushed');
    // The tap does read what is in clear: the server's name, which TLS tells (RFC 6066 §3).
    expect(good[kind].received().toString('latin1')).toContain('dns.test');
  });

  test('by the address in its certificate', async () => {
    const place = kind === 'tls' ? `tls://127.0.0.1:${good.tls.port}` : `https://127.0.0.1:${good.https.port}/dns-query`;
    expect(await addressOf(groupOf(place), 'hushed.lab.example')).toBe('203.0.113.10');
  });

  test('thousands of questions at once, over few connections', async () => {
    const before = good[kind].connections;
    const upstream = upstreamAt(urlOf(kind, 'dns.test', good[kind].port));
    const startedMs = performance.now();
    // More patience than a client has: a busy machine may need it, and what counts here is that each gets its answer.
    const asked = Array.from({ length: 5_000 }, (_, index) => upstream.ask(permitFor(`n${index}.lab.example`), 60_000));
    const attempts = await Promise.all(asked);
    const elapsedMs = performance.now() - startedMs;
    const found = attempts.map((attempt) =>
      attempt.kind === 'response' ? attempt.response.answers.flatMap(addressesOf).join(' ') : attempt,
    );
    expect(found.filter((text) => text !== '203.0.113.10')).toEqual([]);
    const connections = good[kind].connections - before;
    console.log(`${kind}: 5,000 questions in ${elapsedMs.toFixed(0)} ms over ${connections} connections`);
    expect(connections).toBeLessThanOrEqual(kind === 'tls' ? 1 : 4);
  });

  test.each([
    ['a wrong name', () => good[kind], 'other.test', /certificate is not for other\.test/],
    ['an expired certificate', () => expired[kind], 'dns.test', /certificate has expired/],
    ['an unknown authority', () => foreign[kind], 'dns.test', /no authority that is trusted here/],
  ] as const)('%s: nothing is asked there, the next upstream answers', async (_what, tapOf, name, detail) => {
    const tap = tapOf();
    const before = tap.connections;
    const url = urlOf(kind, name, tap.port);
    const startedMs = performance.now();
    expect(await addressOf(groupOf(url, urlOf(kind, 'dns.test', good[kind].port)), 'hushed.lab.example')).toBe('203.0.113.10');
    expect(performance.now() - startedMs).toBeLessThan(PATIENCE_MS);
    expect(await addressOf(groupOf(url), 'hushed.lab.example')).toMatch(detail);
    expect(tap.connections - before).toBeGreaterThanOrEqual(2);
    expectNothingInClear(tap, 'hushed');
  });

  test('a dead port, a server in clear and one that stalls: the next upstream answers in time', async () => {
    const clear = await startStubAuthority({ reply: ({ qname }) => ({ answers: [a(qname, '198.51.100.66')] }) });
    const clearTap = await startTap(clear.port);
    const stalled = await startTap(null);
    const dead = await freePort();
    cleanUp.push(
      () => clear.close(),
      () => clearTap.close(),
      () => stalled.close(),
    );
    for (const port of [dead, clearTap.port, stalled.port]) {
      const url = urlOf(kind, 'dns.test', port);
      const startedMs = performance.now();
      expect(await addressOf(groupOf(url, urlOf(kind, 'dns.test', good[kind].port)), 'hushed.lab.example')).toBe('203.0.113.10');
      expect(performance.now() - startedMs).toBeLessThan(PATIENCE_MS);
      const aloneMs = performance.now();
      expect(await addressOf(groupOf(url), 'hushed.lab.example')).toMatch(/^(?:unreachable|timeout|all-down): /);
      expect(performance.now() - aloneMs).toBeLessThan(PATIENCE_MS + 300);
    }
    expect(clear.received.filter(({ qname }) => qname.includes('hushed'))).toEqual([]);
    for (const tap of [clearTap, stalled]) {
      expect(tap.connections).toBeGreaterThan(0);
      expectNothingInClear(tap, 'hushed');
    }
  });

  test('a server that closes idle connections costs no question', async () => {
    const impatient = await startUnbound('good', 'tcp-idle-timeout: 200');
    const group = groupOf(urlOf(kind, 'dns.test', impatient[kind].port));
    for (let round = 0; round < 4; round++) {
      expect(await addressOf(group, `r${round}.lab.example`)).toBe('203.0.113.10');
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(impatient[kind].connections).toBeGreaterThan(1);
  });

  test('Kennel as its users run it asks through it', async () => {
    const url = urlOf(kind, 'dns.test', good[kind].port);
    const kennel = await startKennelOnLoopback({
      mode: 'observe',
      upstreams: [url],
      forwarding: { caFile: inFolder('authority.pem') },
      reputation: 'off',
    });
    cleanUp.push(() => kennel.remove());
    const asker = await openUdpAsker(kennel);
    const answer = await asker.ask(queryMessage({ id: 9, labels: labelsOfText('hushed.lab.example'), qtype: 1 }));
    await asker.close();
    expect(answer && summariseAnswer(answer)).toMatchObject({ rcode: 0, answerCount: 1 });
    expectNothingInClear(good[kind], 'hushed');
  });
});
