/**
 * The control port's part about sessions, of a running Kennel: what is in memory about them together with what is on disk. Changes
 * nothing, and keeps no session that is only looked at.
 */
import type { Budgets } from '../../scoring/observation.ts';
import { budgetsFor } from '../../scoring/presets.ts';
import type { ControlPort, ParentSummary, SessionDetail, SessionSummary } from '../control/control-port.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { ALL } from '../pipeline/ports.ts';
import { classifyName } from '../policy/classify-name.ts';
import type { Policy } from '../policy/policy.ts';
import type { Quarantines } from '../quarantine/quarantine.ts';
import { addressOf } from '../session/identify.ts';
import type { Session } from '../session/session.ts';
import type { Storage } from '../storage/storage.ts';
import { RRTYPE } from '../wire/codes.ts';
import { fromPresentation } from '../wire/name.ts';

/** Parents shown of one session. */
const SHOWN_PARENTS = 256;

export interface SessionSources {
  /** That of now: a reload puts another in its place. */
  readonly pipeline: () => Pipeline;
  readonly quarantines: Quarantines;
  readonly storage: Storage;
}

/** Sessions of the running Kennel, as the control API sees them. */
export function sessionsPortOf({ pipeline, quarantines, storage }: SessionSources): Pick<ControlPort, 'sessions' | 'session'> {
  const summary = (session: Session): SessionSummary => {
    const k = pipeline();
    const policy = k.policies.choose(addressOf(session.key), session.listener);
    const { meters } = session;
    const total = k.meters.totalSpentInMemory(meters) ?? storage.meters.loadMeter({ session: meters.owner, parent: ALL })?.leasedBits ?? 0;
    const { key, score, epoch, queries, firstSeenMs, lastSeenMs } = session;
    return {
      session: key,
      state: quarantines.stateOf(key),
      policy: policy.name,
      score,
      epoch,
      queries,
      leakBits: total,
      firstSeenMs,
      lastSeenMs,
    };
  };

  const detail = (session: Session): SessionDetail => {
    const policy = pipeline().policies.choose(addressOf(session.key), session.listener);
    const quarantined = quarantines.list().filter((record) => record.session === session.key);
    return {
      ...summary(session),
      budgetBits: policy.budgets.sessionBits,
      parents: parentsOf(session, policy),
      quarantines: quarantined.map((record) => record.id),
    };
  };

  /** The lasting meters and what is in memory about the same parents, in one list: most bits first. */
  const parentsOf = (session: Session, policy: Policy): ParentSummary[] => {
    const { meters } = pipeline();
    const seen = new Map<string, Pick<ParentSummary, 'queries' | 'uniqueNames' | 'leakBits'>>();
    for (const { parent, leasedBits } of storage.meters.listMeters(session.meters.owner, SHOWN_PARENTS)) {
      if (parent !== ALL) seen.set(parent, { queries: 0, uniqueNames: 0, leakBits: leasedBits });
    }
    for (const { parent, queries, fanOut } of session.profile.parents()) {
      const leakBits = meters.spentInMemory(session.meters, parent) ?? seen.get(parent)?.leakBits ?? 0;
      seen.set(parent, { queries, uniqueNames: fanOut, leakBits });
    }
    const shown = [...seen].sort(([, one], [, other]) => other.leakBits - one.leakBits).slice(0, SHOWN_PARENTS);
    return shown.map(([parent, counts]) => {
      const budgets = budgetsBelow(policy, parent);
      const fleetBits = meters.fleetSpent(parent, budgets.parentRefillBitsPerDay);
      return { parent, ...counts, budgetBits: budgets.parentBits, fleetBits, fleetBudgetBits: budgets.fleetParentBits };
    });
  };

  const budgetsBelow = (policy: Policy, parent: string): Budgets => {
    const qname = fromPresentation(parent);
    const routed = qname === null ? null : classifyName(policy, pipeline().naming, qname, RRTYPE.A);
    return budgetsFor(policy.budgets, routed?.kind === 'routed' ? routed.encoder : null);
  };

  return {
    sessions: (limit) => {
      const k = pipeline();
      const known = new Map([...k.sessions].map((session) => [session.key, session]));
      for (const { session } of storage.meters.listSessions(limit)) {
        if (!known.has(session)) known.set(session, k.sessions.recall(session, k.clock.wallMs()));
      }
      return [...known.values()]
        .sort((a, b) => b.lastSeenMs - a.lastSeenMs)
        .slice(0, limit)
        .map(summary);
    },

    session: (key) => {
      const k = pipeline();
      const session = k.sessions.peek(key) ?? (storage.meters.loadSession(key) === null ? null : k.sessions.recall(key, k.clock.wallMs()));
      return session === null ? null : detail(session);
    },
  };
}
