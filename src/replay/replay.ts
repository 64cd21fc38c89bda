/**
 * Runs recorded queries through the real pipeline at their recorded times: the same `resolveQuery`, meters, sessions, quarantines and
 * cache, with a clock that stands where the recording is and an upstream that says what was recorded.
 *
 * Query by query, in order of time. What is decided about a query is known when it is asked; its answer comes at its own time, before
 * the first query after it. Keeps no decisions: what is held grows with sessions, parents and names, not with queries.
 */
import type { Verdict } from '../../scoring/decide.ts';
import type { DomainAge, Signal } from '../../scoring/observation.ts';
import type { SecretMatcher } from '../../scoring/secrets/secret-matcher.ts';
import { questionKey } from '../cache/question-key.ts';
import type { Config } from '../config/config.ts';
import { actOnLookUp } from '../pipeline/apply-mode.ts';
import { heldAgainst, type Judgement } from '../pipeline/judge.ts';
import { redeem, type SendPermit } from '../pipeline/permit.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type { ExchangeResult, QuerySource, UpstreamResponse, VerdictKind } from '../pipeline/ports.ts';
import { toldName } from '../pipeline/redact.ts';
import { refreshKept } from '../pipeline/refresh-kept.ts';
import { resolveQuery } from '../pipeline/resolve-query.ts';
import { classifyName } from '../policy/classify-name.ts';
import type { NameLists } from '../policy/name-lists.ts';
import { registrableDomain } from '../policy/registrable-domain.ts';
import { sessionKeyOf } from '../session/identify.ts';
import { RCODE, RRCLASS } from '../wire/codes.ts';
import { type QName, toPresentation } from '../wire/name.ts';
import { soaRecord } from '../wire/rdata.ts';
import type { ResourceRecord } from '../wire/record.ts';
import { pipelineWithoutIo } from './pipeline-without-io.ts';
import { type ReplaySummary, ReplayTally } from './replay-tally.ts';

/** What was recorded of a query's answer. */
export interface RecordedResponse {
  readonly rcode: number;
  /** No error and yet no record of the type asked for (RFC 2308 §2.2). */
  readonly nodata: boolean;
  /** How long the answer may be kept, as it said itself; null where that was not recorded. */
  readonly ttlSeconds: number | null;
  /** From the query to its answer; 0 where that was not recorded. */
  readonly delayMs: number;
  /** The records, where they were recorded; looked at only under `responses: 'captured'`. */
  readonly records?: { readonly answers: readonly ResourceRecord[]; readonly authority: readonly ResourceRecord[] };
}

export interface ReplayQuery {
  /** Wall time in milliseconds since the epoch. */
  readonly atMs: number;
  /** Canonical address text of the client. */
  readonly client: string;
  readonly qname: QName;
  readonly qtype: number;
  /** Null: none came within `UNANSWERED_MS`. What is asked again meanwhile joins it, as it does in a running Kennel. */
  readonly response: RecordedResponse | null;
}

/** What was decided about one query, in the tick it was asked. */
export interface ReplayDecision {
  /** Place in the input, from 0. */
  readonly index: number;
  readonly atMs: number;
  readonly session: string;
  readonly policy: string;
  readonly qname: QName;
  readonly qtype: number;
  /** What may be told of a name in which a secret was found; null for every other name. */
  readonly redacted: string | null;
  /** Registrable domain, or the parent that a list names. */
  readonly parent: string;
  /** 0-100; 0 for what is not assessed: local names, refusals that are held, the rate limit. */
  readonly score: number;
  /** What enforcing does. */
  readonly verdict: VerdictKind;
  /** What is done in the policy's mode. */
  readonly acting: VerdictKind;
  readonly reason: string;
  /** Whether the query left for an upstream. What is answered from the cache or joins a query under way did not. */
  readonly forwarded: boolean;
  /** Weighted bits that this send was charged below its parent; 0 when it was not forwarded. */
  readonly leakBits: number;
  /** Empty for what is not assessed. Put together when they are read. */
  readonly signals: readonly Signal[];
}

export interface ReplayOptions {
  readonly config: Config;
  /** Domain ages by ICANN registrable domain, as they were at the time; all unknown when absent. */
  readonly ages?: (icannDomain: string) => DomainAge;
  /** Registered secrets; the forms of well-known keys alone when absent. */
  readonly secrets?: SecretMatcher;
  /** List subscriptions; none when absent. */
  readonly lists?: NameLists;
  /**
   * `absent` (default): of an answer only RCODE and TTL count; what it holds is neither scored nor checked against blocks and
   * rebinding. `captured`: `records` are served, scored and checked.
   */
  readonly responses?: 'absent' | 'captured';
  /** Hears of every judgement before it is acted on. */
  readonly onJudged?: (judgement: Judgement) => void;
}

/** After this time without an answer a query has failed. */
export const UNANSWERED_MS = 5_000;

/** How long an answer is kept whose TTL was not recorded. */
export const ASSUMED_TTL_SECONDS = { positive: 300, negative: 60 } as const;

/** A query on its way: when its answer is due, and who waits for it. */
interface UnderWay {
  readonly key: string;
  readonly dueMs: number;
  readonly result: ExchangeResult;
  readonly resolve: (result: ExchangeResult) => void;
  readonly waiting: Promise<unknown>[];
}

const SWEEP_MS = 1_000;

/** Between two looks at what is due of the kept names; they are asked well before their answers expire. */
const REFRESH_STEP_MS = 30_000;

/** Answers remembered for what Kennel asks again by itself; a recording with more names than that starts to forget. */
const MAX_ANSWERED = 65_536;

/** One replay: one Kennel that starts with nothing, and the time that passes in it. */
export class Replay {
  readonly pipeline: Pipeline;
  readonly #captured: boolean;
  readonly #listener: string;
  readonly #tally: ReplayTally;
  /** In order of `dueMs`. */
  readonly #underWay: UnderWay[] = [];
  readonly #byKey = new Map<string, UnderWay>();
  readonly #answered = new Map<string, RecordedResponse>();
  #nowMs = 0;
  #sweptMs = 0;
  #index = 0;
  #lastAskedMs = 0;
  #outOfOrder = 0;
  // What the pipeline said about the query being asked.
  #asked: ReplayQuery | null = null;
  #judgement: Judgement | null = null;
  #acting: Verdict | null = null;
  #action = '';
  #sent: UnderWay | null = null;

  constructor(options: ReplayOptions) {
    const { config, ages } = options;
    const clock = { wallMs: () => this.#nowMs, monotonicMs: () => this.#nowMs };
    this.#captured = options.responses === 'captured';
    this.#tally = new ReplayTally();
    const [listener] = config.listen.dns;
    this.#listener = listener === undefined ? '' : `${listener.address}:${listener.port}`;
    this.pipeline = pipelineWithoutIo(config, {
      clock,
      exchange: (group, permit) => this.#exchange(group, permit),
      ...(ages === undefined ? {} : { ages: { ageDays: ages, knownAgeDays: ages } }),
      ...(options.secrets === undefined ? {} : { secrets: options.secrets }),
      ...(options.lists === undefined ? {} : { lists: options.lists }),
      answersAreAssumed: !this.#captured,
      onJudged: (judgement, acting) => {
        this.#judgement = judgement;
        this.#acting = acting;
        options.onJudged?.(judgement);
      },
      metrics: {
        responseSent: (_rcode, action) => {
          this.#action = action;
        },
        malformed: () => {
          this.#action = 'malformed';
        },
      },
    });
  }

  /**
   * Asks the next query. A promise where answers that are due have to be taken in first, or where a quarantine is announced: it must
   * have settled before the next call. Queries come in order of time; one that is earlier than the one before counts as simultaneous.
   */
  ask(query: ReplayQuery): ReplayDecision | Promise<ReplayDecision> {
    if (query.atMs < this.#lastAskedMs) this.#outOfOrder += 1;
    const atMs = Math.max(query.atMs, this.#nowMs);
    this.#lastAskedMs = atMs;
    const due = this.#underWay[0];
    const quiet = this.pipeline.kept.size > 0 && atMs - this.#nowMs > REFRESH_STEP_MS;
    if (quiet || (due !== undefined && due.dueMs <= atMs)) return this.#pass(atMs).then(() => this.#ask(query, atMs));
    return this.#ask(query, atMs);
  }

  /** Takes in the answers still under way and sums up. */
  async finish(): Promise<ReplaySummary> {
    await this.#takeIn(Number.POSITIVE_INFINITY);
    return this.#tally.summary(this.#outOfOrder);
  }

  #ask(query: ReplayQuery, atMs: number): ReplayDecision | Promise<ReplayDecision> {
    this.#nowMs = atMs;
    if (atMs - this.#sweptMs >= SWEEP_MS) {
      this.#sweptMs = atMs;
      this.pipeline.quarantines.sweep();
      refreshKept(this.pipeline);
    }
    this.#asked = query;
    this.#judgement = null;
    this.#acting = null;
    this.#action = '';
    this.#sent = null;
    const source: QuerySource = { address: query.client, port: CLIENT_PORT, protocol: 'udp', listener: this.#listener };
    const answer = resolveQuery(this.pipeline, queryPacket(query.qname, query.qtype), source);
    this.#asked = null;
    const kept = this.#waitsForKept(query.client);
    // What was sent, if anything, are Kennel's own questions.
    if (kept) this.#sent = null;
    const decision = this.#decided(query);
    this.#tally.add(decision);
    if (!(answer instanceof Promise) || kept) return decision;

    const awaited = this.#sent ?? this.#joined();
    if (awaited === null) return answer.then(() => decision);
    awaited.waiting.push(answer);
    return decision;
  }

  #waitsForKept(client: string): boolean {
    const judgement: Judgement | null = this.#judgement;
    return judgement !== null && actOnLookUp(this.pipeline.policies.choose(client, this.#listener), judgement.lookUp).kind === 'kept';
  }

  #joined(): UnderWay | null {
    const judgement: Judgement | null = this.#judgement;
    if (judgement?.lookUp.kind !== 'in-flight') return null;
    return this.#byKey.get(questionKey(judgement.routed.group, judgement.qname, judgement.qtype)) ?? null;
  }

  #decided(query: ReplayQuery): ReplayDecision {
    const session = sessionKeyOf(query.client, this.pipeline.sessionPrefixes);
    const policy = this.pipeline.policies.choose(query.client, this.#listener);
    const asked = { index: this.#index++, session, policy: policy.name };
    const judgement: Judgement | null = this.#judgement;
    const acting: Verdict | null = this.#acting;
    if (judgement !== null && acting !== null) return new JudgedQuery(asked, query, judgement, acting.kind, this.#sent !== null);
    const { atMs, qname, qtype } = query;
    const { parent } = registrableDomain(qname);
    const decided = this.#withoutJudgement(query, session);
    return {
      ...asked,
      atMs,
      qname,
      qtype,
      parent,
      score: 0,
      ...decided,
      acting: decided.verdict,
      forwarded: false,
      leakBits: 0,
      signals: [],
    };
  }

  /** What the pipeline answers before it judges. */
  #withoutJudgement({ client, qname, qtype }: ReplayQuery, sessionKey: string): Pick<ReplayDecision, 'verdict' | 'reason' | 'redacted'> {
    if (this.#action === 'local') return { verdict: 'allow', reason: 'local', redacted: null };
    if (this.#action !== 'refused') return { verdict: 'refuse', reason: this.#action, redacted: null };
    // A refusal of a moment ago that is held against the name.
    const { sessions, policies, naming } = this.pipeline;
    const session = sessions.peek(sessionKey);
    const classified = classifyName(policies.choose(client, this.#listener), naming, qname, qtype);
    const held = session === null || classified.kind !== 'routed' ? null : heldAgainst(session, qname, classified, this.#nowMs);
    const told = held?.decision.qname ?? null;
    return { verdict: 'refuse', reason: held?.decision.reason ?? 'refused', redacted: told === toPresentation(qname) ? null : told };
  }

  /** The upstream: takes the question in this tick and answers at the recorded time. */
  #exchange(group: string, permit: SendPermit): Promise<ExchangeResult> {
    redeem(permit);
    const { promise, resolve } = Promise.withResolvers<ExchangeResult>();
    const key = questionKey(group, permit.qname, permit.qtype);
    const response = this.#recorded(key, permit);
    const late = response === null || response.delayMs > UNANSWERED_MS;
    const sent: UnderWay = {
      key,
      dueMs: this.#nowMs + (late ? UNANSWERED_MS : Math.max(0, response.delayMs)),
      result: late ? NO_ANSWER : { kind: 'response', response: this.#answer(permit, response), upstream: 'recording', latencyMs: 0 },
      resolve,
      waiting: [],
    };
    let at = this.#underWay.length;
    while (at > 0 && (this.#underWay[at - 1]?.dueMs ?? 0) > sent.dueMs) at -= 1;
    this.#underWay.splice(at, 0, sent);
    this.#byKey.set(key, sent);
    this.#sent = sent;
    return promise;
  }

  /** What was recorded for the query being asked; for a name that Kennel asks again by itself, what it was answered last. */
  #recorded(key: string, { qname, qtype }: SendPermit): RecordedResponse | null {
    const asked: ReplayQuery | null = this.#asked;
    if (asked === null || asked.qname !== qname || asked.qtype !== qtype) return this.#answered.get(key) ?? null;
    const { response } = asked;
    if (response !== null) this.#answered.set(key, response);
    if (this.#answered.size > MAX_ANSWERED) this.#answered.clear();
    return response;
  }

  #answer({ qname, qtype }: SendPermit, { rcode, nodata, ttlSeconds, records }: RecordedResponse): UpstreamResponse {
    if (this.#captured && records !== undefined) return { rcode, ...records, authenticData: false };
    const negative = nodata || rcode !== RCODE.NOERROR;
    const ttl = ttlSeconds ?? (negative ? ASSUMED_TTL_SECONDS.negative : ASSUMED_TTL_SECONDS.positive);
    if (negative) return { rcode, answers: [], authority: [soaRecord(qname, ttl, ttl)], authenticData: false };
    // A record that lasts as long as the recorded ones and holds nothing that could be looked into.
    const answers = [{ owner: qname, type: qtype, class: RRCLASS.IN, ttlSeconds: ttl, rdata: NOTHING }];
    return { rcode, answers, authority: [], authenticData: false };
  }

  /** Lets time pass. While the recording is quiet, Kennel goes on asking the names it keeps. */
  async #pass(atMs: number): Promise<void> {
    while (this.pipeline.kept.size > 0 && atMs - this.#nowMs > REFRESH_STEP_MS) {
      const nextMs = this.#nowMs + REFRESH_STEP_MS;
      await this.#takeIn(nextMs);
      this.#nowMs = nextMs;
      refreshKept(this.pipeline);
    }
    await this.#takeIn(atMs);
  }

  /** Takes in every answer that is due by then, each at its own time. */
  async #takeIn(untilMs: number): Promise<void> {
    for (let next = this.#underWay[0]; next !== undefined && next.dueMs <= untilMs; next = this.#underWay[0]) {
      this.#underWay.shift();
      if (this.#byKey.get(next.key) === next) this.#byKey.delete(next.key);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.resolve(next.result);
      await Promise.all(next.waiting);
    }
  }
}

/** A decision the pipeline has judged. A class, because most signals are never read and cost more than the judgement. */
class JudgedQuery implements ReplayDecision {
  readonly index: number;
  readonly atMs: number;
  readonly session: string;
  readonly policy: string;
  readonly qname: QName;
  readonly qtype: number;
  readonly redacted: string | null;
  readonly parent: string;
  readonly score: number;
  readonly verdict: VerdictKind;
  readonly acting: VerdictKind;
  readonly reason: string;
  readonly forwarded: boolean;
  readonly leakBits: number;
  readonly #judgement: Judgement;

  constructor(
    { index, session, policy }: Pick<ReplayDecision, 'index' | 'session' | 'policy'>,
    query: ReplayQuery,
    judgement: Judgement,
    acting: VerdictKind,
    forwarded: boolean,
  ) {
    this.index = index;
    this.atMs = query.atMs;
    this.session = session;
    this.policy = policy;
    this.qname = query.qname;
    this.qtype = query.qtype;
    const told = toldName(judgement, '');
    this.redacted = told.qname === '' ? null : told.qname;
    this.parent = told.parent;
    this.score = judgement.assessment.score;
    this.verdict = judgement.verdict.kind;
    this.acting = acting;
    this.reason = judgement.verdict.reason;
    this.forwarded = forwarded;
    this.leakBits = forwarded ? (judgement.price?.parentBits ?? 0) : 0;
    this.#judgement = judgement;
  }

  get signals(): readonly Signal[] {
    return this.#judgement.assessment.signals;
  }
}

const NO_ANSWER: ExchangeResult = { kind: 'failure', reason: 'timeout', detail: 'no response was recorded in time' };

const NOTHING = new Uint8Array(0);

const CLIENT_PORT = 40_000;

const HEADER_OCTETS = 12;

/** Reused between queries: `resolveQuery` keeps nothing of a packet. */
const packet = new Uint8Array(HEADER_OCTETS + 255 + 4);
packet.set([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);

/** The plainest query for this name and type: RD=1, no OPT. */
function queryPacket(qname: QName, qtype: number): Uint8Array {
  for (let index = 0; index < qname.length; index++) packet[HEADER_OCTETS + index] = qname.charCodeAt(index);
  const end = HEADER_OCTETS + qname.length;
  packet[end] = qtype >>> 8;
  packet[end + 1] = qtype & 0xff;
  packet[end + 2] = 0;
  packet[end + 3] = RRCLASS.IN;
  return packet.subarray(0, end + 4);
}
