import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { AnswerQuery, Listener, ListenerEvent } from '../../../src/listener/listener.ts';
import { DEFAULT_TCP_LIMITS, openTcpListener, type TcpLimits } from '../../../src/listener/tcp.ts';
import type { QuerySource } from '../../../src/pipeline/ports.ts';

const cleanUps: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface Extra {
  address?: string;
  limits?: Partial<TcpLimits>;
  admit?: (address: string) => boolean;
  events?: ListenerEvent[];
}

async function listen(answer: AnswerQuery, extra: Extra = {}): Promise<Listener> {
  const opened = await openTcpListener({
    address: extra.address ?? '127.0.0.1',
    port: 0,
    answer,
    limits: { ...DEFAULT_TCP_LIMITS, ...extra.limits },
    ...(extra.admit === undefined ? {} : { admit: extra.admit }),
    onEvent: (event) => extra.events?.push(event),
  });
  if (opened.kind === 'listen-error') throw new Error(opened.message);
  cleanUps.push(() => opened.close(0));
  return opened;
}

function frame(text: string | Uint8Array): Buffer {
  const message = Buffer.from(text);
  return Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]);
}

/** A client that collects the answers it gets. */
class Client {
  readonly socket: net.Socket;
  readonly closed: Promise<unknown>;
  ended = false;
  #received = Buffer.alloc(0);

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    socket.on('end', () => {
      this.ended = true;
    });
    // A reset is one of the ways in which a connection may close.
    this.closed = new Promise((resolve) => {
      socket.on('error', resolve);
      socket.on('close', resolve);
    });
  }

  get answers(): string[] {
    const texts: string[] = [];
    for (let offset = 0; offset + 2 <= this.#received.length; ) {
      const end = offset + 2 + this.#received.readUInt16BE(offset);
      if (end > this.#received.length) break;
      texts.push(this.#received.toString('latin1', offset + 2, end));
      offset = end;
    }
    return texts;
  }
}

async function connect(listener: Listener, options: { allowHalfOpen?: boolean } = {}): Promise<Client> {
  const socket = net.connect({ host: listener.address, port: listener.port, ...options });
  cleanUps.push(() => socket.destroy());
  const client = new Client(socket);
  await once(socket, 'connect');
  return client;
}

const echo: AnswerQuery = (packet) => packet;
const later: AnswerQuery = (packet) => new Promise((resolve) => setImmediate(resolve, packet));
const never = new Promise<null>(() => undefined);
const numbers = (count: number) => Array.from({ length: count }, (_, index) => `query ${index}`);

describe('TCP listener', () => {
  test.each(['127.0.0.1', '::1'])('answers on %s and tells the source', async (address) => {
    const sources: QuerySource[] = [];
    const listener = await listen(
      (packet, source) => {
        sources.push(source);
        return packet;
      },
      { address },
    );
    const client = await connect(listener);
    client.socket.write(frame('hello'));
    await expect.poll(() => client.answers).toEqual(['hello']);
    const name = address === '::1' ? `[::1]:${listener.port}` : `127.0.0.1:${listener.port}`;
    expect(sources).toEqual([{ address, port: client.socket.localPort, protocol: 'tcp', listener: name }]);
  });

  test.each([
    ['at once', echo],
    ['later', later],
  ])('1,000 queries in one write all get their answer when they are answered %s', async (_when, answer) => {
    const listener = await listen(answer);
    const client = await connect(listener);
    client.socket.write(Buffer.concat(numbers(1_000).map(frame)));
    await expect.poll(() => client.answers.length, { timeout: 5_000 }).toBe(1_000);
    expect(client.answers.toSorted()).toEqual(numbers(1_000).toSorted());
  });

  test('1,000 queries and a closed client side in one write all get their answer, and then the end', async () => {
    const listener = await listen(later, { limits: { maxOutstanding: 10 } });
    const client = await connect(listener, { allowHalfOpen: true });
    client.socket.end(Buffer.concat(numbers(1_000).map(frame)));
    await expect.poll(() => client.ended, { timeout: 5_000 }).toBe(true);
    expect(client.answers.length).toBe(1_000);
  });

  test('a slow answer does not hold up the ones behind it', async () => {
    let release: (answer: Uint8Array) => void = () => undefined;
    const listener = await listen((packet) => {
      if (String(packet) !== 'slow') return packet;
      return new Promise((resolve) => {
        release = resolve;
      });
    });
    const client = await connect(listener);
    client.socket.write(Buffer.concat(['slow', 'fast 1', 'fast 2'].map(frame)));
    await expect.poll(() => client.answers).toEqual(['fast 1', 'fast 2']);
    expect(listener.pending()).toBe(1);
    release(Buffer.from('slow'));
    await expect.poll(() => client.answers).toEqual(['fast 1', 'fast 2', 'slow']);
  });

  test('takes no more than the outstanding bound from one connection', async () => {
    const release: (() => void)[] = [];
    const listener = await listen((packet) => new Promise((resolve) => release.push(() => resolve(packet))), {
      limits: { maxOutstanding: 5 },
    });
    const client = await connect(listener);
    client.socket.write(Buffer.concat(numbers(12).map(frame)));
    await expect.poll(() => listener.pending()).toBe(5);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(release.length).toBe(5);
    release[3]?.();
    await expect.poll(() => release.length).toBe(6);
    while (client.answers.length < 12) {
      for (const answer of release) answer();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(client.answers.toSorted()).toEqual(numbers(12).toSorted());
  });

  test('a query that arrives octet by octet is answered', async () => {
    const client = await connect(await listen(echo));
    for (const octet of frame('drip')) {
      client.socket.write(Buffer.from([octet]));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await expect.poll(() => client.answers).toEqual(['drip']);
  });

  test('a client that never finishes its query is closed although it keeps sending', async () => {
    const events: ListenerEvent[] = [];
    const client = await connect(await listen(echo, { limits: { messageMs: 80, idleMs: 60_000 }, events }));
    client.socket.write(Buffer.from([0xff, 0xff]));
    const drip = setInterval(() => client.socket.write('x'), 10);
    await client.closed;
    clearInterval(drip);
    expect(events.map((event) => event.kind)).toContain('connection-expired');
    expect(client.answers).toEqual([]);
  });

  test('a silent client is closed after the idle time, one with an outstanding query is not', async () => {
    const listener = await listen(() => never, { limits: { idleMs: 60 } });
    const silent = await connect(listener);
    const waiting = await connect(listener);
    waiting.socket.write(frame('slow'));
    await silent.closed;
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(waiting.ended).toBe(false);
  });

  test('idle time is short once most connections are in use', async () => {
    const listener = await listen(echo, { limits: { maxConnections: 4, idleMs: 60_000, busyIdleMs: 50 } });
    const clients = await Promise.all([connect(listener), connect(listener), connect(listener), connect(listener)]);
    await Promise.race(clients.map((client) => client.closed));
  });

  test('a client that does not read its answers stops being read, and is closed in the end', async () => {
    const events: ListenerEvent[] = [];
    let asked = 0;
    const listener = await listen(
      () => {
        asked += 1;
        return new Uint8Array(60_000);
      },
      { limits: { readerMs: 200 }, events },
    );
    const client = await connect(listener);
    client.socket.pause();
    client.socket.write(Buffer.concat(numbers(2_000).map(frame)));
    await expect.poll(() => events.map((event) => event.kind), { timeout: 5_000 }).toContain('connection-expired');
    // What the kernel's buffers take (a few MB), not all 120 MB.
    expect(asked).toBeLessThan(1_000);
  });

  test('one client gets no more than its share of connections', async () => {
    const events: ListenerEvent[] = [];
    const listener = await listen(echo, { limits: { maxConnectionsPerClient: 2 }, events });
    const first = await connect(listener);
    await connect(listener);
    const third = await connect(listener);
    await third.closed;
    expect(events.map((event) => event.kind)).toEqual(['connection-refused']);
    first.socket.destroy();
    await expect
      .poll(async () => {
        const again = await connect(listener);
        again.socket.write(frame('again'));
        await Promise.race([again.closed, once(again.socket, 'data')]);
        return again.answers;
      })
      .toEqual(['again']);
  });

  test('when connections are used up the longest silent one makes room', async () => {
    const listener = await listen(echo, { limits: { maxConnections: 2, busyIdleMs: 60_000 } });
    const oldest = await connect(listener);
    oldest.socket.write(Buffer.from([0]));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const second = await connect(listener);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const third = await connect(listener);
    await oldest.closed;
    for (const client of [second, third]) client.socket.write(frame('still here'));
    await expect.poll(() => [second.answers, third.answers]).toEqual([['still here'], ['still here']]);
  });

  test('when every connection waits for an answer a newcomer is turned away', async () => {
    const listener = await listen(() => never, { limits: { maxConnections: 1 } });
    const first = await connect(listener);
    first.socket.write(frame('slow'));
    await expect.poll(() => listener.pending()).toBe(1);
    await (await connect(listener)).closed;
    expect(first.ended).toBe(false);
  });

  test('a client that is not admitted is closed before it is read', async () => {
    const events: ListenerEvent[] = [];
    const seen: string[] = [];
    const admit = (address: string) => {
      seen.push(address);
      return false;
    };
    const refuse: AnswerQuery = () => {
      throw new Error('a refused client was read');
    };
    const client = await connect(await listen(refuse, { admit, events }));
    client.socket.write(frame('query'));
    await client.closed;
    expect(seen).toEqual(['127.0.0.1']);
    expect(events.map((event) => event.kind)).toEqual(['client-refused']);
  });

  test('octets that are no query close the connection after the answers still due', async () => {
    const listener = await listen((packet, source) => (String(packet) === 'garbage' ? null : later(packet, source)));
    const client = await connect(listener);
    client.socket.write(Buffer.concat(['one', 'two', 'garbage', 'never read'].map(frame)));
    await client.closed;
    expect(client.answers).toEqual(['one', 'two']);
  });

  test('an empty message is given to the pipeline like any other', async () => {
    const lengths: number[] = [];
    const client = await connect(
      await listen((packet) => {
        lengths.push(packet.length);
        return null;
      }),
    );
    client.socket.write(Buffer.from([0, 0]));
    await client.closed;
    expect(lengths).toEqual([0]);
  });

  test.each([
    ['throw', 'thrown'],
    ['reject', 'rejected'],
    ['too large', '65536 octets'],
  ])('an answer that fails (%s) is reported, closes that connection and leaves the listener working', async (how, detail) => {
    const events: ListenerEvent[] = [];
    const listener = await listen(
      (packet) => {
        if (String(packet) === 'throw') throw new TypeError('thrown');
        if (String(packet) === 'reject') return Promise.reject(new TypeError('rejected'));
        if (String(packet) === 'too large') return Promise.resolve(new Uint8Array(65_536));
        return packet;
      },
      { events },
    );
    const unlucky = await connect(listener);
    unlucky.socket.write(frame(how));
    await unlucky.closed;
    expect(events.map((event) => event.kind)).toEqual(['answer-failed']);
    expect(events[0]?.detail).toContain(detail);
    const other = await connect(listener);
    other.socket.write(frame('fine'));
    await expect.poll(() => other.answers).toEqual(['fine']);
  });

  test('an answer for a client that has gone is dropped', async () => {
    let release: (answer: Uint8Array) => void = () => undefined;
    const listener = await listen(
      () =>
        new Promise((resolve) => {
          release = resolve;
        }),
    );
    const client = await connect(listener);
    client.socket.write(frame('gone'));
    await expect.poll(() => listener.pending()).toBe(1);
    client.socket.resetAndDestroy();
    await expect.poll(() => listener.pending()).toBe(0);
    release(Buffer.from('too late'));
    const other = await connect(listener);
    expect(other.ended).toBe(false);
  });

  test('closing sends the answers still due, then ends every connection', async () => {
    let release: (answer: Uint8Array) => void = () => undefined;
    const listener = await listen(
      () =>
        new Promise((resolve) => {
          release = resolve;
        }),
    );
    const idle = await connect(listener);
    const busy = await connect(listener);
    busy.socket.write(frame('due'));
    await expect.poll(() => listener.pending()).toBe(1);
    const closed = listener.close(5_000);
    await idle.closed;
    release(Buffer.from('answered'));
    await closed;
    await busy.closed;
    expect(busy.answers).toEqual(['answered']);
    const refused = net.connect(listener.port, listener.address);
    const [error] = await once(refused, 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('closing gives up on an answer that never comes', async () => {
    const listener = await listen(() => never);
    const client = await connect(listener);
    client.socket.write(frame('slow'));
    await expect.poll(() => listener.pending()).toBe(1);
    await listener.close(50);
    await client.closed;
    expect(client.answers).toEqual([]);
  });

  test('a taken port is a value that names the address', async () => {
    const listener = await listen(echo);
    const second = await openTcpListener({ address: '127.0.0.1', port: listener.port, answer: echo });
    expect(second).toMatchObject({ kind: 'listen-error', code: 'EADDRINUSE', listener: `127.0.0.1:${listener.port}` });
  });
});
