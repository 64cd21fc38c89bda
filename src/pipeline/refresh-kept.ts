/**
 * Asks kept names again, by the schedule of `session/kept-names.ts`: once when a scope begins, then from the sweep timer.
 * Owns when a scope ends; what may be kept is `plan-keeping.ts`, the question itself leaves by `send.ts`.
 */
import { KNOWN_NAMES_RESERVE_BITS } from '../../scoring/decide.ts';
import { questionKey } from '../cache/question-key.ts';
import type { KeptPair, KeptScope } from '../session/kept-names.ts';
import { EDE } from '../wire/codes.ts';
import type { Judgement, LookUp } from './judge.ts';
import { budgetsWhileNew } from './known-parent.ts';
import type { Pipeline, QueryContext, UpstreamTrouble } from './pipeline.ts';
import { bitsLeft, mayKeep } from './plan-keeping.ts';
import type { CachedAnswer } from './ports.ts';
import { refresh } from './send.ts';

/** The answer was lost before its time: asking now would be a client's doing. */
const NOT_NOW: UpstreamTrouble = {
  trouble: 'a budget is spent; this name is asked again on a schedule, try again in a few minutes',
  errorCode: EDE.OTHER,
  sent: false,
};

/** A scope ends when so much is left again, more than a repeat costs, or all there was: end and begin must not follow each other. */
const ROOM_BITS = 2 * KNOWN_NAMES_RESERVE_BITS;

/** The answer for a query whose budget is spent: begins the scope where that is due, and waits for the first answer only. */
export async function keptAnswer(
  k: Pipeline,
  { source, session, policy }: QueryContext,
  { domain, routed, qname, qtype, budgets, firstContact }: Judgement,
  { scope: kind, begin }: Extract<LookUp, { kind: 'kept' }>,
): Promise<CachedAnswer | UpstreamTrouble> {
  if (begin.length > 0) {
    const scope: KeptScope = {
      kind,
      parent: domain.parent,
      budgets,
      newParent: firstContact ? domain : null,
      session: session.key,
      address: source.address,
      listener: source.listener,
    };
    const nowMs = k.clock.monotonicMs();
    k.kept.begin(scope, begin, nowMs);
    askAll(k, k.kept.due(nowMs, scope));
  }
  return (await k.kept.firstAnswer(questionKey(k.partitions.of(policy.name, routed.group), qname, qtype))) ?? NOT_NOW;
}

/** To be called about once a second: ends what is over and asks what is due. Never throws. */
export function refreshKept(k: Pipeline): void {
  if (k.kept.size === 0) return;
  try {
    const nowMs = k.clock.monotonicMs();
    k.kept.dropEnded(nowMs, (scope) => hasEnded(k, scope));
    askAll(k, k.kept.due(nowMs));
  } catch (cause) {
    k.metrics.internalError(cause);
  }
}

/** The budget has room again: it has refilled, a release has given it back, or the parent is no longer new. */
function hasEnded(k: Pipeline, { kind, parent, budgets: ordinary, newParent, session: key }: KeptScope): boolean {
  const session = k.sessions.peek(key);
  // Not in memory: nobody has asked for long, and the scope's day will end it.
  if (session === null) return false;
  const wallMs = k.clock.wallMs();
  const budgets = newParent === null ? ordinary : budgetsWhileNew(k, ordinary, newParent, wallMs);
  const left = bitsLeft(k.meters.read(session.meters, parent, budgets, wallMs).remaining, kind);
  const { parentBits, sessionBits, fleetParentBits: fleetBits } = budgets;
  const full = bitsLeft({ parentBits, sessionBits, fleetBits }, kind);
  return left === null || full === null || left >= Math.min(ROOM_BITS, full);
}

function askAll(k: Pipeline, pairs: readonly KeptPair<CachedAnswer | UpstreamTrouble>[]): void {
  for (const pair of pairs) {
    const { scope, qname, qtype } = pair;
    const policy = k.policies.choose(scope.address, scope.listener);
    const group = mayKeep(k, policy, scope.kind === 'fleet' ? null : scope.session, qname, qtype);
    // A reload may send the name elsewhere, take the group away, or part the cache: then nobody is answered by this question any more.
    const isAsBefore = group === pair.group && k.upstreams.has(group) && k.partitions.of(policy.name, group) === pair.partition;
    if (!isAsBefore) k.kept.drop(pair);
    else ask(k, pair).catch((cause: unknown) => k.metrics.internalError(cause));
  }
}

async function ask(k: Pipeline, pair: KeptPair<CachedAnswer | UpstreamTrouble>): Promise<void> {
  const result = await refresh(k, pair);
  const lifetimeMs = 'trouble' in result ? null : result.expiresAtMs - result.storedAtMs;
  k.metrics.refreshed(lifetimeMs !== null);
  k.kept.settle(pair, result, lifetimeMs);
}
