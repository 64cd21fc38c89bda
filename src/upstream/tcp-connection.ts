/**
 * One TCP connection to an upstream: pipelined queries, answers in any order (RFC 7766 §6.2.1.1, §7), framing by two-octet lengths.
 * Owns matching and its own retirement; which connection a query takes is `tcp-upstream.ts`.
 */
import net from 'node:net';
import { MessageReader } from '../wire/message-reader.ts';
import { readUint16, writeUint16 } from '../wire/octets.ts';
import { encodeUpstreamQuery } from '../wire/query-encode.ts';
import { parseResponse } from '../wire/response-parse.ts';
import { attemptFrom, PendingQueries, type PendingQuery } from './pending-query.ts';
import type { Random16 } from './random16.ts';
import { MAX_PORT_AGE_MS, MAX_QUERIES_PER_PORT } from './source-port.ts';
import type { PinnedUpstream } from './upstream-url.ts';

/** What a connection needs from the pool it belongs to. */
export interface TcpConnectionOwner {
  readonly random16: Random16;
  /** A message arrived that answers nothing asked here. */
  onStray(): void;
  /** The connection takes no more queries. */
  onRetired(connection: TcpConnection): void;
  /** The connection is gone; these queries got no answer. `established`: it had been open, so another one may do better. */
  onLost(connection: TcpConnection, unanswered: PendingQuery[], established: boolean, detail: string): void;
}

export class TcpConnection {
  readonly #owner: TcpConnectionOwner;
  readonly #socket: net.Socket;
  readonly #queries = new PendingQueries();
  readonly #reader = new MessageReader();
  readonly #retireTimer: NodeJS.Timeout;
  #established = false;
  #retired = false;
  #lost = false;

  constructor(url: PinnedUpstream, owner: TcpConnectionOwner) {
    this.#owner = owner;
    this.#socket = net.connect({ host: url.address, port: url.port, noDelay: true });
    this.#socket.on('connect', () => {
      this.#established = true;
    });
    this.#socket.on('data', (chunk) => this.#receive(chunk));
    this.#socket.on('error', (error) => this.#lose(error.message));
    this.#socket.on('close', () => this.#lose('the upstream closed the connection'));
    this.#socket.unref();
    this.#retireTimer = setTimeout(() => this.retire(), MAX_PORT_AGE_MS);
    this.#retireTimer.unref();
  }

  /** Asks the query's question on this connection: one of the two places where octets go to an upstream. */
  ask(query: PendingQuery): void {
    const id = this.#queries.add(query, this.#owner.random16, (timedOut) => {
      // Silence speaks against the connection: it must not take the next query.
      if (timedOut) this.retire();
      this.#closeIfDone();
    });
    const packet = encodeUpstreamQuery(id, query.permit.qname, query.permit.qtype);
    // Length and message in one segment (RFC 7766 §8).
    const framed = new Uint8Array(2 + packet.length);
    writeUint16(framed, 0, packet.length);
    framed.set(packet, 2);
    if (this.#queries.asked >= MAX_QUERIES_PER_PORT) this.retire();
    this.#socket.write(framed);
  }

  /** Takes no more queries; the connection closes once those waiting have ended. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    clearTimeout(this.#retireTimer);
    this.#owner.onRetired(this);
    this.#closeIfDone();
  }

  /** Closes now; queries still waiting are handed to `onLost`. */
  close(detail: string): void {
    this.#lose(detail);
  }

  #receive(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    for (let message = this.#reader.next(); message !== null; message = this.#reader.next()) {
      if (this.#lost) return;
      if (!this.#accept(message)) {
        // On a stream only the upstream itself can have written this: it has lost count, and so would we.
        this.#owner.onStray();
        this.#lose('the upstream answered a question it was not asked');
      }
    }
  }

  /** False for a message that answers nothing asked on this connection. */
  #accept(message: Uint8Array): boolean {
    const query = message.length < 2 ? 'unknown' : this.#queries.find(readUint16(message, 0));
    if (query === 'unknown') return false;
    if (query === 'ended') return true;
    const reading = parseResponse(message, query.permit);
    if (reading.kind === 'mismatch') return false;
    const truncated = reading.kind === 'response' && reading.response.truncated;
    query.settle(truncated ? { kind: 'failure', reason: 'malformed', detail: 'truncated over TCP' } : attemptFrom(reading));
    return true;
  }

  #lose(detail: string): void {
    if (this.#lost) return;
    this.#lost = true;
    const unanswered = this.#queries.takeAll();
    this.retire();
    this.#socket.destroy();
    this.#owner.onLost(this, unanswered, this.#established, detail);
  }

  #closeIfDone(): void {
    if (this.#retired && this.#queries.waiting === 0) this.#lose('retired');
  }
}
