/**
 * What every reader of a recording is: octets in, queries out in the order of the recording, and what could not be read is told.
 * Also the window in which queries wait for the answers that were recorded after them.
 */
import type { QName } from '../wire/name.ts';
import { type RecordedResponse, type ReplayQuery, UNANSWERED_MS } from './replay.ts';

export interface RecordingSink {
  query(query: ReplayQuery): void;
  /** `at`: number of the line or packet, from 1. What was read before and what comes after is not affected. */
  problem(at: number, what: string): void;
  /** Left out on purpose: counted by kind, e.g. `IP fragments`. */
  leftOut(kind: string): void;
}

export interface RecordingReader {
  push(octets: Uint8Array): void;
  /** No more octets: gives out what is still waiting. */
  end(): void;
}

/** An answer of which nothing was recorded but that the query was asked. */
export const ASSUMED_ANSWER: RecordedResponse = { rcode: 0, nodata: false, ttlSeconds: null, delayMs: 0 };

interface WaitingQuery {
  readonly atMs: number;
  readonly client: string;
  readonly qname: QName;
  readonly qtype: number;
  response: RecordedResponse | null;
  readonly key: string;
  settled: boolean;
}

/** Queries held at once; beyond it the oldest goes as if it had waited long enough. */
const MAX_WAITING = 65_536;

/** A query that was sent again may wait several times. */
const MAX_SAME = 16;

/** Holds queries back until their answer or `UNANSWERED_MS` of recorded time has passed, and gives them out in order. */
export class AnswerWindow {
  readonly #out: (query: ReplayQuery) => void;
  readonly #unanswered: RecordedResponse | null;
  readonly #waiting = new Map<string, WaitingQuery[]>();
  #queue: WaitingQuery[] = [];
  #head = 0;

  /** `unanswered`: what counts for a query without an answer in the recording. */
  constructor(out: (query: ReplayQuery) => void, unanswered: RecordedResponse | null) {
    this.#out = out;
    this.#unanswered = unanswered;
  }

  add(key: string, query: { atMs: number; client: string; qname: QName; qtype: number }): void {
    const { atMs, client, qname, qtype } = query;
    const waiting: WaitingQuery = { atMs, client, qname, qtype, response: null, key, settled: false };
    this.#queue.push(waiting);
    const same = this.#waiting.get(key);
    if (same === undefined) this.#waiting.set(key, [waiting]);
    else if (same.length < MAX_SAME) same.push(waiting);
    this.#release(atMs);
  }

  /** Gives the answer to every query that waits under this key; false when none does. */
  settle(key: string, atMs: number, answer: Omit<RecordedResponse, 'delayMs'>): boolean {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return false;
    this.#waiting.delete(key);
    for (const query of waiting) {
      query.response = { ...answer, delayMs: Math.max(0, atMs - query.atMs) };
      query.settled = true;
    }
    this.#release(atMs);
    return true;
  }

  end(): void {
    this.#release(Number.POSITIVE_INFINITY);
  }

  #release(nowMs: number): void {
    for (let next = this.#queue[this.#head]; next !== undefined; next = this.#queue[this.#head]) {
      const full = this.#queue.length - this.#head > MAX_WAITING;
      if (!next.settled && !full && nowMs - next.atMs <= UNANSWERED_MS) break;
      this.#head += 1;
      if (!next.settled) {
        next.response = this.#unanswered;
        this.#forget(next);
      }
      this.#out(next);
    }
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  #forget(query: WaitingQuery): void {
    const same = this.#waiting.get(query.key);
    if (same === undefined) return;
    const rest = same.filter((other) => other !== query);
    if (rest.length === 0) this.#waiting.delete(query.key);
    else this.#waiting.set(query.key, rest);
  }
}
