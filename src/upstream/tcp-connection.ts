/**
 * One stream to an upstream, TCP or TLS on it: pipelined queries, answers in any order (RFC 7766 §6.2.1.1, §7; RFC 7858 §3.3), framing
 * by two-octet lengths. Owns matching and its own retirement. How the stream is opened is the `StreamKind`'s, which one a query takes
 * the pool's.
 */
import type net from 'node:net';
import { MessageReader } from '../wire/message-reader.ts';
import { readUint16, writeUint16 } from '../wire/octets.ts';
import { encodeUpstreamQuery } from '../wire/query-encode.ts';
import { type ParsedResponse, parseResponse } from '../wire/response-parse.ts';
import type { ForgeryGuards } from './forgery-guards.ts';
import { PendingQueries, type PendingQuery, unusable } from './pending-query.ts';
import type { Random16 } from './random16.ts';

/** What differs between streams. */
export interface StreamKind {
  /** Starts to open a stream. `onReady` runs once the peer is who it has to be: not an octet of a question is written before. */
  open(onReady: () => void): net.Socket;
  /** What an error of the socket means, without a word of the peer's. */
  describe(error: NodeJS.ErrnoException): string;
  readonly guards: ForgeryGuards;
  /** Queries are padded to a multiple of this; 0: not padded. */
  readonly blockOctets: number;
  /** A connection takes no more queries after so many, after this time, or when it has waited for nothing for so long. */
  readonly maxQueries: number;
  readonly maxAgeMs: number;
  readonly maxIdleMs: number;
}

/** What a connection needs from the pool it belongs to. */
export interface TcpConnectionOwner {
  readonly random16: Random16;
  /** A message arrived that answers nothing asked here. */
  onStray(): void;
  /** The connection takes no more queries. */
  onRetired(connection: TcpConnection): void;
  /** The answer asks for the question once more. */
  onAskAgain(query: PendingQuery): void;
  /** The connection is gone; these queries got no answer. */
  onLost(connection: TcpConnection, unanswered: PendingQuery[], detail: string): void;
}

/**
 * A stream that does not open within an exchange's patience is given up. Until then it is kept even if all its queries run out of
 * theirs: on a slow line the next question finds it open, instead of starting the same handshake again.
 */
export const OPEN_PATIENCE_MS = 4_500;

export class TcpConnection {
  readonly #kind: StreamKind;
  readonly #owner: TcpConnectionOwner;
  readonly #socket: net.Socket;
  readonly #queries = new PendingQueries();
  readonly #reader = new MessageReader();
  readonly #openTimer: NodeJS.Timeout;
  readonly #ageTimer: NodeJS.Timeout;
  #idleTimer: NodeJS.Timeout | undefined;
  /** Queries placed before the stream was ready; null from then on. */
  #unsent: { readonly id: number; readonly query: PendingQuery }[] | null = [];
  #answered = 0;
  #retired = false;
  #lost = false;

  constructor(kind: StreamKind, owner: TcpConnectionOwner) {
    this.#kind = kind;
    this.#owner = owner;
    this.#openTimer = laterUnref(() => this.#lose(`no connection in ${OPEN_PATIENCE_MS} ms`), OPEN_PATIENCE_MS);
    this.#ageTimer = laterUnref(() => this.retire(), kind.maxAgeMs);
    this.#socket = kind.open(() => this.#ready());
    this.#socket.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    this.#socket.on('error', (error) => this.#lose(kind.describe(error)));
    this.#socket.on('close', () => this.#lose('the upstream closed the connection'));
    this.#socket.unref();
  }

  /** Whether questions may be written: the peer is connected, and proven where it has to be. */
  get isReady(): boolean {
    return this.#unsent === null;
  }

  /** Messages that answered something asked here. */
  get answered(): number {
    return this.#answered;
  }

  /** Asks the query's question on this connection: one of the places where octets go to an upstream. */
  ask(query: PendingQuery): void {
    clearTimeout(this.#idleTimer);
    const answeredBefore = this.#answered;
    const id = this.#queries.add(query, this.#owner.random16, (timedOut) => {
      // Silence speaks against a connection on which nothing came since: it must not take the next query.
      if (timedOut && this.isReady && this.#answered === answeredBefore) this.retire();
      this.#afterQuery();
    });
    if (this.#unsent === null) this.#send(id, query);
    else this.#unsent.push({ id, query });
    if (this.#queries.asked >= this.#kind.maxQueries) this.retire();
  }

  /** Takes no more queries; the connection closes once those waiting have ended. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    clearTimeout(this.#ageTimer);
    this.#owner.onRetired(this);
    this.#afterQuery();
  }

  /** Closes now; queries still waiting are handed to `onLost`. */
  close(detail: string): void {
    this.#lose(detail);
  }

  #ready(): void {
    const placed = this.#unsent ?? [];
    this.#unsent = null;
    clearTimeout(this.#openTimer);
    if (this.#lost) return;
    // One segment, and over TLS one record, for what has gathered.
    this.#socket.cork();
    // Those that ended meanwhile are not asked any more.
    for (const { id, query } of placed) if (this.#queries.find(id) === query) this.#send(id, query);
    this.#socket.uncork();
    this.#afterQuery();
  }

  #send(id: number, query: PendingQuery): void {
    const { qname, qtype } = query.permit;
    query.marks = this.#kind.guards.marksFor(qname, this.#socket.localAddress ?? '', query);
    const packet = encodeUpstreamQuery(id, qname, qtype, { ...query.marks, blockOctets: this.#kind.blockOctets });
    // Length and message in one segment (RFC 7766 §8).
    const framed = new Uint8Array(2 + packet.length);
    writeUint16(framed, 0, packet.length);
    framed.set(packet, 2);
    this.#socket.write(framed);
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
    if (query !== 'ended') {
      const reading = parseResponse(message, query.permit);
      if (reading.kind === 'mismatch') return false;
      if (reading.kind !== 'response') query.settle(unusable(reading.detail));
      else if (!this.#believe(query, message, reading.response)) return false;
    }
    this.#answered++;
    return true;
  }

  /** An answer whose ID and question are right; false when its cookie is not ours. */
  #believe(query: PendingQuery, message: Uint8Array, response: ParsedResponse): boolean {
    const verdict = this.#kind.guards.judgeStream(query.marks, query, message, response);
    if (verdict === 'stray') return false;
    if (response.truncated) query.settle(unusable('truncated over TCP'));
    else if (verdict === 'believed') query.settle({ kind: 'response', response });
    else {
      query.leaveSocket?.(false);
      if (verdict === 'ask-simpler') query.refused = query.marks.form;
      this.#owner.onAskAgain(query);
    }
    return true;
  }

  #lose(detail: string): void {
    if (this.#lost) return;
    this.#lost = true;
    const unanswered = this.#queries.takeAll();
    this.retire();
    clearTimeout(this.#openTimer);
    clearTimeout(this.#idleTimer);
    this.#socket.destroy();
    this.#owner.onLost(this, unanswered, detail);
  }

  /** A query has ended, or nothing more will come: closes, or waits for the next. */
  #afterQuery(): void {
    if (this.#lost || this.#queries.waiting > 0) return;
    if (this.#retired) this.#lose('retired');
    if (this.#lost || !this.isReady) return;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = laterUnref(() => this.retire(), this.#kind.maxIdleMs);
  }
}

function laterUnref(act: () => void, milliseconds: number): NodeJS.Timeout {
  return setTimeout(act, milliseconds).unref();
}
