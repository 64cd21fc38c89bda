/**
 * A query's way from socket to answer, top to bottom. One plain function of named stages; every early exit is a visible return.
 *
 * The order is the promise: everything that can refuse stands before the one `send`, and the send is charged in the tick it
 * happens. A hit runs through without a promise. Whatever throws on the way is a bug and becomes SERVFAIL, never an answer.
 */
import type { Verdict, VerdictReason } from '../../scoring/decide.ts';
import { answerAny, classifyName, type RoutedName } from '../policy/classify-name.ts';
import { sessionKeyOf } from '../session/identify.ts';
import { EDE, RCODE, RRTYPE } from '../wire/codes.ts';
import { MAX_MESSAGE_OCTETS } from '../wire/header.ts';
import { decodeQuery, type Query } from '../wire/query-decode.ts';
import { encodeResponse, type ResponseContent, udpLimit } from '../wire/response.ts';
import { admit, overLimit } from './admit.ts';
import { contentOf, troubleContent } from './answer-content.ts';
import { actOn, actOnLookUp } from './apply-mode.ts';
import { answerFeedback } from './feedback.ts';
import { inspectResponse } from './inspect-response.ts';
import { heldAgainst, type Judgement, judgeQuery } from './judge.ts';
import { learnAnswer, learnQuestion } from './learn.ts';
import { lookUp } from './look-up.ts';
import type { Pipeline, QueryContext, UpstreamTrouble } from './pipeline.ts';
import type { CachedAnswer, DecisionRecord, QuerySource } from './ports.ts';
import { noteServed } from './prefetch.ts';
import { type Noted, note, noteAnswer, noteLocal } from './record.ts';
import { refusal } from './refusal.ts';
import { orStale } from './serve-stale.ts';
import { answerCookieQuery, proveSource } from './source-proof.ts';
import { answerStranger, answerUnverified, isReplyWithheld } from './unverified-source.ts';

/** A refusal by score or budget stays this long for all types of the name: longer than a stub and its program go on trying. */
const HOLD_MS = 30_000;

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
    if (isReplyWithheld(k, source, startedMs)) return null;
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
  // proveSource: who is behind a packet comes before what he may.
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
  learnQuestion(k, session, judgement);
  const noted = note(k, context, judgement, acting);
  if (acting.kind === 'quarantine') return quarantine(k, context, judgement, noted);
  if (acting.kind === 'refuse') return refuse(k, context, judgement, acting, noted);

  // 9. send: cached, joined, kept, or the one send; where that fails or takes long, what was true last.
  const way = actOnLookUp(policy, judgement.lookUp);
  if (way.kind === 'fresh') {
    k.metrics.cacheHit();
    noteServed(k, context, judgement, way.entry);
    return answerFrom(k, context, classified, way.entry, noted, 'cached');
  }
  k.metrics.cacheMiss();
  const action = way.kind === 'send' ? 'forwarded' : 'joined';
  return orStale(k, context, judgement, lookUp(k, context, judgement, way), way.kind === 'send').then((result) => {
    learnAnswer(k, session, judgement, result);
    return answerFrom(k, context, classified, result, noted, action);
  });
}

/** Refused at once. What follows from budgets and scores holds for a while; a first contact starts the look-up that ends it. */
function refuse(k: Pipeline, context: QueryContext, judgement: Judgement, acting: Verdict, noted: Noted | null): Uint8Array {
  const { session, startedMs } = context;
  const { verdict, qname, domain } = judgement;
  // Not where a name behind a search suffix is new: that one is asked for by itself a moment later. The registry sees the registrable
  // domain, never the name.
  const isNewItself = verdict.reason === 'first-contact' && judgement.firstContact;
  if (isNewItself && domain.icannDomain !== null) k.ages.ageDays(domain.icannDomain, session.key);
  const decision = decisionOf(noted);
  if (holds(acting)) session.hold(qname, { decision, untilMs: startedMs + HOLD_MS });
  return respond(k, context, refusal(k, context, decision, acting.refuseAs ?? 'name'), 'refused');
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
    return respond(k, context, troubleContent(result), 'failed');
  }
  const withheld = inspectResponse(k, context, routed, result, forwarded);
  // What was thought of the question is written down in either case: an answer that is withheld must not hide it.
  noteAnswer(k, noted, withheld?.rcode ?? result.rcode, forwarded);
  if (withheld !== null) return respond(k, context, refusal(k, context, withheld.decision, withheld.refuseAs), 'refused');
  if (result.stale !== undefined) k.metrics.servedStale();
  const content = contentOf(k, routed, result, context.query, context.startedMs);
  return respond(k, context, content, result.stale === undefined ? action : 'stale');
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

/** What follows from the config alone. */
const BY_CONFIG: readonly VerdictReason[] = ['blocked', 'default-deny', 'doh-endpoint', 'quarantined'];

/** Budgets, scores and first contacts are held; the config would answer the same anyway. */
function holds(verdict: Verdict): boolean {
  return verdict.refuseAs !== 'type' && !BY_CONFIG.includes(verdict.reason);
}

/** A refusal is always noted; the other case is a bug. */
function decisionOf(noted: Noted | null): DecisionRecord {
  if (noted === null) throw new Error('a refusal was not recorded');
  return noted.decision;
}

/** What threw is a bug: SERVFAIL, and its cause for the log alone. */
function failClosed(k: Pipeline, query: Query, cause: unknown): Uint8Array {
  k.metrics.internalError(cause);
  const extendedErrors = [{ code: EDE.OTHER, text: 'Kennel could not decide and refused; see its log' }];
  return encodeResponse(query, { rcode: RCODE.SERVFAIL, answers: [], authority: [], extendedErrors }, udpLimit(query));
}
