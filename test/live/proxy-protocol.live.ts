/**
 * A Kennel behind a proxy that speaks the PROXY protocol: sessions are the clients it names. The same header from anybody else names
 * nobody. On loopback, where 127.0.0.1 is the proxy and 127.0.0.2 is not.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Kennel, startKennelOnLoopback } from '../lab/kennel-process.ts';
import { readMessage } from '../lab/message-reader.ts';
import { labelsOfText, queryMessage } from '../lab/messages.ts';
import { proxyAddresses, proxyHeader } from '../packet-proxy.ts';

const PROXY_PEER = '127.0.0.1';
const OTHER_PEER = '127.0.0.2';
const NAMED = Uint8Array.of(10, 9, 8, 7);
const STRANGER = Uint8Array.of(203, 0, 113, 7);

/** Blocked, so that nothing has to be asked and a session is seen. */
const QUERY = queryMessage({ id: 7, labels: labelsOfText('blocked.example.net'), qtype: 1 });
const FRAMED = Buffer.concat([Buffer.from([QUERY.length >> 8, QUERY.length & 255]), QUERY]);
const NXDOMAIN = 3;

let kennel: Kennel;
beforeAll(async () => {
  kennel = await startKennelOnLoopback({
    mode: 'enforce',
    upstreams: ['udp://192.0.2.53'],
    reputation: 'off',
    limits: { tcp: { idle: '2s' } },
    proxyProtocol: { from: [PROXY_PEER] },
    policies: [
      { name: 'everyone', match: {}, block: [{ section: 'lab', owner: 'lab', reason: 'to see a session', names: ['**.example.net'] }] },
    ],
  });
});
afterAll(() => kennel?.remove());

/** What comes back until the connection is closed or an answer is complete. */
async function send(octets: Buffer, from: string): Promise<Buffer> {
  const socket = connect({ host: kennel.address, port: kennel.port, localAddress: from });
  let received: Buffer = Buffer.alloc(0);
  await once(socket, 'connect');
  socket.write(octets);
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) resolve();
    });
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
  });
  socket.destroy();
  return received.subarray(2);
}

async function sessions(): Promise<string> {
  return JSON.stringify(await kennel.verbJson('sessions'));
}

test('a query behind a header is its client’s', async () => {
  const answer = await send(Buffer.concat([proxyHeader({ body: proxyAddresses(NAMED, 40_000) }), FRAMED]), PROXY_PEER);
  expect(readMessage(answer)).toMatchObject({ id: 7, rcode: NXDOMAIN });
  expect(await sessions()).toContain('10.9.8.7');
});

test('a client outside clients.allow is closed off, although its proxy is inside', async () => {
  expect(await send(Buffer.concat([proxyHeader({ body: proxyAddresses(STRANGER, 40_000) }), FRAMED]), PROXY_PEER)).toHaveLength(0);
  expect(await sessions()).not.toContain('203.0.113.7');
});

test('the proxy without a header is closed off', async () => {
  expect(await send(FRAMED, PROXY_PEER)).toHaveLength(0);
});

test('a header from anybody else names nobody', async () => {
  const forged = proxyHeader({ body: proxyAddresses(Uint8Array.of(10, 66, 66, 66), 40_000) });
  expect(await send(Buffer.concat([forged, FRAMED]), OTHER_PEER)).toHaveLength(0);
  expect(await sessions()).not.toContain('10.66.66.66');
  expect(readMessage(await send(FRAMED, OTHER_PEER))).toMatchObject({ rcode: NXDOMAIN });
  expect(await sessions()).toContain(OTHER_PEER);
});
