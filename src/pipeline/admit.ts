/**
 * The per-session rate limit: a token bucket on the monotonic clock. Owns no table; the tokens live in the session.
 */
import type { Session } from '../session/session.ts';
import type { QueryLimits } from './pipeline.ts';

/** Takes one token; false when the session has asked more than `burst` beyond `queriesPerSecond`. */
export function admit(session: Session, limits: QueryLimits, nowMs: number): boolean {
  if (limits.queriesPerSecond === null) return true;
  const gained = ((nowMs - session.tokensAtMs) * limits.queriesPerSecond) / 1000;
  session.tokens = Math.min(limits.burst, session.tokens + gained);
  session.tokensAtMs = nowMs;
  if (session.tokens < 1) return false;
  session.tokens -= 1;
  return true;
}
