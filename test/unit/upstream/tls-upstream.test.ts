/** DNS over TLS: who is believed, what is said before that (nothing), and how connections are shared. Over real sockets on loopback. */
import type { TlsOptions } from 'node:tls';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { MAX_TLS_IDLE_MS } from '../../../src/upstream/tls-upstream.ts';
import type { Upstream } from '../../../src/upstream/upstream.ts';
import { SkippingClock } from '../../lab/clocks.ts';
import { keepOpen } from '../../lab/kept-open.ts';
import { upstreamFor } from '../../lab/opened-upstream.ts';
import { permitFor } from '../../lab/permits.ts';
import { a, type StubAuthority, type StubReplyFunction, startStubAuthority } from '../../lab/stub-authority.ts';
import { identity, startTap, startTlsFront, type Tap, TEST_CA, type TlsServer } from '../../lab/tls-servers.ts';

afterEach(() => {
  vi.useRealTimers();
});

const answering: StubReplyFunction = ({ qname }) => ({ answers: [a(qname, '192.0.2.80')] });

interface Lab {
  readonly stub: StubAuthority;
  readonly front: TlsServer;
  readonly tap: Tap;
}

async function lab(reply: StubReplyFunction = answering, options: TlsOptions = identity('good')): Promise<Lab> {
  const stub = keepOpen(await startStubAuthority({ reply, transports: ['tcp'] }));
  const front = keepOpen(await startTlsFront(stub.port, options));
  return { stub, front, tap: keepOpen(await startTap(front.port)) };
}

const ask = (upstream: Upstream, text: string, timeoutMs = 3000) => upstream.ask(permitFor(text), timeoutMs);
const askAll = (upstream: Upstream, count: number, timeoutMs = 10_000) =>
  Promise.all(Array.from({ length: count }, (_, index) => ask(upstream, `${index}.example.com`, timeoutMs)));

/** No spelling of the question's labels is among the octets. */
function expectNothingInClear(tap: Tap): void {
  expect(tap.received().length).toBeGreaterThan(0);
  expect(tap.received().toString('latin1').toLowerCase()).not.toContain('whispered');
}

describe('a server whose certificate is good', () => {
  test.each([
    ['by its name', 'dns.test@127.0.0.1'],
    ['by its address', '127.0.0.1'],
    ['by another of its addresses than the one connected to', '[::1]@127.0.0.1'],
  ])('%s is asked, and nobody on the way reads the question', async (_how, place) => {
    const { stub, tap } = await lab();
    const upstream = upstreamFor(`tls://${place}:${tap.port}`);
    expect((await ask(upstream, 'whispered.example.com')).kind).toBe('response');
    expect(stub.received.map(({ qname }) => qname)).toEqual(['whispered.example.com']);
    expectNothingInClear(tap);
  });

  test('gets questions padded to 128 octets, in lower case and without a cookie, whatever is set for plain upstreams', async () => {
    const { stub, tap } = await lab();
    await ask(upstreamFor(`tls://dns.test@127.0.0.1:${tap.port}`), 'Whispered.example.com');
    const name = '09 776869737065726564 07 6578616d706c65 03 636f6d 00';
    const padding = 128 - (12 + 23 + 4 + 11 + 4);
    const opt = `00 0029 04d0 00 00 8000 ${(padding + 4).toString(16).padStart(4, '0')} 000c 00${padding.toString(16)} ${'00'.repeat(padding)}`;
    expect(stub.received.map(({ packet }) => packet.subarray(2).toString('hex'))).toEqual([
      `0100 0001 0000 0000 0001 ${name} 0001 0001 ${opt}`.replaceAll(' ', ''),
    ]);
  });

  test('whose name is an address is told no server name, and one with a name its own', async () => {
    const { tap } = await lab();
    await ask(upstreamFor(`tls://127.0.0.1:${tap.port}`), 'www.example.com');
    expect(tap.received().toString('latin1')).not.toContain('127.0.0.1');
    await ask(upstreamFor(`tls://dns.test@127.0.0.1:${tap.port}`), 'www.example.com');
    expect(tap.received().toString('latin1')).toContain('dns.test');
  });
});

describe('a server that is not proven gets no octet of a question, in no form', () => {
  test.each([
    ['expired', 'dns.test', TEST_CA, /expired/],
    ['nameless', 'dns.test', TEST_CA, /not for dns\.test/],
    ['good', 'other.test', TEST_CA, /not for other\.test/],
    ['good', '127.0.0.2', TEST_CA, /not for 127\.0\.0\.2/],
    ['good', 'dns.test', null, /no authority that is trusted/],
  ] as const)('certificate %s, expected %s', async (certificate, name, ca, detail) => {
    const { stub, tap } = await lab(answering, identity(certificate));
    const upstream = upstreamFor(`tls://${name}@127.0.0.1:${tap.port}`, ca);
    expect(await ask(upstream, 'whispered.example.com')).toEqual({
      kind: 'failure',
      reason: 'unreachable',
      detail: expect.stringMatching(detail),
    });
    expect(stub.received).toEqual([]);
    expectNothingInClear(tap);
  });

  test('even where the environment tells Node to accept every certificate', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const { stub, tap } = await lab(answering, identity('expired'));
    expect(await ask(upstreamFor(`tls://dns.test@127.0.0.1:${tap.port}`), 'whispered.example.com')).toMatchObject({
      reason: 'unreachable',
    });
    expect(stub.received).toEqual([]);
    vi.unstubAllEnvs();
  });

  test('nor does one that speaks plain DNS over TCP', async () => {
    const stub = keepOpen(await startStubAuthority({ reply: answering }));
    const tap = keepOpen(await startTap(stub.port));
    const attempt = await ask(upstreamFor(`tls://dns.test@127.0.0.1:${tap.port}`), 'whispered.example.com', 500);
    expect(attempt.kind).toBe('failure');
    expectNothingInClear(tap);
    expect(stub.received.map(({ qname }) => qname)).not.toContain('whispered.example.com');
  });

  test('nor one that greets in clear', async () => {
    const { createServer } = await import('node:net');
    const server = createServer((socket) => socket.on('error', () => socket.destroy()).end('220 mail.example ESMTP\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    keepOpen({ close: () => void server.close() });
    const address = server.address();
    const tap = keepOpen(await startTap(typeof address === 'object' && address !== null ? address.port : 0));
    expect(await ask(upstreamFor(`tls://dns.test@127.0.0.1:${tap.port}`), 'whispered.example.com')).toEqual({
      kind: 'failure',
      reason: 'unreachable',
      detail: 'it does not speak TLS there',
    });
    expectNothingInClear(tap);
  });

  test('nor one that knows nothing newer than TLS 1.1', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    const { stub, tap } = await lab(answering, { ...identity('good'), ...old });
    expect(await ask(upstreamFor(`tls://dns.test@127.0.0.1:${tap.port}`), 'whispered.example.com')).toMatchObject({
      reason: 'unreachable',
      detail: 'it speaks no TLS of version 1.2 or later',
    });
    expect(stub.received).toEqual([]);
  });

  test('nor one that stalls in the handshake: the question ends in its own time', async () => {
    const tap = keepOpen(await startTap(null));
    const startedMs = performance.now();
    expect(await ask(upstreamFor(`tls://dns.test@127.0.0.1:${tap.port}`), 'whispered.example.com', 150)).toMatchObject({
      kind: 'failure',
      reason: 'timeout',
    });
    expect(performance.now() - startedMs).toBeLessThan(1000);
    // The handshake may reach the tap of a busy machine later than that.
    await expect.poll(() => tap.received().length).toBeGreaterThan(0);
    expectNothingInClear(tap);
  });
});

test('a handshake that never ends is given up after the patience of an exchange', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const tap = keepOpen(await startTap(null));
  const upstream = upstreamFor(`tls://dns.test@127.0.0.1:${tap.port}`);
  const attempt = ask(upstream, 'www.example.com', 60_000);
  vi.advanceTimersByTime(4_500);
  expect(await attempt).toEqual({ kind: 'failure', reason: 'unreachable', detail: 'no connection in 4500 ms' });
});

test('a handshake slower than a question’s patience serves the next question, on the same connection', async () => {
  const { stub, front } = await lab();
  const { createServer, connect } = await import('node:net');
  let connections = 0;
  const slow = createServer((client) => {
    connections++;
    client.on('error', () => client.destroy());
    setTimeout(() => {
      const target = connect(front.port, '127.0.0.1');
      target.on('error', () => client.destroy());
      client.pipe(target).pipe(client);
    }, 150);
  });
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
  keepOpen({ close: () => void slow.close() });
  const address = slow.address();
  const upstream = upstreamFor(`tls://dns.test@127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`);
  expect(await ask(upstream, 'hasty.example.com', 50)).toMatchObject({ kind: 'failure', reason: 'timeout' });
  expect((await ask(upstream, 'next.example.com')).kind).toBe('response');
  expect(connections).toBe(1);
  expect(stub.received.map(({ qname }) => qname)).toEqual(['next.example.com']);
});

/** The first pre-shared key that a ClientHello offers (RFC 8446 §4.2.11), in hexadecimal; null without one. */
function ticketOf(hello: Buffer): string | null {
  // Record header, handshake header, version, random; then session ID, cipher suites, compression.
  let at = 5 + 4 + 2 + 32;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  const end = at + 2 + hello.readUInt16BE(at);
  for (at += 2; at < end; at += 4 + hello.readUInt16BE(at + 2)) {
    if (hello.readUInt16BE(at) === 41) return hello.toString('hex', at + 8, at + 8 + hello.readUInt16BE(at + 6));
  }
  return null;
}

describe('connections', () => {
  test('one serves thousands of questions', async () => {
    const { stub, front } = await lab();
    const upstream = upstreamFor(`tls://dns.test@127.0.0.1:${front.port}`);
    expect((await askAll(upstream, 3000)).filter(({ kind }) => kind !== 'response')).toEqual([]);
    expect(front.handshakes).toBe(1);
    expect(stub.received).toHaveLength(3000);
  });

  test('is closed when nothing was asked for a while; the next one resumes the session', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { front } = await lab();
    const upstream = upstreamFor(`tls://dns.test@127.0.0.1:${front.port}`);
    await ask(upstream, 'one.example.com', 60_000);
    vi.advanceTimersByTime(MAX_TLS_IDLE_MS);
    while (front.open > 0) await new Promise(setImmediate);
    expect((await ask(upstream, 'two.example.com', 60_000)).kind).toBe('response');
    expect([front.handshakes, front.resumed]).toEqual([2, 1]);
  });

  test('that resume a session use a ticket once: two with the same one would show that they are one client’s', async () => {
    const { stub, front, tap } = await lab((question) => ({ ...answering(question), closeAfter: true }));
    const upstream = upstreamFor(`tls://dns.test@127.0.0.1:${tap.port}`);
    for (let query = 0; query < 6; query++) {
      expect((await ask(upstream, `${query}.example.com`)).kind).toBe('response');
      while (front.open > 0) await new Promise(setImmediate);
    }
    const tickets = tap.receivedEach().map(ticketOf);
    const used = tickets.filter((ticket) => ticket !== null);
    expect(used.length).toBeGreaterThan(3);
    expect(new Set(used).size).toBe(used.length);
    expect(stub.received).toHaveLength(6);
  });

  test('a ticket is not used after its hour', async () => {
    const clock = new SkippingClock();
    const { front } = await lab((question) => ({ ...answering(question), closeAfter: true }));
    const upstream = upstreamFor(`tls://dns.test@127.0.0.1:${front.port}`, TEST_CA, clock);
    await ask(upstream, 'one.example.com');
    while (front.open > 0) await new Promise(setImmediate);
    clock.skip(3_600_001);
    await ask(upstream, 'two.example.com');
    expect([front.handshakes, front.resumed]).toEqual([2, 0]);
  });

  test('that the server closes between questions are simply replaced', async () => {
    const { front } = await lab((question) => ({ ...answering(question), closeAfter: true }));
    const upstream = upstreamFor(`tls://dns.test@127.0.0.1:${front.port}`);
    for (let query = 0; query < 5; query++) expect((await ask(upstream, `${query}.example.com`)).kind).toBe('response');
    expect(front.handshakes).toBeGreaterThanOrEqual(5);
  });

  test('that the server closes after every 150 answers cost no question', async () => {
    let answers = 0;
    const { front } = await lab((question) => ({ ...answering(question), closeAfter: ++answers % 150 === 0 }));
    const upstream = upstreamFor(`tls://dns.test@127.0.0.1:${front.port}`);
    expect((await askAll(upstream, 300)).filter(({ kind }) => kind !== 'response')).toEqual([]);
    expect(front.handshakes).toBeGreaterThan(1);
    expect(front.handshakes).toBeLessThan(10);
  });

  test('reset before any answer give a question one second chance and no more', async () => {
    const { stub, front } = await lab(() => ({ hangUp: true }));
    expect(await ask(upstreamFor(`tls://dns.test@127.0.0.1:${front.port}`), 'www.example.com')).toMatchObject({ reason: 'unreachable' });
    expect(stub.received).toHaveLength(2);
    expect(front.handshakes).toBe(2);
  });

  test('on which an answer to nothing asked comes are given up', async () => {
    const { front } = await lab((question) => ({ ...answering(question), rewrite: (honest) => Buffer.from(honest).fill(0xee, 0, 2) }));
    const upstream = upstreamFor(`tls://dns.test@127.0.0.1:${front.port}`);
    expect(await ask(upstream, 'www.example.com')).toMatchObject({ kind: 'failure', reason: 'unreachable' });
    expect(upstream.strayMessages).toBe(2);
  });
});

test('a refused port is unreachable at once, and a closed upstream opens nothing', async () => {
  const { front } = await lab();
  await front.close();
  const upstream = upstreamFor(`tls://dns.test@127.0.0.1:${front.port}`);
  expect(await ask(upstream, 'www.example.com')).toEqual({ kind: 'failure', reason: 'unreachable', detail: 'connection refused' });
  upstream.close();
  expect(await ask(upstream, 'www.example.com')).toMatchObject({ reason: 'overloaded' });
});
