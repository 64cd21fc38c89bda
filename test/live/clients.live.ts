/**
 * Real stub resolvers whose resolv.conf names the resolver: ordinary names resolve; what is refused fails at once and for good,
 * with no more queries than a name that does not exist costs.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clients, lookUp, ORDINARY_ADDRESS, prepareClients, RESOLV_CONF, type ResolvConf } from '../lab/clients.ts';
import { type Kennel, startKennelIn } from '../lab/kennel-process.ts';
import { SEED } from '../lab/live-report.ts';
import {
  CLIENT_ADDRESS,
  type ClientPlace,
  createLab,
  INTERNET_ADDRESS,
  type Lab,
  RESOLVER_ADDRESS,
  RESOLVER_ADDRESS_V6,
} from '../lab/namespaces.ts';
import { startPlainResolver } from '../lab/plain-resolver.ts';
import { toolPath } from '../lab/required-tools.ts';
import { startWorld } from '../lab/tunnels.ts';

/** Process start included. */
const AT_ONCE_MS = 1_000;
/** A and AAAA, for the name and for each of the three search domains. */
const MOST_QUERIES: Record<ResolvConf, number> = { plain: 2, 'search domains and ndots:5': 8 };

const RESOLV_CONFS = Object.keys(RESOLV_CONF) as ResolvConf[];

let lab: Lab;
let clients: Clients;
beforeAll(async () => {
  clients = prepareClients();
  lab = await createLab();
  await startWorld(lab, SEED);
});
afterAll(async () => {
  await lab?.destroy();
  clients?.remove();
});

async function expectResolves(resolvConf: ResolvConf, name: string, place: ClientPlace = 'client-a'): Promise<void> {
  lab.setResolvConf(place, RESOLV_CONF[resolvConf]);
  for (const client of clients.all) {
    const found = await lookUp(lab, place, client, name);
    expect(found, `${client.name}: ${found.output}`).toMatchObject({ resolved: true, tcpPackets: 0 });
    expect(found.udpQueries, client.name).toBeLessThanOrEqual(MOST_QUERIES[resolvConf]);
  }
}

async function expectFailsAtOnce(resolvConf: ResolvConf, name: string): Promise<void> {
  lab.setResolvConf('client-a', RESOLV_CONF[resolvConf]);
  for (const client of clients.all) {
    const failed = await lookUp(lab, 'client-a', client, name);
    expect(failed, `${client.name}: ${failed.output}`).toMatchObject({ resolved: false, temporary: false, tcpPackets: 0 });
    expect(failed.elapsedMs, client.name).toBeLessThan(AT_ONCE_MS);
    expect(failed.udpQueries, client.name).toBeGreaterThan(0);
    expect(failed.udpQueries, client.name).toBeLessThanOrEqual(MOST_QUERIES[resolvConf]);
  }
}

describe('through a resolver without detection', () => {
  let stop: () => Promise<void>;
  beforeAll(async () => {
    stop = await startPlainResolver(lab);
  });
  afterAll(() => stop?.());

  test.each(RESOLV_CONFS)('every client resolves an ordinary name (%s)', (resolvConf) => expectResolves(resolvConf, 'www.shop.example'));

  test.each(RESOLV_CONFS)('every client gives up at once on a name that does not exist (%s)', (resolvConf) =>
    expectFailsAtOnce(resolvConf, 'www.missing.example'),
  );
});

describe('through Kennel', () => {
  let kennel: Kennel;
  beforeAll(async () => {
    const list = (names: readonly string[]) => [{ section: 'lab', owner: 'lab', reason: 'the client tests', names }];
    kennel = await startKennelIn(lab, {
      mode: 'enforce',
      upstreams: [`udp://${INTERNET_ADDRESS}`],
      reputation: 'off',
      policies: [
        { name: 'v4-only', match: { cidr: [CLIENT_ADDRESS['client-b']] }, default: 'allow', qtypes: ['A', 'PTR'] },
        { name: 'everyone', match: {}, default: 'allow', block: list(['**.blocked.example']) },
      ],
    });
  });
  afterAll(() => kennel?.remove());

  test.each(RESOLV_CONFS)('every client resolves an ordinary name (%s)', (resolvConf) => expectResolves(resolvConf, 'www.shop.example'));

  // dig takes no answer that comes from another address than it asked.
  test.each([RESOLVER_ADDRESS, RESOLVER_ADDRESS_V6])('dig is answered from %s, over UDP and TCP', async (address) => {
    for (const transport of ['+notcp', '+tcp']) {
      const dig = [toolPath('dig'), '+tries=1', transport, `@${address}`, 'www.shop.example', 'A'];
      expect((await lab.run('client-a', dig)).stdout).toContain(ORDINARY_ADDRESS);
    }
  });

  test.each(RESOLV_CONFS)('every client gives up at once on a name that does not exist (%s)', (resolvConf) =>
    expectFailsAtOnce(resolvConf, 'www.missing.example'),
  );

  test.each(RESOLV_CONFS)('every client gives up at once on a refused name, and again when it asks again (%s)', async (resolvConf) => {
    await expectFailsAtOnce(resolvConf, 'www.blocked.example');
    await expectFailsAtOnce(resolvConf, 'www.blocked.example');
  });

  test('dig and kdig show who blocked a name and what to do', async () => {
    lab.setResolvConf('client-a', RESOLV_CONF.plain);
    for (const client of clients.all.filter(({ name }) => name === 'dig' || name === 'kdig')) {
      const { output } = await lookUp(lab, 'client-a', client, 'www.blocked.example');
      expect(output, client.name).toMatch(/EDE: 15 \(Blocked\)/i);
      expect(output, client.name).toContain('policy everyone');
    }
  });

  test.each(RESOLV_CONFS)('dig, kdig and drill get no data at once for a refused type of an ordinary name (%s)', async (resolvConf) => {
    lab.setResolvConf('client-a', RESOLV_CONF[resolvConf]);
    for (const client of clients.all.filter(({ kind }) => kind === 'message')) {
      const refused = await lookUp(lab, 'client-a', client, 'www.shop.example', 'NULL');
      expect(refused, `${client.name}: ${refused.output}`).toMatchObject({ temporary: false, tcpPackets: 0 });
      expect(refused.output, client.name).toMatch(/(status|rcode): NOERROR/i);
      expect(refused.elapsedMs, client.name).toBeLessThan(AT_ONCE_MS);
      expect(refused.udpQueries, client.name).toBeLessThanOrEqual(MOST_QUERIES[resolvConf]);
    }
  });

  test.each(RESOLV_CONFS)('every client resolves by A alone where AAAA is a refused type (%s)', (resolvConf) =>
    expectResolves(resolvConf, 'www.shop.example', 'client-b'),
  );
});
