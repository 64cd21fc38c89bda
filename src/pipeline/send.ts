/**
 * The one way out: charge and send in the same tick. Everything that could refuse has run before; everything that may repeat the
 * question (failover, TC to TCP) works from the permit made here and costs nothing more, since it is a function of what was charged.
 */
import { questionKey } from '../cache/question-key.ts';
import { KEPT_FAILURE_SECONDS, KEPT_TTL_FLOOR_SECONDS, type KeptQuestion } from '../session/kept-names.ts';
import { LeaseNotWritten, type Price } from '../session/meters.ts';
import { EDE, RCODE } from '../wire/codes.ts';
import type { Judgement } from './judge.ts';
import { grantSend } from './permit.ts';
import type { Pipeline, QueryContext, UpstreamTrouble } from './pipeline.ts';
import type { CachedAnswer, ExchangeResult, UpstreamFailure, UpstreamGroup, UpstreamResponse } from './ports.ts';

/** Unlisted parents may not make names expire faster than this: each repeat they force is a symbol of its own. */
const UNLISTED_TTL_FLOOR_SECONDS = 60;

/** RFC 9520 §3.2: a failed resolution is cached for at least 1 s; 5 s spares a struggling upstream the retries of stubs. */
const FAILURE_TTL_SECONDS = 5;

/** RFC 8767 §5, failure recheck timer: while an earlier answer can be served, no more than one refresh in this time fails. */
const RECHECK_MS = 30_000;

const FAILED: UpstreamResponse = { rcode: RCODE.SERVFAIL, answers: [], authority: [], authenticData: false };

/** Nothing was sent and nothing charged. */
export const TOO_MANY_WAITING: UpstreamTrouble = {
  trouble: 'too many queries are waiting for upstreams; try again in a moment',
  errorCode: EDE.OTHER,
  sent: false,
};

/** Nothing was sent and nothing charged. */
const FAILED_LATELY: UpstreamTrouble = {
  trouble: 'upstreams gave no answer a moment ago; they are asked again in half a minute',
  errorCode: EDE.NO_REACHABLE_AUTHORITY,
  sent: false,
};

/** Nothing was sent and nothing charged. */
const NOT_WRITTEN: UpstreamTrouble = {
  trouble: 'Kennel cannot write its state and sends nothing that it would forget; tell its operator',
  errorCode: EDE.OTHER,
  sent: false,
};

/** Charges the judged name to every meter it concerns and sends it. Where the charge cannot be written, nothing is sent. */
export function send(k: Pipeline, context: QueryContext, judgement: Judgement): Promise<CachedAnswer | UpstreamTrouble> {
  const { qname, qtype, routed, domain, metered } = judgement;
  const { session, policy } = context;
  const group = k.upstreams.get(routed.group);
  if (group === undefined) throw new Error(`no upstream group ${routed.group}`);
  if (k.inFlight.size >= k.limits.pendingQueries) {
    k.metrics.overloaded('all');
    return Promise.resolve(TOO_MANY_WAITING);
  }
  // Known dead, or silent a moment ago: nothing would be sent, so nothing is charged.
  if (!group.available()) return Promise.resolve(troubleOf('all-down', group));
  const partition = k.partitions.of(policy.name, routed.group);
  const expired = k.cache.peekExpired(partition, qname, qtype, k.clock.monotonicMs());
  if (expired !== null && k.clock.monotonicMs() < expired.recheckAtMs) return Promise.resolve(FAILED_LATELY);

  const wallMs = k.clock.wallMs();
  const paid = chargeOrNull(() => k.meters.charge(session.meters, session.epoch, metered, wallMs, judgement.price ?? undefined));
  if (paid === null) return Promise.resolve(NOT_WRITTEN);
  k.metrics.leaked(policy.name, paid.parentBits);
  const permit = grantSend(qname, qtype, paid.parentBits);
  // Not before: a registry must not see the domain of a refused name either.
  if (routed.standing === 'unlisted' && domain.icannDomain !== null) k.ages.ageDays(domain.icannDomain, session.key);

  const { flushes } = k.cache;
  return k.inFlight.join(questionKey(partition, qname, qtype), async () => {
    const result = await group.exchange(permit);
    const nowMs = k.clock.monotonicMs();
    const floorSeconds = routed.standing === 'unlisted' ? UNLISTED_TTL_FLOOR_SECONDS : 0;
    // An answer that is still good, or may be served as stale, outlives the failure of its refresh.
    const outlived = !isAnswer(result) && k.cache.noteFailure(partition, qname, qtype, RECHECK_MS, nowMs);
    if (result.kind === 'failure') {
      if (!outlived) k.cache.store(partition, qname, qtype, FAILED, FAILURE_TTL_SECONDS, nowMs, flushes);
      return troubleOf(result.reason, group);
    }
    if (outlived) return troubleOf('malformed', group);
    const entry = k.cache.store(partition, qname, qtype, result.response, floorSeconds, nowMs, flushes);
    k.meters.noteExpiry(session.meters, metered, entry.expiresAtMs, k.clock.wallMs());
    return entry;
  });
}

/** Null: the disk did not take the charge, which the meters' alarm tells. */
function chargeOrNull(charge: () => Price): Price | null {
  try {
    return charge();
  } catch (error) {
    if (error instanceof LeaseNotWritten) return null;
    throw error;
  }
}

/**
 * Asks a kept name again; a failure that the upstream tells is trouble too. Costs nothing in any scope: that it is asked, and when,
 * follows from what was charged, from the answers and from the schedule. For the same reason it never joins a client's query, although
 * clients may join it. Bounded by the schedule's pace.
 */
export function refresh(k: Pipeline, { group: id, partition, qname, qtype, key }: KeptQuestion): Promise<CachedAnswer | UpstreamTrouble> {
  const group = k.upstreams.get(id);
  if (group === undefined) throw new Error(`no upstream group ${id}`);
  if (!group.available()) return Promise.resolve(troubleOf('all-down', group));
  const permit = grantSend(qname, qtype, 0);
  const { flushes } = k.cache;

  const ask = async (): Promise<CachedAnswer | UpstreamTrouble> => {
    const result = await group.exchange(permit);
    const nowMs = k.clock.monotonicMs();
    const response = result.kind === 'response' ? result.response : FAILED;
    // Flushed meanwhile: it is not kept, and so has to be asked again.
    if (k.cache.flushes !== flushes) return troubleOf('malformed', group);
    if (isAnswer(result)) return k.cache.store(partition, qname, qtype, response, KEPT_TTL_FLOOR_SECONDS, nowMs);
    const outlived = k.cache.noteFailure(partition, qname, qtype, 1000 * KEPT_FAILURE_SECONDS, nowMs);
    if (!outlived) k.cache.store(partition, qname, qtype, response, KEPT_FAILURE_SECONDS, nowMs);
    return troubleOf(result.kind === 'failure' ? result.reason : 'malformed', group);
  };
  return k.inFlight.isInFlight(key) ? ask() : k.inFlight.join(key, ask);
}

/** It says something about the name; other codes are failures, which refresh nothing (RFC 8767 §5). */
function isAnswer(result: ExchangeResult): boolean {
  return result.kind === 'response' && (result.response.rcode === RCODE.NOERROR || result.response.rcode === RCODE.NXDOMAIN);
}

function troubleOf(reason: UpstreamFailure, group: UpstreamGroup): UpstreamTrouble {
  switch (reason) {
    case 'all-down':
      return { trouble: `no upstream of ${group.id} answers`, errorCode: EDE.NO_REACHABLE_AUTHORITY, sent: false };
    case 'timeout':
      return { trouble: `upstreams of ${group.id} did not answer in time`, errorCode: EDE.NO_REACHABLE_AUTHORITY, sent: true };
    case 'unreachable':
      return { trouble: `upstreams of ${group.id} cannot be reached`, errorCode: EDE.NETWORK_ERROR, sent: true };
    case 'malformed':
      return { trouble: `upstreams of ${group.id} sent nothing usable`, errorCode: EDE.NETWORK_ERROR, sent: true };
  }
}
