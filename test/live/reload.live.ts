/**
 * Reloads of a Kennel in a process of its own, under steady queries over UDP and TCP: by SIGHUP, by changes of the file in every way that
 * editors and Kubernetes make them, and over the API. Every query gets exactly one answer, and the right one.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import dnsPacket from 'dns-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { freePort } from '../lab/free-port.ts';
import { type Kennel, startKennelOnLoopback } from '../lab/kennel-process.ts';
import { eventually, type Finished } from '../lab/processes.ts';
import { a, type StubAuthority, startStubAuthority } from '../lab/stub-authority.ts';
import { openTcpAsker } from '../lab/tcp-asker.ts';
import { openUdpAsker } from '../lab/udp-asker.ts';

const QUERIES = 10_000;
const RELOADS = 50;
const CLIENTS = 4;

let upstreams: readonly [StubAuthority, StubAuthority];
let kennel: Kennel;
let configFile: string;
let further: { address: string; port: number };

interface Variant {
  readonly upstream: 0 | 1;
  readonly probe: string;
  /** `www.sometimes.example` does not exist under this variant. */
  readonly blocks: boolean;
  readonly further: boolean;
}

/** Every two in a row differ in what answers, where it listens, or what it refuses. */
const VARIANTS: readonly Variant[] = [
  { upstream: 0, probe: '192.0.2.1', blocks: false, further: false },
  { upstream: 1, probe: '192.0.2.2', blocks: true, further: false },
  { upstream: 0, probe: '192.0.2.3', blocks: false, further: true },
  { upstream: 1, probe: '192.0.2.4', blocks: true, further: true },
];

function settingsOf({ upstream, probe, blocks }: Variant): Record<string, unknown> {
  const names = blocks ? ['**.sometimes.example'] : ['**.never.example'];
  return {
    mode: 'enforce',
    upstreams: [upstreams[upstream].url(upstream === 0 ? 'udp' : 'tcp')],
    reputation: 'off',
    limits: 'off',
    records: [{ name: 'probe.test', type: 'A', value: probe }],
    policies: [
      {
        name: 'everyone',
        match: {},
        default: 'allow',
        budgets: 'off',
        allow: [{ section: 'load', owner: 'tests', reason: 'load', names: ['**.load.example'] }],
        block: [{ section: 'block', owner: 'tests', reason: 'load', names }],
      },
    ],
  };
}

/** `listen` and `state` as the lab wrote them. */
let written: { listen: { dns: string[]; control: string }; state: string };

/** `port`: a further one of 127.0.0.1 to listen on. */
function textOf(variant: Variant, port: number | null = variant.further ? further.port : null): string {
  const dns = port === null ? written.listen.dns : [...written.listen.dns, `127.0.0.1:${port}`];
  return stringify({ ...settingsOf(variant), listen: { ...written.listen, dns }, state: written.state });
}

beforeAll(async () => {
  const reply = (address: string) => startStubAuthority({ reply: ({ qname }) => ({ answers: [a(qname, address)], delayMs: 5 }) });
  upstreams = [await reply('198.51.100.1'), await reply('198.51.100.2')];
  further = { address: '127.0.0.1', port: await freePort() };
  const first = VARIANTS[0];
  if (first === undefined) throw new Error('no variant');
  kennel = await startKennelOnLoopback({ ...settingsOf(first), mode: 'enforce' });
  configFile = join(dirname(kennel.stateFolder), 'kennel.yaml');
  written = parse(readFileSync(configFile, 'utf8'));
});
afterAll(async () => {
  await kennel?.remove();
  for (const upstream of upstreams ?? []) await upstream.close();
});

/** How often the running process has said so in its log. */
const reloaded = (): number => kennel.log().split('"config reloaded"').length - 1;
const failed = (): number => kennel.log().split('"config not reloaded').length - 1;

/** What the API answers to `POST /v1/reload`. */
function callReload(): Promise<{ status: number; body: string }> {
  const token = readFileSync(join(kennel.stateFolder, 'control-token'), 'utf8').trim();
  const socketPath = written.listen.control.replace('unix:', '');
  return new Promise((resolve, reject) => {
    const headers = { host: 'localhost', authorization: `Bearer ${token}` };
    const request = http.request({ socketPath, method: 'POST', path: '/v1/reload', headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.on('error', reject).end();
  });
}

/** The ways in which a file changes. */
const WRITERS: readonly ((text: string) => Promise<void>)[] = [
  async (text) => writeFileSync(configFile, text),
  async (text) => {
    writeFileSync(`${configFile}.new`, text);
    renameSync(`${configFile}.new`, configFile);
  },
  // Cut off, then written in two pieces.
  async (text) => {
    writeFileSync(configFile, '');
    await sleep(300);
    writeFileSync(configFile, text.slice(0, text.length / 2));
    await sleep(300);
    writeFileSync(configFile, text);
  },
  // A Kubernetes volume.
  async (text) => {
    const folder = dirname(configFile);
    const version = `..v${performance.now()}`;
    mkdirSync(join(folder, version));
    writeFileSync(join(folder, version, 'kennel.yaml'), text);
    symlinkSync(version, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    rmSync(configFile, { force: true });
    symlinkSync(join('..data', 'kennel.yaml'), configFile);
  },
];

type Trigger = 'api' | 'signal' | 'file';

async function writeAtomically(text: string): Promise<void> {
  await WRITERS[1]?.(text);
}

/** Puts a text in place and waits until the running process has taken it on or refused it. */
async function reloadBy(trigger: Trigger, text: string, step: number): Promise<void> {
  const before = reloaded() + failed();
  if (trigger === 'file') await WRITERS[step % WRITERS.length]?.(text);
  else await writeAtomically(text);
  if (trigger === 'api') await callReload();
  if (trigger === 'signal') process.kill(kennel.pid(), 'SIGHUP');
  expect(await eventually(() => reloaded() + failed() > before, 10_000), `no reload by ${trigger}`).toBe(true);
}

function question(id: number, name: string): Buffer {
  return dnsPacket.encode({ id: id & 0xffff, type: 'query', flags: dnsPacket.RECURSION_DESIRED, questions: [{ type: 'A', name }] });
}

function told(packet: Buffer | null): string {
  if (packet === null) return 'silence';
  const { answers = [], flags = 0 } = dnsPacket.decode(packet);
  const addresses = answers.flatMap((answer) => (answer.type === 'A' ? [answer.data] : []));
  return addresses.length > 0 ? addresses.join() : `RCODE ${flags & 15}`;
}

test(`${QUERIES} queries across ${RELOADS} reloads: each gets exactly one answer, and the right one`, { timeout: 240_000 }, async () => {
  const udp = await openUdpAsker(kennel);
  const tcp = await openTcpAsker(kennel);
  /** Variants in the order in which they were put in place; a query may meet those from the one it was sent under on. */
  const inForce = [0];
  let settled = 0;
  let done = false;
  let further = 0;
  const triggers: Record<Trigger, number> = { api: 0, signal: 0, file: 0 };

  const reloading = async (): Promise<number> => {
    let broken = 0;
    for (let step = 0; step < RELOADS; step++) {
      const trigger = (['api', 'signal', 'file'] as const)[step % 3] ?? 'api';
      triggers[trigger] += 1;
      const isBroken = step % 5 === 4;
      const variant = ((inForce.at(-1) ?? 0) + 1) % VARIANTS.length;
      const chosen = VARIANTS[variant];
      if (chosen === undefined) throw new Error('no variant');
      if (isBroken) {
        broken += 1;
        await reloadBy(trigger, `${textOf(chosen)}nonsense: [\n`, step);
        continue;
      }
      inForce.push(variant);
      await reloadBy(trigger, textOf(chosen), step);
      settled = inForce.length - 1;
      if (chosen.further) {
        further += 1;
        expect(await askFurther()).toBe(chosen.probe);
      }
      await sleep(150);
    }
    done = true;
    return broken;
  };

  const wrong: string[] = [];
  let asked = 0;
  const ask = async (asker: Pick<typeof udp, 'ask'>, id: number, name: string, right: (variant: Variant) => string): Promise<void> => {
    const from = settled;
    asked += 1;
    const answer = told(await asker.ask(question(id, name)));
    const expected = new Set(inForce.slice(from).map((variant) => right(VARIANTS[variant] ?? { ...settledVariant })));
    if (!expected.has(answer)) wrong.push(`${name}: ${answer}, not ${[...expected].join(' or ')}`);
  };
  /** A quarter of all queries at a steady rate, over one transport; further ones until the last reload. */
  const client = async (asker: Pick<typeof udp, 'ask'>, kind: 'probe' | 'forwarded', letter: string): Promise<void> => {
    const open: Promise<void>[] = [];
    for (let at = 0; at < QUERIES / CLIENTS || !done; at++) {
      const id = kind === 'probe' ? at % 30_000 : 30_000 + (at % 30_000);
      const blocked = at % 10 === 9;
      if (kind === 'probe' && blocked)
        open.push(ask(asker, id, `${letter}${at}.sometimes.example`, ({ blocks, upstream }) => (blocks ? 'RCODE 3' : addressOf(upstream))));
      else if (kind === 'probe') open.push(ask(asker, id, 'probe.test', ({ probe }) => probe));
      else open.push(ask(asker, id, `${letter}${at}.load.example`, ({ upstream }) => addressOf(upstream)));
      await sleep(10);
    }
    await Promise.all(open);
  };
  const [broken] = await Promise.all([
    reloading(),
    client(udp, 'probe', 'u'),
    client(tcp, 'probe', 't'),
    client(udp, 'forwarded', 'u'),
    client(tcp, 'forwarded', 't'),
  ]);

  expect(wrong).toEqual([]);
  expect(asked).toBeGreaterThanOrEqual(QUERIES);
  expect(udp.received + tcp.received).toBe(asked);
  expect(tcp.ended, 'the TCP connection went through all reloads').toBe(false);
  expect(failed(), 'refused are the broken configs and no half-written one').toBe(broken);
  expect(reloaded()).toBe(RELOADS - broken);
  expect(kennel.isRunning()).toBe(true);
  console.log(
    `${asked} queries, ${wrong.length} wrong, over ${reloaded()} reloads and ${broken} broken configs (${JSON.stringify(triggers)}); ` +
      `a further listener opened ${further} times`,
  );
  tcp.close();
  await udp.close();
});

const settledVariant: Variant = { upstream: 0, probe: 'none', blocks: false, further: false };

function addressOf(upstream: 0 | 1): string {
  return upstream === 0 ? '198.51.100.1' : '198.51.100.2';
}

async function askFurther(): Promise<string> {
  const asker = await openUdpAsker(further);
  const answer = told(await asker.ask(question(1, 'probe.test')));
  await asker.close();
  return answer;
}

async function probe(): Promise<string> {
  const asker = await openUdpAsker(kennel);
  const answer = told(await asker.ask(question(1, 'probe.test')));
  await asker.close();
  return answer;
}

describe('the last good config goes on', () => {
  const good = VARIANTS[1] as Variant;
  const other = VARIANTS[0] as Variant;

  test.each<[string, () => void, RegExp]>([
    ['broken YAML', () => writeFileSync(configFile, 'mode: [enforce\n'), /kennel\.yaml/],
    ['an empty file', () => writeFileSync(configFile, ''), /kennel\.yaml/],
    ['no file', () => rmSync(configFile), /ENOENT/],
    ['a folder in its place', () => replaceByFolder(), /EISDIR/],
    ['an address that another program has', () => writeFileSync(configFile, textOf(other, upstreams[1].port)), /already uses this address/],
    ['authorities that are none', () => writeFileSync(configFile, `${textOf(other)}forwarding: { caFile: ${configFile} }\n`), /caFile/],
    [
      'a secret that is not there',
      () => writeFileSync(configFile, `${textOf(other)}secrets: [{ name: token, file: /nowhere }]\n`),
      /nowhere/,
    ],
    [
      'another state folder',
      () => writeFileSync(configFile, textOf(other).replace(/state: .*/, 'state: /tmp/elsewhere')),
      /state: a change needs/,
    ],
  ])('%s', async (_what, spoil, message) => {
    rmSync(configFile, { recursive: true, force: true });
    writeFileSync(configFile, textOf(good));
    expect((await callReload()).status).toBe(200);
    const before = failed();
    spoil();
    const answer = await callReload();
    expect(answer.status).toBe(400);
    expect(answer.body).toMatch(message);
    expect(await eventually(() => failed() === before + 1, 2_000)).toBe(true);
    expect(await probe()).toBe(good.probe);
    expect(JSON.stringify(await ready())).toContain('the last reload failed');
  });
});

function replaceByFolder(): void {
  rmSync(configFile);
  mkdirSync(configFile);
}

async function ready(): Promise<unknown> {
  const socketPath = written.listen.control.replace('unix:', '');
  return new Promise((resolve, reject) => {
    http
      .get({ socketPath, path: '/readyz', headers: { host: 'localhost' }, agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve(JSON.parse(body)));
      })
      .on('error', reject);
  });
}

test('the verb tells what changed, and exits 2 with every message when nothing could', async () => {
  rmSync(configFile, { recursive: true, force: true });
  writeFileSync(configFile, textOf(VARIANTS[0] as Variant));
  await callReload();
  writeFileSync(configFile, textOf(VARIANTS[1] as Variant));
  const done = await verbBeforeTheWatch('reload');
  expect(done).toMatchObject({ status: 0, stdout: expect.stringMatching(/^reloaded: [0-9a-f]{12} → [0-9a-f]{12}\nchanged: .*records/) });
  writeFileSync(configFile, `${textOf(VARIANTS[0] as Variant)}contact: 5\nnonsense: 1\n`);
  const refused = await verbBeforeTheWatch('reload');
  expect(refused).toMatchObject({ status: 2, stdout: '' });
  expect(refused.stderr).toMatch(/contact/);
  expect(refused.stderr).toMatch(/nonsense/);
});

/** A file that goes on changing is not read by itself: on a busy machine the verb would come too late to find anything changed. */
async function verbBeforeTheWatch(...args: string[]): Promise<Finished> {
  const touching = setInterval(() => utimesSync(configFile, new Date(), new Date()), 100);
  try {
    return await kennel.verb(...args);
  } finally {
    clearInterval(touching);
  }
}

test('a hundred signals at once share reloads', async () => {
  writeFileSync(configFile, textOf(VARIANTS[0] as Variant));
  await callReload();
  const before = reloaded();
  writeFileSync(configFile, textOf(VARIANTS[1] as Variant));
  for (let signal = 0; signal < 100; signal++) process.kill(kennel.pid(), 'SIGHUP');
  expect(await eventually(async () => (await probe()) === (VARIANTS[1] as Variant).probe, 10_000)).toBe(true);
  await sleep(1_000);
  expect(kennel.isRunning()).toBe(true);
  // Those that come while one runs share the next; the faster the machine, the more of them find none running.
  expect(reloaded() - before).toBeLessThanOrEqual(50);
});

test('200 reloads leave memory and descriptors as they were', { timeout: 240_000 }, async () => {
  const round = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at++) {
      await writeAtomically(textOf(VARIANTS[at % VARIANTS.length] as Variant));
      expect((await callReload()).status).toBe(200);
      await probe();
    }
  };
  const descriptors = (): number => readdirSync(`/proc/${kennel.pid()}/fd`).length;
  await round(100);
  await sleep(6_000);
  const before = { octets: kennel.residentOctets(), descriptors: descriptors() };
  await round(200);
  await sleep(6_000);
  const after = { octets: kennel.residentOctets(), descriptors: descriptors() };
  console.log(`before ${JSON.stringify(before)}, after 200 reloads ${JSON.stringify(after)}`);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 2);
  expect(after.octets - before.octets).toBeLessThan(24 * 1024 * 1024);
});
