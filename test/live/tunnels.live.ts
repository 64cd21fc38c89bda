/**
 * Real tunnels with no other way out than the resolver (one of each kind, or with KENNEL_LIVE_FULL=1 all that the tools offer):
 * through a resolver without detection the payload arrives whole, through Kennel in enforce mode no octet of it, and in observe mode
 * it arrives and the record says when it would have been stopped.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ORDINARY_ADDRESS, RESOLV_CONF } from '../lab/clients.ts';
import { type Kennel, type KennelSettings, type PrepareState, startKennelIn } from '../lab/kennel-process.ts';
import { FULL, reportThefts, SEED, type TheftRow } from '../lab/live-report.ts';
import { CLIENT_ADDRESS, type ClientPlace, createLab, INTERNET_ADDRESS, type Lab } from '../lab/namespaces.ts';
import { REGISTRY_OUT_OF_REACH, registeredLongAgo } from '../lab/old-domains.ts';
import { startPlainResolver } from '../lab/plain-resolver.ts';
import { toolPath } from '../lab/required-tools.ts';
import { ALL_TUNNELS, startWorld, stealThrough, TUNNELS, type Tunnel, type World } from '../lab/tunnels.ts';

const PAYLOAD_OCTETS = 20_480;
/** A few seconds when nobody hinders it; the machine may be busy. */
const CONTROL_PATIENCE_MS = 45_000;
/** How long a thief keeps starting the tunnel client anew, at least; below an old domain until he is quarantined, so often at most. */
const THIEF_PATIENCE_MS = 5_000;
const MOST_GOES = 4;
/** A handshake's first names leave at each go; the budget below one parent lasts for so many, and none carries payload. */
const MOST_NAMES_UNQUARANTINED = 24;
/** Enough, in the short form, of what first contact makes easy. */
const REFUSED_AT_ONCE = ['iodine with A', 'dns2tcp with TXT'];
const TRIED = FULL ? ALL_TUNNELS : TUNNELS;
/** Below a new domain no tunnel gets so far that the codec of its answers matters: one for each type. */
const TRIED_BELOW_NEW = TRIED.filter(({ name }) => (FULL ? !/, (Base64u?|Base128|Raw)$/.test(name) : REFUSED_AT_ONCE.includes(name)));

let lab: Lab;
let world: World;
beforeAll(async () => {
  lab = await createLab();
  lab.setResolvConf('client-a', RESOLV_CONF.plain);
  lab.setResolvConf('client-b', RESOLV_CONF.plain);
  world = await startWorld(lab, SEED);
});
afterAll(() => lab?.destroy());

describe('through a resolver without detection', () => {
  let stop: () => Promise<void>;
  const rows: TheftRow[] = [];
  beforeAll(async () => {
    stop = await startPlainResolver(lab);
  });
  afterAll(async () => {
    await stop?.();
    reportThefts('Tunnels through a resolver without detection', rows);
  });

  test.each(TRIED)('$name carries the whole payload out', async (tunnel) => {
    const before = { names: world.tunnelNames().length, queries: lab.packetsSent('client-a').udp };
    const theft = await stealWithRoom(tunnel, CONTROL_PATIENCE_MS);
    rows.push({ ...rowOf(tunnel, before), condition: 'no detection', octets: theft.arrivedOctets, limit: null, quarantinedAt: null });
    expect(theft.complete, theft.log).toBe(true);
    expect(theft.arrivedOctets).toBe(PAYLOAD_OCTETS);
  });
});

/** iodine's server has 16 places and keeps each for a minute after the last word: the full form fills them. */
async function stealWithRoom(tunnel: Tunnel, patienceMs: number): ReturnType<typeof stealThrough> {
  const theft = await stealThrough(lab, world, tunnel, PAYLOAD_OCTETS, patienceMs);
  if (!theft.log.includes('Server full')) return theft;
  await sleep(PLACE_KEPT_MS);
  return stealThrough(lab, world, tunnel, PAYLOAD_OCTETS, patienceMs);
}

const PLACE_KEPT_MS = 61_000;

/** What client-a has asked and what has reached the tunnels' servers since `before`. */
function rowOf(tunnel: Tunnel, before: { readonly names: number; readonly queries: number }) {
  return {
    tool: tunnel.kind,
    encoding: tunnel.name.slice(tunnel.kind.length + 1),
    tried: lab.packetsSent('client-a').udp - before.queries,
    reached: world.tunnelNames().length - before.names,
  };
}

function settings(mode: 'observe' | 'enforce'): KennelSettings {
  return {
    mode,
    upstreams: [`udp://${INTERNET_ADDRESS}`],
    reputation: REGISTRY_OUT_OF_REACH,
    policies: [{ name: 'agents', match: {}, preset: 'agent', default: 'allow' }],
  };
}

const ABOUT = { new: 'a domain nobody knows', old: 'a domain registered in 2009' } as const;

/** Makes the domains of both tunnels old where `condition` says so. */
function agesOf(condition: keyof typeof ABOUT): PrepareState {
  return registeredLongAgo(condition === 'old' ? Object.values(world.zones).map(domainOf) : []);
}

/** The registrable domain that a tunnel's zone is below. */
const domainOf = (zone: string) => zone.replace(/^t\./, '');

describe.each(['new', 'old'] as const)('through Kennel in enforce mode, below a domain that is %s', (condition) => {
  // A new Kennel for each tunnel: the quarantine of the one before would stop the next for nothing.
  let kennel: Kennel;
  const rows: TheftRow[] = [];
  beforeEach(async () => {
    kennel = await startKennelIn(lab, settings('enforce'), agesOf(condition));
  });
  afterEach(() => kennel?.remove());
  afterAll(() => reportThefts(`Tunnels through Kennel, below ${ABOUT[condition]}`, rows));

  test.each(condition === 'old' ? TRIED : TRIED_BELOW_NEW)(
    '$name carries nothing out, and the neighbour goes on resolving',
    async (tunnel) => {
      const before = { names: world.tunnelNames().length, queries: lab.packetsSent('client-a').udp, octets: world.receivedOctets() };
      const neighbour = resolveAllTheTime();
      const theft = await stealWithRoom(tunnel, THIEF_PATIENCE_MS);
      // On a busy machine the handshake may not have come far.
      for (let go = 2; condition === 'old' && go <= MOST_GOES && (await quarantinedSessions(kennel)).length === 0; go += 1) {
        await stealThrough(lab, world, tunnel, PAYLOAD_OCTETS, THIEF_PATIENCE_MS);
      }
      const arrivedOctets = world.receivedOctets() - before.octets;
      const { asked, failed } = await neighbour.stop();
      const row = rowOf(tunnel, before);
      console.log(`${tunnel.name}: ${arrivedOctets} octets of payload, ${row.reached} names out; neighbour ${asked.length} look-ups`);

      expect(arrivedOctets).toBe(0);
      expect(asked.length).toBeGreaterThan(5);
      expect(failed).toEqual([]);
      expect((await resolves('client-b', 'after.shop.example')).resolved).toBe(true);
      const quarantined = await quarantinedSessions(kennel);
      // A handshake that is refused name by name ends in a quarantine only if it is tried with enough new names.
      expect([[], [CLIENT_ADDRESS['client-a']]]).toContainEqual(quarantined);
      if (quarantined.length === 0) {
        expect(row.reached, theft.log).toBeLessThanOrEqual(MOST_NAMES_UNQUARANTINED);
      } else {
        const thief = await resolves('client-a', 'www.shop.example');
        expect(thief, 'a quarantined client is told at once').toMatchObject({ resolved: false });
        expect(thief.elapsedMs).toBeLessThan(1_000);
      }
      // Decisions are written in batches off the query path.
      await kennel.kill('SIGTERM');
      const quarantinedAt = decisionsOf(kennel, CLIENT_ADDRESS['client-a']).findIndex(({ verdict }) => verdict === 'quarantine') + 1;
      rows.push({ ...row, condition: ABOUT[condition], octets: arrivedOctets, limit: 0, quarantinedAt: quarantinedAt || null });
    },
  );
});

describe('through Kennel in observe mode', () => {
  let kennel: Kennel;
  beforeEach(async () => {
    kennel = await startKennelIn(lab, settings('observe'), agesOf('old'));
  });
  afterEach(() => kennel?.remove());

  test.each(TUNNELS.filter(({ survivesLowerCase }) => survivesLowerCase))(
    '$name carries the whole payload out, and the record says when it would have been stopped',
    async (tunnel) => {
      const theft = await stealThrough(lab, world, tunnel, PAYLOAD_OCTETS, CONTROL_PATIENCE_MS);
      expect(theft.complete, theft.log).toBe(true);
      expect(theft.arrivedOctets).toBe(PAYLOAD_OCTETS);
      await expectRecordOfWouldBeQuarantine(kennel, tunnel);
    },
  );

  test.each(TUNNELS.filter(({ survivesLowerCase }) => !survivesLowerCase))(
    '$name breaks on its names in lower case, as rebuilding acts in both modes, and is on record',
    async (tunnel) => {
      const theft = await stealThrough(lab, world, tunnel, PAYLOAD_OCTETS, THIEF_PATIENCE_MS);
      expect(theft).toMatchObject({ complete: false, arrivedOctets: 0 });
      expect(theft.log, 'its server answered: it was not refused').toMatch(/Authentication Failed|Resource Unknown/);
      await expectRecordOfWouldBeQuarantine(kennel, tunnel);
    },
  );

  async function expectRecordOfWouldBeQuarantine(kennel: Kennel, tunnel: Tunnel): Promise<void> {
    expect(await quarantinedSessions(kennel)).toEqual([]);

    // Decisions are written in batches off the query path.
    await kennel.kill('SIGTERM');
    const decisions = decisionsOf(kennel, CLIENT_ADDRESS['client-a']);
    const first = decisions.findIndex(({ wouldVerdict }) => wouldVerdict === 'quarantine');
    console.log(`${tunnel.name}: ${decisions.length} decisions kept, would have been quarantined at number ${first + 1}`);
    expect(first, 'no decision that would have been a quarantine').toBeGreaterThanOrEqual(0);
    expect(decisions[first]).toMatchObject({ mode: 'observe', parent: domainOf(world.zones[tunnel.kind]) });
    expect(decisions.filter(({ verdict }) => verdict === 'refuse' || verdict === 'quarantine')).toEqual([]);
    expect(decisions.slice(first + 1).every(({ afterWouldQuarantine }) => afterWouldQuarantine === 1)).toBe(true);
  }
});

interface KeptDecision {
  readonly mode: string;
  readonly verdict: string;
  readonly wouldVerdict: string;
  readonly afterWouldQuarantine: number;
  readonly parent: string;
}

/** The decisions Kennel kept on one session, oldest first. */
function decisionsOf(kennel: Kennel, session: string): readonly KeptDecision[] {
  const database = new Database(join(kennel.stateFolder, 'decisions.sqlite'), { readonly: true });
  try {
    return database
      .prepare<[string], KeptDecision>(
        `SELECT mode, verdict, would_verdict AS wouldVerdict, after_would_quarantine AS afterWouldQuarantine, parent
         FROM decisions WHERE session = ? ORDER BY seq`,
      )
      .all(session);
  } finally {
    database.close();
  }
}

/** Sessions in state `quarantined`, as the verb lists them. */
async function quarantinedSessions(kennel: Kennel): Promise<string[]> {
  const listed = (await kennel.verbJson('quarantine', 'list')) as { quarantines: { session: string; state: string }[] };
  return listed.quarantines.filter(({ state }) => state === 'quarantined').map(({ session }) => session);
}

const ORDINARY_HOSTS = ['www', 'api', 'mail', 'static', 'login', 'docs'];
const ORDINARY_PARENTS = ['shop.example', 'weather.example', 'library.example'];

/** client-b asks for ordinary names, one after the other, until it is stopped. */
function resolveAllTheTime() {
  const asked: string[] = [];
  const failed: string[] = [];
  let stopped = false;
  const done = (async () => {
    while (!stopped) {
      const name = `${ORDINARY_HOSTS[asked.length % 6]}.${ORDINARY_PARENTS[asked.length % 3]}`;
      const { resolved, output } = await resolves('client-b', name);
      asked.push(name);
      if (!resolved) failed.push(`${name}: ${output}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await done;
      return { asked, failed };
    },
  };
}

/** What glibc makes of a name on that client. */
async function resolves(client: ClientPlace, name: string): Promise<{ resolved: boolean; elapsedMs: number; output: string }> {
  const found = await lab.run(client, [toolPath('getent'), 'ahosts', name]);
  return { resolved: found.stdout.includes(ORDINARY_ADDRESS), elapsedMs: found.elapsedMs, output: found.stdout + found.stderr };
}
