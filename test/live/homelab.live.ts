/**
 * A day in a house that took `docs/examples/homelab` as it is: three groups of clients, lists by URL in two formats, upstreams over TLS and
 * HTTPS, names of the LAN from the router. Real clients ask from real devices (namespaces); nothing here knows more than a user does.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LookupClient, prepareClients } from '../lab/clients.ts';
import { buildHouse, type Device, type House, KENNEL_ADDRESS, PUBLISHER_NAME, WEB_ADDRESS } from '../lab/house.ts';
import { FULL } from '../lab/live-report.ts';
import { eventually, type Finished, type Running } from '../lab/processes.ts';
import { toolPath } from '../lab/required-tools.ts';

const KENNEL = join(import.meta.dirname, '../../bin/kennel.mjs');
const EXAMPLE = join(import.meta.dirname, '../../docs/examples/homelab');
const IMPORTED = join(import.meta.dirname, '../../fixtures/import/AdGuardHome-house.yaml');
const BLOCKED = 'NXDOMAIN Blocked';
const MOVED_ADDRESS = '203.0.113.11';
/** A look-up by a program, its start included. */
const AT_ONCE_MS = 100;
const DEVICES: readonly Device[] = ['laptop', 'tablet', 'tv'];

const folder = mkdtempSync(join(tmpdir(), 'kennel-lab-house-'));
const configFile = join(folder, 'homelab', 'kennel.yaml');
let house: House;
let kennel: Running;
let getaddrinfoClients: readonly LookupClient[];
let removeClients: (() => void) | null = null;

beforeAll(async () => {
  const clients = prepareClients();
  removeClients = clients.remove;
  getaddrinfoClients = clients.all.filter(({ name }) => ['glibc', 'musl', 'busybox nslookup'].includes(name));
  house = await buildHouse(folder);
  cpSync(EXAMPLE, join(folder, 'homelab'), { recursive: true });
  for (const list of ['ads.hosts', 'trackers.adblock']) {
    cpSync(join(EXAMPLE, list), join(house.publishedFolder, list));
    rmSync(join(folder, 'homelab', list));
  }
  // What the comments of the example say to change on a Raspberry Pi, this internet's authority, and the whole query log.
  edit('127.0.0.1:5300', `${KENNEL_ADDRESS}:53`);
  for (const list of ['ads.hosts', 'trackers.adblock']) edit(`file: ${list}`, `url: "https://${PUBLISHER_NAME}/${list}"`);
  edit('lanUpstreams:', `forwarding: { caFile: ${house.caFile} }\nretention: { decisions: all }\nlanUpstreams:`);
  await Promise.all([house.startPublisher(), house.startResolver()]);
  kennel = await startKennel(configFile, 'state');
});
afterAll(async () => {
  await house?.destroy();
  removeClients?.();
  rmSync(folder, { recursive: true, force: true });
});

function edit(before: string, after: string): void {
  const text = readFileSync(configFile, 'utf8');
  if (!text.includes(before)) throw new Error(`the example has no ${before} any more`);
  writeFileSync(configFile, text.replace(before, after));
}

/** The publisher's certificate is of this lab's authority too, which a user's would not be. */
const asUser = (state: string) => [
  '/usr/bin/env',
  `HOME=${join(folder, state)}`,
  `NODE_EXTRA_CA_CERTS=${house.caFile}`,
  process.execPath,
  KENNEL,
];

/** Started, and its lists there. */
async function startKennel(file: string, state: string): Promise<Running> {
  const running = house.start('pi', [...asUser(state), 'serve', '--config', file]);
  await running.waitForOutput(/Kennel \d/, 15_000);
  await eventually(async () => !/absent|not loaded/.test((await verb(file, state, 'lists')).stdout), 10_000);
  return running;
}

const verb = (file: string, state: string, ...args: string[]) => house.run('pi', [...asUser(state), ...args, '--config', file]);
const kennelVerb = (...args: string[]) => verb(configFile, 'state', ...args);

/** One packet, no second try: an answer that never came shows. Patience enough for a busy machine. */
const ONCE = ['+tries=1', '+time=10'];

/** What a device is told, in short: addresses or names, else the RCODE, with the extended error if there is one. */
async function ask(device: Device, name: string, type = 'A'): Promise<string> {
  const asked = type === 'PTR' ? ['-x', name] : [name, type];
  return inShort((await house.run(device, [toolPath('dig'), ...ONCE, ...asked])).stdout);
}

function inShort(response: string): string {
  const rcode = /status: (\w+)/.exec(response)?.[1] ?? 'no answer';
  const extended = /EDE: \d+ \(([^)]*)\)/.exec(response)?.[1];
  const section = /ANSWER SECTION:\n([\s\S]*?)\n\n/.exec(response)?.[1] ?? '';
  const data = section.split('\n').flatMap((line) => line.split(/\s+/)[4] ?? []);
  return [data.length > 0 ? data.join(' ') : rcode, ...(extended === undefined ? [] : [extended])].join(' ');
}

type Probe = readonly [device: Device, name: string, expected: string, type?: string];

const PROBES: readonly Probe[] = [
  // The hosts list: exactly its names.
  ['tablet', 'pixel.adserver.example', BLOCKED],
  ['laptop', 'pixel.adserver.example', BLOCKED],
  ['laptop', 'www.adserver.example', WEB_ADDRESS],
  // The laptop's newspaper; the child's is not excepted.
  ['laptop', 'media.adserver.example', WEB_ADDRESS],
  ['tablet', 'media.adserver.example', BLOCKED],
  // The adblock list: all below, but for its exception; rules about pages are none about names.
  ['tablet', 'tracker.example', BLOCKED],
  ['laptop', 'a.b.tracker.example', BLOCKED],
  ['laptop', 'optout.tracker.example', WEB_ADDRESS],
  ['laptop', 'metrics.example.org', WEB_ADDRESS],
  ['laptop', 'example.com', WEB_ADDRESS],
  // Games: for the child alone.
  ['tablet', 'play.games.example', BLOCKED],
  ['laptop', 'play.games.example', WEB_ADDRESS],
  // The TV: its maker and the time.
  ['tv', 'fw.updates.tv-maker.example', WEB_ADDRESS],
  ['tv', '2.debian.pool.ntp.org', WEB_ADDRESS],
  ['tv', 'telemetry.tv-maker.example', BLOCKED],
  ['tv', 'www.wikipedia.org', BLOCKED],
  // The house's own.
  ['tv', 'nas.home.arpa', '192.168.1.10'],
  ['laptop', 'photos.apps.home.arpa', 'nas.home.arpa. 192.168.1.10'],
  ['laptop', '192.168.1.10', 'nas.home.arpa.', 'PTR'],
  ['laptop', 'tv.lan', '192.168.1.130'],
  // Denied like any other name that nobody has listed.
  ['tv', 'router.lan', BLOCKED],
  ['tablet', '192.168.1.70', 'tablet.lan.', 'PTR'],
  ['laptop', '192.168.1.99', 'NXDOMAIN', 'PTR'],
];

/** The devices ask side by side, each one name after the other. */
async function answersTo(probes: readonly Probe[]): Promise<Map<string, string>> {
  const answers = new Map(probes.map(([device, name]) => [`${device} ${name}`, '']));
  const askAll = async (own: Device) => {
    for (const [device, name, , type] of probes) if (device === own) answers.set(`${device} ${name}`, await ask(device, name, type));
  };
  await Promise.all(DEVICES.map(askAll));
  return answers;
}

const EXPECTED = new Map(PROBES.map(([device, name, expected]) => [`${device} ${name}`, expected]));

describe('the house', () => {
  test('each group of clients gets its own answers', async () => {
    expect(await answersTo(PROBES)).toEqual(EXPECTED);
  });

  test('the blocked are told who, by which list and whom to ask', async () => {
    const { stdout } = await house.run('tablet', [toolPath('dig'), 'a.tracker.example']);
    expect(stdout).toMatch(/EDE: 15 \(Blocked\): \(.*policy children/);
  });

  test('programs find what is allowed, and give up at once on what is not', async () => {
    for (const client of getaddrinfoClients) {
      const found = await house.run('laptop', client.argv('www.wikipedia.org'));
      expect(found.stdout, client.name).toContain(WEB_ADDRESS);
      expect((await house.run('tv', client.argv('nas.home.arpa'))).stdout, client.name).toContain('192.168.1.10');
      const runs: Finished[] = [];
      for (let round = 0; round < 3; round++) runs.push(await house.run('tablet', client.argv('www.games.example')));
      for (const { stdout, stderr } of runs) expect(stdout + stderr, client.name).not.toContain(WEB_ADDRESS);
      expect(Math.min(...runs.map(({ elapsedMs }) => elapsedMs)), client.name).toBeLessThan(AT_ONCE_MS);
    }
  });

  test('the TV gets its update by curl, and nothing else', async () => {
    const curl = (device: Device, host: string) => house.run(device, [toolPath('curl'), '-sS', '--max-time', '5', `http://${host}/`]);
    expect((await curl('tv', 'fw.updates.tv-maker.example')).stdout).toBe('this is fw.updates.tv-maker.example\n');
    expect((await curl('tv', 'ads.tv-maker.example')).stderr).toContain('Could not resolve host');
    expect((await curl('laptop', 'ads.tv-maker.example')).stdout).toBe('this is ads.tv-maker.example\n');
  });

  test('nobody gets past it to another resolver', async () => {
    const { status } = await house.run('tv', [toolPath('dig'), '+tries=1', '+time=1', '@9.9.9.9', 'www.wikipedia.org']);
    expect(status).toBe(9);
  });
});

test('what the child asked is in the query log', async () => {
  const database = new Database(join(folder, 'state/.local/state/kennel/decisions.sqlite'), { readonly: true });
  const asked = database.prepare<[string, string], { verdict: string; policy: string }>(
    'SELECT verdict, policy FROM decisions WHERE session = ? AND qname = ? ORDER BY seq LIMIT 1',
  );
  await ask('tablet', 'homework.school.example');
  expect(await eventually(() => asked.get('192.168.1.70', 'homework.school.example') !== undefined, 5_000)).toBe(true);
  expect(asked.get('192.168.1.70', 'homework.school.example')).toEqual({ verdict: 'allow', policy: 'children' });
  expect(asked.get('192.168.1.70', 'play.games.example')).toEqual({ verdict: 'refuse', policy: 'children' });
  database.close();
});

describe('lists by URL', () => {
  test('came through the upstreams: nobody in the house knows the publisher', async () => {
    expect((await house.run('pi', [toolPath('getent'), 'ahosts', PUBLISHER_NAME])).status).toBe(2);
    expect(house.publisherLog()).toEqual(expect.arrayContaining(['200 /ads.hosts', '200 /trackers.adblock']));
  });

  test('a changed list is in force after an update, and the next costs the publisher a 304', async () => {
    expect(await ask('laptop', 'fresh.adserver.example')).toBe(WEB_ADDRESS);
    const list = join(house.publishedFolder, 'ads.hosts');
    writeFileSync(list, `${readFileSync(list, 'utf8')}0.0.0.0 fresh.adserver.example\n`);
    expect((await kennelVerb('lists', 'update', 'ads')).status).toBe(0);
    expect(await ask('laptop', 'fresh.adserver.example')).toBe(BLOCKED);
    expect((await kennelVerb('lists', 'update', 'ads')).status).toBe(0);
    expect(house.publisherLog().slice(-2)).toEqual(['200 /ads.hosts', '304 /ads.hosts']);
  });

  test('what was good last is in force after a restart while the publisher is away', async () => {
    await house.stopPublisher();
    await kennel.kill();
    kennel = await startKennel(configFile, 'state');
    expect(await ask('laptop', 'fresh.adserver.example')).toBe(BLOCKED);
    expect(await ask('tablet', 'a.tracker.example')).toBe(BLOCKED);
    const update = await kennelVerb('lists', 'update');
    expect(update.status).toBe(1);
    expect(update.stdout).toMatch(/ads .*ECONNREFUSED/);
    await house.startPublisher();
    expect((await kennelVerb('lists', 'update')).status).toBe(0);
  });
});

test('while no upstream answers, old answers and the house go on; afterwards everything is fresh', async () => {
  expect(await ask('laptop', 'www.wikipedia.org')).toBe(WEB_ADDRESS);
  await house.stopResolver();
  await sleep(2_100);
  expect(await ask('laptop', 'www.wikipedia.org')).toBe(`${WEB_ADDRESS} Stale Answer`);
  expect(await ask('laptop', 'never-asked.example')).toMatch(/^SERVFAIL/);
  expect(await ask('tablet', 'play.games.example')).toBe(BLOCKED);
  expect(await ask('tablet', 'photos.apps.home.arpa')).toContain('192.168.1.10');
  expect(await ask('laptop', 'tv.lan')).toBe('192.168.1.130');
  await house.startResolver(MOVED_ADDRESS);
  const backMs = performance.now();
  expect(await eventually(async () => (await ask('laptop', 'news.example')) === WEB_ADDRESS, 10_000)).toBe(true);
  const othersMs = performance.now() - backMs;
  // A name that failed is asked again after half a minute, or when somebody flushes it.
  if (!FULL) expect((await kennelVerb('cache', 'flush', 'www.wikipedia.org')).status).toBe(0);
  expect(await eventually(async () => (await ask('laptop', 'www.wikipedia.org')) === MOVED_ADDRESS, 40_000)).toBe(true);
  console.log(
    `names are answered ${othersMs.toFixed(0)} ms after the resolver is back, the stale one ${(performance.now() - backMs).toFixed(0)} ms`,
  );
});

test('a group of clients more, by editing the file, while everybody asks: nothing is lost', async () => {
  let done = false;
  const answers = DEVICES.map(async (device) => {
    const seen: string[] = [];
    while (!done) seen.push(await ask(device, 'fw.updates.tv-maker.example'));
    return seen;
  });
  expect(await ask('laptop', 'play.games.example')).toBe(WEB_ADDRESS);
  edit('policies:\n', 'policies:\n  - { name: study, match: { cidr: ["192.168.1.20"] }, preset: homelab, lists: [games] }\n');
  const inForce = await eventually(async () => (await ask('laptop', 'play.games.example')) === BLOCKED, 10_000);
  await sleep(1_000);
  done = true;
  const seen = (await Promise.all(answers)).flat();
  expect(inForce).toBe(true);
  expect(seen.filter((answer) => answer !== WEB_ADDRESS)).toEqual([]);
  expect(seen.length).toBeGreaterThan(30);
});

test('the AdGuard Home of the same house, imported: the same answers', async () => {
  const importedFile = join(folder, 'imported.yaml');
  const imported = await house.run('pi', [...asUser('imported'), 'import', 'adguardhome', IMPORTED, '--out', importedFile]);
  expect(imported.status).toBe(0);
  // The lab's authority is none that AdGuard Home or Node knows by itself.
  const text = readFileSync(importedFile, 'utf8');
  writeFileSync(importedFile, text.replace('forwarding:\n', `forwarding:\n  caFile: ${house.caFile}\n`));
  await kennel.kill();
  kennel = await startKennel(importedFile, 'imported');
  const answers = await answersTo(PROBES);
  const differences = [...answers].filter(([asked, answer]) => answer !== EXPECTED.get(asked));
  // AdGuard Home's `[/lan/]` server has become a zone, and zones of private servers are trusted: the TV may ask for names of the house.
  expect(differences).toEqual([['tv router.lan', '192.168.1.1']]);
});
