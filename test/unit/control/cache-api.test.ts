/** `DELETE /v1/cache` and `kennel cache flush`: what they take, and that a mistake flushes nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ControlApi, openControlApi } from '../../../src/control/api.ts';
import { callControl } from '../../../src/control/client.ts';
import { loadOrCreateToken } from '../../../src/control/token.ts';
import * as cache from '../../../src/verbs/cache.ts';
import { FakeControlPort } from './fake-control-port.ts';

let folder: string;
let token: string;
let port: FakeControlPort;
let api: ControlApi;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kennel-cache-api-'));
  const made = loadOrCreateToken(folder, (count) => new Uint8Array(count).fill(7));
  if (made.kind === 'token-error') throw new Error(made.message);
  token = made.token;
  port = new FakeControlPort();
  const onError = (error: unknown) => {
    throw error;
  };
  const opened = await openControlApi({ endpoint: { kind: 'unix', path: join(folder, 'sock') }, token, port, onError });
  if (opened.kind === 'listen-error') throw new Error(opened.message);
  api = opened;
});
afterEach(async () => {
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});

async function flush(query: string, by: string | null = token): Promise<{ status: number; body: unknown }> {
  const call = { method: 'DELETE', path: `/v1/cache${query}`, token: by, timeoutMs: 5_000 } as const;
  const reply = await callControl({ kind: 'unix', path: join(folder, 'sock') }, call);
  if (reply.kind === 'unreachable') throw new Error(reply.detail);
  return { status: reply.status, body: reply.body };
}

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' };
  const io = {
    stdout: { write: (text: string) => (written.out += text) },
    stderr: { write: (text: string) => (written.err += text) },
    env: { HOME: folder, USER: 'ada' },
  };
  return { code: await cache.run([...args, '--control', api.address, '--state', folder], io), ...written };
}

describe('DELETE /v1/cache', () => {
  test('flushes a name, a name and those below it, or all', async () => {
    for (const query of ['?name=www.example.net', '?name=example.net&below=1', '?all=1']) {
      expect(await flush(query)).toEqual({ status: 200, body: { flushed: 2 } });
    }
    expect(port.flushes).toEqual([{ name: 'www.example.net', below: false }, { name: 'example.net', below: true }, 'all']);
  });

  test.each(['', '?below=1', '?all=0', '?all=1&name=a.example', '?all=1&below=1', '?name=a&name=b', '?name=a.example&below=yes'])(
    'refuses %s and flushes nothing',
    async (query) => {
      expect(await flush(query)).toMatchObject({ status: 400, body: { error: { code: 'invalid' } } });
      expect(port.flushes).toEqual([]);
    },
  );

  test('says what is no name, and wants the token', async () => {
    expect(await flush('?name=a..b')).toMatchObject({ status: 400, body: { error: { message: 'not a domain name' } } });
    expect((await flush('?all=1', null)).status).toBe(401);
  });
});

describe('kennel cache flush', () => {
  test('flushes each name and adds up', async () => {
    expect(await run('flush', 'a.example', 'b c.example', '--below')).toMatchObject({ code: 0, out: 'forgot 4 answers\n', err: '' });
    expect(port.flushes).toEqual([
      { name: 'a.example', below: true },
      { name: 'b c.example', below: true },
    ]);
    expect(JSON.parse((await run('flush', '--all', '--json')).out)).toEqual({ flushed: 2 });
  });

  test.each([[[]], [['flush']], [['flush', '--all', 'a.example']], [['flush', '--all', '--below']], [['empty']]])(
    'wants to know what: %j',
    async (args) => {
      expect((await run(...args)).code).toBe(2);
      expect(port.flushes).toEqual([]);
    },
  );

  test('a name that is none is wrong usage', async () => {
    expect(await run('flush', 'a..b')).toMatchObject({ code: 2, out: '' });
  });
});
