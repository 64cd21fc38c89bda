/**
 * Real clients with DNS cookies (dig, kdig) before a Kennel that believes nobody over UDP: the second query, with the cookie that came
 * with the first answer, is answered in full over UDP. On loopback, before Unbound and NSD.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Kennel, startKennelOnLoopback } from '../lab/kennel-process.ts';
import { type LoopbackServer, startNsd, startUnbound } from '../lab/loopback-servers.ts';
import { run } from '../lab/processes.ts';
import { toolPath } from '../lab/required-tools.ts';
import { type LocalZones, prepareZones } from '../lab/signed-zones.ts';

const HOST = 'ns.zone.example';
const ADDRESS = '203.0.113.53';
const CLIENT_COOKIE = '0123456789abcdef';

let zones: LocalZones;
let nsd: LoopbackServer;
let unbound: LoopbackServer;
let kennel: Kennel;
beforeAll(async () => {
  zones = await prepareZones([]);
  nsd = await startNsd(zones.all);
  unbound = await startUnbound({ zones: zones.all, authority: nsd });
  kennel = await startKennelOnLoopback({
    mode: 'enforce',
    upstreams: [`udp://${unbound.address}:${unbound.port}`],
    reputation: 'off',
    sessions: { verified: [] },
    policies: [
      {
        name: 'everyone',
        match: {},
        allow: [{ section: 'lab', owner: 'lab', reason: 'the zone asked for', names: ['**.zone.example'] }],
      },
    ],
  });
});
afterAll(async () => {
  await kennel?.remove();
  await unbound?.stop();
  await nsd?.stop();
  zones?.remove();
});

/** `+ignore`: dig stays with UDP in spite of TC=1. */
function dig(...options: string[]): Promise<string> {
  return outputOf(toolPath('dig'), [`@${kennel.address}`, '-p', `${kennel.port}`, '+tries=1', ...options, HOST, 'A']);
}

function kdig(...options: string[]): Promise<string> {
  return outputOf(toolPath('kdig'), [`@${kennel.address}`, '-p', `${kennel.port}`, '+retry=0', ...options, HOST, 'A']);
}

async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const finished = await run([command, ...args]);
  expect(finished.status, finished.stdout + finished.stderr).toBe(0);
  return finished.stdout;
}

/** Client and server cookie as dig prints them. */
function cookieOf(output: string): string {
  const cookie = /^; COOKIE: ([0-9a-f]{48})/m.exec(output)?.[1];
  if (cookie === undefined) throw new Error(`no cookie in:\n${output}`);
  return cookie;
}

test('dig: TC=1 and a cookie first, then the whole answer over UDP with it', async () => {
  const first = await dig('+ignore', `+cookie=${CLIENT_COOKIE}`);
  expect(first).toMatch(/flags: qr tc rd ra;.*ANSWER: 0/);
  const cookie = cookieOf(first);
  expect(cookie.startsWith(CLIENT_COOKIE)).toBe(true);
  const second = await dig('+ignore', `+cookie=${cookie}`);
  expect(second).toMatch(/flags: qr rd ra;.*ANSWER: 1/);
  expect(second).toContain(ADDRESS);
  expect(second).toContain('(UDP)');
});

test('dig by itself comes back over TCP', async () => {
  const output = await dig();
  expect(output).toContain('Truncated, retrying in TCP mode');
  expect(output).toContain(ADDRESS);
});

test('dig with a cookie that is no longer good repeats the query with the one it is given, over UDP', async () => {
  const output = await dig('+ignore', `+cookie=${CLIENT_COOKIE}${'ab'.repeat(16)}`);
  expect(output).toContain('BADCOOKIE, retrying');
  expect(output).toContain('(UDP)');
  expect(output).toContain(ADDRESS);
});

test('kdig: the same', async () => {
  const first = await kdig('+ignore', `+cookie=${CLIENT_COOKIE}`);
  expect(first).toMatch(/Flags: qr tc rd ra;/);
  const cookie = /COOKIE: ([0-9A-F]{48})/i.exec(first)?.[1];
  const second = await kdig('+ignore', `+cookie=${cookie}`);
  expect(second).toMatch(/Flags: qr rd ra;/);
  expect(second).toContain(ADDRESS);
  expect(second).toContain('(UDP)');
});

test('after a restart the cookie is still good', async () => {
  const cookie = cookieOf(await dig('+ignore', `+cookie=${CLIENT_COOKIE}`));
  await kennel.restart();
  expect(await dig('+ignore', `+cookie=${cookie}`)).toContain(ADDRESS);
});

test('dig is told how long its TCP connection is kept when it asks', async () => {
  expect(await dig('+tcp', '+keepalive')).toMatch(/TCP[ -]KEEPALIVE: 10\.0/i);
});
