/**
 * An upstream over UDP, with TCP for truncated answers (RFC 1035 §4.2.1, RFC 7766 §5). Owns the pool of source ports: many are
 * open at a time and each query takes a random one, so that a forger has to guess the port as well as the ID (RFC 5452).
 */
import type { Clock } from '../pipeline/ports.ts';
import { askWithin, type PendingQuery } from './pending-query.ts';
import type { Random16 } from './random16.ts';
import { SourcePort, type SourcePortOwner } from './source-port.ts';
import { createTcpUpstream } from './tcp-upstream.ts';
import type { Upstream } from './upstream.ts';
import type { PinnedUpstream } from './upstream-url.ts';

/** Ports that queries choose among; a power of two, so that the choice is uniform. Each opens when it is first chosen. */
const OPEN_PORTS = 32;

/** With those retired but still waiting: 256 x 200 queries are more than 30,000 a second, each waiting 1.5 s. */
const MAX_SOCKETS = 256;

/** How often forged answers may drive one query to another port; after that it just waits for its time-out. */
const MAX_MOVES = 2;

export function createUdpUpstream(url: PinnedUpstream, clock: Clock, random16: Random16): Upstream {
  const tcp = createTcpUpstream(url, random16);
  const slots: (SourcePort | null)[] = Array.from({ length: OPEN_PORTS }, () => null);
  const sockets = new Set<SourcePort>();
  let strayMessages = 0;
  let closed = false;

  const owner: SourcePortOwner = {
    random16,
    onStray: () => {
      strayMessages++;
    },
    onRetired: (port) => {
      const slot = slots.indexOf(port);
      if (slot >= 0) slots[slot] = null;
    },
    onClosed: (port) => {
      sockets.delete(port);
    },
    onFlooded: (queries) => {
      for (const query of queries) if (query.moves++ < MAX_MOVES) place(query);
    },
  };

  function place(query: PendingQuery): void {
    const port = closed ? null : choosePort();
    if (port === null) query.settle({ kind: 'failure', reason: 'overloaded', detail: 'no source port free' });
    else port.ask(query);
  }

  function choosePort(): SourcePort | null {
    const slot = random16() % OPEN_PORTS;
    const open = slots[slot] ?? null;
    if (open !== null || sockets.size >= MAX_SOCKETS) return open;
    const port = new SourcePort(url, owner);
    sockets.add(port);
    slots[slot] = port;
    return port;
  }

  return {
    url: url.text,

    get strayMessages() {
      return strayMessages + tcp.strayMessages;
    },

    async ask(permit, timeoutMs) {
      const startedMs = clock.monotonicMs();
      const attempt = await askWithin(timeoutMs, permit, place);
      if (attempt.kind === 'failure' || !attempt.response.truncated) return attempt;
      return tcp.ask(permit, Math.max(0, timeoutMs - (clock.monotonicMs() - startedMs)));
    },

    close() {
      closed = true;
      for (const port of sockets) {
        for (const query of port.close()) query.settle({ kind: 'failure', reason: 'overloaded', detail: 'the upstream was closed' });
      }
      tcp.close();
    },
  };
}
