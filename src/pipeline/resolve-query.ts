/**
 * A query's way from socket to answer, top to bottom. One plain function of named stages; every early exit is a visible return.
 *
 * The order is the promise: everything that can refuse stands before the one `send`, and the send is charged in the tick it
 * happens. A hit runs through without a promise. Whatever throws on the way is a bug and becomes SERVFAIL, never an answer.
 */
import type { Verdict, VerdictReason } from '../../scoring/decide.ts';
import { questionKey } from '../cache/question-key.ts';
import { answerAny, classifyName, type RoutedName } from '../policy/classify-name.ts';
import type { Policy } from '../policy/policy.ts';
import { sessionKeyOf } from '../session/identify.ts';
import type { Session } from '../session/session.ts';
import { EDE, RCODE, RRTYPE } from '../wire/codes.ts';
import { MAX_MESSAGE_OCTETS } from '../wire/header.ts';
import { decodeQuery, type Query } from '../wire/query-decode.ts';
import type { ResourceRecord } from '../wire/record.ts';
import { encodeResponse, MIN_UDP_PAYLOAD_OCTETS, type ResponseContent, udpLimit } from '../wire/response.ts';
import { admit, overLimit } from './admit.ts';
import { actOn, actOnLookUp } from './apply-mode.ts';
import { answerFeedback } from './feedback.ts';
import { inspectResponse } from './inspect-response.ts';
import { heldAgainst, type Judgement, judgeQuery, type LookUp } from './judge.ts';
import type { Pipeline, UpstreamTrouble } from './pipeline.ts';
import { mayKeep } from './plan-keeping.ts';
import type { CachedAnswer, DecisionRecord, QuerySource } from './ports.ts';
import { noteServed } from './prefetch.ts';
import { type Noted, note, noteAnswer, noteLocal } from './record.ts';
import { keptAnswer } from './refresh-kept.ts';
import { refusal, refusedOutright } from './refusal.ts';
import { send, TOO_MANY_WAITING } from './send.ts';
import { orStale } from './serve-stale.ts';
import { answerCookieQuery, proveSource, type SourceProof } from './source-proof.ts';
import type { UnverifiedShare } from './source-rate.ts';
import { withoutDnssec } from './without-dnssec.ts';

/** Everything about one query that the later stages need. */
export interface QueryContext {
  readonly query: Query;
  readonly source: QuerySource;
  readonly policy: Policy;
  readonly session: Session;
  readonly startedMs: number;
}

/** A refusal by score or budget stays this long for all types of the name: longer than a stub and its program go on trying. */
const HOLD_MS = 30_000;

/** Part of all waiting queries that one session may have: slow names of its choice must not shut out the others. */
const SESSION_PART = 1 / 4;

/** Queries that join a look-up under way cost memory as well; so many may wait for each that `pendingQueries` allows. */
const WAITING_PER_LOOK_UP = 2;

/** Answers one packet: octets to send back, or null to stay silent. Synchronous unless an upstream or the disk has to be waited for. */
export function resolveQuery(k: Pipeline, packet: Uint8Array, source: QuerySource): Uint8Array | null | Promise<Uint8Array | null> {
  const startedMs = k.clock.monotonicMs();

  // 1. decode: nothing below ever sees octets that are not one well-formed question.
  const decoded = decodeQuery(packet);
  if (decoded.kind === 'drop') {
    k.metrics.malformed(decoded.reason);
    return null;
  }

  // Strangers are told no before anything is kept about them: no session, no error detail, no amplification.
  if (!k.clients.contains(source.address)) {
    k.metrics.clientRefused();
    return decoded.kind === 'query' ? answerStranger(k, decoded.query, source, startedMs) : null;
  }
  if (decoded.kind === 'error') {
    const mayBeForged = source.protocol === 'udp' && !k.verifiedClients.contains(source.address);
    if (mayBeForged && shareOfUnverified(k, source, startedMs) === 'silence') return null;
    const cookies = decoded.cookie === undefined ? null : answerCookieQuery(k, packet, decoded.cookie, source);
    if (cookies !== null) return cookies;
    k.metrics.malformed(decoded.reason);
    return decoded.reply;
  }

  const { query } = decoded;
  k.metrics.queryReceived(source.protocol, source.address.includes(':') ? 'ipv6' : 'ipv4', query.question.qtype);
  try {
    const answer = resolveQuestion(k, query, source, startedMs);
    return answer instanceof Promise ? answer.catch((cause: unknown) => failClosed(k, query, cause)) : answer;
  } catch (cause) {
    return failClosed(k, query, cause);
  }
}

function resolveQuestion(
  k: Pipeline,
  received: Query,
  source: QuerySource,
  startedMs: number,
): Uint8Array | null | Promise<Uint8Array | null> {
  const proof = proveSource(k, received, source);
  const { query } = proof;
  const { qname, qtype } = query.question;

  // 2. choosePolicy comes before the session: a source that may be spoofed gets a policy but no session.
  const policy = k.policies.choose(source.address, source.listener);
  const sessionKey = sessionKeyOf(source.address, k.sessionPrefixes);
  if (proof.kind !== 'proven') return answerUnverified(k, proof, source, policy, sessionKey, startedMs);

  // 3. identifySession
  const session = k.sessions.open(sessionKey, k.clock.wallMs());
  session.queries += 1;
  session.listener = source.listener;
  const context: QueryContext = { query, source, policy, session, startedMs };

  // 4. admit: the rate limit stands before any costly work.
  const admission = admit(session, k.limits, source.protocol, startedMs);
  if (admission !== 'admitted') {
    k.metrics.rateLimited('session', admission);
    return admission === 'dropped' ? null : respond(k, context, overLimit(admission), 'rate-limited');
  }

  // 5. classifyName: feedback and local names are answered here and say nothing outwards.
  const classified = classifyName(policy, k.naming, qname, qtype);
  if (classified.kind === 'feedback') return respondLocally(k, context, answerFeedback(k, context, classified.topic));
  if (classified.kind === 'local')
    return respondLocally(k, context, { rcode: classified.rcode, answers: classified.answers, authority: classified.authority });

  // A record of ours may lead elsewhere: its target is what is judged, paid for and sent, as if it had been asked for.
  const { name } = classified;

  // A refusal by score or budget holds for all types of the name: otherwise AAAA could disagree with the A asked a moment before.
  const held = heldAgainst(session, name, classified, startedMs);
  if (held !== null) return respond(k, context, refusal(k, context, held.decision, 'name'), 'refused');

  // RFC 8482: ANY is answered here; a tunnel gets no type that asks for everything.
  if (qtype === RRTYPE.ANY) return respondLocally(k, context, answerAny(qname));

  // 6.-9. checkQuarantine, lookUp, assess, decide: pure, and the same code as `explain`.
  const judgement = judgeQuery(k, session, policy, classified, name, qtype);
  const acting = actOn(k, policy, source.address, judgement.verdict);

  // Observed or not, what was asked counts towards the session's picture: a refused attempt is evidence as well.
  session.profile.record(judgement.asked, judgement.assessment.score);
  session.trail.record(judgement.domain.parent, judgement.domain.labels, judgement.searched);
  k.sessions.raiseScore(session, judgement.assessment.score);
  const noted = note(k, context, judgement, acting);

  if (acting.kind === 'quarantine') return quarantine(k, context, judgement, noted);
  if (acting.kind === 'refuse') {
    // Not where a name behind a search suffix is new: that one is asked for by itself a moment later.
    if (judgement.verdict.reason === 'first-contact' && judgement.firstContact) askAge(k, context, judgement);
    if (noted !== null && holds(acting)) session.hold(name, { decision: noted.decision, untilMs: startedMs + HOLD_MS });
    return respond(k, context, refusal(k, context, decisionOf(noted), acting.refuseAs ?? 'name'), 'refused');
  }

  // 9. answer: cached, joined, kept, or the one send; where that fails or takes long, what was true last.
  const way = actOnLookUp(policy, judgement.lookUp);
  if (way.kind === 'fresh') {
    k.metrics.cacheHit();
    noteServed(k, context, judgement, way.entry);
    return answerFrom(k, context, classified, way.entry, noted, 'cached');
  }
  k.metrics.cacheMiss();
  const action = way.kind === 'send' ? 'forwarded' : 'joined';
  return orStale(k, context, judgement, lookUp(k, context, judgement, way), way.kind === 'send').then((result) => {
    learnFrom(k, session, judgement, result);
    return answerFrom(k, context, classified, result, noted, action);
  });
}

/** A finished look-up ends a first contact, so the refusal starts one; the registry sees the registrable domain, never the name. */
function askAge(k: Pipeline, { session }: QueryContext, { domain }: Judgement): void {
  if (domain.icannDomain !== null) k.ages.ageDays(domain.icannDomain, session.key);
}

/** What came back for this session, joined queries included; a stale answer did not. */
function learnFrom(k: Pipeline, session: Session, { domain, asked, qtype }: Judgement, result: CachedAnswer | UpstreamTrouble): void {
  if ('trouble' in result || result.stale !== undefined || k.answersAreAssumed === true) return;
  const rdata = withoutDnssec(result.answers, qtype).map(({ type, rdata: octets }) => ({ type, octets }));
  session.profile.recordAnswer({ parent: domain.parent, nameHash: asked.nameHash, rcode: result.rcode, rdata });
}

/** The answer of the query that is under way, of the one that is sent now, or of Kennel's own. */
function lookUp(k: Pipeline, context: QueryContext, judgement: Judgement, way: LookUp): Promise<CachedAnswer | UpstreamTrouble> {
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

/** The query that crosses the threshold: denied in memory at once; its answer alone waits until the evidence is on disk. */
function quarantine(k: Pipeline, context: QueryContext, judgement: Judgement, noted: Noted | null): Promise<Uint8Array> {
  const decision = decisionOf(noted);
  const { durable } = k.quarantines.quarantine({
    session: context.session.key,
    epoch: context.session.epoch,
    policy: context.policy.name,
    parent: decision.parent,
    qname: decision.qname,
    qtype: decision.qtype,
    score: decision.score,
    signals: decision.signals,
    leakBits: k.meters.spent(context.session.meters, judgement.domain.parent, k.clock.wallMs()).parentBits,
    reason: decision.reason,
    forMs: context.policy.quarantine.forMs,
  });
  const answer = (): Uint8Array => respond(k, context, refusal(k, context, decision, 'name'), 'quarantined');
  // Not on disk is an alarm of the ledger's; the session stays denied in memory either way.
  return durable.then(answer, answer);
}

/** 10. inspectResponse, then 11. respond. */
function answerFrom(
  k: Pipeline,
  context: QueryContext,
  routed: RoutedName,
  result: CachedAnswer | UpstreamTrouble,
  noted: Noted | null,
  action: 'cached' | 'joined' | 'forwarded',
): Uint8Array {
  const forwarded = action === 'forwarded' && (!('stale' in result) || result.stale?.sent === true);
  if ('trouble' in result) {
    noteAnswer(k, noted, RCODE.SERVFAIL, forwarded && result.sent);
    const extendedErrors = [{ code: result.errorCode, text: result.trouble }];
    return respond(k, context, { rcode: RCODE.SERVFAIL, answers: [], authority: [], extendedErrors }, 'failed');
  }
  const withheld = inspectResponse(k, context, routed, result, forwarded);
  // What was thought of the question is written down in either case: an answer that is withheld must not hide it.
  noteAnswer(k, noted, withheld?.rcode ?? result.rcode, forwarded);
  if (withheld !== null) return respond(k, context, refusal(k, context, withheld.decision, withheld.refuseAs), 'refused');

  const ageSeconds = Math.max(0, Math.floor((context.startedMs - result.storedAtMs) / 1000));
  const dnssecOk = context.query.edns?.dnssecOk === true;
  const { qtype } = context.query.question;
  return respond(
    k,
    context,
    {
      rcode: result.rcode,
      answers: behindAliases(routed, dnssecOk ? result.answers : withoutDnssec(result.answers, qtype), ageSeconds),
      authority: dnssecOk ? result.authority : withoutDnssec(result.authority, null),
      // Nobody has signed aliases of ours (RFC 4035 §3.2.3).
      authenticData: result.authenticData && k.groupsTrustedForAd.has(routed.group) && routed.aliases.length === 0,
      ttlOffsetSeconds: ageSeconds,
      ...staleErrors(k, result),
    },
    result.stale === undefined ? action : 'stale',
  );
}

/** Says that the answer is past its end (RFC 8914 §4.4, §4.20). */
function staleErrors(k: Pipeline, { stale, rcode }: CachedAnswer): Pick<ResponseContent, 'extendedErrors'> {
  if (stale === undefined) return NO_ERRORS;
  k.metrics.servedStale();
  const code = rcode === RCODE.NXDOMAIN ? EDE.STALE_NXDOMAIN : EDE.STALE_ANSWER;
  return { extendedErrors: [{ code, text: 'upstreams give no newer answer at the moment' }] };
}

const NO_ERRORS = {};

/** Begins with the records of ours that led to the name; unlike a cached answer, they have not grown older. */
function behindAliases({ aliases }: RoutedName, answers: readonly ResourceRecord[], ageSeconds: number): readonly ResourceRecord[] {
  if (aliases.length === 0) return answers;
  return [...aliases.map((alias) => ({ ...alias, ttlSeconds: alias.ttlSeconds + ageSeconds })), ...answers];
}

/** What needs no judgement goes into the query log only. */
function respondLocally(k: Pipeline, context: QueryContext, content: ResponseContent): Uint8Array {
  noteLocal(k, context, content.rcode);
  return respond(k, context, content, 'local');
}

/** 11. respond: sized for the client, counted. */
function respond(k: Pipeline, context: QueryContext, content: ResponseContent, action: string): Uint8Array {
  k.metrics.responseSent(content.rcode, action, k.clock.monotonicMs() - context.startedMs);
  return encodeResponse(context.query, content, context.source.protocol === 'tcp' ? MAX_MESSAGE_OCTETS : udpLimit(context.query));
}

/**
 * A UDP source outside `sessions.verified` and without a valid cookie may be anyone: it gets what is here already and TC=1, so that a
 * real client comes back over TCP, or with the cookie it was given. Nothing is sent, counted against or remembered for it (threat 20,
 * docs/threats.md).
 */
function answerUnverified(
  k: Pipeline,
  { kind, query }: SourceProof,
  source: QuerySource,
  policy: Policy,
  sessionKey: string,
  startedMs: number,
): Uint8Array | null {
  const share = shareOfUnverified(k, source, startedMs);
  if (share === 'silence') return null;
  const content =
    kind === 'bad-cookie' ? BAD_COOKIE : share === 'bare' ? ASK_AGAIN : contentForUnverified(k, query, policy, sessionKey, startedMs);
  k.metrics.responseSent(content.rcode, 'unverified', k.clock.monotonicMs() - startedMs);
  // The source may be forged, and this its victim: nothing larger than what every client takes.
  return encodeResponse(query, content, MIN_UDP_PAYLOAD_OCTETS);
}

/** A client that understands cookies repeats its query over UDP with the one that comes with this (RFC 7873 §5.2.4, §5.3). */
const BAD_COOKIE: ResponseContent = { rcode: RCODE.BADCOOKIE, answers: [], authority: [] };

const ASK_AGAIN: ResponseContent = { rcode: RCODE.NOERROR, answers: [], authority: [], truncated: true };

/** What is here already. Stubs without TCP (musl before 1.2.4) take the records in spite of TC=1. */
function contentForUnverified(k: Pipeline, query: Query, policy: Policy, sessionKey: string, startedMs: number): ResponseContent {
  const { qname, qtype } = query.question;
  const quarantined = k.quarantines.stateOf(sessionKey) === 'quarantined';
  const classified = classifyName(policy, k.naming, qname, qtype);
  if (classified.kind === 'local') {
    return { rcode: classified.rcode, answers: classified.answers, authority: classified.authority, truncated: true };
  }
  // Of the operator's rules all count here, and no mode: what a mode would make of them is for sources that are who they say.
  if (classified.kind === 'routed' && !quarantined && mayKeep(k, policy, null, classified.name, qtype) !== null) {
    const entry = k.cache.peek(k.partitions.of(policy.name, classified.group), classified.name, qtype, startedMs);
    if (entry !== null && k.aliasRules.check(policy, classified, classified.name, qtype, entry.answers) === null) {
      const ageSeconds = Math.floor((startedMs - entry.storedAtMs) / 1000);
      return {
        rcode: entry.rcode,
        answers: behindAliases(classified, withoutDnssec(entry.answers, qtype), ageSeconds),
        authority: [],
        ttlOffsetSeconds: ageSeconds,
        truncated: true,
      };
    }
  }
  return ASK_AGAIN;
}

function shareOfUnverified(k: Pipeline, source: QuerySource, startedMs: number): UnverifiedShare {
  const share = k.sourceRates.shareOfUnverified(source.address, k.limits.slip, startedMs);
  if (share !== 'full') k.metrics.rateLimited('unverified', share === 'bare' ? 'truncated' : 'dropped');
  return share;
}

/** A stranger's address may be forged as well: its network is told no more often than somebody there would ask. */
function answerStranger(k: Pipeline, query: Query, source: QuerySource, startedMs: number): Uint8Array | null {
  if (source.protocol === 'tcp' || k.sourceRates.answersStranger(source.address, startedMs)) return refusedOutright(query);
  k.metrics.rateLimited('stranger', 'dropped');
  return null;
}

/** These need no holding. */
const BY_CONFIG: readonly VerdictReason[] = ['blocked', 'default-deny', 'doh-endpoint', 'quarantined'];

/** Budgets, scores and first contacts are held; what follows from the config alone answers the same anyway. */
function holds(verdict: Verdict): boolean {
  return verdict.refuseAs !== 'type' && !BY_CONFIG.includes(verdict.reason);
}

/** A refusal is always noted; the other case is a bug. */
function decisionOf(noted: Noted | null): DecisionRecord {
  if (noted === null) throw new Error('a refusal was not recorded');
  return noted.decision;
}

/** What `judge` saw in flight in this tick is still in flight. */
function neverStarted(): never {
  throw new Error('an exchange in flight was gone in the same tick');
}

function failClosed(k: Pipeline, query: Query, cause: unknown): Uint8Array {
  k.metrics.internalError(cause);
  const extendedErrors = [{ code: EDE.OTHER, text: 'Kennel could not decide and refused; see its log' }];
  return encodeResponse(query, { rcode: RCODE.SERVFAIL, answers: [], authority: [], extendedErrors }, udpLimit(query));
}
