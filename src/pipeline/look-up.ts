/**
 * 9. send: how an answer that is not here is had: with the query that is under way, by the one that is sent now, or by one of Kennel's
 * own. Owns how many queries may wait for it; the charge and the send are `send.ts`.
 */
import { questionKey } from '../cache/question-key.ts';
import type { Judgement, LookUp } from './judge.ts';
import type { Pipeline, QueryContext, UpstreamTrouble } from './pipeline.ts';
import type { CachedAnswer } from './ports.ts';
import { keptAnswer } from './refresh-kept.ts';
import { send, TOO_MANY_WAITING } from './send.ts';

/** Part of all waiting queries that one session may have: slow names of its choice must not shut out the others. */
const SESSION_PART = 1 / 4;

/** Queries that join a look-up under way cost memory as well; so many may wait for each that `pendingQueries` allows. */
const WAITING_PER_LOOK_UP = 2;

/** The answer by this way, or what stands in its place where too many wait already. */
export function lookUp(k: Pipeline, context: QueryContext, judgement: Judgement, way: LookUp): Promise<CachedAnswer | UpstreamTrouble> {
  const { session } = context;
  if (session.waiting >= k.limits.pendingQueries * SESSION_PART) {
    k.metrics.overloaded('session');
    return Promise.resolve(TOO_MANY_WAITING);
  }
  if (k.sessions.waiting >= k.limits.pendingQueries * WAITING_PER_LOOK_UP) {
    k.metrics.overloaded('all');
    return Promise.resolve(TOO_MANY_WAITING);
  }
  const outcome = begin(k, context, judgement, way);
  session.waiting += 1;
  k.sessions.waiting += 1;
  const over = (): void => {
    session.waiting -= 1;
    k.sessions.waiting -= 1;
  };
  outcome.then(over, over);
  return outcome;
}

function begin(k: Pipeline, context: QueryContext, judgement: Judgement, way: LookUp): Promise<CachedAnswer | UpstreamTrouble> {
  const { routed, qname, qtype } = judgement;
  const partition = k.partitions.of(context.policy.name, routed.group);
  if (way.kind === 'in-flight') return k.inFlight.join(questionKey(partition, qname, qtype), neverStarted);
  return way.kind === 'kept' ? keptAnswer(k, context, judgement, way) : send(k, context, judgement);
}

/** What `judge` saw in flight in this tick is still in flight. */
function neverStarted(): never {
  throw new Error('an exchange in flight was gone in the same tick');
}
