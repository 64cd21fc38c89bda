import dgram from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { controlPortOf } from '../../../src/kennel-control.ts';
import type { WouldBlockGroup } from '../../../src/storage/decisions-schema.ts';
import { requireName } from '../../../src/wire/name.ts';
import { freePort } from '../../lab/free-port.ts';
import { a, type StubAuthority, startStubAuthority } from '../../lab/stub-authority.ts';
import { openTcpAsker } from '../../lab/tcp-asker.ts';
import { openUdpAsker } from '../../lab/udp-asker.ts';
import { askOnce, question, startReloadable, told } from './reloadable-kennel.ts';

/** Answers every name with one address. */
async function startUpstream(address: string): Promise<StubAuthority> {
  const upstream = await startStubAuthority({ reply: ({ qname }) => ({ answers: [a(qname, address)], delayMs: 3 }) });
  onTestFinished(() => upstream.close());
  return upstream;
}

interface Variant {
  readonly upstream: string;
  /** Address of the local record `probe.test`. */
  readonly probe?: string;
  readonly block?: string;
  readonly mode?: 'observe' | 'enforce';
  readonly more?: string;
}

const NOBODY = 'udp://127.0.0.1:9';

function yaml({ upstream, probe = '192.0.2.1', block = 'nothing.example', mode = 'enforce', more = '' }: Variant): string {
  return `
mode: ${mode}
upstreams: ["${upstream}"]
limits: off
records: [{ name: probe.test, type: A, value: ${probe} }]
policies:
  - name: everyone
    match: {}
    default: allow
    budgets: off
    allow: [{ section: load, owner: tests, reason: load, names: ["**.load.example"] }]
    block: [{ section: block, owner: tests, reason: load, names: ["**.${block}"] }]
${more}`;
}

test('what a reload changes is in force when it returns, and what it does not change goes on', async () => {
  const one = await startUpstream('198.51.100.1');
  const other = await startUpstream('198.51.100.2');
  const { kennel, server, write } = await startReloadable(yaml({ upstream: one.url('udp') }));
  expect(await askOnce(server, 'probe.test')).toBe('192.0.2.1');
  expect(await askOnce(server, 'a.load.example')).toBe('198.51.100.1');
  const session = kennel.pipeline.sessions.peek('127.0.0.1');
  const hash = kennel.configHash;

  write(yaml({ upstream: other.url('udp'), probe: '192.0.2.2', block: 'evil.example' }));
  const outcome = await kennel.reload('api');

  expect(outcome).toEqual({
    kind: 'reloaded',
    from: hash,
    to: kennel.configHash,
    changed: ['upstreams', 'records', 'policies'],
    warnings: [],
  });
  expect(kennel.configHash).not.toBe(hash);
  expect(await askOnce(server, 'probe.test')).toBe('192.0.2.2');
  expect(await askOnce(server, 'b.load.example')).toBe('198.51.100.2');
  // What the upstream that is gone had said is forgotten with it.
  expect(await askOnce(server, 'a.load.example')).toBe('198.51.100.2');
  expect(await askOnce(server, 'www.evil.example')).toBe('RCODE 3');
  expect(kennel.pipeline.sessions.peek('127.0.0.1')).toBe(session);
});

test('every query gets one right answer while the config changes under it', { timeout: 60_000 }, async () => {
  const upstreams = [await startUpstream('198.51.100.1'), await startUpstream('198.51.100.2')] as const;
  const variants = [0, 1, 2].map((index) =>
    yaml({ upstream: upstreams[index === 1 ? 1 : 0].url('udp'), probe: `192.0.2.${index + 1}`, block: `b${index}.load2.example` }),
  );
  const probes = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
  const forwarded = ['198.51.100.1', '198.51.100.2', '198.51.100.1'];
  const { kennel, server, write, fail } = await startReloadable(variants[0] ?? '');
  const further = { address: '127.0.0.1', port: await freePort() };
  const udp = await openUdpAsker(server);
  const tcp = await openTcpAsker(server);
  onTestFinished(async () => {
    tcp.close();
    await udp.close();
  });

  /** The variants that were in force, in order; a query may have met any from the one it was sent under on. */
  const inForce = [0];
  let reloads = 0;
  let done = false;
  const reloading = async (): Promise<void> => {
    for (; !done; reloads++) {
      const variant = (reloads + 1) % 4;
      if (variant === 3) fail('broken.yaml:1:1 broken');
      else write(variants[variant] ?? '', variant === 2 ? [server, further] : [server]);
      // From the request on either may be in force, after the answer only the new one.
      if (variant !== 3) inForce.push(variant);
      expect((await kennel.reload('api')).kind).toBe(variant === 3 ? 'failed' : 'reloaded');
      if (variant === 2) expect(await askOnce(further, 'probe.test')).toBe('192.0.2.3');
      if (variant !== 3) settled = inForce.length - 1;
      await sleep(20);
    }
  };
  let settled = 0;
  const wrong: string[] = [];
  let asked = 0;
  const client = async (asker: Pick<typeof udp, 'ask'>, name: (at: number) => string, right: readonly string[], first: number) => {
    for (let at = 0; at < 500; at++) {
      const from = settled;
      const answer = told(await asker.ask(question(first + at, name(at))));
      asked += 1;
      const expected = inForce.slice(from).map((variant) => right[variant]);
      if (!expected.includes(answer)) wrong.push(`${name(at)}: ${answer}, not ${[...new Set(expected)].join(' or ')}`);
    }
  };
  const clients = Promise.all([
    client(udp, () => 'probe.test', probes, 0),
    client(tcp, () => 'probe.test', probes, 0),
    client(udp, (at) => `u${at}.load.example`, forwarded, 10_000),
    client(tcp, (at) => `t${at}.load.example`, forwarded, 10_000),
  ]).finally(() => {
    done = true;
  });
  await Promise.all([clients, reloading()]);

  expect(wrong).toEqual([]);
  expect(asked).toBe(2_000);
  expect([udp.received, tcp.received]).toEqual([1_000, 1_000]);
  expect(tcp.ended).toBe(false);
  expect(reloads).toBeGreaterThan(10);
});

test('of queries on one connection, all after the first that meets the new config meet it too', async () => {
  const { kennel, server, write } = await startReloadable(yaml({ upstream: NOBODY }));
  const tcp = await openTcpAsker(server);
  onTestFinished(() => tcp.close());
  write(yaml({ upstream: NOBODY, probe: '192.0.2.2' }));
  const answers: Promise<string>[] = [];
  const ask = (count: number): void => {
    for (let at = 0; at < count; at++) answers.push(tcp.ask(question(answers.length, 'probe.test')).then(told));
  };
  ask(90);
  await answers[0];
  const reloaded = kennel.reload('api');
  await sleep(1);
  ask(90);
  await reloaded;
  ask(90);
  const told270 = await Promise.all(answers);
  const first = told270.indexOf('192.0.2.2');
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThanOrEqual(180);
  expect(new Set(told270.slice(0, first))).toEqual(new Set(['192.0.2.1']));
  expect(new Set(told270.slice(first))).toEqual(new Set(['192.0.2.2']));
});

test('a query that waits for an upstream is answered by the one it was sent to, although that is gone', async () => {
  const slow = await startStubAuthority({ reply: ({ qname }) => ({ answers: [a(qname, '198.51.100.1')], delayMs: 400 }) });
  onTestFinished(() => slow.close());
  const other = await startUpstream('198.51.100.2');
  const { kennel, server, write } = await startReloadable(yaml({ upstream: slow.url('udp') }));
  const waiting = askOnce(server, 'a.load.example');
  await expect.poll(() => slow.received.length).toBe(1);
  write(yaml({ upstream: other.url('udp') }));
  await kennel.reload('api');
  // The same question, asked now, must not wait for the upstream that was taken away.
  expect(await askOnce(server, 'a.load.example', '127.0.0.2')).toBe('198.51.100.2');
  expect(await waiting).toBe('198.51.100.1');
  // Nor is its late answer kept.
  expect(await askOnce(server, 'a.load.example', '127.0.0.3')).toBe('198.51.100.2');
});

test('answers of upstreams that stay are kept, within the new limits of the cache', async () => {
  const upstream = await startUpstream('198.51.100.1');
  const { kennel, server, write } = await startReloadable(yaml({ upstream: upstream.url('udp') }));
  for (let at = 0; at < 20; at++) await askOnce(server, `c${at}.load.example`);
  write(yaml({ upstream: upstream.url('udp'), probe: '192.0.2.2' }));
  await kennel.reload('api');
  const sent = upstream.received.length;
  for (let at = 0; at < 20; at++) await askOnce(server, `c${at}.load.example`);
  expect(upstream.received.length).toBe(sent);
  write(yaml({ upstream: upstream.url('udp'), more: 'cache: { maxEntries: 10 }' }));
  expect(await kennel.reload('api')).toMatchObject({ kind: 'reloaded', changed: ['cache.maxEntries', 'records'] });
  expect(kennel.pipeline.cache.size).toBeLessThanOrEqual(10);
});

test('what was held against a name is let go: new thresholds count for the next query', async () => {
  const upstream = await startUpstream('198.51.100.1');
  const strict = yaml({ upstream: upstream.url('udp') }).replace(
    '    budgets: off\n',
    '    thresholds: { flag: 1, refuse: 2, quarantine: 100 }\n',
  );
  const { kennel, server, write } = await startReloadable(strict);
  const name = 'k7qz93lmpw4xt8vrb2ndq8rkz2vwm5xt9lpd3syb.odd.example';
  expect(await askOnce(server, name)).toBe('RCODE 3');
  expect(kennel.pipeline.sessions.peek('127.0.0.1')?.heldRefusal(requireName(name), performance.now())).not.toBeNull();
  write(strict.replace('flag: 1, refuse: 2', 'flag: 98, refuse: 99'));
  expect((await kennel.reload('api')).kind).toBe('reloaded');
  expect(await askOnce(server, name)).toBe('198.51.100.1');
});

test('a config that cannot be used changes nothing, and is told everywhere until one can', async () => {
  const { kennel, server, write, fail } = await startReloadable(yaml({ upstream: NOBODY }));
  const port = controlPortOf(kennel, '0.0.0', 'unix:/nowhere');
  const before = kennel.pipeline;
  fail('kennel.yaml:3:1 upstreams: expected a list', 'kennel.yaml:9:1 unknown key');
  expect(await port.reload()).toEqual({
    kind: 'failed',
    messages: ['kennel.yaml:3:1 upstreams: expected a list', 'kennel.yaml:9:1 unknown key'],
  });
  expect(kennel.pipeline).toBe(before);
  expect(await askOnce(server, 'probe.test')).toBe('192.0.2.1');
  expect(kennel.alarms()).toEqual([
    'the last reload of the config failed, the one before it goes on: kennel.yaml:3:1 upstreams: expected a list (and 1 more)',
  ]);
  expect(port.ready()).toMatchObject({
    ready: true,
    details: { config: 'the last reload failed: kennel.yaml:3:1 upstreams: expected a list; kennel.yaml:9:1 unknown key' },
  });
  const metrics = await port.metrics();
  expect(metrics).toMatch(/^kennel_config_last_reload_successful 0$/m);
  expect(metrics).toMatch(/^kennel_config_reloads_total\{result="failed"\} 1$/m);

  write(yaml({ upstream: NOBODY, probe: '192.0.2.2' }));
  expect((await port.reload()).kind).toBe('reloaded');
  expect(kennel.alarms()).toEqual([]);
  expect(port.ready().details['config']).toBe('ok');
  expect(port.status().configHash).toBe(kennel.configHash);
  expect(await port.metrics()).toMatch(/^kennel_config_last_reload_successful 1$/m);
  expect(await askOnce(server, 'probe.test')).toBe('192.0.2.2');
});

test('a listener that cannot be bound leaves everything as it was, and lets go of those that could', async () => {
  const { kennel, server, write } = await startReloadable(yaml({ upstream: NOBODY }));
  const taken = dgram.createSocket('udp4');
  taken.bind(0, '127.0.0.1');
  await once(taken, 'listening');
  const free = { address: '127.0.0.1', port: await freePort() };
  write(yaml({ upstream: NOBODY, probe: '192.0.2.2' }), [free, { address: '127.0.0.1', port: taken.address().port }]);
  const outcome = await kennel.reload('api');
  expect(outcome.kind === 'failed' ? outcome.messages.join('\n') : '').toContain('another program already uses this address and port');
  expect(await askOnce(server, 'probe.test')).toBe('192.0.2.1');
  expect(kennel.dns).toEqual([server]);

  await new Promise<void>((resolve) => {
    taken.close(resolve);
  });
  expect((await kennel.reload('api')).kind).toBe('reloaded');
  expect(await askOnce(free, 'probe.test')).toBe('192.0.2.2');
});

test('a disk that takes nothing at the last step leaves the config in use, its listeners and its lists', async () => {
  const { kennel, server, stateFolder, write } = await startReloadable(yaml({ upstream: NOBODY, mode: 'observe' }));
  const list = join(stateFolder, 'block.txt');
  writeFileSync(list, 'listed.example\n');
  const further = { address: '127.0.0.1', port: await freePort() };
  const before = kennel.configHash;
  const { folder } = kennel.storage;
  const { setLastModes } = folder;
  Object.assign(folder, {
    setLastModes() {
      throw new Error('disk full');
    },
  });
  write(yaml({ upstream: NOBODY, probe: '192.0.2.2', more: `lists: [{ name: l, kind: block, file: ${list} }]` }), [server, further]);
  expect(await kennel.reload('api')).toEqual({ kind: 'failed', messages: ['the reload was given up: disk full'] });
  expect(kennel.configHash).toBe(before);
  expect(kennel.dns).toEqual([server]);
  expect(kennel.lists.status()).toEqual([]);
  expect(await askOnce(server, 'probe.test')).toBe('192.0.2.1');

  Object.assign(folder, { setLastModes });
  expect((await kennel.reload('api')).kind).toBe('reloaded');
  expect(await askOnce(further, 'probe.test')).toBe('192.0.2.2');
  await expect.poll(() => askOnce(server, 'www.listed.example')).toBe('RCODE 3');
});

test('a reload that failed is tried again by itself, and says the same thing once only', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'error' }, { write: (line) => lines.push(line) });
  const { kennel, server, write, fail } = await startReloadable(yaml({ upstream: NOBODY }), { log, reloadRetryMs: 20 });
  fail('the secret token: /run/secrets/token cannot be read (ENOENT)');
  expect((await kennel.reload('file')).kind).toBe('failed');
  await expect.poll(() => kennel.metrics.text()).toMatch(/^kennel_config_reloads_total\{result="failed"\} [3-9]$/m);
  expect(lines).toHaveLength(1);
  fail('the secret token is shorter than 12 octets');
  await expect.poll(() => lines.length).toBe(2);
  write(yaml({ upstream: NOBODY, probe: '192.0.2.2' }));
  await expect.poll(() => kennel.reloadFailure()).toBeNull();
  expect(await askOnce(server, 'probe.test')).toBe('192.0.2.2');
  const reloads = await kennel.metrics.text();
  await sleep(100);
  const count = (text: string): string | undefined => /kennel_config_reloads_total\{result="reloaded"\} (\d+)/.exec(text)?.[1];
  expect(count(await kennel.metrics.text())).toBe(count(reloads));
});

test('closing while a reload runs ends both', async () => {
  const { kennel, write } = await startReloadable(yaml({ upstream: NOBODY }));
  write(yaml({ upstream: NOBODY, probe: '192.0.2.2' }), [{ address: '127.0.0.1', port: await freePort() }]);
  const reloads = [kennel.reload('api'), kennel.reload('signal')];
  await kennel.close(0);
  const outcomes = await Promise.all(reloads);
  expect(outcomes[0]?.kind).toBe('reloaded');
  expect(outcomes[1]).toEqual({ kind: 'failed', messages: ['Kennel is closing'] });
});

test('what the running parts are built on needs a restart, and is refused by name with everything else of that config', async () => {
  const { kennel, server, write } = await startReloadable(yaml({ upstream: NOBODY }));
  write(yaml({ upstream: NOBODY, probe: '192.0.2.2', more: 'sessions: { prefixLengths: { ipv4: 24 } }' }));
  expect(await kennel.reload('api')).toEqual({
    kind: 'failed',
    messages: ['sessions.prefixLengths: a change needs a restart; nothing has been changed'],
  });
  expect(await askOnce(server, 'probe.test')).toBe('192.0.2.1');
});

test('secrets are read again: a new one is found in names, one that is gone no longer is', async () => {
  const upstream = await startUpstream('198.51.100.1');
  const { kennel, server, stateFolder, write } = await startReloadable(yaml({ upstream: upstream.url('udp') }));
  const file = join(stateFolder, 'token');
  const secret = 'k7Qz93LmPw4xT8vRb2Nd';
  writeFileSync(file, secret);
  const name = `${secret.toLowerCase()}.shop.example`;
  expect(await askOnce(server, name, '127.0.1.1')).toBe('198.51.100.1');

  write(yaml({ upstream: upstream.url('udp'), more: `secrets: [{ name: token, file: ${file} }]` }));
  expect((await kennel.reload('api')).kind).toBe('reloaded');
  expect(kennel.secrets.list().map(({ name: known, from }) => [known, from])).toEqual([['token', 'config']]);
  expect(await askOnce(server, name, '127.0.1.2')).toBe('RCODE 3');

  writeFileSync(file, 'Wm5Xt9LpD3sYbq8RkZ2v');
  const again = await kennel.reload('file');
  expect(again).toMatchObject({ kind: 'reloaded', changed: [] });
  expect(await askOnce(server, name, '127.0.1.3')).toBe('198.51.100.1');
});

test('switching to enforce tells what it would have lost, starts every meter at 0 and quarantines nobody for what was observed', async () => {
  const upstream = await startUpstream('198.51.100.1');
  const lost: (readonly WouldBlockGroup[])[] = [];
  const observing = yaml({ upstream: upstream.url('udp'), mode: 'observe' }).replace('    budgets: off\n', '');
  const { kennel, server, write } = await startReloadable(observing, { onEnforcing: (groups) => lost.push(groups) });
  const asker = await openUdpAsker(server);
  for (let at = 0; at < 120; at++) {
    const name = `${Buffer.from(`${at}-what-must-not-leave-${at * 7919}`).toString('hex')}.thief.example`;
    await asker.ask(question(at, name));
  }
  await asker.close();
  const session = kennel.pipeline.sessions.peek('127.0.0.1');
  expect(session?.wouldQuarantineAtMs).not.toBeNull();
  expect(kennel.storage.meters.loadMeter({ session: '127.0.0.1', parent: 'thief.example' })?.leasedBits).toBeGreaterThan(0);

  write(observing.replace('mode: observe', 'mode: enforce'));
  expect(await kennel.reload('api')).toMatchObject({ kind: 'reloaded', changed: ['mode', 'policies'] });

  expect(lost).toHaveLength(1);
  expect(lost[0]?.map(({ parent }) => parent)).toContain('thief.example');
  expect(session?.wouldQuarantineAtMs).toBeNull();
  expect(session?.score).toBe(0);
  expect(kennel.storage.meters.loadMeter({ session: '127.0.0.1', parent: 'thief.example' })).toBeNull();
  expect(
    session === null || session === undefined ? null : kennel.pipeline.meters.spentInMemory(session.meters, 'thief.example'),
  ).toBeNull();
  expect(kennel.quarantines.stateOf('127.0.0.1')).toBe('normal');
  expect([...(kennel.storage.folder.lastModes() ?? [])]).toEqual([['everyone', 'enforce']]);
  expect(await askOnce(server, 'www.load.example')).toBe('198.51.100.1');
  expect(await askOnce(server, 'www.thief.example')).toBe('198.51.100.1');

  // A further reload is no switch.
  expect((await kennel.reload('api')).kind).toBe('reloaded');
  expect(lost).toHaveLength(1);
});

test('quarantines stay through a reload', async () => {
  const upstream = await startUpstream('198.51.100.1');
  const enforcing = yaml({ upstream: upstream.url('udp') }).replace('    budgets: off\n', '');
  const { kennel, server, write } = await startReloadable(enforcing);
  const canary = 'q8RkZ2vWm5Xt9LpD3sYb';
  kennel.secrets.add({ name: 'canary', kind: 'canary', value: canary }, 'test');
  expect(await askOnce(server, `${canary.toLowerCase()}.thief.example`)).toBe('RCODE 3');
  expect(kennel.quarantines.stateOf('127.0.0.1')).toBe('quarantined');
  write(`${enforcing}\ncontact: ops`);
  expect((await kennel.reload('api')).kind).toBe('reloaded');
  expect(kennel.quarantines.stateOf('127.0.0.1')).toBe('quarantined');
  expect(await askOnce(server, 'www.shop.example')).toBe('RCODE 3');
});

test('200 reloads leave no socket, no timer and no group behind', { timeout: 60_000 }, async () => {
  const one = await startUpstream('198.51.100.1');
  const other = await startUpstream('198.51.100.2');
  const { kennel, server, write } = await startReloadable(yaml({ upstream: one.url('udp') }));
  const further = { address: '127.0.0.1', port: await freePort() };
  const round = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at++) {
      write(yaml({ upstream: (at % 2 === 0 ? other : one).url(at % 4 < 2 ? 'udp' : 'tcp') }), at % 2 === 0 ? [server, further] : [server]);
      expect((await kennel.reload('api')).kind).toBe('reloaded');
      if (at % 10 === 0) await askOnce(server, `h${count}-${at}.load.example`);
    }
  };
  await round(20);
  const before = await settledHandles();
  await round(200);
  const after = await settledHandles();
  for (const [kind, count] of Object.entries(after)) expect(count, kind).toBeLessThanOrEqual(before[kind] ?? 0);
});

/** The open handles once they stay the same for a second: connections and drained listeners end a moment after they are let go. */
async function settledHandles(): Promise<Record<string, number>> {
  for (let last = ''; ; ) {
    const now = openHandles();
    if (JSON.stringify(now) === last) return now;
    last = JSON.stringify(now);
    await sleep(1_000);
  }
}

/** Sockets, servers and timers of this process, counted by kind. */
function openHandles(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (/Wrap$|Timeout|Immediate/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
