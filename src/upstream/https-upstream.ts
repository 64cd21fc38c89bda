/**
 * An upstream over HTTPS (RFC 8484, HTTP/2 alone), proven by its certificate or not asked at all. Owns the pool of sessions, the
 * queries that wait for a stream, and the second chance of those whose session went away.
 */
import type { Clock } from '../pipeline/ports.ts';
import { HttpsSession, type HttpsSessionOwner } from './https-session.ts';
import { askWithin, type PendingQuery } from './pending-query.ts';
import { certified, TlsDialer } from './tls-socket.ts';
import type { Upstream } from './upstream.ts';
import type { PinnedUpstream } from './upstream-url.ts';

/** Sessions that take queries; with 100 streams each, 1.5 s of patience and 50 ms an answer 8,000 queries a second. */
const OPEN_SESSIONS = 4;

/** With those retired but still waiting. */
const MAX_SESSIONS = 16;

/** Queries without a stream; they end by their time-outs. */
const MAX_WAITING = 10_000;

/** A stream refused or lost gives one more (RFC 9113 §8.7), and two where the session had answered something. */
const MAX_MOVES = 1;
const MAX_MOVES_WITH_PROGRESS = 2;

/** Opens nothing before its first question. `ca`: PEM of authorities to trust in place of the built-in ones. */
export function createHttpsUpstream(url: PinnedUpstream, clock: Clock, ca: string | null): Upstream {
  const peer = certified(url);
  const dialer = new TlsDialer(peer, ca, clock, 'h2');
  const open = new Set<HttpsSession>();
  const sessions = new Set<HttpsSession>();
  const waiting = new Set<PendingQuery>();
  let strayMessages = 0;
  let closed = false;

  const owner: HttpsSessionOwner = {
    onStray: () => {
      strayMessages++;
    },
    onRoom: serveWaiting,
    onRetired: (session) => {
      open.delete(session);
    },
    onReturned: (session, query, detail) => {
      if (!closed && query.moves++ < movesAfter(session)) place(query);
      else query.settle({ kind: 'failure', reason: closed ? 'overloaded' : 'unreachable', detail });
    },
    onLost: (session, detail) => {
      sessions.delete(session);
      // Where one could not be opened, others would fare the same.
      const isHopeless = closed || (!session.isReady && ![...sessions].some(({ isReady }) => isReady));
      if (!isHopeless) serveWaiting();
      else for (const query of [...waiting]) query.settle({ kind: 'failure', reason: closed ? 'overloaded' : 'unreachable', detail });
    },
  };

  function place(query: PendingQuery): void {
    const session = closed ? null : sessionWithRoom();
    if (session !== null) session.ask(query);
    else if (closed || waiting.size >= MAX_WAITING) query.settle({ kind: 'failure', reason: 'overloaded', detail: 'no stream free' });
    else wait(query);
  }

  function wait(query: PendingQuery): void {
    waiting.add(query);
    query.leaveSocket = () => {
      query.leaveSocket = null;
      waiting.delete(query);
    };
  }

  /** In the order they came. */
  function serveWaiting(): void {
    for (const query of waiting) {
      const session = closed ? null : sessionWithRoom();
      if (session === null) return;
      query.leaveSocket?.(false);
      session.ask(query);
    }
  }

  function sessionWithRoom(): HttpsSession | null {
    for (const session of open) if (session.hasRoom) return session;
    if (open.size >= OPEN_SESSIONS || sessions.size >= MAX_SESSIONS) return null;
    const session = new HttpsSession(peer, (onReady) => dialer.open(onReady), owner);
    open.add(session);
    sessions.add(session);
    return session;
  }

  return {
    url: url.text,
    losesDatagrams: false,

    get strayMessages() {
      return strayMessages;
    },

    ask: (permit, timeoutMs) => askWithin(timeoutMs, permit, place),

    close() {
      closed = true;
      for (const session of [...sessions]) session.close('the upstream was closed');
    },
  };
}

/** A session that never opened gives no second chance: another one would fare the same. */
function movesAfter({ isReady, answered }: HttpsSession): number {
  if (!isReady) return 0;
  return answered > 0 ? MAX_MOVES_WITH_PROGRESS : MAX_MOVES;
}
