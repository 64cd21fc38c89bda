/**
 * Asks again for a popular answer that is about to expire, on account of the session whose hit has shown it. Owns whether that is done;
 * that the time has come is the cache's to say, and the question leaves by `send.ts` like any other.
 *
 * The session is judged and charged as if its query had missed. Names kept without a budget have a schedule of their own.
 */
import { questionKey } from '../cache/question-key.ts';
import { actOn } from './apply-mode.ts';
import { type Judgement, judgeQuery } from './judge.ts';
import type { Pipeline, QueryContext } from './pipeline.ts';
import type { CachedAnswer } from './ports.ts';
import { send } from './send.ts';

/**
 * Names whose bits count in full are asked when somebody waits for them, and not before: a session that asks 20 such names all day sends
 * 5 to 11 % more with prefetching and pays as much more (measured, docs/decisions/0011), out of budgets that many such sessions spend.
 */
const MAX_WEIGHT = 0.1;

/**
 * What a refresh may cost in any scope. A repeat at that weight costs some tenths of a bit; whoever never sent the name himself would
 * pay for a new one, and goes on being answered from the cache for nothing instead.
 */
const MAX_BITS = 1;

/** Part of all waiting queries that may be in flight for prefetching to go on: nobody waits for these. */
const IN_FLIGHT_PART = 1 / 4;

/**
 * To be called at a hit: keeps the entry from being forgotten, and asks for it again where it is time. Nothing is sent before the hit's
 * answer has gone to its listener. Never throws.
 */
export function noteServed(k: Pipeline, context: QueryContext, hit: Judgement, entry: CachedAnswer): void {
  if (!k.cache.touch(entry, context.startedMs) || hit.metered.weight > MAX_WEIGHT) return;
  queueMicrotask(() => {
    try {
      ask(k, context, hit);
    } catch (cause) {
      k.metrics.internalError(cause);
    }
  });
}

function ask(k: Pipeline, context: QueryContext, { routed, qname, qtype }: Judgement): void {
  const { policy, session, source } = context;
  const key = questionKey(k.partitions.of(policy.name, routed.group), qname, qtype);
  if (k.kept.has(key) || k.inFlight.isInFlight(key) || k.inFlight.size >= k.limits.pendingQueries * IN_FLIGHT_PART) return;

  const judgement = judgeQuery(k, session, policy, routed, qname, qtype, { kind: 'send' });
  const acting = actOn(k, policy, source.address, judgement.verdict);
  if (acting.kind === 'refuse' || acting.kind === 'quarantine') return;
  const { lookUp, price } = judgement;
  if (lookUp.kind !== 'send' || price === null) return;
  if (Math.max(price.parentBits, price.sessionBits, price.fleetBits) > MAX_BITS) return;

  k.metrics.prefetched();
  send(k, context, judgement).catch((cause: unknown) => k.metrics.internalError(cause));
}
