/** `GET /v1/decisions`: what may be asked for, and that a mistake is not taken for "all". */
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { callControl } from '../../../src/control/client.ts';
import { sampleDecision } from '../storage/sample-records.ts';
import { type ServedPort, serveFakePort } from './served-port.ts';

let served: ServedPort;

beforeEach(async () => {
  served = await serveFakePort();
});

async function decisions(query: string, by: string | null = served.token): Promise<{ status: number; body: unknown }> {
  const call = { method: 'GET', path: `/v1/decisions${query}`, token: by, timeoutMs: 5_000 } as const;
  const reply = await callControl({ kind: 'unix', path: join(served.folder, 'sock') }, call);
  if (reply.kind === 'unreachable') throw new Error(reply.detail);
  return { status: reply.status, body: reply.body };
}

describe('GET /v1/decisions', () => {
  test('gives what was written down, with the time as text', async () => {
    const { atMs: _, ...decision } = sampleDecision('d-1');
    const body = { decisions: [{ ...decision, at: '2026-01-02T03:04:05.678Z' }] };
    expect(await decisions('')).toEqual({ status: 200, body });
    expect(served.port.asked).toEqual([{ limit: 100 }]);
  });

  test('of one session, of some verdicts, as many as are wanted', async () => {
    await decisions('?session=10.0.0.5&verdict=refuse,quarantine&limit=7');
    expect(served.port.asked).toEqual([{ session: '10.0.0.5', verdicts: ['refuse', 'quarantine'], limit: 7 }]);
  });

  test.each([
    '?limit=0',
    '?limit=1001',
    '?limit=x',
    '?limit=1&limit=2',
    '?verdict=',
    '?verdict=refused',
    '?verdict=refuse,',
    '?session=a&session=b',
  ])('refuses %s', async (query) => {
    expect(await decisions(query)).toMatchObject({ status: 400, body: { error: { code: 'invalid' } } });
    expect(served.port.asked).toEqual([]);
  });

  test('wants the token', async () => {
    expect((await decisions('', null)).status).toBe(401);
  });
});
