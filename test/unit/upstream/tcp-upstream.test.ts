/** What only the TCP transport does: sharing, replacing and losing connections. Over real sockets on loopback. */
import { afterEach, describe, expect, test } from 'vitest';
import { NO_GUARDS } from '../../../src/upstream/forgery-guards.ts';
import { createRandom16 } from '../../../src/upstream/random16.ts';
import { MAX_QUERIES_PER_PORT } from '../../../src/upstream/source-port.ts';
import { createTcpUpstream } from '../../../src/upstream/tcp-upstream.ts';
import type { Upstream } from '../../../src/upstream/upstream.ts';
import { parseUpstreamUrl, pinned } from '../../../src/upstream/upstream-url.ts';
import { permitFor } from '../../lab/permits.ts';
import { a, garbage, type StubAuthority, type StubReplyFunction, startStubAuthority } from '../../lab/stub-authority.ts';

const open: (StubAuthority | Upstream)[] = [];

afterEach(async () => {
  for (const part of open.splice(0)) await part.close();
});

const answering: StubReplyFunction = ({ qname }) => ({ answers: [a(qname, '192.0.2.80')] });

async function lab(reply: StubReplyFunction) {
  const stub = await startStubAuthority({ reply });
  const url = parseUpstreamUrl(stub.url('tcp'));
  if (url.kind === 'error') throw new Error(url.message);
  const upstream = createTcpUpstream(pinned(url.url), createRandom16(), NO_GUARDS);
  open.push(stub, upstream);
  const ask = (text: string, timeoutMs = 2000) => upstream.ask(permitFor(text), timeoutMs);
  const askAll = (count: number) => Promise.all(Array.from({ length: count }, (_, index) => ask(`${index}.example.com`)));
  return { stub, upstream, ask, askAll };
}

describe('one connection', () => {
  test('serves queries one after the other and side by side', async () => {
    const { stub, ask, askAll } = await lab(answering);
    await ask('first.example.com');
    expect((await askAll(50)).every(({ kind }) => kind === 'response')).toBe(true);
    expect(stub.connections).toBe(1);
  });

  test('is replaced after 200 queries', async () => {
    const { stub, ask, askAll } = await lab(answering);
    expect((await askAll(MAX_QUERIES_PER_PORT)).every(({ kind }) => kind === 'response')).toBe(true);
    expect(stub.connections).toBe(1);
    await ask('one-more.example.com');
    expect(stub.connections).toBe(2);
    expect(new Set(stub.received.map(({ sourcePort }) => sourcePort)).size).toBe(2);
  });

  test('that stays silent is not used for the next query', async () => {
    const { stub, ask } = await lab((question) => (question.index === 0 ? { drop: true } : answering(question)));
    expect(await ask('silent.example.com', 60)).toMatchObject({ kind: 'failure', reason: 'timeout' });
    expect((await ask('next.example.com')).kind).toBe('response');
    expect(stub.connections).toBe(2);
  });

  test('still delivers other answers after one of its queries has timed out', async () => {
    const { stub, ask } = await lab((question) => ({ ...answering(question), delayMs: 200 }));
    const patient = ask('patient.example.com');
    expect(await ask('hasty.example.com', 40)).toMatchObject({ kind: 'failure', reason: 'timeout' });
    expect((await patient).kind).toBe('response');
    expect(stub.connections).toBe(1);
  });
});

describe('a lost connection', () => {
  test('between queries is simply replaced', async () => {
    const { stub, ask } = await lab((question) => ({ ...answering(question), closeAfter: true }));
    for (let query = 0; query < 5; query++) expect((await ask(`${query}.example.com`)).kind).toBe('response');
    expect(stub.connections).toBeGreaterThanOrEqual(5);
  });

  test('under pipelined queries costs none of them, even at a server that answers one query per connection', async () => {
    const { askAll } = await lab((question) => ({ ...answering(question), closeAfter: true }));
    expect((await askAll(10)).map(({ kind }) => kind)).toEqual(Array(10).fill('response'));
  });

  test('before any answer gives the query one second chance and no more', async () => {
    const { stub, ask } = await lab(() => ({ hangUp: true }));
    expect(await ask('www.example.com')).toMatchObject({ kind: 'failure', reason: 'unreachable' });
    expect(stub.received.map(({ qname }) => qname)).toEqual(['www.example.com', 'www.example.com']);
  });
});

describe('messages that cannot be used', () => {
  test('an answer to a question nobody asked ends the connection; the query is asked again on another', async () => {
    const { stub, upstream, ask } = await lab((question) => {
      if (question.index > 0) return answering(question);
      return { ...answering(question), rewrite: (honest) => honest.fill(honest.readUInt8(0) ^ 0xff, 0, 1) };
    });
    expect((await ask('www.example.com')).kind).toBe('response');
    expect(stub.connections).toBe(2);
    expect(upstream.strayMessages).toBe(1);
  });

  test.each([
    ['no octet', 0],
    ['one octet', 1],
    ['noise', 60],
  ])('%s as a message is no answer', async (_what, octets) => {
    const { upstream, ask } = await lab(() => ({ rewrite: () => garbage(octets) }));
    expect(await ask('www.example.com')).toMatchObject({ kind: 'failure', reason: 'unreachable' });
    expect(upstream.strayMessages).toBe(2);
  });

  test('a truncated answer over TCP is malformed: there is no further transport to try', async () => {
    const { ask } = await lab(() => ({ truncate: true }));
    expect(await ask('www.example.com')).toMatchObject({ kind: 'failure', reason: 'malformed' });
  });
});

test('a closed upstream opens no new connection', async () => {
  const { stub, upstream, ask } = await lab(answering);
  upstream.close();
  expect(await ask('www.example.com')).toMatchObject({ kind: 'failure', reason: 'overloaded' });
  expect(stub.connections).toBe(0);
});
