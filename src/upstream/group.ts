/**
 * A group of upstreams behind one `exchange`: redeems the permit, says whom to ask in which order, and knows which are down.
 * Everything sent here is the permit's question and nothing else: retries, failover, trials and exploring are repeats of it.
 * One question's way through the group is `exchange.ts`, the order is `strategy.ts`, what is known of an upstream `upstream-health.ts`.
 */
import { redeem, type SendPermit } from '../pipeline/permit.ts';
import type { Clock, ExchangeResult, UpstreamGroup } from '../pipeline/ports.ts';
import { rcodeName } from '../wire/codes.ts';
import { type Contender, type ExchangeTimeouts, isFailure, type Race, runExchange } from './exchange.ts';
import { type Candidate, explored, preference, type Strategy } from './strategy.ts';
import type { Attempt, AttemptFailure, Upstream } from './upstream.ts';
import { LONGEST_WAIT_MS, UpstreamHealth } from './upstream-health.ts';

export type { ExchangeTimeouts } from './exchange.ts';

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
  /** `ordered` unless told. */
  readonly strategy?: Strategy;
  readonly clock: Clock;
  /** Numbers in [0, 1), for exploring; `Math.random` unless told, since nothing secret depends on it. */
  readonly random?: () => number;
  readonly timeouts?: ExchangeTimeouts;
  readonly onAttempt?: (report: AttemptReport) => void;
}

export interface ForwardingGroup extends UpstreamGroup {
  status(): UpstreamStatus[];
  /** Takes the group out of use: closes it when no exchange waits on it any more, at the latest after the patience of one. */
  retire(): void;
  /** Fails what is under way and closes all sockets. */
  close(): void;
}

/** glibc gives up after 5 s (RES_TIMEOUT): an answer, even a failure, must be there before. Three tries fit. */
const USUAL_TIMEOUTS: ExchangeTimeouts = { tryMs: LONGEST_WAIT_MS, totalMs: 4_500 };

/** Throws on an empty list of upstreams or an id with NUL. */
export function createUpstreamGroup(options: UpstreamGroupOptions): ForwardingGroup {
  const { id, clock, strategy = 'ordered', random = Math.random, timeouts = USUAL_TIMEOUTS } = options;
  if (options.upstreams.length === 0) throw new Error(`upstream group ${JSON.stringify(id)} has no upstream`);
  if (id.includes('\0')) throw new Error('an upstream group id must not hold a NUL');
  const nobodyIsUp = (): boolean => !members.some(({ health }) => health.isUp);
  const members = options.upstreams.map((upstream) => new Member(upstream, clock, nobodyIsUp, options.onAttempt));
  let exchanges = 0;
  let isRetired = false;
  let isClosed = false;

  /** Whom this question goes to. Trials that are due run beside the exchange while others are up: nobody waits for them. */
  function plan(permit: SendPermit): Pick<Race, 'contenders' | 'beside'> {
    const nowMs = clock.monotonicMs();
    if (nobodyIsUp()) {
      const due = members.filter(({ health }) => health.availability(nowMs, true) === 'due');
      return { contenders: due, beside: [] };
    }
    for (const member of members) if (member.health.availability(nowMs) === 'due') void member.ask(permit, timeouts.tryMs);
    const up = members.filter(({ health }) => health.isUp);
    const candidates = up.map((member) => member.asCandidate(nowMs));
    const order = preference(strategy, candidates);
    return { contenders: order.flatMap((index) => up[index] ?? []), beside: besides(up, candidates, order[0] ?? 0, nowMs) };
  }

  /** Of those that stand behind `preferred`: one in doubt that nobody asks just now, and the one to explore. */
  function besides(up: readonly Member[], candidates: readonly Candidate[], preferred: number, nowMs: number): Member[] {
    if (candidates[preferred]?.isInDoubt === true) return [];
    const inDoubt = up.filter(({ health }, index) => candidates[index]?.isInDoubt === true && !health.isBeingAsked);
    const toExplore = up[explored(strategy, candidates, preferred, nowMs, random) ?? -1];
    return toExplore === undefined ? inDoubt : [...inDoubt, toExplore];
  }

  async function run(permit: SendPermit): Promise<ExchangeResult> {
    exchanges++;
    try {
      return await runExchange({ ...plan(permit), timeouts, clock, isClosed: () => isClosed }, permit);
    } finally {
      exchanges--;
      if (isRetired && exchanges === 0) close();
    }
  }

  function close(): void {
    isClosed = true;
    for (const { upstream } of members) upstream.close();
  }

  return {
    id,

    exchange(permit) {
      redeem(permit);
      if (isClosed) return Promise.resolve({ kind: 'failure', reason: 'unreachable', detail: `the group ${id} was closed` });
      return run(permit);
    },

    available() {
      const nowMs = clock.monotonicMs();
      const alone = nobodyIsUp();
      return members.some(({ health }) => health.availability(nowMs, alone) !== 'down');
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
      isRetired = true;
      if (exchanges === 0) close();
      else setTimeout(close, timeouts.totalMs).unref();
    },

    close,
  };
}

/** One upstream of the group with what is known about it. */
class Member implements Contender {
  readonly upstream: Upstream;
  readonly health = new UpstreamHealth();
  readonly #clock: Clock;
  readonly #nobodyIsUp: () => boolean;
  readonly #onAttempt: ((report: AttemptReport) => void) | undefined;

  constructor(upstream: Upstream, clock: Clock, nobodyIsUp: () => boolean, onAttempt: ((report: AttemptReport) => void) | undefined) {
    this.upstream = upstream;
    this.#clock = clock;
    this.#nobodyIsUp = nobodyIsUp;
    this.#onAttempt = onAttempt;
  }

  get url(): string {
    return this.upstream.url;
  }

  get losesDatagrams(): boolean {
    return this.upstream.losesDatagrams;
  }

  get waitMs(): number {
    return this.health.waitMs;
  }

  /** An exchange waits for a trial only where there is nobody else. */
  mayBeAsked(): boolean {
    return this.health.isUp || (this.#nobodyIsUp() && this.health.availability(this.#clock.monotonicMs(), true) === 'due');
  }

  asCandidate(nowMs: number): Candidate {
    const { smoothedMs, failingShare, lastAskedMs } = this.health;
    return { smoothedMs, failingShare, lastAskedMs, isInDoubt: this.health.isInDoubt(nowMs) };
  }

  /** The permit's question, put to the upstream once; of one that is down, it is the trial. */
  async ask(permit: SendPermit, timeoutMs: number): Promise<{ attempt: Attempt; latencyMs: number }> {
    const askedAtMs = this.#clock.monotonicMs();
    const isTrial = !this.health.isUp;
    if (isTrial) this.health.startTrial();
    this.health.noteAsked(askedAtMs);
    const attempt = await this.upstream.ask(permit, timeoutMs);
    const nowMs = this.#clock.monotonicMs();
    const latencyMs = nowMs - askedAtMs;
    noteHealth(this.health, attempt, askedAtMs, isTrial, nowMs);
    const answered = attempt.kind === 'response';
    this.#onAttempt?.({
      upstream: this.url,
      outcome: answered ? 'answered' : attempt.reason,
      rcode: answered ? rcodeName(attempt.response.rcode) : null,
      latencyMs,
    });
    return { attempt, latencyMs };
  }
}

function noteHealth(health: UpstreamHealth, attempt: Attempt, askedAtMs: number, isTrial: boolean, nowMs: number): void {
  if (attempt.kind === 'response') health.noteAnswer(nowMs - askedAtMs, isFailure(attempt.response.rcode), nowMs);
  else if (attempt.reason === 'malformed') health.noteAnswer(nowMs - askedAtMs, true, nowMs);
  else if (attempt.reason === 'overloaded') health.noteNothing(isTrial);
  else health.noteFailure(attempt.reason, askedAtMs, isTrial, nowMs);
}
