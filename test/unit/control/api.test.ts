import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ControlEndpoint } from '../../../src/config/config.ts';
import { type ControlApi, openControlApi } from '../../../src/control/api.ts';
import { FakeControlPort } from './fake-control-port.ts';

const TOKEN = 'a-token-for-tests-only-0123456789';
const HOLDER = { authorization: `Bearer ${TOKEN}` };

const cleanUps: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

let port: FakeControlPort;
let errors: unknown[];
let api: ControlApi;
let nowMs: number;

async function open(endpoint: ControlEndpoint): Promise<ControlApi> {
  const opened = await openControlApi({ endpoint, token: TOKEN, port, onError: (error) => errors.push(error), nowMs: () => nowMs });
  if (opened.kind === 'listen-error') throw new Error(opened.message);
  cleanUps.push(() => opened.close());
  return opened;
}

beforeEach(async () => {
  port = new FakeControlPort();
  errors = [];
  nowMs = 0;
  // Port 0 is not what a config may say, but lets tests run side by side.
  api = await open({ kind: 'tcp', address: '127.0.0.1', port: 0 });
});

interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  readonly json: () => unknown;
}

function send(options: http.RequestOptions, body?: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = http.request({ agent: false, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: () => JSON.parse(text) }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

function get(path: string, headers: Record<string, string> = HOLDER): Promise<Reply> {
  return send({ host: '127.0.0.1', port: portOf(api.address), path, headers });
}

function post(path: string, body: string, headers: Record<string, string> = HOLDER): Promise<Reply> {
  return send(
    { host: '127.0.0.1', port: portOf(api.address), path, method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
    body,
  );
}

describe('who may call the control API', () => {
  const PROTECTED = [
    '/v1/status',
    '/v1/sessions',
    '/v1/sessions/10.0.0.5',
    '/v1/quarantines',
    '/v1/quarantines/q-open',
    '/v1/explain?name=a.example',
  ];

  test.each([...PROTECTED, '/v1/unknown', '/'])('%s needs the token', async (path) => {
    expect((await get(path, {})).status).toBe(401);
    expect((await get(path, { authorization: 'Bearer wrong-token-wrong-token-wrong' })).status).toBe(401);
    expect((await get(path, {})).headers['www-authenticate']).toBe('Bearer');
  });

  test.each(PROTECTED)('%s answers the holder of the token', async (path) => {
    expect((await get(path)).status).toBe(200);
  });

  test('a release without the token changes nothing', async () => {
    const body = JSON.stringify({ reason: 'let me out' });
    expect((await post('/v1/quarantines/q-open/release', body, {})).status).toBe(401);
    expect(port.records[0]?.state).toBe('quarantined');
  });

  test('a reload without the token is none', async () => {
    expect((await send({ host: '127.0.0.1', port: portOf(api.address), path: '/v1/reload', method: 'POST' })).status).toBe(401);
    expect(port.reloads).toBe(0);
  });

  test('probes and metrics need no token on loopback', async () => {
    expect((await get('/livez', {})).json()).toEqual({ live: true });
    expect((await get('/readyz', {})).json()).toEqual({ ready: true, details: { storage: 'ok', upstreams: 'ok' } });
    const metrics = await get('/metrics', {});
    expect(metrics.text).toContain('kennel_build_info 1');
    expect(metrics.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  test.each(['/livez', '/metrics', '/v1/status'])('%s is refused under a foreign Host, token or not', async (path) => {
    const reply = await get(path, { ...HOLDER, host: `evil.example:${portOf(api.address)}` });
    expect(reply.status).toBe(403);
    expect(reply.json()).toMatchObject({ error: { code: 'wrong-host' } });
  });

  test('nothing invites another origin', async () => {
    const { headers } = await get('/v1/status', { ...HOLDER, origin: 'https://evil.example' });
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
  });

  test('a flood without the token is refused and does not shut out the holder', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 60; i += 1) statuses.push((await get('/v1/status', {})).status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(50);
    expect(statuses.at(-1)).toBe(429);
    expect((await get('/v1/status')).status).toBe(200);
    expect((await get('/livez', {})).status).toBe(200);
    nowMs = 1_000;
    expect((await get('/v1/status', {})).status).toBe(401);
  });
});

describe('what the control API answers', () => {
  test('a reload tells what has changed, or everything that is wrong', async () => {
    const reload = () => send({ host: '127.0.0.1', port: portOf(api.address), path: '/v1/reload', method: 'POST', headers: HOLDER });
    const done = await reload();
    expect(done.status).toBe(200);
    expect(done.json()).toEqual({ from: 'abc', to: 'def', changed: ['policies'], warnings: [] });
    port.reloaded = { kind: 'failed', messages: ['kennel.yaml:1:1 one', 'kennel.yaml:2:1 two'] };
    const refused = await reload();
    expect(refused.status).toBe(400);
    expect(refused.json()).toEqual({ error: { code: 'not-reloaded', message: 'kennel.yaml:1:1 one\nkennel.yaml:2:1 two' } });
    expect(port.reloads).toBe(2);
  });

  test('status, sessions and quarantines have times as ISO 8601 text', async () => {
    expect((await get('/v1/status')).json()).toMatchObject({ version: '1.2.3', mode: 'observe', startedAt: '2026-01-02T03:04:05.678Z' });
    expect((await get('/v1/sessions?limit=1')).json()).toEqual({
      sessions: [
        {
          session: '10.0.0.5',
          state: 'quarantined',
          policy: 'everyone',
          score: 91.234,
          epoch: 0,
          queries: 120,
          leakBits: 640,
          firstSeen: '2026-01-02T03:03:05.678Z',
          lastSeen: '2026-01-02T03:04:05.678Z',
        },
      ],
    });
    expect((await get('/v1/quarantines')).json()).toMatchObject({
      quarantines: [
        { id: 'q-open', at: '2026-01-02T03:04:05.678Z', expiresAt: '2026-01-02T04:04:05.678Z' },
        { id: 'q-over', expiresAt: null },
      ],
    });
  });

  test('a quarantine has its evidence and history, a session its parents', async () => {
    expect((await get('/v1/quarantines/q-open')).json()).toMatchObject({
      id: 'q-open',
      qname: 'c2VjcmV0.evil.example',
      signals: [{ name: 'entropy' }, { name: 'information volume' }],
      history: [{ at: '2026-01-02T03:04:05.678Z', from: 'normal', to: 'quarantined', actor: 'kennel', reason: 'score' }],
    });
    expect((await get('/v1/sessions/10.0.0.5')).json()).toMatchObject({ parents: [{ parent: 'evil.example', budgetBits: 512 }] });
  });

  test('a session key with a slash is found by its encoded form', async () => {
    expect((await get(`/v1/sessions/${encodeURIComponent('10.0.0.0/24')}`)).json()).toMatchObject({ session: '10.0.0.0/24' });
  });

  test.each(['/v1/sessions/192.0.2.1', '/v1/quarantines/q-none', '/v1/none', '/none'])('%s is not found', async (path) => {
    const reply = await get(path);
    expect([reply.status, reply.json()]).toEqual([404, { error: { code: 'not-found', message: expect.any(String) } }]);
  });

  test('explain passes name, type and session on, with the defaults', async () => {
    await get('/v1/explain?name=a.example');
    await get('/v1/explain?name=b.example&type=TXT&session=10.0.0.5');
    expect(port.explained).toEqual([
      ['a.example', 'A', null],
      ['b.example', 'TXT', '10.0.0.5'],
    ]);
  });

  test.each([
    '/v1/explain',
    '/v1/explain?name=a..example',
    '/v1/explain?name=a.example&name=b.example',
    '/v1/sessions?limit=0',
    '/v1/sessions?limit=1e9',
    '/v1/sessions?limit=1&limit=2',
    '/v1/sessions?limit=x',
  ])('%s is refused as invalid', async (path) => {
    const reply = await get(path);
    expect([reply.status, reply.json()]).toEqual([400, { error: { code: 'invalid', message: expect.any(String) } }]);
  });

  test('not ready is 503', async () => {
    port.readiness = { ready: false, details: { storage: 'not writable' } };
    const reply = await get('/readyz', {});
    expect([reply.status, reply.json()]).toEqual([503, { ready: false, details: { storage: 'not writable' } }]);
  });

  test('a bug is reported inside and says nothing outside', async () => {
    port.broken = new Error('secret detail');
    const reply = await get('/v1/status');
    expect(reply.status).toBe(500);
    expect(reply.text).not.toContain('secret detail');
    expect(errors).toEqual([port.broken]);
  });
});

describe('release', () => {
  test('goes to the port with actor and reason, and is seen at once', async () => {
    const reply = await post('/v1/quarantines/q-open/release', JSON.stringify({ reason: ' a false alarm ', actor: 'ada' }));
    expect([reply.status, reply.json()]).toMatchObject([200, { id: 'q-open', state: 'released', expiresAt: null }]);
    expect((await get('/v1/quarantines/q-open')).json()).toMatchObject({
      history: [{ to: 'quarantined' }, { from: 'quarantined', to: 'released', actor: 'ada', reason: 'a false alarm' }],
    });
  });

  test.each([
    ['no body', ''],
    ['not JSON', '{'],
    ['null', 'null'],
    ['a list', '[]'],
    ['no reason', '{}'],
    ['a blank reason', '{"reason":"  "}'],
    ['a reason that is no text', '{"reason":["x"]}'],
    ['a reason with control characters', '{"reason":"a\\nb"}'],
    ['a reason without end', JSON.stringify({ reason: 'x'.repeat(501) })],
    ['an actor that is no text', '{"reason":"x","actor":{}}'],
    ['a poisoned prototype', '{"__proto__":{"reason":"x"}}'],
  ])('%s is refused and releases nothing', async (_what, body) => {
    const reply = await post('/v1/quarantines/q-open/release', body);
    expect([reply.status, reply.json()]).toEqual([400, { error: { code: 'invalid', message: expect.any(String) } }]);
    expect(port.records[0]?.state).toBe('quarantined');
  });

  test('a body beyond the limit, or of another type, is refused', async () => {
    expect((await post('/v1/quarantines/q-open/release', JSON.stringify({ reason: 'x'.repeat(20_000) }))).status).toBe(413);
    expect(
      (await post('/v1/quarantines/q-open/release', 'reason=x', { ...HOLDER, 'content-type': 'application/x-www-form-urlencoded' })).status,
    ).toBe(415);
    expect(port.records[0]?.state).toBe('quarantined');
  });

  test('a quarantine that is over is a conflict, an unknown one is not found', async () => {
    const body = JSON.stringify({ reason: 'x' });
    expect((await post('/v1/quarantines/q-over/release', body)).status).toBe(409);
    expect((await post('/v1/quarantines/q-none/release', body)).status).toBe(404);
  });

  test('a release that cannot be written says that the session stays', async () => {
    port.unwritable = 'no space left';
    const reply = await post('/v1/quarantines/q-open/release', JSON.stringify({ reason: 'x' }));
    expect([reply.status, reply.json()]).toMatchObject([
      503,
      { error: { code: 'not-written', message: expect.stringContaining('no space left') } },
    ]);
  });
});

describe('where the control API listens', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kennel-api-'));
    cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
  });

  test('on IPv6 loopback', async () => {
    const v6 = await open({ kind: 'tcp', address: '::1', port: 0 });
    expect(v6.address).toMatch(/^\[::1\]:\d+$/);
    expect((await send({ host: '::1', port: portOf(v6.address), path: '/metrics' })).status).toBe(200);
  });

  test('on a Unix socket for its owner alone, which needs no token for metrics but for the rest', async () => {
    const path = join(folder, 'control.sock');
    const unix = await open({ kind: 'unix', path });
    expect(unix.address).toBe(`unix:${path}`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await send({ socketPath: path, path: '/metrics' })).status).toBe(200);
    expect((await send({ socketPath: path, path: '/v1/status' })).status).toBe(401);
    expect((await send({ socketPath: path, path: '/v1/status', headers: { ...HOLDER, host: 'kennel' } })).status).toBe(200);
    await unix.close();
    expect(existsSync(path)).toBe(false);
  });

  test('takes over a socket file that a killed process left behind', async () => {
    const path = join(folder, 'control.sock');
    // A second name for the socket survives its close, as the file survives a killed process.
    await leaveSocketFile(path);
    await open({ kind: 'unix', path });
    expect((await send({ socketPath: path, path: '/livez' })).status).toBe(200);
  });

  test('does not take a socket away from a Kennel that runs', async () => {
    const path = join(folder, 'control.sock');
    await open({ kind: 'unix', path });
    const second = await openControlApi({ endpoint: { kind: 'unix', path }, token: TOKEN, port, onError: () => undefined });
    expect(second).toMatchObject({ kind: 'listen-error', message: expect.stringContaining('another Kennel') });
    expect((await send({ socketPath: path, path: '/livez' })).status).toBe(200);
  });

  test('a taken port is a value that names it', async () => {
    const taken = portOf(api.address);
    const second = await openControlApi({
      endpoint: { kind: 'tcp', address: '127.0.0.1', port: taken },
      token: TOKEN,
      port,
      onError: () => undefined,
    });
    expect(second).toMatchObject({ kind: 'listen-error', message: expect.stringContaining(`127.0.0.1:${taken}: already in use`) });
  });

  test('closing does not wait for clients that keep their connection', async () => {
    const idle = net.connect(portOf(api.address), '127.0.0.1');
    cleanUps.push(() => idle.destroy());
    await new Promise((resolve) => idle.once('connect', resolve));
    idle.write('GET /livez HTTP/1.1\r\n');
    const before = performance.now();
    await api.close();
    expect(performance.now() - before).toBeLessThan(2_000);
  });
});

async function leaveSocketFile(path: string): Promise<void> {
  const { linkSync } = await import('node:fs');
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.first`, resolve));
  linkSync(`${path}.first`, path);
  await new Promise((resolve) => server.close(resolve));
}
