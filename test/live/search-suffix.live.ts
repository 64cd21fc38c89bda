/**
 * A search list after a refusal: real stub resolvers try `SECRET.thief's domain.corp.example` next, and the octets would leave by
 * the suffix's road. Through a resolver without detection they do; through Kennel neither the thief nor the suffix's servers see them.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clients, lookUp, ORDINARY_ADDRESS, prepareClients } from '../lab/clients.ts';
import { type Kennel, startKennelIn } from '../lab/kennel-process.ts';
import { SEED } from '../lab/live-report.ts';
import { createLab, INTERNET_ADDRESS, type Lab, RESOLVER_ADDRESS } from '../lab/namespaces.ts';
import { startPlainResolver } from '../lab/plain-resolver.ts';
import { seededRandom } from '../lab/seeded-random.ts';
import { thiefDomains } from '../lab/thief-domains.ts';
import { startWorld, type World } from '../lab/tunnels.ts';

const SUFFIX = 'corp.example';
const RESOLV_CONF = [`nameserver ${RESOLVER_ADDRESS}`, `search ${SUFFIX}`, 'options ndots:5'];

const random = seededRandom(SEED);
const [unlisted = '', blocked = ''] = thiefDomains(random, 2);
const secretBelow = (domain: string) => `${random.octets(8).toString('hex')}.${domain}`;

let lab: Lab;
let world: World;
let clients: Clients;
beforeAll(async () => {
  clients = prepareClients();
  lab = await createLab();
  lab.setResolvConf('client-a', RESOLV_CONF);
  world = await startWorld(lab, SEED + 1, [unlisted, blocked, SUFFIX]);
});
afterAll(async () => {
  await lab?.destroy();
  clients?.remove();
});

/** Asks for one name with each client; what of it arrived anywhere. */
async function arrivedOf(domain: string): Promise<readonly string[]> {
  const before = world.ownedQueries().length;
  for (const client of clients.all) await lookUp(lab, 'client-a', client, secretBelow(domain));
  return world
    .ownedQueries()
    .slice(before)
    .map(({ name }) => name);
}

describe('through a resolver without detection', () => {
  let stop: () => Promise<void>;
  beforeAll(async () => {
    stop = await startPlainResolver(lab);
  });
  afterAll(() => stop?.());

  test('names reach the servers of the suffix', async () => {
    expect((await arrivedOf(unlisted)).some((name) => name.endsWith(`.${unlisted}.${SUFFIX}`))).toBe(true);
  });
});

describe.each([
  { how: 'named in searchSuffixes', more: { searchSuffixes: [SUFFIX] } },
  { how: 'a zone with an upstream of its own', more: { zones: { [SUFFIX]: [`udp://${INTERNET_ADDRESS}`] } } },
])('through Kennel, the suffix $how', ({ more }) => {
  let kennel: Kennel;
  beforeAll(async () => {
    const list = (names: readonly string[]) => [{ section: 'lab', owner: 'lab', reason: 'the search list', names }];
    kennel = await startKennelIn(lab, {
      mode: 'enforce',
      upstreams: [`udp://${INTERNET_ADDRESS}`],
      reputation: 'off',
      ...more,
      policies: [
        {
          name: 'agents',
          match: {},
          preset: 'agent',
          default: 'deny',
          allow: list([`**.${SUFFIX}`, 'ready.example']),
          block: list([`**.${blocked}`]),
        },
      ],
    });
  });
  afterAll(() => kennel?.remove());

  test.each([
    ['denied by default', unlisted],
    ['blocked', blocked],
  ])('nothing of a name that is %s arrives, at the thief or at the suffix', async (_why, domain) => {
    expect(await arrivedOf(domain)).toEqual([]);
  });

  test('hosts of the suffix resolve by their short name', async () => {
    // Node's resolve4 asks for the name as it stands.
    for (const client of clients.all.filter(({ kind, name }) => kind === 'getaddrinfo' && name !== 'Node dns.resolve4')) {
      const found = await lookUp(lab, 'client-a', client, 'intranet');
      expect(found.output, client.name).toContain(ORDINARY_ADDRESS);
    }
  });
});
