/**
 * 12. record: one decision record per verdict worth keeping, made at one place. Never awaited, never changes the answer.
 * Owns what a record says; where it goes is the decision sink's.
 */
import type { Verdict } from '../../scoring/decide.ts';
import type { Signal } from '../../scoring/observation.ts';
import { registrableDomain } from '../policy/registrable-domain.ts';
import type { Session } from '../session/session.ts';
import { RCODE, rcodeName, typeName } from '../wire/codes.ts';
import { labelsOf, type QName, toPresentation } from '../wire/name.ts';
import type { Judgement } from './judge.ts';
import type { Pipeline, QueryContext } from './pipeline.ts';
import type { DecisionRecord, VerdictKind } from './ports.ts';
import { toldName } from './redact.ts';

/** A decision that waits for its answer before it is written; `open` is false once it is. */
export interface Noted {
  readonly decision: DecisionRecord;
  readonly context: QueryContext;
  /** What was judged: where a record of ours led, not what was asked. */
  readonly qname: QName;
  /** Nothing speaks against it: it is written down as the query log says. */
  readonly plain: boolean;
  open: boolean;
}

/**
 * Notes what was decided; null for a plain allow, which is only counted. Refusals are written at once, the others when
 * `noteAnswer` knows how they ended.
 */
export function note(k: Pipeline, context: QueryContext, judgement: Judgement, acting: Verdict): Noted | null {
  const { session, policy } = context;
  const would = judgement.verdict;
  k.onJudged?.(judgement, acting);
  k.metrics.decided(acting.kind, would.reason, policy.name, policy.mode, judgement.assessment.score);
  const plain = acting.kind === 'allow' && would.kind === 'allow';
  if (plain && k.queryLog?.keeps() !== true) return null;

  const nowMs = k.clock.wallMs();
  const written = !refuses(acting.kind) || isWorthWriting(session, acting, nowMs);
  const decision: DecisionRecord = {
    ...describeBriefly(judgement),
    // Half the work of a record, and what is not written needs none; of a plain allow only what counted for something.
    signals: written ? keptSignals(judgement, plain) : [],
    ...circumstances(k, context),
    verdict: acting.kind,
    wouldVerdict: would.kind,
    forwarded: false,
    rcode: '',
    durationMs: 0,
  };
  if (would.kind === 'quarantine' && acting.kind !== 'quarantine') session.wouldQuarantineAtMs ??= nowMs;
  session.remember(decision);

  const noted: Noted = { decision, context, qname: judgement.qname, plain, open: written };
  if (refuses(acting.kind)) write(k, noted, refusalRcode(context, acting), false);
  return noted;
}

function keptSignals({ assessment: { signals } }: Judgement, plain: boolean): readonly Signal[] {
  return plain ? signals.filter(({ contribution }) => contribution !== 0) : signals;
}

/** A quarantined session that goes on asking must not push other sessions' evidence out of the queue; all of it is counted. */
const QUARANTINED_NOTE_MS = 1_000;

function isWorthWriting(session: Session, acting: Verdict, nowMs: number): boolean {
  if (acting.reason !== 'quarantined') return true;
  if (nowMs - session.quarantineNotedAtMs < QUARANTINED_NOTE_MS) return false;
  session.quarantineNotedAtMs = nowMs;
  return true;
}

type Circumstances = Pick<DecisionRecord, 'id' | 'atMs' | 'session' | 'policy' | 'mode' | 'afterWouldQuarantine'>;

/** What every decision about the query says, whatever it is: a fresh identifier, the time, who asked and under which policy. */
export function circumstances(k: Pipeline, { session, policy }: QueryContext): Circumstances {
  return {
    id: k.newId(),
    atMs: k.clock.wallMs(),
    session: session.key,
    policy: policy.name,
    mode: policy.mode,
    afterWouldQuarantine: session.wouldQuarantineAtMs !== null,
  };
}

/** Completes and writes a noted decision with how its query ended. */
export function noteAnswer(k: Pipeline, noted: Noted | null, rcode: number, forwarded: boolean): void {
  if (noted !== null) write(k, noted, rcode, forwarded);
}

/** Writes an answer that needed no judgement (local and feedback names) into the query log. */
export function noteLocal(k: Pipeline, context: QueryContext, rcode: number): void {
  if (k.queryLog?.keeps() !== true) return;
  const { session, query, startedMs } = context;
  const { qname, qtype } = query.question;
  const domain = registrableDomain(qname);
  // Such names go nowhere, but the log is a file: what must not leave in a name must not stay in one either.
  const searched = k.secrets.search({ ...domain, allLabels: labelsOf(qname) }, session.trail);
  const decision: DecisionRecord = {
    ...circumstances(k, context),
    verdict: 'allow',
    wouldVerdict: 'allow',
    reason: 'local',
    rule: null,
    score: 0,
    signals: [],
    ...toldName({ searched, domain }, toPresentation(qname)),
    qtype: typeName(qtype),
    leakBits: 0,
    forwarded: false,
    rcode: rcodeName(rcode),
    durationMs: k.clock.monotonicMs() - startedMs,
  };
  k.decisions.record(k.queryLog.redact(decision, qname));
}

/** What a judgement says in a record's words; `explain` prints the same. */
export function describe(judgement: Judgement): Brief & Pick<DecisionRecord, 'signals'> {
  return { ...describeBriefly(judgement), signals: judgement.assessment.signals };
}

type Brief = Pick<DecisionRecord, 'reason' | 'rule' | 'score' | 'qname' | 'qtype' | 'parent' | 'leakBits'>;

function describeBriefly(judgement: Judgement): Brief {
  return {
    reason: judgement.verdict.reason,
    rule: ruleOf(judgement),
    score: judgement.assessment.score,
    qtype: typeName(judgement.qtype),
    ...toldName(judgement, toPresentation(judgement.qname)),
    leakBits: judgement.price?.parentBits ?? 0,
  };
}

/** What decided, in words: the secret or form of a key that was found, else the list entry. */
function ruleOf({ verdict, searched: { found }, entry }: Judgement): string | null {
  if (found !== null && verdict.reason === found.kind) return `${found.kind}: ${found.name}`;
  return entry?.rule ?? null;
}

function write(k: Pipeline, noted: Noted, rcode: number, forwarded: boolean): void {
  if (!noted.open) return;
  noted.open = false;
  const { decision, context, qname, plain } = noted;
  const durationMs = k.clock.monotonicMs() - context.startedMs;
  const finished: DecisionRecord = { ...decision, rcode: rcodeName(rcode), forwarded, durationMs };
  k.decisions.record(plain && k.queryLog !== null ? k.queryLog.redact(finished, qname) : finished);
}

function refuses(kind: VerdictKind): boolean {
  return kind === 'refuse' || kind === 'quarantine';
}

function refusalRcode(context: QueryContext, acting: Verdict): number {
  if (acting.refuseAs === 'type') return RCODE.NOERROR;
  if (acting.reason !== 'quarantined') return RCODE.NXDOMAIN;
  return { nxdomain: RCODE.NXDOMAIN, nodata: RCODE.NOERROR, refused: RCODE.REFUSED }[context.policy.quarantine.answers];
}
