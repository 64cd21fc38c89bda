/**
 * The per-session rate limit: a token bucket on the monotonic clock, and what queries above it get. Owns no table; the tokens live in
 * the session.
 */
import type { Session } from '../session/session.ts';
import { EDE, RCODE } from '../wire/codes.ts';
import type { ResponseContent } from '../wire/response.ts';
import type { QueryLimits } from './pipeline.ts';

export type Admission = 'admitted' | 'truncated' | 'refused' | 'dropped';

/**
 * Takes one token. Without one, when the session has asked more than `burst` beyond `queriesPerSecond`, TCP is refused, and of UDP
 * every `slip`-th is sent to TCP.
 */
export function admit(session: Session, limits: QueryLimits, protocol: 'udp' | 'tcp', nowMs: number): Admission {
  if (limits.queriesPerSecond === null) return 'admitted';
  const gained = ((nowMs - session.tokensAtMs) * limits.queriesPerSecond) / 1000;
  session.tokens = Math.min(limits.burst, session.tokens + gained);
  session.tokensAtMs = nowMs;
  if (session.tokens >= 1) {
    session.tokens -= 1;
    return 'admitted';
  }
  if (protocol === 'tcp') return 'refused';
  session.overLimit += 1;
  return limits.slip > 0 && session.overLimit % limits.slip === 0 ? 'truncated' : 'dropped';
}

/** Over UDP a truncated answer slows a client down by its way over TCP; there it is told. */
export function overLimit(admission: 'truncated' | 'refused'): ResponseContent {
  if (admission === 'truncated') return { rcode: RCODE.NOERROR, answers: [], authority: [], truncated: true };
  const extendedErrors = [{ code: EDE.OTHER, text: 'too many queries from this address; ask more slowly' }];
  return { rcode: RCODE.REFUSED, answers: [], authority: [], extendedErrors };
}
