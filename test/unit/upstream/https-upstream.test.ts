/** DNS over HTTPS: what a request is, which responses are answers, and how sessions and streams are shared. Over real sockets on loopback. */
import type { SecureServerOptions } from 'node:http2';
import { constants } from 'node:http2';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { MAX_TLS_IDLE_MS } from '../../../src/upstream/tls-upstream.ts';
import type { Upstream } from '../../../src/upstream/upstream.ts';
import { addressesOf } from '../../../src/wire/rdata.ts';
import { keepOpen } from '../../lab/kept-open.ts';
import { upstreamFor } from '../../lab/opened-upstream.ts';
import { permitFor } from '../../lab/permits.ts';
import {
  answerOverHttps,
  answerTo,
  type HttpsHandler,
  type HttpsServer,
  identity,
  startHttps,
  startTap,
  startTlsFront,
  TEST_CA,
} from '../../lab/tls-servers.ts';

afterEach(() => {
  vi.useRealTimers();
});

async function lab(
  handle: HttpsHandler = answerOverHttps,
  options: SecureServerOptions = {},
): Promise<{ server: HttpsServer; upstream: Upstream }> {
  const server = keepOpen(await startHttps(handle, options));
  return { server, upstream: upstreamFor(`https://dns.test:${server.port}/dns-query@127.0.0.1`) };
}

const ask = (upstream: Upstream, text: string, timeoutMs = 3000) => upstream.ask(permitFor(text), timeoutMs);
const askAll = (upstream: Upstream, count: number, timeoutMs = 10_000) =>
  Promise.all(Array.from({ length: count }, (_, index) => ask(upstream, `${index}.example.com`, timeoutMs)));

const DNS = { ':status': 200, 'content-type': 'application/dns-message' } as const;

describe('a request', () => {
  test('is a POST with the same headers for every question, and none that tells who asks', async () => {
    const seen: Record<string, unknown>[] = [];
    const { server, upstream } = await lab((stream, headers, body) => {
      seen.push(Object.fromEntries(Object.entries(headers)));
      answerOverHttps(stream, headers, body);
    });
    const attempt = await ask(upstream, 'www.example.com');
    expect(attempt.kind === 'response' ? attempt.response.answers.flatMap(addressesOf) : attempt).toEqual(['192.0.2.80']);
    await ask(upstream, 'another.name.example.org');
    const headers = {
      ':method': 'POST',
      ':scheme': 'https',
      ':authority': `dns.test:${server.port}`,
      ':path': '/dns-query',
      accept: 'application/dns-message',
      'content-type': 'application/dns-message',
      'content-length': '128',
    };
    expect(seen).toEqual([headers, headers]);
  });

  test('holds the question with ID 0, in lower case, padded to 128 octets', async () => {
    const bodies: Buffer[] = [];
    const { upstream } = await lab((stream, headers, body) => {
      bodies.push(body);
      answerOverHttps(stream, headers, body);
    });
    await ask(upstream, 'WWW.Example.com');
    await ask(upstream, `${'a'.repeat(60)}.${'b'.repeat(60)}.example.com`);
    expect(bodies.map(({ length }) => length)).toEqual([128, 256]);
    const padding = 128 - (12 + 17 + 4 + 11 + 4);
    const opt = `00 0029 04d0 00 00 8000 00${(padding + 4).toString(16)} 000c 00${padding.toString(16)} ${'00'.repeat(padding)}`;
    expect(bodies[0]?.toString('hex')).toBe(
      `0000 0100 0001 0000 0000 0001 03777777076578616d706c6503636f6d00 0001 0001 ${opt}`.replaceAll(' ', ''),
    );
  });

  test('goes to nobody whose certificate is not good, and not a word of it is said before', async () => {
    for (const [certificate, name, ca] of [
      ['expired', 'dns.test', TEST_CA],
      ['nameless', 'dns.test', TEST_CA],
      ['good', 'other.test', TEST_CA],
      ['good', 'dns.test', null],
    ] as const) {
      const asked: unknown[] = [];
      const server = keepOpen(await startHttps((_stream, headers) => asked.push(headers), identity(certificate)));
      const tap = keepOpen(await startTap(server.port));
      const attempt = await ask(upstreamFor(`https://${name}:${tap.port}/whispered@127.0.0.1`, ca), 'whispered.example.com');
      expect(attempt).toEqual({ kind: 'failure', reason: 'unreachable', detail: expect.stringMatching(/^its certificate/) });
      expect(asked).toEqual([]);
      expect(tap.received().toString('latin1')).not.toContain('whispered');
    }
  });

  test('goes to no server that knows nothing newer than HTTP/1.1', async () => {
    const front = keepOpen(await startTlsFront(9, { ...identity('good'), ALPNProtocols: ['http/1.1'] }));
    const silent = keepOpen(await startTlsFront(9));
    for (const { port } of [front, silent]) {
      const upstream = upstreamFor(`https://dns.test:${port}@127.0.0.1`);
      expect(await ask(upstream, 'www.example.com')).toEqual({
        kind: 'failure',
        reason: 'unreachable',
        detail: 'it does not speak HTTP/2 there',
      });
    }
  });
});

describe('a response that is no answer', () => {
  test.each([
    ['an error', { ...DNS, ':status': 503 }, 'unreachable', /HTTP status 503/],
    ['a redirect', { ...DNS, ':status': 307, location: 'https://elsewhere.test/' }, 'unreachable', /HTTP status 307/],
    ['no content', { ...DNS, ':status': 204 }, 'unreachable', /HTTP status 204/],
    ['HTML', { ':status': 200, 'content-type': 'text/html' }, 'malformed', /content type/],
    ['no content type', { ':status': 200 }, 'malformed', /content type/],
    ['compressed', { ...DNS, 'content-encoding': 'gzip' }, 'malformed', /compressed/],
  ] as const)('%s', async (_what, headers, reason, detail) => {
    let requests = 0;
    const { upstream } = await lab((stream, _headers, body) => {
      requests++;
      stream.respond({ ...headers });
      stream.end(headers[':status'] === 204 ? undefined : answerTo(body));
    });
    expect(await ask(upstream, 'www.example.com')).toEqual({ kind: 'failure', reason, detail: expect.stringMatching(detail) });
    expect(requests).toBe(1);
  });

  test.each([
    ['to another question', (body: Buffer) => answerTo(Buffer.concat([body.subarray(0, 13), Buffer.from('x'), body.subarray(14)]))],
    ['with another ID', (body: Buffer) => answerTo(Buffer.concat([Buffer.from([1, 1]), body.subarray(2)]))],
    ['that is a query', (body: Buffer) => body],
    ['that is empty', () => Buffer.alloc(0)],
    ['that is truncated', (body: Buffer) => answerTo(body).fill(0x83, 2, 3)],
    ['cut short', (body: Buffer) => answerTo(body).subarray(0, -1)],
    ['longer than a message can be', (body: Buffer) => Buffer.concat([answerTo(body), Buffer.alloc(70_000)])],
  ])('a message %s', async (_what, lie) => {
    const { upstream } = await lab((stream, _headers, body) => {
      stream.respond(DNS);
      stream.end(lie(body));
    });
    expect(await ask(upstream, 'www.example.com')).toMatchObject({ kind: 'failure', reason: 'malformed' });
    // The session itself is as good as before.
    expect(upstream.strayMessages).toBeLessThanOrEqual(1);
  });

  test('cookies of the server are not given back', async () => {
    const cookies: unknown[] = [];
    const { upstream } = await lab((stream, headers, body) => {
      cookies.push(headers.cookie);
      stream.respond({ ...DNS, 'set-cookie': ['id=1'], 'alt-svc': 'h3=":443"' });
      stream.end(answerTo(body));
    });
    await ask(upstream, 'one.example.com');
    await ask(upstream, 'two.example.com');
    expect(cookies).toEqual([undefined, undefined]);
  });
});

test.each([
  ['100', 200],
  ['1000', 0],
  ['-5', 300],
  ['x', 300],
])('an answer that lay in a cache for %s s is shorter-lived by it', async (age, ttlSeconds) => {
  const { upstream } = await lab((stream, _headers, body) => {
    stream.respond({ ...DNS, age });
    stream.end(answerTo(body));
  });
  expect(await ask(upstream, 'www.example.com')).toMatchObject({ response: { answers: [{ ttlSeconds }] } });
});

describe('sessions', () => {
  test('a few serve thousands of questions, each with no more streams than the server allows', async () => {
    let streams = 0;
    let most = 0;
    const { server, upstream } = await lab(
      (stream, headers, body) => {
        most = Math.max(most, ++streams);
        setImmediate(() => {
          streams--;
          answerOverHttps(stream, headers, body);
        });
      },
      { settings: { maxConcurrentStreams: 20 } },
    );
    await ask(upstream, 'first.example.com');
    expect((await askAll(upstream, 3000)).filter(({ kind }) => kind !== 'response')).toEqual([]);
    expect(server.handshakes).toBeLessThanOrEqual(4);
    expect(most).toBeLessThanOrEqual(80);
  });

  test('a burst before the server has told its limit is answered as well', async () => {
    const { upstream } = await lab(answerOverHttps, { settings: { maxConcurrentStreams: 10 } });
    expect((await askAll(upstream, 1000)).filter(({ kind }) => kind !== 'response')).toEqual([]);
  });

  test('a server that allows no stream is a failure in time', async () => {
    const { upstream } = await lab(answerOverHttps, { settings: { maxConcurrentStreams: 0 } });
    for (let query = 0; query < 3; query++) expect((await ask(upstream, 'www.example.com', 200)).kind).toBe('failure');
  });

  test('that the server ends in order (GOAWAY) cost no question', async () => {
    let requests = 0;
    const { server, upstream } = await lab((stream, headers, body) => {
      if (++requests % 50 === 0) stream.session?.close();
      answerOverHttps(stream, headers, body);
    });
    expect((await askAll(upstream, 400)).filter(({ kind }) => kind !== 'response')).toEqual([]);
    expect(server.handshakes).toBeGreaterThan(1);
  });

  test.each([
    ['an error (GOAWAY with a code)', (server: HttpsServer) => [...server.sessions][0]?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM)],
    ['a reset', (server: HttpsServer) => [...server.sessions][0]?.destroy()],
  ])('that end with %s give a question one second chance', async (_how, end) => {
    let requests = 0;
    const { server, upstream } = await lab(() => undefined);
    server.handle = (stream, headers, body) => {
      if (++requests === 1) end(server);
      else answerOverHttps(stream, headers, body);
    };
    expect((await ask(upstream, 'www.example.com')).kind).toBe('response');
    expect(requests).toBe(2);
  });

  test('that end before any answer, again and again, end the question after its second chance', async () => {
    let requests = 0;
    const { upstream } = await lab((stream) => {
      requests++;
      stream.session?.destroy();
    });
    expect(await ask(upstream, 'www.example.com')).toMatchObject({ kind: 'failure', reason: 'unreachable' });
    expect(requests).toBe(2);
  });

  test('a refused stream is asked again, on the same session', async () => {
    let requests = 0;
    const { server, upstream } = await lab((stream, headers, body) => {
      if (++requests === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else answerOverHttps(stream, headers, body);
    });
    expect((await ask(upstream, 'www.example.com')).kind).toBe('response');
    expect([requests, server.handshakes]).toEqual([2, 1]);
  });

  test('silence ends a question in time, its stream is cancelled, and the session is not used again', async () => {
    const cancelled: (number | undefined)[] = [];
    const { server, upstream } = await lab();
    await ask(upstream, 'first.example.com');
    server.handle = (stream) => stream.on('close', () => cancelled.push(stream.rstCode));
    expect(await ask(upstream, 'www.example.com', 150)).toMatchObject({ kind: 'failure', reason: 'timeout' });
    server.handle = answerOverHttps;
    expect((await ask(upstream, 'www.example.com')).kind).toBe('response');
    expect(server.handshakes).toBe(2);
    await vi.waitFor(() => expect(cancelled).toHaveLength(1));
  });

  test('a slow answer among quick ones does not speak against the session', async () => {
    const { server, upstream } = await lab((stream, headers, body) => {
      if (body.includes('slow')) return;
      answerOverHttps(stream, headers, body);
    });
    await ask(upstream, 'first.example.com');
    const slow = ask(upstream, 'slow.example.com', 1000);
    await ask(upstream, 'quick.example.com');
    expect(await slow).toMatchObject({ reason: 'timeout' });
    await ask(upstream, 'next.example.com');
    expect(server.handshakes).toBe(1);
  });

  test('are closed when nothing was asked for a while; the next one resumes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { server, upstream } = await lab();
    await ask(upstream, 'one.example.com', 60_000);
    vi.advanceTimersByTime(MAX_TLS_IDLE_MS);
    while (server.open > 0) await new Promise(setImmediate);
    expect((await ask(upstream, 'two.example.com', 60_000)).kind).toBe('response');
    expect([server.handshakes, server.resumed]).toEqual([2, 1]);
  });
});

test('many questions at a dead port fail at once, all of them, after a handful of attempts', async () => {
  const { server } = await lab();
  await server.close();
  const tap = keepOpen(await startTap(server.port));
  const attempts = await askAll(upstreamFor(`https://dns.test:${tap.port}@127.0.0.1`), 2000);
  expect(attempts.every((attempt) => attempt.kind === 'failure' && attempt.reason === 'unreachable')).toBe(true);
  expect(tap.connections).toBeLessThanOrEqual(4);
});

test('closing ends what is under way, and a closed upstream opens nothing', async () => {
  const { server, upstream } = await lab(() => undefined);
  const waiting = ask(upstream, 'www.example.com');
  await vi.waitFor(() => expect(server.handshakes).toBe(1));
  upstream.close();
  expect(await waiting).toMatchObject({ kind: 'failure', reason: 'overloaded' });
  expect(await ask(upstream, 'www.example.com')).toMatchObject({ kind: 'failure', reason: 'overloaded' });
  expect(server.handshakes).toBe(1);
});
