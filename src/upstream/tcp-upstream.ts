/**
 * An upstream over TCP (RFC 7766), in clear: connections are replaced as often as a source port is. Owns how such a connection is
 * opened; the pool is `tcp-pool.ts`.
 */
import net from 'node:net';
import type { ForgeryGuards } from './forgery-guards.ts';
import { askWithin } from './pending-query.ts';
import type { Random16 } from './random16.ts';
import { MAX_PORT_AGE_MS, MAX_QUERIES_PER_PORT } from './source-port.ts';
import { createTcpPool, type TcpPool } from './tcp-pool.ts';
import type { Upstream } from './upstream.ts';
import type { PinnedUpstream } from './upstream-url.ts';

/** The connections of a plain upstream, over UDP for what UDP cannot bring. */
export function createPlainPool(url: PinnedUpstream, random16: Random16, guards: ForgeryGuards): TcpPool {
  return createTcpPool({
    kind: {
      open(onReady) {
        const socket = net.connect({ host: url.address, port: url.port, noDelay: true });
        socket.once('connect', onReady);
        return socket;
      },
      describe: ({ message }) => message,
      guards,
      blockOctets: 0,
      maxQueries: MAX_QUERIES_PER_PORT,
      maxAgeMs: MAX_PORT_AGE_MS,
      maxIdleMs: MAX_PORT_AGE_MS,
    },
    random16,
    secondChanceAlone: true,
  });
}

export function createTcpUpstream(url: PinnedUpstream, random16: Random16, guards: ForgeryGuards): Upstream {
  const pool = createPlainPool(url, random16, guards);
  return {
    url: url.text,
    losesDatagrams: false,

    get strayMessages() {
      return pool.strayMessages;
    },

    ask(permit, timeoutMs) {
      const trial = guards.takeTrial();
      if (trial !== null) void askWithin(timeoutMs, permit, pool.place, trial);
      return askWithin(timeoutMs, permit, pool.place);
    },

    close: () => pool.close(),
  };
}
