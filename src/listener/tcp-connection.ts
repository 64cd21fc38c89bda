/**
 * One TCP connection of one client (RFC 7766): reads pipelined queries, writes each answer when it is ready, in any order.
 * Owns the connection's bounds: how many queries wait, how much is buffered, what the connection is waiting for and since when.
 * When that took too long, and how many connections there may be, is decided in `tcp.ts`.
 */
import type { Socket } from 'node:net';
import type { QuerySource } from '../pipeline/ports.ts';
import { MAX_MESSAGE_OCTETS } from '../wire/header.ts';
import { MessageReader } from '../wire/message-reader.ts';
import { type AnswerQuery, errorText, type ListenerEventKind } from './listener.ts';

/**
 * What the connection waits for:
 * `query` the client's next query; `message` the rest of a query that has begun; `answer` our own answers;
 * `reader` the client to read its answers; `close` the client to close its side.
 */
export type Waiting = 'query' | 'message' | 'answer' | 'reader' | 'close';

export interface TcpConnectionOptions {
  readonly answer: AnswerQuery;
  readonly source: QuerySource;
  /** Queries in work at once; the rest waits in the client's own send buffer. */
  readonly maxOutstanding: number;
  readonly nowMs: () => number;
  readonly report: (kind: ListenerEventKind, detail: string) => void;
  readonly onClosed: () => void;
}

export class TcpConnection {
  readonly #socket: Socket;
  readonly #options: TcpConnectionOptions;
  readonly #reader = new MessageReader();
  #outstanding = 0;
  /** Queries taken so far: progress that restarts the time limits. */
  #taken = 0;
  /** The client has closed its side and still gets its answers (RFC 7766 §6.2.4). */
  #inputEnded = false;
  /** No further query is taken; the connection ends with the last outstanding answer. */
  #finishing = false;
  #ended = false;
  #waiting: Waiting = 'query';
  #waitingSinceMs: number;
  #takenWhenWaiting = 0;

  constructor(socket: Socket, options: TcpConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#waitingSinceMs = options.nowMs();
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('drain', () => this.#process());
    socket.on('finish', () => this.#process());
    socket.on('end', () => {
      this.#inputEnded = true;
      this.#process();
    });
    // 'close' follows every error; a client that resets its connection is ordinary, but worth a count.
    socket.on('error', (error) => options.report('socket-failed', errorText(error)));
    socket.on('close', () => options.onClosed());
  }

  get outstanding(): number {
    return this.#outstanding;
  }

  get waiting(): Waiting {
    return this.#waiting;
  }

  /** When the present wait began; a trickle of octets does not restart it, only a complete query does. */
  get waitingSinceMs(): number {
    return this.#waitingSinceMs;
  }

  /** Takes no more queries; closes after the last outstanding answer. */
  finish(): void {
    this.#finishing = true;
    this.#process();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    // After the last query the client's octets are read only to notice its end: unread octets would turn our close into a reset.
    if (this.#finishing) return;
    this.#reader.push(chunk);
    this.#process();
  }

  /** Takes what may be taken now, then settles whether to read on, to end, and what is being waited for. */
  #process(): void {
    if (this.#socket.destroyed) return;
    this.#socket.cork();
    let exhausted = false;
    while (!this.#finishing && !exhausted && !this.#full()) {
      const message = this.#reader.next();
      if (message === null) exhausted = true;
      else this.#take(message);
    }
    this.#socket.uncork();
    if (exhausted && this.#inputEnded) this.#finishing = true;
    if (this.#finishing && this.#outstanding === 0) this.#end();
    if (this.#full() && !this.#finishing) this.#socket.pause();
    else this.#socket.resume();
    this.#noteWaiting();
  }

  #full(): boolean {
    return this.#outstanding >= this.#options.maxOutstanding || this.#socket.writableNeedDrain;
  }

  #take(message: Uint8Array): void {
    this.#taken += 1;
    let answer: ReturnType<AnswerQuery>;
    try {
      answer = this.#options.answer(message, this.#options.source);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (!(answer instanceof Promise)) {
      this.#reply(answer);
      return;
    }
    this.#outstanding += 1;
    answer.then(
      (packet) => {
        this.#outstanding -= 1;
        this.#reply(packet);
        this.#process();
      },
      (error: unknown) => {
        this.#outstanding -= 1;
        this.#fail(error);
        this.#process();
      },
    );
  }

  /** Null is for octets that are no query: the framing can no longer be trusted, so the connection ends. */
  #reply(packet: Uint8Array | null): void {
    if (this.#socket.destroyed) return;
    if (packet === null) {
      this.#finishing = true;
      return;
    }
    if (packet.length > MAX_MESSAGE_OCTETS) {
      this.#fail(new RangeError(`an answer of ${packet.length} octets does not fit a TCP message`));
      return;
    }
    // Length and message in one write, so that they leave in one segment (RFC 7766 §8).
    const framed = Buffer.allocUnsafe(2 + packet.length);
    framed.writeUInt16BE(packet.length, 0);
    framed.set(packet, 2);
    this.#socket.write(framed);
  }

  /** No answer will come; closing tells the client at once, silence would cost it its time-out. */
  #fail(error: unknown): void {
    this.#options.report('answer-failed', errorText(error));
    this.#finishing = true;
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.end();
  }

  #noteWaiting(): void {
    const waiting = this.#waitingFor();
    if (waiting === this.#waiting && this.#taken === this.#takenWhenWaiting) return;
    this.#waiting = waiting;
    this.#takenWhenWaiting = this.#taken;
    this.#waitingSinceMs = this.#options.nowMs();
  }

  #waitingFor(): Waiting {
    if (this.#socket.writableNeedDrain || (this.#ended && this.#socket.writableLength > 0)) return 'reader';
    if (this.#ended) return 'close';
    if (this.#finishing || this.#outstanding >= this.#options.maxOutstanding) return 'answer';
    if (this.#reader.partial) return 'message';
    return this.#outstanding > 0 ? 'answer' : 'query';
  }
}
