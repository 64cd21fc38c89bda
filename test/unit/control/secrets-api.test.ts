/** `/v1/secrets`: who may use it, what it takes, and that it gives no value back. */

import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ControlApi, openControlApi } from '../../../src/control/api.ts';
import { FakeControlPort } from './fake-control-port.ts';

const TOKEN = 'a-token-for-tests-only-0123456789';
const SECRET = 'q7Vd0xKp3ZrT9mWc2LfY8bNh5GjS1aEu';

let folder: string;
let port: FakeControlPort;
let api: ControlApi;
let errors: unknown[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kennel-secrets-api-'));
  port = new FakeControlPort();
  errors = [];
  const opened = await openControlApi({
    endpoint: { kind: 'unix', path: join(folder, 'sock') },
    token: TOKEN,
    port,
    onError: (error) => errors.push(error),
  });
  if (opened.kind === 'listen-error') throw new Error(opened.message);
  api = opened;
});
afterEach(async () => {
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Reply {
  readonly status: number;
  readonly text: string;
}

function call(method: string, path: string, body?: string, token: string | null = TOKEN): Promise<Reply> {
  const headers = {
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath: join(folder, 'sock'), method, path, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

const add = (fields: object, token: string | null = TOKEN): Promise<Reply> => call('POST', '/v1/secrets', JSON.stringify(fields), token);

describe('without the token', () => {
  test('nothing is told, taken or removed', async () => {
    expect((await call('GET', '/v1/secrets', undefined, null)).status).toBe(401);
    expect((await add({ name: 'x', value: SECRET }, null)).status).toBe(401);
    expect((await call('DELETE', '/v1/secrets/from-file', undefined, null)).status).toBe(401);
    expect(port.values).toEqual([]);
    expect(port.registered).toHaveLength(1);
  });
});

describe('with the token', () => {
  test('a secret is added, listed and removed; its value is never given back', async () => {
    const added = await add({ name: 'openai', kind: 'canary', value: SECRET, actor: 'ada' });
    expect(added.status).toBe(200);
    expect(JSON.parse(added.text)).toEqual({
      name: 'openai',
      kind: 'canary',
      from: 'state',
      actor: 'ada',
      addedAt: '2026-01-02T03:04:05.678Z',
      forms: ['as it is', 'hex'],
    });
    const listed = await call('GET', '/v1/secrets');
    expect(JSON.parse(listed.text)).toMatchObject({ secrets: [{ name: 'from-file' }, { name: 'openai' }] });
    expect((await call('DELETE', '/v1/secrets/openai')).status).toBe(200);
    expect((await call('DELETE', '/v1/secrets/openai')).status).toBe(404);
    expect(added.text + listed.text).not.toContain(SECRET);
  });

  test('base64 carries octets that are not text', async () => {
    await add({ name: 'binary', value: Buffer.from([0, 255, 128, ...Buffer.from(SECRET)]).toString('base64'), encoding: 'base64' });
    expect(port.values).toEqual([`\x00\xff\x80${SECRET}`]);
  });

  test.each([
    [{}, 400],
    [{ name: 'x' }, 400],
    [{ name: 'x', value: 7 }, 400],
    [{ name: 'x', value: SECRET, kind: 'bait' }, 400],
    [{ name: 'x', value: SECRET, encoding: 'utf7' }, 400],
    [{ name: 'x', value: SECRET, actor: '' }, 400],
    [{ name: 'x', value: 'short' }, 400],
    [{ name: 'from-file', value: SECRET }, 409],
    [{ name: 'x', value: 'v'.repeat(20_000) }, 413],
  ])('%j gets %i', async (fields, status) => {
    const reply = await add(fields);
    expect(reply.status).toBe(status);
    expect(reply.text).not.toContain(SECRET);
  });

  test('a body that is no JSON is not repeated in the answer', async () => {
    const reply = await call('POST', '/v1/secrets', `{"name":"x","value":${SECRET}}`);
    expect(reply.status).toBe(400);
    for (let at = 0; at + 6 <= SECRET.length; at++) expect(reply.text).not.toContain(SECRET.slice(at, at + 6));
  });

  test('what cannot be written is told and nobody logs the value', async () => {
    port.unwritable = 'ENOSPC';
    const reply = await add({ name: 'x', value: SECRET });
    expect(reply.status).toBe(503);
    expect(reply.text).toContain('nothing has changed');
    expect(JSON.stringify(errors)).not.toContain(SECRET);
  });
});
