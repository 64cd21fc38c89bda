/**
 * The session's picture: what it has asked and what came back, from which later queries are scored. Refused or only observed, an attempt
 * counts; what it takes up is bounded by the profile.
 */
import type { Session } from '../session/session.ts';
import type { Judgement } from './judge.ts';
import type { Pipeline, UpstreamTrouble } from './pipeline.ts';
import type { CachedAnswer } from './ports.ts';
import { withoutDnssec } from './without-dnssec.ts';

/** A question that was judged, whatever comes of it. */
export function learnQuestion(k: Pipeline, session: Session, { asked, assessment, domain, searched }: Judgement): void {
  session.profile.record(asked, assessment.score);
  session.trail.record(domain.parent, domain.labels, searched);
  k.sessions.raiseScore(session, assessment.score);
}

/** What came back for this session, joined queries included; a stale answer did not. */
export function learnAnswer(
  k: Pipeline,
  session: Session,
  { domain, asked, qtype }: Judgement,
  result: CachedAnswer | UpstreamTrouble,
): void {
  if ('trouble' in result || result.stale !== undefined || k.answersAreAssumed === true) return;
  const rdata = withoutDnssec(result.answers, qtype).map(({ type, rdata: octets }) => ({ type, octets }));
  session.profile.recordAnswer({ parent: domain.parent, nameHash: asked.nameHash, rcode: result.rcode, rdata });
}
