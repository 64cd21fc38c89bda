/**
 * The streams to one upstream: one connection at a time takes new queries, pipelined, and is replaced when it has had its share.
 * Owns the pool and the second chance of queries whose connection went away. Knows neither TCP nor TLS.
 */
import { type PendingQuery, unusable } from './pending-query.ts';
import type { Random16 } from './random16.ts';
import { type StreamKind, TcpConnection, type TcpConnectionOwner } from './tcp-connection.ts';

export interface TcpPool {
  readonly strayMessages: number;
  /** Puts a query on a connection; from then on it ends by an answer, its time-out or the pool's end. */
  place(query: PendingQuery): void;
  /** Fails what is under way and closes every connection. */
  close(): void;
}

export interface TcpPoolOptions {
  readonly kind: StreamKind;
  readonly random16: Random16;
  /** Whether a second chance is a connection of its own (servers that answer one query on each), or the next one, shared. */
  readonly secondChanceAlone: boolean;
}

/** The open one, those retired but still waiting, and second chances; an upstream may limit connections per client. */
const MAX_CONNECTIONS = 32;

/** Servers close idle or busy connections at any time (RFC 7766 §6.2.4): a query gets one more. */
const MAX_MOVES = 1;

/** A server that ends connections after some queries does answer: with a shared second chance, what it left over may move on once more. */
const MAX_MOVES_WITH_PROGRESS = 2;

/** BADCOOKIE over TCP, or two forms of a question that are refused: asked once more. */
const MAX_REPEATS = 2;

/** Opens nothing before the first query. */
export function createTcpPool({ kind, random16, secondChanceAlone }: TcpPoolOptions): TcpPool {
  const connections = new Set<TcpConnection>();
  let current: TcpConnection | null = null;
  let strayMessages = 0;
  let closed = false;

  const owner: TcpConnectionOwner = {
    random16,
    onStray: () => {
      strayMessages++;
    },
    onRetired: (connection) => {
      if (current === connection) current = null;
    },
    onAskAgain: (query) => {
      if (query.repeats++ < MAX_REPEATS) place(query);
      else query.settle(unusable('the upstream goes on refusing how it is asked'));
    },
    onLost: (connection, unanswered, detail) => {
      connections.delete(connection);
      const maxMoves = movesAfter(connection);
      for (const query of unanswered) {
        if (!closed && query.moves++ < maxMoves) secondChance(query);
        else query.settle({ kind: 'failure', reason: closed ? 'overloaded' : 'unreachable', detail });
      }
    },
  };

  /** A stream that never opened gives no second chance: another one would fare the same. */
  function movesAfter({ isReady, answered }: TcpConnection): number {
    if (!isReady) return 0;
    return answered > 0 && !secondChanceAlone ? MAX_MOVES_WITH_PROGRESS : MAX_MOVES;
  }

  function place(query: PendingQuery): void {
    current ??= open();
    if (current === null) settleOverloaded(query);
    else current.ask(query);
  }

  function placeAlone(query: PendingQuery): void {
    const connection = open();
    if (connection === null) settleOverloaded(query);
    connection?.ask(query);
    connection?.retire();
  }

  const secondChance = secondChanceAlone ? placeAlone : place;

  function open(): TcpConnection | null {
    if (closed || connections.size >= MAX_CONNECTIONS) return null;
    const connection = new TcpConnection(kind, owner);
    connections.add(connection);
    return connection;
  }

  return {
    get strayMessages() {
      return strayMessages;
    },

    place,

    close() {
      closed = true;
      for (const connection of [...connections]) connection.close('the upstream was closed');
    },
  };
}

function settleOverloaded(query: PendingQuery): void {
  query.settle({ kind: 'failure', reason: 'overloaded', detail: 'no connection free' });
}
