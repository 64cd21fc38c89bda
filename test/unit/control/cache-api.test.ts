/** `DELETE /v1/cache` and `kennel cache flush`: what they take, and that a mistake flushes nothing. */
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { callControl } from '../../../src/control/client.ts';
import * as cache from '../../../src/verbs/cache.ts';
import { type ServedPort, serveFakePort } from './served-port.ts';

let served: ServedPort;

beforeEach(async () => {
  served = await serveFakePort();
});

async function flush(query: string, by: string | null = served.token): Promise<{ status: number; body: unknown }> {
  const call = { method: 'DELETE', path: `/v1/cache${query}`, token: by, timeoutMs: 5_000 } as const;
  const reply = await callControl({ kind: 'unix', path: join(served.folder, 'sock') }, call);
  if (reply.kind === 'unreachable') throw new Error(reply.detail);
  return { status: reply.status, body: reply.body };
}

const run = (...args: string[]) => served.run(cache, ...args);

describe('DELETE /v1/cache', () => {
  test('flushes a name, a name and those below it, or all', async () => {
    for (const query of ['?name=www.example.net', '?name=example.net&below=1', '?all=1']) {
      expect(await flush(query)).toEqual({ status: 200, body: { flushed: 2 } });
    }
    expect(served.port.flushes).toEqual([{ name: 'www.example.net', below: false }, { name: 'example.net', below: true }, 'all']);
  });

  test.each(['', '?below=1', '?all=0', '?all=1&name=a.example', '?all=1&below=1', '?name=a&name=b', '?name=a.example&below=yes'])(
    'refuses %s and flushes nothing',
    async (query) => {
      expect(await flush(query)).toMatchObject({ status: 400, body: { error: { code: 'invalid' } } });
      expect(served.port.flushes).toEqual([]);
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
    expect(served.port.flushes).toEqual([
      { name: 'a.example', below: true },
      { name: 'b c.example', below: true },
    ]);
    expect(JSON.parse((await run('flush', '--all', '--json')).out)).toEqual({ flushed: 2 });
  });

  test.each([[[]], [['flush']], [['flush', '--all', 'a.example']], [['flush', '--all', '--below']], [['empty']]])(
    'wants to know what: %j',
    async (args) => {
      expect((await run(...args)).code).toBe(2);
      expect(served.port.flushes).toEqual([]);
    },
  );

  test('a name that is none is wrong usage', async () => {
    expect(await run('flush', 'a..b')).toMatchObject({ code: 2, out: '' });
  });
});
