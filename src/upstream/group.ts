/**
 * A group of upstreams behind one `exchange`: redeems the permit, tries the upstreams in their order, fails over, and knows which
 * are down. Everything sent here is the permit's question and nothing else: retries, failover and trials are repeats of it.
 */
import { redeem, type SendPermit } from '../pipeline/permit.ts';
import type { Clock, ExchangeResult, UpstreamFailure, UpstreamGroup, UpstreamResponse } from '../pipeline/ports.ts';
import { RCODE, rcodeName } from '../wire/codes.ts';
import type { ParsedResponse } from '../wire/response-parse.ts';
import type { Attempt, AttemptFailure, Upstream } from './upstream.ts';
import { UpstreamHealth } from './upstream-health.ts';

/** One question put to one upstream, for metrics. */
export interface AttemptReport {
  readonly upstream: string;
  readonly outcome: 'answered' | AttemptFailure;
  /** Of the answer; null without one. */
  readonly rcode: string | null;
  readonly latencyMs: number;
}

export interface UpstreamStatus {
  readonly url: string;
  readonly state: 'up' | 'down';
  /** Failures counted since the last answer. */
  readonly failures: number;
  /** Null before the first answer. */
  readonly smoothedMs: number | null;
  /** Messages that matched nothing asked: forged, or from a broken upstream. */
  readonly strayMessages: number;
}

export interface UpstreamGroupOptions {
  /** Names the group in cache keys; without NUL. */
  readonly id: string;
  /** At least one, in order of preference. The group closes them. */
  readonly upstreams: readonly Upstream[];
  readonly clock: Clock;
  readonly timeouts?: ExchangeTimeouts;
  readonly onAttempt?: (report: AttemptReport) => void;
}

export interface ExchangeTimeouts {
  /** Patience with one upstream before the next is tried. */
  readonly tryMs: number;
  /** Patience of the whole exchange. */
  readonly totalMs: number;
}

export interface ForwardingGroup extends UpstreamGroup {
  status(): UpstreamStatus[];
  /** Takes the group out of use: closes it when no exchange waits on it any more, at the latest after the patience of one. */
  retire(): void;
  /** Fails what is under way and closes all sockets. */
  close(): void;
}

/** glibc gives up after 5 s (RES_TIMEOUT): an answer, even a failure, must be there before. Three tries fit. */
const USUAL_TIMEOUTS: ExchangeTimeouts = { tryMs: 1_500, totalMs: 4_500 };

/** Less than this is not worth a try: no answer from another network comes back in time. */
const SHORTEST_TRY_MS = 20;

/** What only this upstream may think: another one may do better. All else (NOERROR, NXDOMAIN, YXDOMAIN …) is the answer. */
const FAILURE_RCODES = new Set<number>([RCODE.FORMERR, RCODE.SERVFAIL, RCODE.NOTIMP, RCODE.REFUSED, RCODE.BADVERS]);

interface Member {
  readonly upstream: Upstream;
  readonly health: UpstreamHealth;
}

/** How an exchange stands: the best it could answer so far. */
interface Outcome {
  /** An answer with one of `FAILURE_RCODES`, used if nothing better comes. */
  kept: ExchangeResult | null;
  failure: { readonly reason: UpstreamFailure; readonly detail: string };
}

/** Throws on an empty list of upstreams or an id with NUL. */
export function createUpstreamGroup(options: UpstreamGroupOptions): ForwardingGroup {
  const { id, clock, onAttempt } = options;
  if (options.upstreams.length === 0) throw new Error(`upstream group ${JSON.stringify(id)} has no upstream`);
  if (id.includes('\0')) throw new Error('an upstream group id must not hold a NUL');
  const timeouts = options.timeouts ?? USUAL_TIMEOUTS;
  const members: Member[] = options.upstreams.map((upstream) => ({ upstream, health: new UpstreamHealth() }));

  /** The permit's question, put to one upstream once; keeps the upstream's health. */
  async function ask(member: Member, permit: SendPermit, timeoutMs: number): Promise<{ attempt: Attempt; latencyMs: number }> {
    const { upstream, health } = member;
    const askedAtMs = clock.monotonicMs();
    const isTrial = health.availability(askedAtMs) === 'due';
    if (isTrial) health.startTrial();
    const attempt = await upstream.ask(permit, timeoutMs);
    const nowMs = clock.monotonicMs();
    const latencyMs = nowMs - askedAtMs;
    noteHealth(health, attempt, askedAtMs, isTrial, nowMs);
    const answered = attempt.kind === 'response';
    onAttempt?.({
      upstream: upstream.url,
      outcome: answered ? 'answered' : attempt.reason,
      rcode: answered ? rcodeName(attempt.response.rcode) : null,
      latencyMs,
    });
    return { attempt, latencyMs };
  }

  /** Rounds over the upstreams; those that were silent get further ones while patience lasts (datagrams get lost). */
  async function run(permit: SendPermit): Promise<ExchangeResult> {
    const outcome: Outcome = { kept: null, failure: { reason: 'all-down', detail: 'every upstream is known to be down' } };
    const deadlineMs = clock.monotonicMs() + timeouts.totalMs;
    let candidates = members;
    while (candidates.length > 0) {
      const round = await askInTurn(candidates, permit, deadlineMs, outcome);
      if (round.answer !== null) return round.answer;
      candidates = round.silent;
    }
    return outcome.kept ?? { kind: 'failure', ...outcome.failure };
  }

  /** One round: the first answer, or null and who was silent. With patience at its end nobody is asked any more. */
  async function askInTurn(
    candidates: readonly Member[],
    permit: SendPermit,
    deadlineMs: number,
    outcome: Outcome,
  ): Promise<{ answer: ExchangeResult | null; silent: Member[] }> {
    const silent: Member[] = [];
    for (const member of candidates) {
      const nowMs = clock.monotonicMs();
      if (deadlineMs - nowMs < SHORTEST_TRY_MS) return { answer: null, silent: [] };
      if (!mayAnswer(member, nowMs, permit)) continue;
      const { attempt, latencyMs } = await ask(member, permit, Math.min(timeouts.tryMs, deadlineMs - nowMs));
      const answer = judge(attempt, member.upstream.url, latencyMs, outcome);
      if (answer !== null) return { answer, silent: [] };
      if (attempt.kind === 'failure' && attempt.reason === 'timeout') silent.push(member);
    }
    return { answer: null, silent };
  }

  /**
   * Whether the exchange waits for this upstream. One whose trial is due is waited for only while no other is up; else the trial
   * runs beside the exchange, so that nobody pays for it with time.
   */
  function mayAnswer(member: Member, nowMs: number, permit: SendPermit): boolean {
    const availability = member.health.availability(nowMs);
    if (availability !== 'due') return availability === 'up';
    if (!members.some((other) => other.health.isUp)) return true;
    void ask(member, permit, timeouts.tryMs);
    return false;
  }

  function close(): void {
    for (const { upstream } of members) upstream.close();
  }

  return {
    id,

    exchange(permit) {
      redeem(permit);
      return run(permit);
    },

    available() {
      const nowMs = clock.monotonicMs();
      return members.some(({ health }) => health.availability(nowMs) !== 'down');
    },

    status: () =>
      members.map(({ upstream, health }) => ({
        url: upstream.url,
        state: health.isUp ? 'up' : 'down',
        failures: health.failures,
        smoothedMs: health.smoothedMs,
        strayMessages: upstream.strayMessages,
      })),

    retire() {
      setTimeout(close, timeouts.totalMs).unref();
    },

    close,
  };
}

function noteHealth(health: UpstreamHealth, attempt: Attempt, askedAtMs: number, isTrial: boolean, nowMs: number): void {
  if (attempt.kind === 'response' || attempt.reason === 'malformed') health.noteAnswer(nowMs - askedAtMs, nowMs);
  else if (attempt.reason !== 'overloaded') health.noteFailure(attempt.reason, askedAtMs, isTrial, nowMs);
  else if (isTrial) health.cancelTrial();
}

/** The result that ends the exchange, or null after noting in `outcome` why the next upstream has to be asked. */
function judge(attempt: Attempt, upstream: string, latencyMs: number, outcome: Outcome): ExchangeResult | null {
  if (attempt.kind === 'failure') {
    const reason = attempt.reason === 'overloaded' ? 'unreachable' : attempt.reason;
    outcome.failure = { reason, detail: `${upstream}: ${attempt.detail}` };
    return null;
  }
  const result: ExchangeResult = { kind: 'response', response: usablePart(attempt.response), upstream, latencyMs };
  if (!FAILURE_RCODES.has(attempt.response.rcode)) return result;
  outcome.kept = result;
  return null;
}

function usablePart({ rcode, answers, authority, authenticData }: ParsedResponse): UpstreamResponse {
  return { rcode, answers, authority, authenticData };
}
