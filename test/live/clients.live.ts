/**
 * Real stub resolvers whose resolv.conf names the resolver: ordinary names resolve; what is refused fails at once and for good,
 * with no more queries than a name that does not exist costs.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clients, lookUp, prepareClients, RESOLV_CONF, type ResolvConf } from '../lab/clients.ts';
import { createLab, type Lab } from '../lab/namespaces.ts';
import { startPlainResolver } from '../lab/plain-resolver.ts';
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
  await startWorld(lab);
});
afterAll(async () => {
  await lab?.destroy();
  clients?.remove();
});

async function expectResolves(resolvConf: ResolvConf, name: string): Promise<void> {
  lab.setResolvConf('client-a', RESOLV_CONF[resolvConf]);
  for (const client of clients.all) {
    const found = await lookUp(lab, 'client-a', client, name);
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
