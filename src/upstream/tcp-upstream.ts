/**
 * An upstream over TCP (RFC 7766): one connection at a time takes new queries, pipelined, and is replaced as often as a source
 * port is. Owns the pool and the second chance of queries whose connection went away.
 */
import { askWithin, type PendingQuery } from './pending-query.ts';
import type { Random16 } from './random16.ts';
import { TcpConnection, type TcpConnectionOwner } from './tcp-connection.ts';
import type { Upstream } from './upstream.ts';
import type { PinnedUpstream } from './upstream-url.ts';

/** The open one, those retired but still waiting, and second chances; an upstream may limit connections per client. */
const MAX_CONNECTIONS = 32;

/** Servers close idle or busy connections at any time (RFC 7766 §6.2.4): a query gets one more, of its own. */
const MAX_MOVES = 1;

export function createTcpUpstream(url: PinnedUpstream, random16: Random16): Upstream {
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
    onLost: (connection, unanswered, established, detail) => {
      connections.delete(connection);
      for (const query of unanswered) {
        if (established && query.moves++ < MAX_MOVES) placeAlone(query);
        else query.settle({ kind: 'failure', reason: closed ? 'overloaded' : 'unreachable', detail });
      }
    },
  };

  function place(query: PendingQuery): void {
    current ??= open();
    if (current === null) settleOverloaded(query);
    else current.ask(query);
  }

  /** Servers that answer one query per connection are still answered to, if slowly. */
  function placeAlone(query: PendingQuery): void {
    const connection = open();
    if (connection === null) settleOverloaded(query);
    connection?.ask(query);
    connection?.retire();
  }

  function open(): TcpConnection | null {
    if (closed || connections.size >= MAX_CONNECTIONS) return null;
    const connection = new TcpConnection(url, owner);
    connections.add(connection);
    return connection;
  }

  return {
    url: url.text,

    get strayMessages() {
      return strayMessages;
    },

    ask: (permit, timeoutMs) => askWithin(timeoutMs, permit, place),

    close() {
      closed = true;
      for (const connection of [...connections]) connection.close('the upstream was closed');
    },
  };
}

function settleOverloaded(query: PendingQuery): void {
  query.settle({ kind: 'failure', reason: 'overloaded', detail: 'no connection free' });
}
