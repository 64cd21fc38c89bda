/**
 * One TCP listener per address (RFC 7766, RFC 9210): accepts, limits connections per client and in all, closes the slow and
 * the silent, drains at the end. What happens on one connection is `tcp-connection.ts`.
 */
import net from 'node:net';
import type { QuerySource } from '../pipeline/ports.ts';
import { addressAndPort } from '../wire/address.ts';
import { type ListenError, listenError } from './listen-error.ts';
import { type AnswerQuery, clientAddress, errorText, type Listener, type OnListenerEvent } from './listener.ts';
import { ProxyHandshake } from './proxy-handshake.ts';
import { TcpConnection } from './tcp-connection.ts';

export interface TcpLimits {
  /** Connections in all. When they are used up, the one that waits longest for its client makes room. */
  readonly maxConnections: number;
  /** Connections of one client address. */
  readonly maxConnectionsPerClient: number;
  /** Queries of one connection in work at once. */
  readonly maxOutstanding: number;
  /** Silence between queries. */
  readonly idleMs: number;
  /** The same once three quarters of `maxConnections` are in use (RFC 7766 §6.2.3). */
  readonly busyIdleMs: number;
  /** From the first octet of a query to its last, however they trickle in. */
  readonly messageMs: number;
  /** For the client to read answers that fill its window. */
  readonly readerMs: number;
  /** For the client to close after our end of the connection. */
  readonly closeMs: number;
}

export const DEFAULT_TCP_LIMITS: TcpLimits = {
  maxConnections: 1_000,
  maxConnectionsPerClient: 20,
  maxOutstanding: 100,
  idleMs: 10_000,
  busyIdleMs: 1_000,
  messageMs: 5_000,
  readerMs: 10_000,
  closeMs: 1_000,
};

export interface TcpListenerOptions {
  /** An address of this machine; link-local IPv6 with its zone. */
  readonly address: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly answer: AnswerQuery;
  /** `clients.allow`: false closes the connection before a single octet is read. */
  readonly admit?: (address: string) => boolean;
  /**
   * `proxyProtocol.from`: whose connections must begin with a PROXY header, which names the client. Everybody else's never do: there
   * a header is only octets that are no query.
   */
  readonly isProxy?: (address: string) => boolean;
  readonly limits?: TcpLimits;
  readonly onEvent?: OnListenerEvent;
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number;
}

/** Binds and starts to answer; a bind that fails is a value. */
export async function openTcpListener(options: TcpListenerOptions): Promise<Listener | ListenError> {
  const { address, port } = options;
  // Half-open: a client that has sent its last query and closed its side still gets the answers.
  const server = net.createServer({ allowHalfOpen: true, noDelay: true });
  const failure = await new Promise<unknown>((resolve) => {
    server.once('error', resolve);
    server.listen({ host: address, port, ipv6Only: true }, () => {
      server.removeListener('error', resolve);
      resolve(null);
    });
  });
  return failure === null ? new TcpListener(server, options) : listenError(failure, address, port, 'tcp');
}

class TcpListener implements Listener {
  readonly kind = 'listener';
  readonly protocol = 'tcp';
  readonly address: string;
  readonly port: number;
  readonly #server: net.Server;
  readonly #options: TcpListenerOptions;
  readonly #limits: TcpLimits;
  readonly #nowMs: () => number;
  readonly #name: string;
  readonly #connections = new Set<TcpConnection | ProxyHandshake>();
  readonly #perClient = new Map<string, number>();
  readonly #sweep: NodeJS.Timeout;
  #closing: Promise<void> | null = null;
  #allClosed: (() => void) | null = null;

  constructor(server: net.Server, options: TcpListenerOptions) {
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('a TCP listener without an address');
    this.#server = server;
    this.#options = options;
    this.#limits = options.limits ?? DEFAULT_TCP_LIMITS;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.address = bound.address;
    this.port = bound.port;
    this.#name = addressAndPort(bound);
    server.on('connection', (socket) => this.#accept(socket));
    server.on('error', (error) => this.#report('socket-failed', errorText(error)));
    // One timer for all connections: a timer for each would be re-armed with every query.
    this.#sweep = setInterval(() => this.#closeExpired(), sweepMs(this.#limits)).unref();
  }

  pending(): number {
    let sum = 0;
    for (const connection of this.#connections) sum += connection.outstanding;
    return sum;
  }

  close(drainMs: number): Promise<void> {
    this.#closing ??= this.#drain(drainMs);
    return this.#closing;
  }

  #accept(socket: net.Socket): void {
    const peer = socket.remoteAddress;
    const port = socket.remotePort;
    // Both are gone when the client left before it was accepted.
    if (peer === undefined || port === undefined || this.#closing !== null) {
      socket.destroy();
      return;
    }
    if (this.#options.isProxy?.(clientAddress(peer)) === true) this.#shakeHands(socket, peer, port);
    else this.#serve(socket, clientAddress(peer), port);
  }

  /** Before the header is there nobody knows the client, so only the number of all connections is held against it. */
  #shakeHands(socket: net.Socket, proxy: string, proxyPort: number): void {
    if (!this.#makeRoom()) {
      this.#turnAway(socket, 'connection-refused', proxy);
      return;
    }
    const handshake = new ProxyHandshake(socket, {
      nowMs: this.#nowMs,
      onClient: (client) => {
        this.#connections.delete(handshake);
        if (this.#closing !== null) socket.destroy();
        else this.#serve(socket, clientAddress(client?.address ?? proxy), client?.port ?? proxyPort);
        this.#noteEmpty();
      },
      onRefused: (reason) => this.#report('proxy-refused', reason),
      onClosed: () => {
        this.#connections.delete(handshake);
        this.#noteEmpty();
      },
    });
    this.#connections.add(handshake);
  }

  #serve(socket: net.Socket, client: string, port: number): void {
    if (this.#options.admit !== undefined && !this.#options.admit(client)) {
      this.#turnAway(socket, 'client-refused', client);
      return;
    }
    const ofClient = this.#perClient.get(client) ?? 0;
    if (ofClient >= this.#limits.maxConnectionsPerClient || !this.#makeRoom()) {
      this.#turnAway(socket, 'connection-refused', client);
      return;
    }
    this.#perClient.set(client, ofClient + 1);
    this.#connections.add(this.#connect(socket, { address: client, port, protocol: 'tcp', listener: this.#name }));
  }

  #connect(socket: net.Socket, source: QuerySource): TcpConnection {
    const connection: TcpConnection = new TcpConnection(socket, {
      answer: this.#options.answer,
      source,
      maxOutstanding: this.#limits.maxOutstanding,
      nowMs: this.#nowMs,
      report: (kind, detail) => this.#report(kind, detail),
      onClosed: () => this.#forget(connection, source.address),
    });
    return connection;
  }

  #turnAway(socket: net.Socket, kind: 'client-refused' | 'connection-refused', client: string): void {
    socket.destroy();
    this.#report(kind, client);
  }

  #forget(connection: TcpConnection, client: string): void {
    this.#connections.delete(connection);
    const left = (this.#perClient.get(client) ?? 1) - 1;
    if (left > 0) this.#perClient.set(client, left);
    else this.#perClient.delete(client);
    this.#noteEmpty();
  }

  #noteEmpty(): void {
    if (this.#connections.size === 0) this.#allClosed?.();
  }

  /** At the limit, whoever keeps us waiting longest goes; false when every connection waits for our answers. */
  #makeRoom(): boolean {
    if (this.#connections.size < this.#limits.maxConnections) return true;
    let slowest: TcpConnection | ProxyHandshake | null = null;
    for (const connection of this.#connections) {
      if (connection.waiting === 'answer') continue;
      if (slowest === null || connection.waitingSinceMs < slowest.waitingSinceMs) slowest = connection;
    }
    if (slowest === null) return false;
    slowest.destroy();
    this.#report('connection-expired', 'made room for another client');
    return true;
  }

  #closeExpired(): void {
    const nowMs = this.#nowMs();
    for (const connection of this.#connections) {
      const waitedMs = nowMs - connection.waitingSinceMs;
      if (waitedMs < this.#patienceMs(connection)) continue;
      if (connection.waiting === 'query') connection.finish();
      else {
        const { waiting } = connection;
        connection.destroy();
        if (waiting !== 'close') this.#report('connection-expired', `waited ${Math.round(waitedMs)} ms for the ${waiting}`);
      }
    }
  }

  #patienceMs(connection: TcpConnection | ProxyHandshake): number {
    switch (connection.waiting) {
      case 'query':
        return this.#connections.size * 4 > this.#limits.maxConnections * 3 ? this.#limits.busyIdleMs : this.#limits.idleMs;
      case 'message':
        return this.#limits.messageMs;
      case 'reader':
        return this.#limits.readerMs;
      case 'close':
        return this.#limits.closeMs;
      // Our own turn: every query is answered within the upstream's patience.
      case 'answer':
        return Number.POSITIVE_INFINITY;
    }
  }

  async #drain(drainMs: number): Promise<void> {
    const serverClosed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const connection of this.#connections) connection.finish();
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, drainMs);
        this.#allClosed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const connection of this.#connections) connection.destroy();
    await serverClosed;
    clearInterval(this.#sweep);
  }

  #report(kind: Parameters<OnListenerEvent>[0]['kind'], detail: string): void {
    this.#options.onEvent?.({ kind, listener: this.#name, protocol: 'tcp', detail });
  }
}

/** A quarter of the shortest limit, between 10 ms and 1 s: a limit is kept to within that. */
function sweepMs(limits: TcpLimits): number {
  const shortest = Math.min(limits.idleMs, limits.busyIdleMs, limits.messageMs, limits.readerMs, limits.closeMs);
  return Math.min(1_000, Math.max(10, shortest / 4));
}
