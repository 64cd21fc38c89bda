/**
 * Upstreams that fail in ways the stub authority cannot: a relay in front of it that spoils the TCP stream, and one that a forger shoots
 * at. Loopback only. What an honest answer is, is the stub authority's.
 */
import dgram from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { type StubAuthority, startStubAuthority } from './stub-authority.ts';

/** `drip`: one octet of the answers in a while; `half-closed`: the relay closes its side and reads on; `silent`: reads and says nothing. */
export type StreamFault = 'none' | 'drip' | 'half-closed' | 'silent';

export interface FaultyRelay {
  readonly url: string;
  fault: StreamFault;
  close(): Promise<void>;
}

const DRIP_EVERY_MS = 500;

/** A TCP relay to `behind`; a change of `fault` holds for what is sent from then on, on old connections too. */
export async function startFaultyRelay(behind: StubAuthority): Promise<FaultyRelay> {
  const sockets = new Set<net.Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const relay: { fault: StreamFault } = { fault: 'none' };

  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const authority = net.connect(behind.port, behind.address);
    let dripping = Buffer.alloc(0);
    const timer = setInterval(() => {
      if (dripping.length === 0 || !client.writable) return;
      client.write(dripping.subarray(0, 1));
      dripping = dripping.subarray(1);
    }, DRIP_EVERY_MS);
    timers.add(timer);
    for (const socket of [client, authority]) {
      sockets.add(socket);
      // Resets are part of the game; `close` follows.
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        clearInterval(timer);
        timers.delete(timer);
        client.destroy();
        authority.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (relay.fault === 'half-closed') client.end();
      else if (relay.fault !== 'silent') authority.write(chunk);
    });
    authority.on('data', (chunk) => {
      if (relay.fault === 'drip') dripping = Buffer.concat([dripping, chunk]);
      else if (relay.fault === 'none' && client.writable) client.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(relay, {
    url: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const timer of timers) clearInterval(timer);
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
}

export interface Forgery {
  /** Forged answers for each question, the first of them before the honest one, the others while there is time beside it. */
  readonly perQuery: number;
  /** `everywhere`: to ports at random, as somebody who does not see the question must. `the-port`: to the one it came from. */
  readonly ports: 'everywhere' | 'the-port';
  /** `wrong`: any but the right one; `right`: the forger sees the question, all but its letter case. */
  readonly ids: 'random' | 'wrong' | 'right';
  /** UDP ports of 127.0.0.1 that belong to others on this machine and are not shot at. */
  readonly spare?: () => ReadonlySet<number>;
}

export interface ForgedUpstream {
  readonly url: string;
  forgery: Forgery | null;
  /** Forged answers sent so far. */
  readonly forged: number;
  close(): Promise<void>;
}

const HONEST_AFTER_MS = 20;
const SHOTS_AT_ONCE = 100;
const LOWEST_PORT = 1024;

/** Answers over UDP and TCP with `honestAddress`; forged answers come from the same address and port and hold `forgedAddress`. */
export async function startForgedUpstream(honestAddress: string, forgedAddress: string): Promise<ForgedUpstream> {
  const honest = { type: 'A', data: honestAddress, ttl: 300 } as const;
  const overTcp = await startStubAuthority({
    transports: ['tcp'],
    reply: ({ qname }) => ({ answers: [{ ...honest, name: qname }] }),
  });
  const socket = dgram.createSocket({ type: 'udp4', sendBufferSize: 4_000_000 });
  socket.bind({ port: overTcp.port, address: overTcp.address, exclusive: true });
  await once(socket, 'listening');
  const state = { forgery: null as Forgery | null, forged: 0, closed: false };

  socket.on('message', (packet, from) => {
    const { forgery } = state;
    const rightId = packet.readUInt16BE(0);
    const spared = forgery?.spare?.() ?? new Set<number>();
    let shots = 0;
    const shoot = (): void => {
      if (forgery === null || state.closed) return;
      for (const end = Math.min(shots + SHOTS_AT_ONCE, forgery.perQuery); shots < end; shots++) {
        const port = forgery.ports === 'the-port' ? from.port : anyPort(spared);
        // A forger does not know the letter case of the question.
        socket.send(answerTo(packet, idOf(forgery, rightId), forgedAddress, true), port, from.address);
        state.forged++;
      }
      // Honest answers are sent from the same thread: the forger must not keep it.
      if (shots < forgery.perQuery) setImmediate(shoot);
    };
    shoot();
    setTimeout(() => {
      if (!state.closed) socket.send(answerTo(packet, rightId, honestAddress, false), from.port, from.address);
    }, HONEST_AFTER_MS);
  });

  return Object.assign(state, {
    url: overTcp.url('udp'),
    async close() {
      state.closed = true;
      socket.close();
      await overTcp.close();
    },
  });
}

function anyPort(but: ReadonlySet<number>): number {
  for (;;) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (65_536 - LOWEST_PORT));
    if (!but.has(port)) return port;
  }
}

/** UDP ports that are bound on this machine, but not by this process: /proc/net/udp holds them with the inodes of their sockets. */
export function udpPortsOfOthers(pid: number): ReadonlySet<number> {
  const own = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1] ?? ''));
  const sockets = ['udp', 'udp6'].flatMap((file) => readFileSync(`/proc/net/${file}`, 'latin1').trim().split('\n').slice(1));
  return new Set(
    sockets.flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      return own.has(fields[9] ?? '') ? [] : [Number.parseInt(fields[1]?.split(':')[1] ?? '0', 16)];
    }),
  );
}

/** Descriptors come and go while they are listed. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function idOf({ ids }: Forgery, rightId: number): number {
  if (ids === 'right') return rightId;
  return anyId(ids === 'wrong' ? rightId : null);
}

function anyId(but: number | null): number {
  const id = Math.floor(Math.random() * 65_536);
  return id === but ? (id + 1) & 0xffff : id;
}

/** Header, question and one A record; the question in lower case if so wanted. */
function answerTo(query: Buffer, id: number, address: string, lowerCase: boolean): Buffer {
  let end = 12;
  while (query.readUInt8(end) !== 0) end += 1 + query.readUInt8(end);
  const head = Buffer.from(query.subarray(0, end + 5));
  if (lowerCase)
    for (let at = 12; at < end; at++) if (head.readUInt8(at) >= 0x41 && head.readUInt8(at) <= 0x5a) head[at] = head.readUInt8(at) + 0x20;
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(1, 6);
  head.writeUInt32BE(0, 8);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, ...address.split('.').map(Number)]);
  return Buffer.concat([head, record]);
}
