import dgram from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import type { AnswerQuery, Listener, ListenerEvent } from '../../../src/listener/listener.ts';
import { openUdpListener } from '../../../src/listener/udp.ts';
import type { QuerySource } from '../../../src/pipeline/ports.ts';

const cleanUps: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function listen(
  answer: AnswerQuery,
  extra: { address?: string; maxPending?: number; events?: ListenerEvent[] } = {},
): Promise<Listener> {
  const opened = await openUdpListener({
    address: extra.address ?? '127.0.0.1',
    port: 0,
    answer,
    ...(extra.maxPending === undefined ? {} : { maxPending: extra.maxPending }),
    onEvent: (event) => extra.events?.push(event),
  });
  if (opened.kind === 'listen-error') throw new Error(opened.message);
  cleanUps.push(() => opened.close(0));
  return opened;
}

function client(type: 'udp4' | 'udp6' = 'udp4'): dgram.Socket {
  const socket = dgram.createSocket(type);
  cleanUps.push(() => socket.close());
  return socket;
}

async function ask(socket: dgram.Socket, listener: Listener, text: string): Promise<{ text: string; from: string }> {
  socket.send(text, listener.port, listener.address);
  const [message, peer] = await once(socket, 'message');
  return { text: String(message), from: `${peer.address} ${peer.port}` };
}

const echo: AnswerQuery = (packet) => Buffer.concat([Buffer.from('re:'), packet]);
const never = new Promise<null>(() => undefined);

describe('UDP listener', () => {
  test.each([
    ['127.0.0.1', 'udp4'],
    ['::1', 'udp6'],
  ] as const)('answers on %s from the address that was asked', async (address, type) => {
    const listener = await listen(echo, { address });
    expect(listener.port).toBeGreaterThan(0);
    expect(await ask(client(type), listener, 'hello')).toEqual({ text: 're:hello', from: `${address} ${listener.port}` });
  });

  test('tells the source and the listener of a query', async () => {
    const sources: QuerySource[] = [];
    const listener = await listen((packet, source) => {
      sources.push(source);
      return packet;
    });
    const socket = client();
    await ask(socket, listener, 'who');
    expect(sources).toEqual([
      { address: '127.0.0.1', port: socket.address().port, protocol: 'udp', listener: `127.0.0.1:${listener.port}` },
    ]);
  });

  test('sends answers that come later to whoever asked', async () => {
    const waiting = new Map<string, (answer: Uint8Array) => void>();
    const listener = await listen((packet) => new Promise((resolve) => waiting.set(String(packet), resolve)));
    const [first, second] = [client(), client()];
    const answers = Promise.all([ask(first, listener, 'first'), ask(second, listener, 'second')]);
    await expect.poll(() => listener.pending()).toBe(2);
    waiting.get('second')?.(Buffer.from('2'));
    waiting.get('first')?.(Buffer.from('1'));
    expect((await answers).map((answer) => answer.text)).toEqual(['1', '2']);
    expect(listener.pending()).toBe(0);
  });

  test('a null answer sends nothing and the next query is answered', async () => {
    const listener = await listen((packet) => (String(packet) === 'drop' ? null : packet));
    const socket = client();
    socket.send('drop', listener.port, listener.address);
    expect((await ask(socket, listener, 'keep')).text).toBe('keep');
  });

  test('a throw and a rejection are reported, answer nothing and leave the listener working', async () => {
    const events: ListenerEvent[] = [];
    const listener = await listen(
      (packet) => {
        if (String(packet) === 'throw') throw new TypeError('thrown');
        if (String(packet) === 'reject') return Promise.reject(new TypeError('rejected'));
        return packet;
      },
      { events },
    );
    const socket = client();
    socket.send('throw', listener.port, listener.address);
    socket.send('reject', listener.port, listener.address);
    expect((await ask(socket, listener, 'fine')).text).toBe('fine');
    expect(events.map((event) => [event.kind, event.detail])).toEqual([
      ['answer-failed', 'TypeError: thrown'],
      ['answer-failed', 'TypeError: rejected'],
    ]);
    expect(listener.pending()).toBe(0);
  });

  test('an answer too large for a datagram is reported and does not stop the listener', async () => {
    const events: ListenerEvent[] = [];
    const listener = await listen((packet) => (String(packet) === 'huge' ? new Uint8Array(70_000) : packet), { events });
    const socket = client();
    socket.send('huge', listener.port, listener.address);
    expect((await ask(socket, listener, 'fine')).text).toBe('fine');
    expect(events.map((event) => event.kind)).toEqual(['send-failed']);
  });

  test('drops and reports queries beyond the pending bound', async () => {
    const events: ListenerEvent[] = [];
    let asked = 0;
    const listener = await listen(
      () => {
        asked += 1;
        return never;
      },
      { maxPending: 3, events },
    );
    const socket = client();
    for (let i = 0; i < 5; i += 1) socket.send(`q${i}`, listener.port, listener.address);
    await expect.poll(() => events.length).toBe(2);
    expect(events.every((event) => event.kind === 'overloaded')).toBe(true);
    expect([asked, listener.pending()]).toEqual([3, 3]);
  });

  test('closing waits for pending answers and takes no new query', async () => {
    let release: (answer: Uint8Array) => void = () => undefined;
    const asked: string[] = [];
    const listener = await listen((packet) => {
      asked.push(String(packet));
      return new Promise((resolve) => {
        release = resolve;
      });
    });
    const socket = client();
    const answered = ask(socket, listener, 'before');
    await expect.poll(() => listener.pending()).toBe(1);
    const closed = listener.close(5_000);
    await new Promise((resolve) => socket.send('after', listener.port, listener.address, resolve));
    await new Promise((resolve) => setTimeout(resolve, 20));
    release(Buffer.from('done'));
    expect((await answered).text).toBe('done');
    await closed;
    expect(asked).toEqual(['before']);
  });

  test('closing gives up on an answer that never comes', async () => {
    const listener = await listen(() => never);
    client().send('q', listener.port, listener.address);
    await expect.poll(() => listener.pending()).toBe(1);
    const before = performance.now();
    await listener.close(50);
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  test('a taken port is a value that names the address', async () => {
    const listener = await listen(echo);
    const second = await openUdpListener({ address: '127.0.0.1', port: listener.port, answer: echo });
    expect(second).toMatchObject({ kind: 'listen-error', code: 'EADDRINUSE', listener: `127.0.0.1:${listener.port}` });
  });

  test('an address this machine does not have is a value', async () => {
    expect(await openUdpListener({ address: '192.0.2.1', port: 0, answer: echo })).toMatchObject({ code: 'EADDRNOTAVAIL' });
  });
});
