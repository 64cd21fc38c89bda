/**
 * An upstream over TLS (RFC 7858), proven by its certificate or not asked at all (RFC 8310 §5.1): there is no way from here to UDP or
 * plain TCP. Owns how long its connections live; opening them is `tls-socket.ts`, the pool `tcp-pool.ts`.
 */
import type { Clock } from '../pipeline/ports.ts';
import { PADDING_BLOCK_OCTETS } from '../wire/query-encode.ts';
import { NO_GUARDS } from './forgery-guards.ts';
import { askWithin } from './pending-query.ts';
import type { Random16 } from './random16.ts';
import { createTcpPool } from './tcp-pool.ts';
import { certified, TlsDialer } from './tls-socket.ts';
import { describeTlsError } from './tls-trust.ts';
import type { Upstream } from './upstream.ts';
import type { PinnedUpstream } from './upstream-url.ts';

/**
 * Nobody can forge into TLS, so a port and an ID that stay the same for longer tell nobody anything, and whoever watches sees one client,
 * Kennel, with one connection or with many. What counts is the handshake: three messages and a signature. 10,000 of 65,536 IDs
 * are used at most, so that drawing a fresh one stays quick.
 */
export const MAX_QUERIES_PER_TLS_CONNECTION = 10_000;
export const MAX_TLS_CONNECTION_AGE_MS = 600_000;

/** Shorter than what servers allow (RFC 7858 §3.4; Unbound 30 s), so that seldom a question meets a connection that is being closed. */
export const MAX_TLS_IDLE_MS = 10_000;

/** Opens nothing before its first question. `ca`: PEM of authorities to trust in place of the built-in ones. */
export function createTlsUpstream(url: PinnedUpstream, clock: Clock, random16: Random16, ca: string | null): Upstream {
  const peer = certified(url);
  const dialer = new TlsDialer(peer, ca, clock, null);
  const pool = createTcpPool({
    kind: {
      open: (onReady) => dialer.open(onReady),
      describe: (error) => describeTlsError(error, peer.serverName),
      guards: NO_GUARDS,
      blockOctets: PADDING_BLOCK_OCTETS,
      maxQueries: MAX_QUERIES_PER_TLS_CONNECTION,
      maxAgeMs: MAX_TLS_CONNECTION_AGE_MS,
      maxIdleMs: MAX_TLS_IDLE_MS,
    },
    random16,
    secondChanceAlone: false,
  });
  return {
    url: url.text,
    losesDatagrams: false,

    get strayMessages() {
      return pool.strayMessages;
    },

    ask: (permit, timeoutMs) => askWithin(timeoutMs, permit, pool.place),

    close: () => pool.close(),
  };
}
