/**
 * The beginning of a TCP connection from a trusted proxy: waits for its PROXY header and hands the connection on with the client's
 * address. Until then it counts like a connection that is in the middle of a message. What follows the header is put back unread.
 */
import type { Socket } from 'node:net';
import { MAX_PROXY_HEADER_OCTETS, readProxyHeader } from './proxy-header.ts';
import type { Waiting } from './tcp-connection.ts';

export interface ProxyHandshakeOptions {
  readonly nowMs: () => number;
  /** The header has come: whose connection it is, or null when it is the proxy's own. */
  readonly onClient: (client: { readonly address: string; readonly port: number } | null) => void;
  readonly onRefused: (reason: string) => void;
  /** The connection is gone before its header was complete. */
  readonly onClosed: () => void;
}

export class ProxyHandshake {
  readonly outstanding = 0;
  readonly waiting: Waiting = 'message';
  /** Not restarted by a trickle of octets. */
  readonly waitingSinceMs: number;
  readonly #socket: Socket;
  readonly #options: ProxyHandshakeOptions;
  #received: Uint8Array = new Uint8Array(0);

  constructor(socket: Socket, options: ProxyHandshakeOptions) {
    this.#socket = socket;
    this.#options = options;
    this.waitingSinceMs = options.nowMs();
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  /** Nothing has been asked yet, so there is nothing to finish. */
  finish(): void {
    this.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const header = readProxyHeader(this.#received.subarray(0, MAX_PROXY_HEADER_OCTETS));
    if (header.kind === 'incomplete') return;
    if (header.kind === 'refused') {
      this.#refuse(header.reason);
      return;
    }
    this.#release();
    const rest = this.#received.subarray(header.octets);
    // Paused until somebody listens again, or what is put back would be lost.
    this.#socket.pause();
    if (rest.length > 0) this.#socket.unshift(rest);
    this.#options.onClient(header.kind === 'local' ? null : { address: header.address, port: header.port });
    if (!this.#socket.destroyed) this.#socket.resume();
  };

  readonly #onEnd = (): void => this.#refuse('ended before its PROXY header was complete');

  /** 'close' follows. */
  readonly #onError = (): void => undefined;

  readonly #onClose = (): void => this.#options.onClosed();

  #refuse(reason: string): void {
    this.#socket.destroy();
    this.#options.onRefused(reason);
  }

  #release(): void {
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('error', this.#onError);
    this.#socket.off('close', this.#onClose);
  }
}
