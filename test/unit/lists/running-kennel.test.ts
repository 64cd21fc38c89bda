/** Lists in a running Kennel: where publishers' hosts are looked up, what is in force when, and what reloads change. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { a, type StubAuthority, startStubAuthority } from '../../lab/stub-authority.ts';
import { askOnce, startReloadable } from '../kennel/reloadable-kennel.ts';
import { temporaryFolder } from '../storage/temporary-folder.ts';
import { type ListServer, startListServer } from './list-servers.ts';

const BLOCKED = 'RCODE 3';

/** Says that every name is on this machine. */
async function startUpstream(): Promise<StubAuthority> {
  const upstream = await startStubAuthority({ reply: ({ qname }) => ({ answers: [a(qname, '127.0.0.1')] }) });
  onTestFinished(() => upstream.close());
  return upstream;
}

async function startPublisher(text: () => string): Promise<ListServer> {
  const server = await startListServer((_request, response) => response.end(text()));
  onTestFinished(() => server.close());
  return server;
}

const asked = (upstream: StubAuthority): string[] => upstream.received.map(({ qname }) => qname.toLowerCase());

test('a publisher below a zone is found through the zone’s upstream, and what it lists is refused in observe mode', async () => {
  const zone = await startUpstream();
  const elsewhere = await startUpstream();
  const publisher = await startPublisher(() => '||tracker.example^\n');
  const { kennel, server } = await startReloadable(`
mode: observe
upstreams: ["${elsewhere.url('udp')}"]
rebinding: { allow: ["**.example"] }
zones: { lists.example: ["${zone.url('udp')}"] }
lists: [{ name: ads, url: "${publisher.url('/ads.txt')}" }]
`);
  await expect.poll(() => kennel.lists.status()[0]?.state).toBe('current');
  expect(asked(zone)).toContain('lists.example');
  expect(asked(elsewhere)).not.toContain('lists.example');
  expect(await askOnce(server, 'a.tracker.example')).toBe(BLOCKED);
  expect(await askOnce(server, 'a.shop.example')).toBe('127.0.0.1');
  expect(kennel.alarms()).toEqual([]);
});

test('a publisher elsewhere whose name leads inside is not connected to', async () => {
  const upstream = await startUpstream();
  const publisher = await startPublisher(() => '||tracker.example^\n');
  const { kennel } = await startReloadable(`
mode: observe
upstreams: ["${upstream.url('udp')}"]
lists: [{ name: ads, url: "${publisher.url('/ads.txt')}" }]
`);
  await expect.poll(() => kennel.lists.status()[0]?.error).toBe('the host of the list has a private address');
  expect(asked(upstream)).toContain('lists.example');
  expect(publisher.requests).toEqual([]);
  expect(kennel.alarms()).toEqual([
    'the block list ads was never loaded: it blocks nothing yet (the host of the list has a private address)',
  ]);
});

test('a file is in force with the first query, and other lists with the reload or soon after', async () => {
  const upstream = await startUpstream();
  const folder = temporaryFolder();
  const [first, second] = [join(folder, 'first.txt'), join(folder, 'second.txt')];
  writeFileSync(first, 'one.example\n');
  writeFileSync(second, 'two.example\n');
  const yaml = (file: string): string => `
mode: enforce
upstreams: ["${upstream.url('udp')}"]
rebinding: { allow: ["**.example"] }
lists: [{ name: ads, file: ${file} }]
`;
  const { kennel, server, write } = await startReloadable(yaml(first));
  expect(await askOnce(server, 'one.example')).toBe(BLOCKED);
  expect(await askOnce(server, 'two.example')).toBe('127.0.0.1');
  write(yaml(second));
  expect(await kennel.reload('api')).toMatchObject({ kind: 'reloaded', changed: ['lists'] });
  await expect.poll(() => askOnce(server, 'two.example')).toBe(BLOCKED);
  expect(await askOnce(server, 'one.example')).toBe('127.0.0.1');
});

test('a list that changes is in force for names that were asked before', async () => {
  const upstream = await startUpstream();
  let text = 'one.example\n';
  const publisher = await startPublisher(() => text);
  const { kennel, server } = await startReloadable(`
mode: enforce
upstreams: ["${upstream.url('udp')}"]
rebinding: { allow: ["**.example"] }
lists: [{ name: ads, url: "http://127.0.0.1:${publisher.port}/" }]
`);
  await expect.poll(() => kennel.lists.status()[0]?.state).toBe('current');
  expect(await askOnce(server, 'two.example')).toBe('127.0.0.1');
  text = 'two.example\n';
  await kennel.lists.update(['ads'], false);
  expect(await askOnce(server, 'two.example')).toBe(BLOCKED);
  expect(await askOnce(server, 'one.example')).toBe('127.0.0.1');
  expect(await kennel.metrics.text()).toContain('kennel_list_entries{list="ads"} 1');
});
