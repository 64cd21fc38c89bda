/**
 * Queries that wait for an answer on one socket, by message ID. Owns the rule that an ID is used once per socket, so that
 * neither two questions nor a late answer can be mistaken for one another. Knows no transport.
 */
import type { SendPermit } from '../pipeline/permit.ts';
import { type Marks, NO_MARKS } from './forgery-guards.ts';
import type { QuestionForm } from './question-forms.ts';
import type { Random16 } from './random16.ts';
import type { Attempt } from './upstream.ts';

export interface PendingQuery {
  readonly permit: SendPermit;
  /** How often it has been moved to another socket; when that happens is the transport's rule. */
  moves: number;
  /** How often it has been asked once more because its answer wanted that. */
  repeats: number;
  /** What it was last sent with, for the answer to repeat. */
  marks: Marks;
  /** The form that its last answer has called malformed: a simpler one is wanted. */
  refused: QuestionForm | null;
  /** The upstream has answered with TC=1: it is there, whatever becomes of the question over TCP. */
  truncated: boolean;
  /** Sent to try this form, beside the query that somebody waits for; null: an ordinary one. */
  readonly trial: QuestionForm | null;
  /** Takes the query off the socket it waits on; null while it waits on none. */
  leaveSocket: ((timedOut: boolean) => void) | null;
  /** Ends the query; only the first call has an effect. */
  settle(attempt: Attempt): void;
}

/** Calls `place` with a query that ends by itself, as a time-out, after `timeoutMs`. */
export function askWithin(
  timeoutMs: number,
  permit: SendPermit,
  place: (query: PendingQuery) => void,
  trial: QuestionForm | null = null,
): Promise<Attempt> {
  return new Promise((resolve) => {
    const timer = setTimeout(
      () => query.settle({ kind: 'failure', reason: 'timeout', detail: `no answer in ${Math.round(timeoutMs)} ms` }),
      timeoutMs,
    );
    const query: PendingQuery = {
      permit,
      moves: 0,
      repeats: 0,
      marks: NO_MARKS,
      refused: null,
      truncated: false,
      trial,
      leaveSocket: null,
      settle(attempt) {
        clearTimeout(timer);
        query.leaveSocket?.(attempt.kind === 'failure' && attempt.reason === 'timeout');
        const isHalfAnswer = query.truncated && attempt.kind === 'failure' && attempt.reason !== 'overloaded';
        resolve(isHalfAnswer ? unusable(`truncated, and over TCP: ${attempt.detail}`) : attempt);
      },
    };
    place(query);
  });
}

/** The end of a query whose answer (right source, ID and question) cannot be used. */
export function unusable(detail: string): Attempt {
  return { kind: 'failure', reason: 'malformed', detail };
}

/** The queries of one socket. */
export class PendingQueries {
  /** Every ID asked on this socket; null once its query has ended. */
  readonly #byId = new Map<number, PendingQuery | null>();
  #waiting = 0;

  /** Questions asked on this socket so far. */
  get asked(): number {
    return this.#byId.size;
  }

  /** Questions without an answer. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Draws an ID never used on this socket (sockets are retired long before IDs run short). `onLeave` runs when the query is gone. */
  add(query: PendingQuery, random16: Random16, onLeave: (timedOut: boolean) => void): number {
    let id = random16();
    while (this.#byId.has(id)) id = random16();
    this.#byId.set(id, query);
    this.#waiting++;
    query.leaveSocket = (timedOut) => {
      query.leaveSocket = null;
      this.#byId.set(id, null);
      this.#waiting--;
      onLeave(timedOut);
    };
    return id;
  }

  /** The query that waits under this ID; `ended` when it was asked here but waits no more, `unknown` when it never was. */
  find(id: number): PendingQuery | 'ended' | 'unknown' {
    const query = this.#byId.get(id);
    if (query === undefined) return 'unknown';
    return query ?? 'ended';
  }

  /** Takes all waiting queries off the socket. */
  takeAll(): PendingQuery[] {
    const queries = [...this.#byId.values()].filter((query) => query !== null);
    for (const query of queries) query.leaveSocket?.(false);
    return queries;
  }
}
