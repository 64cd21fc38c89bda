/**
 * One HTTP/2 connection to an upstream (RFC 8484, RFC 9113): a POST for each question, as many at a time as the server allows. Owns what a
 * request holds, what a response must be, and its own retirement; which session a query takes is `https-upstream.ts`.
 */
import http2 from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { readUint16 } from '../wire/octets.ts';
import { encodeUpstreamQuery, PADDING_BLOCK_OCTETS } from '../wire/query-encode.ts';
import { parseResponse } from '../wire/response-parse.ts';
import { agedBy } from './http-age.ts';
import { type PendingQuery, unusable } from './pending-query.ts';
import { OPEN_PATIENCE_MS } from './tcp-connection.ts';
import type { CertifiedUpstream } from './tls-socket.ts';
import { describeTlsError } from './tls-trust.ts';
import { MAX_QUERIES_PER_TLS_CONNECTION, MAX_TLS_CONNECTION_AGE_MS, MAX_TLS_IDLE_MS } from './tls-upstream.ts';
import type { Attempt } from './upstream.ts';

/** What a session needs from the pool it belongs to. */
export interface HttpsSessionOwner {
  /** A message came that answers nothing asked. */
  onStray(): void;
  /** There may be room for queries that wait. */
  onRoom(): void;
  /** The session takes no more queries. */
  onRetired(session: HttpsSession): void;
  /** The query has left the session without an answer: the server refused the stream or went away. */
  onReturned(session: HttpsSession, query: PendingQuery, detail: string): void;
  /** The session is gone; those on it are returned one by one after this. */
  onLost(session: HttpsSession, detail: string): void;
}

/** RFC 9113 §6.5.2: servers should allow no fewer; until their settings come we assume this, and it is the most we use. */
const MAX_STREAMS = 100;

/** A DNS message is no longer (RFC 1035 §4.2.2, RFC 8484 §6). */
const MAX_BODY_OCTETS = 65_535;

const MEDIA_TYPE = 'application/dns-message';

export class HttpsSession {
  readonly #peer: CertifiedUpstream;
  readonly #owner: HttpsSessionOwner;
  readonly #socket: TLSSocket;
  /** Every query on this session, with its stream once it has one. */
  readonly #streams = new Map<PendingQuery, http2.ClientHttp2Stream | null>();
  readonly #openTimer: NodeJS.Timeout;
  readonly #ageTimer: NodeJS.Timeout;
  #idleTimer: NodeJS.Timeout | undefined;
  /** Null until the server is proven. */
  #http: http2.ClientHttp2Session | null = null;
  #maxStreams = MAX_STREAMS;
  #asked = 0;
  #answered = 0;
  #retired = false;
  #lost = false;

  constructor(peer: CertifiedUpstream, open: (onReady: () => void) => TLSSocket, owner: HttpsSessionOwner) {
    this.#peer = peer;
    this.#owner = owner;
    this.#openTimer = setTimeout(() => this.#lose(`no connection in ${OPEN_PATIENCE_MS} ms`), OPEN_PATIENCE_MS).unref();
    this.#ageTimer = setTimeout(() => this.retire(), MAX_TLS_CONNECTION_AGE_MS).unref();
    this.#socket = open(() => this.#ready());
    this.#socket.on('error', (error) => this.#lose(describeTlsError(error, peer.serverName)));
    this.#socket.on('close', () => this.#lose('the upstream closed the connection'));
    this.#socket.unref();
  }

  get isReady(): boolean {
    return this.#http !== null;
  }

  /** Responses so far. */
  get answered(): number {
    return this.#answered;
  }

  get hasRoom(): boolean {
    return !this.#retired && this.#streams.size < this.#maxStreams;
  }

  /** Asks the query's question on this session: one of the places where octets go to an upstream. To be called where `hasRoom`. */
  ask(query: PendingQuery): void {
    clearTimeout(this.#idleTimer);
    const answeredBefore = this.#answered;
    this.#streams.set(query, null);
    query.leaveSocket = (timedOut) => {
      query.leaveSocket = null;
      const stream = this.#streams.get(query);
      this.#streams.delete(query);
      stream?.close(http2.constants.NGHTTP2_CANCEL);
      // Silence speaks against a session on which nothing came since.
      if (timedOut && this.isReady && this.#answered === answeredBefore) this.retire();
      this.#afterQuery();
    };
    if (++this.#asked >= MAX_QUERIES_PER_TLS_CONNECTION) this.retire();
    if (this.#http !== null) this.#send(this.#http, query);
  }

  /** Takes no more queries; the session closes once those waiting have ended. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    clearTimeout(this.#ageTimer);
    this.#owner.onRetired(this);
    this.#afterQuery();
  }

  /** Closes now; queries still waiting are returned. */
  close(detail: string): void {
    this.#lose(detail);
  }

  #ready(): void {
    if (this.#lost) return;
    clearTimeout(this.#openTimer);
    const http = http2.connect(`https://${authorityOf(this.#peer)}`, {
      createConnection: () => this.#socket,
      settings: { enablePush: false },
    });
    this.#http = http;
    http.on('error', (error) => this.#lose(describeTlsError(error, this.#peer.serverName)));
    http.on('close', () => this.#lose('the upstream closed the connection'));
    // What the server has not begun comes back stream by stream (RFC 9113 §6.8).
    http.on('goaway', () => this.retire());
    http.on('remoteSettings', ({ maxConcurrentStreams = MAX_STREAMS }) => {
      this.#maxStreams = Math.min(maxConcurrentStreams, MAX_STREAMS);
      this.#owner.onRoom();
    });
    http.unref();
    for (const query of [...this.#streams.keys()]) this.#send(http, query);
    this.#afterQuery();
  }

  #send(http: http2.ClientHttp2Session, query: PendingQuery): void {
    if (http.closed || http.destroyed) {
      this.#giveBack(query, 'the upstream closed the connection');
      return;
    }
    const { qname, qtype } = query.permit;
    // RFC 8484 §4.1: ID 0, so that equal questions are equal.
    const body = encodeUpstreamQuery(0, qname, qtype, { blockOctets: PADDING_BLOCK_OCTETS });
    const stream = http.request({
      ':method': 'POST',
      ':scheme': 'https',
      ':authority': authorityOf(this.#peer),
      ':path': this.#peer.path ?? '/',
      accept: MEDIA_TYPE,
      'content-type': MEDIA_TYPE,
      'content-length': body.length,
    });
    this.#streams.set(query, stream);
    this.#receive(stream, query);
    stream.end(body);
  }

  #receive(stream: http2.ClientHttp2Stream, query: PendingQuery): void {
    const chunks: Uint8Array[] = [];
    let octets = 0;
    /** Null until the head of the response has come and is as it has to be. */
    let ageSeconds: number | null = null;
    let detail = 'the upstream ended the stream';
    const isWaiting = (): boolean => this.#streams.get(query) === stream;
    const end = (attempt: Attempt): void => {
      if (!isWaiting()) return;
      this.#answered++;
      query.settle(attempt);
    };

    stream.on('response', (headers) => {
      const problem = problemOf(headers);
      if (problem !== null) end(problem);
      else ageSeconds = Number(/^\d{1,9}$/.exec(headers.age ?? '')?.[0] ?? 0);
    });
    stream.on('data', (chunk: Uint8Array) => {
      octets += chunk.length;
      if (octets <= MAX_BODY_OCTETS) chunks.push(chunk);
      else end(unusable(`its response is longer than ${MAX_BODY_OCTETS} octets`));
    });
    stream.on('end', () => {
      if (ageSeconds !== null && !stream.aborted && isWaiting()) end(this.#read(Buffer.concat(chunks), query, ageSeconds));
    });
    stream.on('error', (error) => {
      detail = describeTlsError(error, this.#peer.serverName);
    });
    stream.on('close', () => {
      if (isWaiting()) this.#giveBack(query, detail);
    });
  }

  #read(message: Uint8Array, query: PendingQuery, ageSeconds: number): Attempt {
    const reading = parseResponse(message, query.permit);
    if (reading.kind === 'malformed') return unusable(reading.detail);
    if (reading.kind === 'mismatch' || readUint16(message, 0) !== 0) {
      this.#owner.onStray();
      return unusable('it answered a question it was not asked');
    }
    if (reading.kind !== 'response' || reading.response.truncated) return unusable('truncated over HTTPS');
    return { kind: 'response', response: agedBy(reading.response, ageSeconds) };
  }

  #giveBack(query: PendingQuery, detail: string): void {
    query.leaveSocket?.(false);
    this.#owner.onReturned(this, query, detail);
  }

  #lose(detail: string): void {
    if (this.#lost) return;
    this.#lost = true;
    this.retire();
    clearTimeout(this.#openTimer);
    clearTimeout(this.#idleTimer);
    const unanswered = [...this.#streams.keys()];
    this.#http?.destroy();
    this.#socket.destroy();
    this.#owner.onLost(this, detail);
    for (const query of unanswered) this.#giveBack(query, detail);
  }

  /** A query has ended, or nothing more will come: closes, makes room, or waits for the next. */
  #afterQuery(): void {
    if (this.#retired && this.#streams.size === 0) this.#lose('retired');
    if (this.#lost) return;
    if (this.hasRoom) this.#owner.onRoom();
    if (this.#streams.size > 0 || !this.isReady) return;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.retire(), MAX_TLS_IDLE_MS).unref();
  }
}

/** RFC 3986 §3.2, without the port that HTTPS has anyway. */
function authorityOf({ serverName, port }: CertifiedUpstream): string {
  const host = serverName.includes(':') ? `[${serverName}]` : serverName;
  return port === 443 ? host : `${host}:${port}`;
}

/** Null for the one kind of response that holds an answer; a redirect is none, and is not followed (RFC 8484 §5.1 leaves that to us). */
function problemOf(headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader): Attempt | null {
  const status = headers[':status'];
  if (status !== 200) return { kind: 'failure', reason: 'unreachable', detail: `it answered with the HTTP status ${status ?? 'none'}` };
  const mediaType = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType !== MEDIA_TYPE) return unusable('its response is no DNS message by its content type');
  return headers['content-encoding'] === undefined ? null : unusable('its response is compressed, which nobody asked for');
}
