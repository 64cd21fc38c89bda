/**
 * One short key below an old domain, where neither budget nor first contact would stop it: a registered one (`kennel secret add`) and
 * keys of well-known forms, in each encoding, whole and over several names. Nothing of them arrives in one name, never all of it over
 * several, and the session is quarantined.
 * A key that is neither is stopped by first contact alone, below a domain nobody knows.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ORDINARY_ADDRESS, RESOLV_CONF } from '../lab/clients.ts';
import { askForAll } from '../lab/everyday-tools.ts';
import { type Kennel, startKennelIn } from '../lab/kennel-process.ts';
import { FULL, reportThefts, SEED, type TheftRow } from '../lab/live-report.ts';
import { createLab, INTERNET_ADDRESS, type Lab } from '../lab/namespaces.ts';
import { REGISTRY_OUT_OF_REACH, registeredLongAgo } from '../lab/old-domains.ts';
import { toolPath } from '../lab/required-tools.ts';
import { seededRandom } from '../lab/seeded-random.ts';
import { thiefDomains } from '../lab/thief-domains.ts';
import { toBase32 } from '../lab/thief-encodings.ts';
import { startWorld, type World } from '../lab/tunnels.ts';

const random = seededRandom(SEED);
const BASE62 = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'] as [string, ...string[]];
const base62 = (length: number) => Array.from({ length }, () => random.pick(BASE62)).join('');

const REGISTERED = base62(36);
const KEYS: Readonly<Record<string, string>> = {
  'registered, of no known form': REGISTERED,
  'a GitHub token': `ghp_${base62(36)}`,
  'an AWS access key': `AKIA${toBase32(random.octets(10)).toUpperCase()}`,
  'an Anthropic key': `sk-ant-api03-${base62(24)}`,
  'a JWT': `${Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url')}${base62(12)}`,
  'an npm token': `npm_${base62(36)}`,
};
const ENCODINGS: Readonly<Record<string, (octets: Buffer) => string>> = {
  'as it is': (octets) => octets.toString('latin1'),
  hex: (octets) => octets.toString('hex'),
  base32: toBase32,
  base64url: (octets) => octets.toString('base64url'),
};
/** How the encoded key is cut: into labels of one name, or over names. */
const CUTS = {
  'in one name': (encoded: string) => [(encoded.match(/.{1,60}/g) ?? []).join('.')],
  'in labels of 8': (encoded: string) => [(encoded.match(/.{1,8}/g) ?? []).join('.')],
  'over three names': (encoded: string) => encoded.match(new RegExp(`.{1,${Math.ceil(encoded.length / 3)}}`, 'g')) ?? [],
} as const;

/** Most of a key that may leave: none of it in one name; over names, what was asked before the name that shows what it is. */
const MOST_THAT_LEAVES = { 'in one name': 0, 'in labels of 8': 0, 'over three names': 2 / 3 } as const;

/** Cut in three as it is, the 20 letters of an AWS key's identifier are three short words that nothing tells from others. */
const UNSEEN = 'an AWS access key, as it is, over three names';

const CASES = Object.keys(KEYS)
  .filter((_, index) => FULL || index < 2)
  .flatMap((key) =>
    Object.keys(ENCODINGS).flatMap((encoding) => (Object.keys(CUTS) as (keyof typeof CUTS)[]).map((cut) => ({ key, encoding, cut }))),
  )
  .filter(({ key, encoding, cut }) => `${key}, ${encoding}, ${cut}` !== UNSEEN);
const UNKNOWN_KEYS = 20;

const domains = thiefDomains(random, CASES.length + UNKNOWN_KEYS);
const rows: TheftRow[] = [];

let lab: Lab;
let world: World;
beforeAll(async () => {
  lab = await createLab();
  lab.setResolvConf('client-a', RESOLV_CONF.plain);
  world = await startWorld(lab, SEED + 1, domains);
});
afterAll(async () => {
  await lab?.destroy();
  reportThefts('One key', rows);
});

/** Kennel with the registered key; the thief's domains are old where `old` says so. */
async function startKennel(old: boolean): Promise<Kennel> {
  const kennel = await startKennelIn(
    lab,
    {
      mode: 'enforce',
      upstreams: [`udp://${INTERNET_ADDRESS}`],
      reputation: REGISTRY_OUT_OF_REACH,
      policies: [{ name: 'agents', match: {}, preset: 'agent', default: 'allow' }],
    },
    registeredLongAgo(old ? domains : []),
  );
  const folder = mkdtempSync(join(tmpdir(), 'kennel-lab-secret-'));
  writeFileSync(join(folder, 'key'), `${REGISTERED}\n`, { mode: 0o600 });
  await kennel.verbJson('secret', 'add', 'deploy-key', '--file', join(folder, 'key'));
  rmSync(folder, { recursive: true });
  return kennel;
}

/** Asks for the names from an address nobody has used before, which resolves ordinary names until then; what of them arrived. */
async function arrivedOf(names: readonly string[]): Promise<readonly string[]> {
  const before = world.ownedQueries().length;
  lab.becomeAnotherClient('client-a');
  expect(await resolvesOrdinaryName()).toBe(true);
  await askForAll(lab, 'client-a', 'dig', 'A', names);
  return world
    .ownedQueries()
    .slice(before)
    .map(({ name }) => name);
}

async function resolvesOrdinaryName(): Promise<boolean> {
  return (await lab.run('client-a', [toolPath('dig'), '+short', 'www.shop.example', 'A'])).stdout.includes(ORDINARY_ADDRESS);
}

describe('below a domain registered in 2009', () => {
  let kennel: Kennel;
  beforeAll(async () => {
    kennel = await startKennel(true);
  });
  afterAll(() => kennel?.remove());

  test.each(CASES.map((theft, index) => [`${theft.key}, ${theft.encoding}, ${theft.cut}`, theft, index] as const))(
    '%s: it does not arrive, the session is quarantined',
    async (_title, { key, encoding, cut }, index) => {
      const octets = Buffer.from(KEYS[key] ?? '', 'latin1');
      const pieces = CUTS[cut](ENCODINGS[encoding]?.(octets) ?? '');
      const arrived = await arrivedOf(pieces.map((piece) => `${piece}.${domains[index]}`));
      // A quarantined session gets no answer for any name outside; nobody else's address is used here.
      const quarantined = !(await resolvesOrdinaryName());
      const limit = Math.ceil(octets.length * MOST_THAT_LEAVES[cut]);
      const leaked = Math.round((octets.length * arrived.length) / pieces.length);
      rows.push({
        tool: 'dig',
        encoding: `${key}, ${encoding}, ${cut}`,
        condition: 'a domain registered in 2009',
        tried: pieces.length,
        reached: arrived.length,
        octets: leaked,
        limit,
        quarantinedAt: quarantined ? arrived.length + 1 : null,
      });
      expect(leaked, arrived.join(', ')).toBeLessThanOrEqual(limit);
      expect(quarantined, 'quarantined').toBe(true);
    },
  );

  test('the key stands in no log and no answer of the control API', async () => {
    const told = kennel.log() + JSON.stringify([await kennel.verbJson('secret', 'list'), await kennel.verbJson('sessions')]);
    expect(told.toLowerCase()).not.toContain(REGISTERED.toLowerCase());
    expect(told).not.toContain(Buffer.from(REGISTERED).toString('hex'));
  });
});

describe('below a domain nobody knows', () => {
  let kennel: Kennel;
  beforeAll(async () => {
    kennel = await startKennel(false);
  });
  afterAll(() => kennel?.remove());

  test('at least nine of ten keys of 36 octets that nobody registered are refused, each in one query', async () => {
    const texts = domains.slice(CASES.length).map((domain, index) => {
      const encode = index % 2 === 0 ? (octets: Buffer) => `${octets.toString('hex', 0, 18)}.${octets.toString('hex', 18)}` : toBase32;
      return `${encode(random.octets(36))}.${domain}`;
    });
    let reached = 0;
    for (const name of texts) reached += (await arrivedOf([name])).length;
    rows.push({
      tool: 'dig',
      encoding: 'a key of 36 octets that nobody registered, hex or base32',
      condition: 'a domain nobody knows',
      tried: texts.length,
      reached,
      octets: reached * 36,
      limit: (texts.length / 10) * 36,
      quarantinedAt: null,
    });
    expect(reached).toBeLessThanOrEqual(texts.length / 10);
  });
});
