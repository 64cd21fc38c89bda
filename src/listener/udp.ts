/**
 * One UDP socket per address: takes packets, hands them to `answer`, sends what comes back to where it came from.
 * Each address is bound on its own, so that answers leave from the address that was asked. Reads nothing of the packet:
 * what it means is the pipeline's work.
 */
import dgram from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { QuerySource } from '../pipeline/ports.ts';
import { addressAndPort } from '../wire/address.ts';
import { type ListenError, listenError } from './listen-error.ts';
import { type AnswerQuery, clientAddress, errorText, type Listener, type OnListenerEvent } from './listener.ts';

export interface UdpListenerOptions {
  /** An address of this machine; link-local IPv6 with its zone. */
  readonly address: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly answer: AnswerQuery;
  readonly onEvent?: OnListenerEvent;
  /** Queries that may wait for an answer at once; more are dropped (the client asks again). Default 10,000. */
  readonly maxPending?: number;
}

/** Room for a burst while the event loop is busy: about 8,000 queries. The system cuts it to `net.core.rmem_max`. */
const RECEIVE_BUFFER_OCTETS = 4 * 1024 * 1024;
const DEFAULT_MAX_PENDING = 10_000;

/** Binds and starts to answer; a bind that fails is a value. */
export async function openUdpListener(options: UdpListenerOptions): Promise<Listener | ListenError> {
  const { address, port } = options;
  const family = isIPv6(stripZone(address)) ? 6 : 4;
  const socket = dgram.createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    // "::" must not take IPv4 as well: one socket, one family, one text form of each client.
    ipv6Only: family === 6,
    recvBufferSize: RECEIVE_BUFFER_OCTETS,
    // Peers are always literals. Without this, every send would wait a tick for the system's look-up, which may be Kennel itself.
    lookup: (literal, _options, callback) => callback(null, literal, family),
  });
  const failure = await new Promise<unknown>((resolve) => {
    socket.once('error', resolve);
    socket.bind({ address, port }, () => {
      socket.removeListener('error', resolve);
      resolve(null);
    });
  });
  if (failure === null) return new UdpListener(socket, options);
  closeQuietly(socket);
  return listenError(failure, address, port, 'udp');
}

class UdpListener implements Listener {
  readonly kind = 'listener';
  readonly protocol = 'udp';
  readonly address: string;
  readonly port: number;
  readonly #socket: dgram.Socket;
  readonly #answer: AnswerQuery;
  readonly #onEvent: OnListenerEvent | undefined;
  readonly #options: Pick<UdpListenerOptions, 'maxPending'>;
  readonly #name: string;
  readonly #onSent: (error: Error | null) => void;
  #pending = 0;
  #closing: Promise<void> | null = null;
  #drained: (() => void) | null = null;

  constructor(socket: dgram.Socket, options: UdpListenerOptions) {
    const bound = socket.address();
    this.#socket = socket;
    this.#answer = options.answer;
    this.#onEvent = options.onEvent;
    this.#options = options;
    this.address = bound.address;
    this.port = bound.port;
    this.#name = addressAndPort(bound);
    // One function for all sends: a closure per packet would cost an allocation on every answer.
    this.#onSent = (error) => {
      if (error !== null && error !== undefined) this.#report('send-failed', errorText(error));
    };
    socket.on('error', (error) => this.#report('socket-failed', errorText(error)));
    socket.on('message', (packet, peer) => this.#take(packet, peer));
  }

  pending(): number {
    return this.#pending;
  }

  close(drainMs: number): Promise<void> {
    this.#closing ??= this.#drain(drainMs);
    return this.#closing;
  }

  #take(packet: Buffer, peer: dgram.RemoteInfo): void {
    if (this.#closing !== null) return;
    // Port 0 cannot be answered; only a forged packet has it.
    if (peer.port === 0) return;
    // Read each time: the limit may change while the listener stays open.
    const maxPending = this.#options.maxPending ?? DEFAULT_MAX_PENDING;
    if (this.#pending >= maxPending) {
      this.#report('overloaded', `${maxPending} queries are pending`);
      return;
    }
    const source: QuerySource = { address: clientAddress(peer.address), port: peer.port, protocol: 'udp', listener: this.#name };
    let answer: ReturnType<AnswerQuery>;
    try {
      answer = this.#answer(packet, source);
    } catch (error) {
      this.#report('answer-failed', errorText(error));
      return;
    }
    if (answer instanceof Promise) this.#await(answer, peer);
    else if (answer !== null) this.#send(answer, peer);
  }

  #await(answer: Promise<Uint8Array | null>, peer: dgram.RemoteInfo): void {
    this.#pending += 1;
    answer.then(
      (packet) => {
        if (packet !== null) this.#send(packet, peer);
        this.#finish();
      },
      (error: unknown) => {
        this.#report('answer-failed', errorText(error));
        this.#finish();
      },
    );
  }

  #finish(): void {
    this.#pending -= 1;
    if (this.#pending === 0) this.#drained?.();
  }

  /** `peer.address` still has its zone: a link-local client is reached through the interface it came from. */
  #send(packet: Uint8Array, peer: dgram.RemoteInfo): void {
    try {
      this.#socket.send(packet, peer.port, peer.address, this.#onSent);
    } catch (error) {
      // The socket is closed already (drain time over) or refuses the peer.
      this.#report('send-failed', errorText(error));
    }
  }

  async #drain(drainMs: number): Promise<void> {
    if (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, drainMs);
        this.#drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    await new Promise<void>((resolve) => {
      this.#socket.close(() => resolve());
    });
  }

  #report(kind: 'answer-failed' | 'send-failed' | 'overloaded' | 'socket-failed', detail: string): void {
    this.#onEvent?.({ kind, listener: this.#name, protocol: 'udp', detail });
  }
}

function stripZone(address: string): string {
  const zone = address.indexOf('%');
  return zone < 0 ? address : address.slice(0, zone);
}

/** A socket whose bind failed may or may not count as open. */
function closeQuietly(socket: dgram.Socket): void {
  try {
    socket.close();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_SOCKET_DGRAM_NOT_RUNNING')) throw error;
  }
}
