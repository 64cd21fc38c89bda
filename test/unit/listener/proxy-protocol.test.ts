/** TCP connections from trusted proxies, on real sockets: whose query it is, and what is closed. */
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Listener, ListenerEvent } from '../../../src/listener/listener.ts';
import { DEFAULT_TCP_LIMITS, openTcpListener, type TcpLimits } from '../../../src/listener/tcp.ts';
import type { QuerySource } from '../../../src/pipeline/ports.ts';
import { proxyAddresses, proxyHeader } from '../../packet-proxy.ts';

const PROXY_PEER = '127.0.0.1';
const OTHER_PEER = '127.0.0.2';
const CLIENT = Uint8Array.of(203, 0, 113, 7);
const HEADER = proxyHeader({ body: proxyAddresses(CLIENT, 40_000) });
const ASK = Buffer.concat([Buffer.from('0003', 'hex'), Buffer.from('ask')]);

const cleanUps: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface Lab {
  readonly listener: Listener;
  readonly asked: QuerySource[];
  readonly events: ListenerEvent[];
}

async function listen(limits: Partial<TcpLimits> = {}, admit?: (address: string) => boolean): Promise<Lab> {
  const asked: QuerySource[] = [];
  const events: ListenerEvent[] = [];
  const listener = await openTcpListener({
    address: '127.0.0.1',
    port: 0,
    answer: (packet, source) => {
      asked.push(source);
      return packet;
    },
    isProxy: (address) => address === PROXY_PEER,
    limits: { ...DEFAULT_TCP_LIMITS, ...limits },
    onEvent: (event) => events.push(event),
    ...(admit === undefined ? {} : { admit }),
  });
  if (listener.kind === 'listen-error') throw new Error(listener.message);
  cleanUps.push(() => listener.close(0));
  return { listener, asked, events };
}

interface Peer {
  readonly socket: net.Socket;
  readonly closed: Promise<unknown>;
  received(): string;
}

async function connect({ listener }: Lab, from = PROXY_PEER): Promise<Peer> {
  const socket = net.connect({ host: listener.address, port: listener.port, localAddress: from });
  cleanUps.push(() => socket.destroy());
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  // A reset is one of the ways in which a connection may close.
  const closed = new Promise((resolve) => {
    socket.on('error', resolve);
    socket.on('close', resolve);
  });
  await once(socket, 'connect');
  return { socket, closed, received: () => received };
}

describe('a connection from a trusted proxy', () => {
  test('belongs to the client its header names', async () => {
    const lab = await listen();
    const peer = await connect(lab);
    peer.socket.write(Buffer.concat([HEADER, ASK]));
    await expect.poll(peer.received).toBe(ASK.toString('latin1'));
    expect(lab.asked).toEqual([{ address: '203.0.113.7', port: 40_000, protocol: 'tcp', listener: `127.0.0.1:${lab.listener.port}` }]);
  });

  test('may send its header octet by octet, and queries right behind it', async () => {
    const lab = await listen();
    const peer = await connect(lab);
    peer.socket.setNoDelay(true);
    for (const octet of Buffer.concat([HEADER, ASK, ASK])) {
      peer.socket.write(Uint8Array.of(octet));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => lab.asked.length).toBe(2);
    expect(new Set(lab.asked.map(({ address }) => address))).toEqual(new Set(['203.0.113.7']));
  });

  test('of IPv6 clients names IPv4-mapped ones as IPv4', async () => {
    const lab = await listen();
    const peer = await connect(lab);
    const mapped = Buffer.concat([Buffer.from('00000000000000000000ffff', 'hex'), CLIENT]);
    peer.socket.write(Buffer.concat([proxyHeader({ family: 0x21, body: proxyAddresses(mapped, 1) }), ASK]));
    await expect.poll(() => lab.asked.map(({ address }) => address)).toEqual(['203.0.113.7']);
  });

  test('with LOCAL is the proxy asking for itself', async () => {
    const lab = await listen();
    const peer = await connect(lab);
    peer.socket.write(Buffer.concat([proxyHeader({ command: 0x20 }), ASK]));
    await expect.poll(() => lab.asked.map(({ address }) => address)).toEqual([PROXY_PEER]);
  });

  test.each([
    ['a query without a header', ASK],
    ['the text of version 1', Buffer.from('PROXY TCP4 203.0.113.7 127.0.0.1 1 53\r\n')],
    ['a header for UDP', proxyHeader({ family: 0x12, body: proxyAddresses(CLIENT, 1) })],
  ])('is closed unanswered for %s', async (_, octets) => {
    const lab = await listen();
    const peer = await connect(lab);
    peer.socket.write(octets);
    await peer.closed;
    expect(peer.received()).toBe('');
    expect(lab.asked).toEqual([]);
    expect(lab.events.map(({ kind }) => kind)).toEqual(['proxy-refused']);
  });

  test('that ends within its header is closed', async () => {
    const lab = await listen();
    const peer = await connect(lab);
    peer.socket.end(HEADER.subarray(0, 20));
    await peer.closed;
    await expect.poll(() => lab.events.map(({ kind }) => kind)).toEqual(['proxy-refused']);
  });

  test('that never completes its header is closed in the time a message may take, trickle or not', async () => {
    const lab = await listen({ messageMs: 60, idleMs: 10_000 });
    const peer = await connect(lab);
    peer.socket.write(HEADER.subarray(0, 5));
    await peer.closed;
    expect(lab.events.map(({ kind }) => kind)).toEqual(['connection-expired']);
  });

  test('is held against clients.allow by the client, not by the proxy', async () => {
    const lab = await listen({}, (address) => address === '203.0.113.7');
    const served = await connect(lab);
    served.socket.write(Buffer.concat([HEADER, ASK]));
    await expect.poll(() => lab.asked.length).toBe(1);
    const stranger = await connect(lab);
    stranger.socket.write(Buffer.concat([proxyHeader({ body: proxyAddresses(Uint8Array.of(198, 51, 100, 1), 1) }), ASK]));
    await stranger.closed;
    expect(lab.asked).toHaveLength(1);
    expect(lab.events.map(({ kind, detail }) => `${kind} ${detail}`)).toEqual(['client-refused 198.51.100.1']);
  });

  test('counts for its client: one client has its share, another its own', async () => {
    const lab = await listen({ maxConnectionsPerClient: 2 });
    for (let index = 0; index < 2; index++) (await connect(lab)).socket.write(Buffer.concat([HEADER, ASK]));
    await expect.poll(() => lab.asked.length).toBe(2);
    const third = await connect(lab);
    third.socket.write(Buffer.concat([HEADER, ASK]));
    await third.closed;
    expect(lab.events.map(({ kind }) => kind)).toEqual(['connection-refused']);
    const other = await connect(lab);
    other.socket.write(Buffer.concat([proxyHeader({ body: proxyAddresses(Uint8Array.of(203, 0, 113, 8), 1) }), ASK]));
    await expect.poll(() => lab.asked.length).toBe(3);
  });

  test('without a header yet makes room when all connections are used up', async () => {
    const lab = await listen({ maxConnections: 2 });
    const silent = [await connect(lab), await connect(lab)];
    const peer = await connect(lab);
    peer.socket.write(Buffer.concat([HEADER, ASK]));
    await expect.poll(() => lab.asked.length).toBe(1);
    await silent[0]?.closed;
  });

  test('does not keep a listener from closing', async () => {
    const lab = await listen();
    const peer = await connect(lab);
    peer.socket.write(HEADER.subarray(0, 5));
    await lab.listener.close(5_000);
    await peer.closed;
  });
});

test('a header from any other peer is octets of a query: it names nobody and gets no answer', async () => {
  const lab = await listen({ messageMs: 60 });
  const peer = await connect(lab, OTHER_PEER);
  // The signature's first two octets announce a message of 3,338 octets.
  peer.socket.write(Buffer.concat([HEADER, ASK]));
  await peer.closed;
  expect(peer.received()).toBe('');
  expect(lab.asked).toEqual([]);
  const honest = await connect(lab, OTHER_PEER);
  honest.socket.write(ASK);
  await expect.poll(() => lab.asked.map(({ address }) => address)).toEqual([OTHER_PEER]);
});
