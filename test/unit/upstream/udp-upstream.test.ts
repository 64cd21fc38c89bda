/** What only the UDP transport does: random ports and IDs, forged answers, truncation. Over real sockets on loopback. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { NO_GUARDS } from '../../../src/upstream/forgery-guards.ts';
import { createRandom16, type Random16 } from '../../../src/upstream/random16.ts';
import { MAX_PORT_AGE_MS, MAX_QUERIES_PER_PORT } from '../../../src/upstream/source-port.ts';
import { createUdpUpstream } from '../../../src/upstream/udp-upstream.ts';
import type { Upstream } from '../../../src/upstream/upstream.ts';
import { parseUpstreamUrl, pinned } from '../../../src/upstream/upstream-url.ts';
import { addressesOf } from '../../../src/wire/rdata.ts';
import { permitFor } from '../../lab/permits.ts';
import { a, garbage, type StubAuthority, type StubOptions, type StubReplyFunction, startStubAuthority } from '../../lab/stub-authority.ts';

const open: (StubAuthority | Upstream)[] = [];

afterEach(async () => {
  vi.useRealTimers();
  for (const part of open.splice(0)) await part.close();
});

const answering: StubReplyFunction = ({ qname }) => ({ answers: [a(qname, '192.0.2.80')] });

async function lab(reply: StubReplyFunction, random16: Random16 = createRandom16(), options: Partial<StubOptions> = {}) {
  const stub = await startStubAuthority({ ...options, reply });
  const url = parseUpstreamUrl(stub.url('udp'));
  if (url.kind === 'error') throw new Error(url.message);
  const upstream = createUdpUpstream(pinned(url.url), random16, NO_GUARDS);
  open.push(stub, upstream);
  const ask = (text: string, timeoutMs = 2000) => upstream.ask(permitFor(text), timeoutMs);
  return { stub, upstream, ask };
}

/** Always the same place in the pool of ports, never the same ID: so that the ports of one place can be followed. */
function onePlace(): Random16 {
  let drawn = 0;
  return () => {
    drawn = (drawn + 32) & 0xffff;
    return drawn;
  };
}

function portsOf(stub: StubAuthority): Set<number> {
  return new Set(stub.received.map(({ sourcePort }) => sourcePort));
}

function idsOf(stub: StubAuthority): number[] {
  return stub.received.map(({ packet }) => packet.readUInt16BE(0));
}

function withId(octets: Buffer, id: number): Buffer {
  const copy = Buffer.from(octets);
  copy.writeUInt16BE(id & 0xffff, 0);
  return copy;
}

describe('source ports', () => {
  test('each sends at most 200 queries, and many are in use', async () => {
    const { stub, ask } = await lab(answering);
    for (let batch = 0; batch < 30; batch++)
      await Promise.all(Array.from({ length: 100 }, (_, index) => ask(`${batch}-${index}.example.com`)));
    const queriesPerPort = new Map<number, number>();
    for (const { sourcePort } of stub.received) queriesPerPort.set(sourcePort, (queriesPerPort.get(sourcePort) ?? 0) + 1);
    expect(stub.received).toHaveLength(3000);
    expect(queriesPerPort.size).toBeGreaterThanOrEqual(30);
    expect(Math.max(...queriesPerPort.values())).toBeLessThanOrEqual(MAX_QUERIES_PER_PORT);
  });

  test('the 201st query of a place in the pool leaves from another port', async () => {
    const { stub, ask } = await lab(answering, onePlace());
    for (let query = 0; query < MAX_QUERIES_PER_PORT; query++) await ask(`${query}.example.com`);
    expect(portsOf(stub).size).toBe(1);
    await ask('201.example.com');
    expect(portsOf(stub).size).toBe(2);
  });

  test('a port is left after 10 s, but still hears the answers it waits for', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { stub, ask } = await lab(
      (question) => ({ ...answering(question), delayMs: question.qname === 'slow.example.com' ? 10_500 : 0 }),
      onePlace(),
    );
    const slow = ask('slow.example.com', 60_000);
    while (stub.received.length === 0) await new Promise(setImmediate);
    vi.advanceTimersByTime(MAX_PORT_AGE_MS);
    await ask('second.example.com', 60_000);
    expect(portsOf(stub).size).toBe(2);
    vi.advanceTimersByTime(1000);
    expect((await slow).kind).toBe('response');
  });

  test('a refused port is replaced: the next query may find a server there', async () => {
    const { stub, ask } = await lab(answering, onePlace());
    await stub.close();
    expect(await ask('one.example.com')).toMatchObject({ kind: 'failure', reason: 'unreachable' });
    const again = await startStubAuthority({ reply: answering, port: stub.port });
    open.push(again);
    expect((await ask('two.example.com')).kind).toBe('response');
  });
});

describe('message IDs', () => {
  test('show no order and use the whole range', async () => {
    const { stub, ask } = await lab(answering);
    for (let batch = 0; batch < 10; batch++)
      await Promise.all(Array.from({ length: 100 }, (_, index) => ask(`${batch}-${index}.example.com`)));
    const ids = idsOf(stub);
    // 1,000 uniform draws: about 993 distinct, a mean of 32,768 +- 600, neighbours that differ by one with a chance of 2 %.
    expect(new Set(ids).size).toBeGreaterThan(960);
    expect(Math.abs(ids.reduce((sum, id) => sum + id, 0) / ids.length - 32_768)).toBeLessThan(4000);
    expect(ids.filter((id, index) => id === (ids[index - 1] ?? 0) + 1).length).toBeLessThan(5);
  });

  test('an ID is not used twice on one socket, however often the generator repeats itself', async () => {
    let drawn = 0;
    const { stub, ask } = await lab(answering, () => 32 * Math.floor(drawn++ / 10));
    await Promise.all(Array.from({ length: 20 }, (_, index) => ask(`${index}.example.com`)));
    const onSocket = stub.received.map(({ sourcePort, packet }) => `${sourcePort} ${packet.readUInt16BE(0)}`);
    expect(new Set(onSocket).size).toBe(20);
  });
});

describe('answers that are none', () => {
  const forged = { answers: [a('www.example.com', '203.0.113.66')] };

  test('with the wrong ID are ignored and counted; the honest one still comes in', async () => {
    const { upstream, ask } = await lab((question) => ({
      ...answering(question),
      rewrite: (honest) => [...[1, 2, 3, 4, 5].map((step) => withId(honest, honest.readUInt16BE(0) + step)), honest],
    }));
    expect((await ask('www.example.com')).kind).toBe('response');
    expect(upstream.strayMessages).toBe(5);
  });

  test('from another port never arrive', async () => {
    const { upstream, ask } = await lab(() => ({ ...forged, otherPort: true }));
    expect(await ask('www.example.com', 150)).toMatchObject({ kind: 'failure', reason: 'timeout' });
    expect(upstream.strayMessages).toBe(0);
  });

  test.each([
    ['to another name', (octets: Buffer) => octets.fill('x', 13, 16)],
    ['to another type', (octets: Buffer, end: number) => octets.fill(28, end - 3, end - 2)],
    ['to another class', (octets: Buffer, end: number) => octets.fill(3, end - 1, end)],
    ['that are queries', (octets: Buffer) => octets.fill(0x01, 2, 3)],
    ['without a question', (octets: Buffer) => octets.fill(0, 4, 6)],
    ['shorter than a header', (octets: Buffer) => octets.subarray(0, 7)],
  ])('%s are ignored and counted', async (_what, spoil) => {
    const questionEnd = 12 + 17 + 4;
    const { upstream, ask } = await lab(() => ({ ...forged, rewrite: (honest) => spoil(Buffer.from(honest), questionEnd) }));
    expect(await ask('www.example.com', 150)).toMatchObject({ kind: 'failure', reason: 'timeout' });
    expect(upstream.strayMessages).toBe(1);
  });

  test('shorter than an ID, or pure noise, harm nothing', async () => {
    const { ask } = await lab((question) => ({
      ...answering(question),
      rewrite: (honest) => [garbage(1), garbage(0), garbage(40), honest],
    }));
    expect((await ask('www.example.com')).kind).toBe('response');
  });

  test('that come late or twice are ignored without suspicion', async () => {
    const { stub, upstream, ask } = await lab((question) => ({
      ...answering(question),
      delayMs: 120,
      rewrite: (honest) => [honest, honest],
    }));
    expect(await ask('www.example.com', 40)).toMatchObject({ kind: 'failure', reason: 'timeout' });
    await vi.waitFor(() => expect(stub.received).toHaveLength(1));
    expect((await ask('two.example.com')).kind).toBe('response');
    expect(upstream.strayMessages).toBe(0);
  });

  test('in a flood drive the query to another port and ID, where it is answered', async () => {
    const { stub, upstream, ask } = await lab((question) => {
      if (question.index > 0) return answering(question);
      return {
        ...forged,
        rewrite: (honest) => Array.from({ length: 100 }, (_, step) => withId(honest, honest.readUInt16BE(0) + 1 + step)),
      };
    });
    const attempt = await ask('www.example.com');
    expect(attempt.kind === 'response' ? attempt.response.answers.flatMap(addressesOf) : attempt).toEqual(['192.0.2.80']);
    expect(upstream.strayMessages).toBe(100);
    expect(portsOf(stub).size).toBe(2);
    expect(stub.received.map(({ qname }) => qname)).toEqual(['www.example.com', 'www.example.com']);
  });

  test('in a flood that follows it everywhere drive it to TCP, which nobody forges blind', async () => {
    const { stub, ask } = await lab((question) => {
      if (question.transport === 'tcp') return answering(question);
      return {
        ...forged,
        rewrite: (honest) => Array.from({ length: 100 }, (_, step) => withId(honest, honest.readUInt16BE(0) + 1 + step)),
      };
    });
    const attempt = await ask('www.example.com');
    expect(attempt.kind === 'response' ? attempt.response.answers.flatMap(addressesOf) : attempt).toEqual(['192.0.2.80']);
    expect(stub.received.map(({ transport }) => transport)).toEqual(['udp', 'udp', 'udp', 'tcp']);
  });
});

describe('truncation', () => {
  const records = Array.from({ length: 100 }, (_, index) => a('www.example.com', `192.0.2.${index}`));
  const truncating: StubReplyFunction = ({ transport }) => ({ answers: records, truncate: transport === 'udp' });

  test('a truncated answer is fetched whole over TCP from the same upstream', async () => {
    const { stub, ask } = await lab(truncating);
    const attempt = await ask('www.example.com');
    expect(attempt.kind === 'response' ? attempt.response.answers.length : attempt).toBe(100);
    expect(stub.received.map(({ transport, qname }) => `${transport} ${qname}`)).toEqual(['udp www.example.com', 'tcp www.example.com']);
  });

  test('without TCP at the upstream it is a failure: half an answer is none', async () => {
    const { ask } = await lab(truncating, createRandom16(), { transports: ['udp'] });
    expect(await ask('www.example.com')).toMatchObject({ kind: 'failure', reason: 'malformed' });
  });

  test('TCP gets only the time that UDP left', async () => {
    const { ask } = await lab(({ transport }) => (transport === 'udp' ? { truncate: true, delayMs: 100 } : { drop: true }));
    const startedMs = performance.now();
    expect(await ask('www.example.com', 250)).toMatchObject({ kind: 'failure', reason: 'malformed' });
    expect(performance.now() - startedMs).toBeLessThan(340);
  });
});

test('when every socket is busy the query fails at once instead of piling up', async () => {
  const { upstream, ask } = await lab(() => ({ drop: true }), onePlace());
  const full = 256 * MAX_QUERIES_PER_PORT;
  const waiting = Array.from({ length: full }, (_, index) => upstream.ask(permitFor(`${index % 50}.example.com`), 60_000));
  expect(await ask('one-more.example.com')).toEqual({ kind: 'failure', reason: 'overloaded', detail: 'no source port free' });
  upstream.close();
  expect((await Promise.all(waiting)).every(({ kind }) => kind === 'failure')).toBe(true);
});
