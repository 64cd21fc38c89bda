/**
 * One UDP socket, connected to one upstream from a random ephemeral port (RFC 5452 §9.2), and the queries waiting on it.
 * Owns matching (source, ID, question, and the marks a question was sent with) and its own retirement; which socket a query takes is
 * `udp-upstream.ts`.
 */
import dgram from 'node:dgram';
import { isIPv6 } from 'node:net';
import { readUint16 } from '../wire/octets.ts';
import { encodeUpstreamQuery } from '../wire/query-encode.ts';
import { type ParsedResponse, parseResponse } from '../wire/response-parse.ts';
import type { ForgeryGuards } from './forgery-guards.ts';
import { PendingQueries, type PendingQuery, unusable } from './pending-query.ts';
import type { Random16 } from './random16.ts';
import type { PinnedUpstream } from './upstream-url.ts';

/** What a source port needs from the pool it belongs to. */
export interface SourcePortOwner {
  readonly random16: Random16;
  readonly guards: ForgeryGuards;
  /** A message arrived that answers nothing asked here. */
  onStray(): void;
  /** The port takes no more queries. */
  onRetired(port: SourcePort): void;
  /** The socket is closed. */
  onClosed(port: SourcePort): void;
  /** The port was given up because of forged answers; these queries need another one. */
  onFlooded(queries: PendingQuery[]): void;
  /** The query has left this port and has to be asked once more: its answer was no proof, was truncated, or asked for it. */
  onAskAgain(query: PendingQuery, over: 'udp' | 'tcp'): void;
  /** The query has left this port and has to be asked in a simpler form. */
  onAskSimpler(query: PendingQuery): void;
}

/** A port is worth guessing only while it lives (RFC 5452 §9.2); the shorter and the less used, the less a guess is worth. */
export const MAX_QUERIES_PER_PORT = 200;
export const MAX_PORT_AGE_MS = 10_000;

/** So many forged answers may be tried against a port before it is given up: chances of 100 in 65,536 to hit one pending ID. */
const MAX_STRAYS_PER_PORT = 100;

export class SourcePort {
  readonly #url: PinnedUpstream;
  readonly #owner: SourcePortOwner;
  readonly #socket: dgram.Socket;
  readonly #queries = new PendingQueries();
  readonly #retireTimer: NodeJS.Timeout;
  /** Queries placed before the socket was connected; null from then on. */
  #unsent: { readonly id: number; readonly query: PendingQuery }[] | null = [];
  #localAddress = '';
  #peerAddress = '';
  #strays = 0;
  #retired = false;
  #closed = false;

  constructor(url: PinnedUpstream, owner: SourcePortOwner) {
    this.#url = url;
    this.#owner = owner;
    this.#socket = dgram.createSocket(isIPv6(url.address) ? 'udp6' : 'udp4');
    this.#socket.on('message', (message, source) => this.#receive(message, source));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('connect', () => this.#connected());
    // The kernel binds to a random ephemeral port; from then on it drops what other hosts send and reports ICMP errors.
    this.#socket.connect(url.port, url.address);
    this.#socket.unref();
    this.#retireTimer = setTimeout(() => this.retire(), MAX_PORT_AGE_MS);
    this.#retireTimer.unref();
  }

  /** Asks the query's question from this port: one of the two places where octets go to an upstream. */
  ask(query: PendingQuery): void {
    const id = this.#queries.add(query, this.#owner.random16, () => this.#closeIfDone());
    if (this.#queries.asked >= MAX_QUERIES_PER_PORT) this.retire();
    if (this.#unsent === null) this.#send(id, query);
    else this.#unsent.push({ id, query });
  }

  /** Takes no more queries; the socket closes once those waiting have ended. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    clearTimeout(this.#retireTimer);
    this.#owner.onRetired(this);
    this.#closeIfDone();
  }

  /** Closes the socket now and hands back the queries that were waiting. */
  close(): PendingQuery[] {
    this.retire();
    const queries = this.#queries.takeAll();
    this.#closeIfDone();
    return queries;
  }

  #connected(): void {
    const placed = this.#unsent ?? [];
    this.#unsent = null;
    if (this.#closed) return;
    this.#peerAddress = this.#socket.remoteAddress().address;
    this.#localAddress = this.#socket.address().address;
    // Those that ended meanwhile are not asked any more.
    for (const { id, query } of placed) if (this.#queries.find(id) === query) this.#send(id, query);
  }

  #send(id: number, query: PendingQuery): void {
    const { qname, qtype } = query.permit;
    query.marks = this.#owner.guards.marksFor(qname, this.#localAddress, query);
    if (query.trial === null) this.#owner.guards.noteDatagram(query.marks);
    this.#socket.send(encodeUpstreamQuery(id, qname, qtype, query.marks), (error) => {
      if (error !== null) this.#fail(error);
    });
  }

  #receive(message: Uint8Array, source: dgram.RemoteInfo): void {
    // Between bind and connect the kernel does not filter yet: the source is checked here too.
    const fromUpstream = source.address === this.#peerAddress && source.port === this.#url.port;
    const query = fromUpstream && message.length >= 2 ? this.#queries.find(readUint16(message, 0)) : 'unknown';
    // An answer after the time-out, or a duplicate: nobody waits for it, and nobody forged it to get in.
    if (query === 'ended') return;
    // Whoever guesses the ID still has to know the question; in both cases the honest answer may yet come.
    const reading = query === 'unknown' ? null : parseResponse(message, query.permit);
    if (query === 'unknown' || reading === null || reading.kind === 'mismatch') this.#noteStray();
    else if (reading.kind === 'response') this.#accept(query, message, reading.response);
    else query.settle(unusable(reading.detail));
  }

  /** An answer whose source, ID and question are right. */
  #accept(query: PendingQuery, message: Uint8Array, response: ParsedResponse): void {
    const verdict = this.#owner.guards.judgeDatagram(query.marks, query, message, response);
    if (verdict === 'believed' && !response.truncated) {
      query.settle({ kind: 'response', response });
      return;
    }
    if (verdict === 'ask-simpler') {
      query.leaveSocket?.(false);
      query.refused = query.marks.form;
      this.#owner.onAskSimpler(query);
      return;
    }
    if (verdict !== 'stray') {
      query.leaveSocket?.(false);
      if (response.truncated) query.truncated = true;
      this.#owner.onAskAgain(query, verdict === 'ask-again' ? 'udp' : 'tcp');
    }
    if (verdict === 'stray' || verdict === 'ask-over-tcp') this.#noteStray();
  }

  #noteStray(): void {
    this.#owner.onStray();
    this.#strays++;
    if (this.#strays === MAX_STRAYS_PER_PORT) this.#owner.onFlooded(this.close());
  }

  /** ECONNREFUSED and other ICMP answers, no route, no descriptor: whatever it is, this socket is of no more use. */
  #fail(error: Error): void {
    for (const query of this.close()) query.settle({ kind: 'failure', reason: failureReason(error), detail: error.message });
  }

  #closeIfDone(): void {
    if (!this.#retired || this.#closed || this.#queries.waiting > 0) return;
    this.#closed = true;
    this.#socket.close();
    this.#owner.onClosed(this);
  }
}

/** Running out of descriptors or buffers is our own trouble, not the upstream's. */
export function failureReason(error: NodeJS.ErrnoException): 'overloaded' | 'unreachable' {
  return ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'].includes(error.code ?? '') ? 'overloaded' : 'unreachable';
}
