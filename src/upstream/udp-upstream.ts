/**
 * An upstream over UDP, with TCP for answers that are truncated or cannot be believed (RFC 1035 §4.2.1, RFC 7766 §5). Owns the pool of
 * source ports: many are open at a time and each query takes a random one, so that a forger has to guess the port as well as the ID
 * (RFC 5452).
 */
import type { ForgeryGuards } from './forgery-guards.ts';
import { askWithin, type PendingQuery } from './pending-query.ts';
import type { Random16 } from './random16.ts';
import { SourcePort, type SourcePortOwner } from './source-port.ts';
import { createPlainPool } from './tcp-upstream.ts';
import type { Upstream } from './upstream.ts';
import type { PinnedUpstream } from './upstream-url.ts';

/** Ports that queries choose among; a power of two, so that the choice is uniform. Each opens when it is first chosen. */
const OPEN_PORTS = 32;

/** With those retired but still waiting: 256 x 200 queries are more than 30,000 a second, each waiting 1.5 s. */
const MAX_SOCKETS = 256;

/** How often forged answers may drive one query to another port. Who follows it there knows the ports: then it is asked over TCP. */
const MAX_MOVES = 2;

/** An upstream that refuses the cookie it has just given (RFC 7873 §5.3) is asked over TCP. */
const MAX_REPEATS = 1;

export function createUdpUpstream(url: PinnedUpstream, random16: Random16, guards: ForgeryGuards): Upstream {
  const tcp = createPlainPool(url, random16, guards);
  const slots: (SourcePort | null)[] = Array.from({ length: OPEN_PORTS }, () => null);
  const sockets = new Set<SourcePort>();
  let strayMessages = 0;
  let closed = false;

  const owner: SourcePortOwner = {
    random16,
    guards,
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
      for (const query of queries) {
        if (query.moves++ < MAX_MOVES) place(query);
        else placeOverTcp(query);
      }
    },
    onAskAgain: (query, over) => {
      if (over === 'udp' && query.repeats++ < MAX_REPEATS) return place(query);
      placeOverTcp(query);
    },
    onAskSimpler: place,
  };

  function placeOverTcp(query: PendingQuery): void {
    query.moves = 0;
    tcp.place(query);
  }

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
    losesDatagrams: true,

    get strayMessages() {
      return strayMessages + tcp.strayMessages;
    },

    ask(permit, timeoutMs) {
      const trial = guards.takeTrial();
      if (trial !== null) void askWithin(timeoutMs, permit, place, trial);
      return askWithin(timeoutMs, permit, place);
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
