/**
 * What the control API may ask of a running Kennel: reads its parts, changes nothing but quarantines and registered secrets, and
 * lets it reload.
 * The HTTP side is `control/`; this is only the other half of its port.
 */
import type { Budgets } from '../scoring/observation.ts';
import { budgetsFor } from '../scoring/presets.ts';
import { WATCHED_FORMS } from '../scoring/secrets/watch-secret.ts';
import { listsPortOf } from './assembly/lists-port.ts';
import type { ControlPort, ExplainResult, ParentSummary, Readiness, SessionDetail, SessionSummary } from './control/control-port.ts';
import type { RunningKennel } from './kennel.ts';
import { explain } from './pipeline/explain.ts';
import { flush } from './pipeline/flush.ts';
import type { Pipeline } from './pipeline/pipeline.ts';
import { ALL } from './pipeline/ports.ts';
import { canonicalAddress } from './policy/address-set.ts';
import { classifyName } from './policy/classify-name.ts';
import type { Policy } from './policy/policy.ts';
import { sessionKeyOf } from './session/identify.ts';
import type { Session } from './session/session.ts';
import { addressAndPort } from './wire/address.ts';
import { RRTYPE, typeFromName } from './wire/codes.ts';
import { fromPresentation } from './wire/name.ts';

/** Parents shown of one session. */
const SHOWN_PARENTS = 256;
/** Who asks when nobody is named: whoever sits on this machine. */
const LOOPBACK = '127.0.0.1';

export function controlPortOf(kennel: RunningKennel, version: string, control: string): ControlPort {
  const { quarantines, storage } = kennel;
  /** Policies and names as they are now: a reload puts others in their place. */
  const pipeline = (): Pipeline => kennel.pipeline;

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
    status: () => ({
      version,
      mode: kennel.config.mode,
      startedAtMs: kennel.startedAtMs,
      listeners: kennel.dns.flatMap((endpoint) => [`udp ${addressAndPort(endpoint)}`, `tcp ${addressAndPort(endpoint)}`]),
      control,
      state: storage.folder.path,
      configHash: kennel.configHash,
      policies: pipeline().policies.all.map((policy) => policy.name),
      upstreams: kennel.upstreamStatus().map(({ url, state }) => ({ url, healthy: state === 'up' })),
      sessions: kennel.sessionStates(),
      cacheEntries: pipeline().cache.size,
      cacheOctets: pipeline().cache.octets,
      alarms: kennel.alarms(),
    }),

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

    quarantines: () => quarantines.list(),

    quarantine: (id) => quarantines.show(id),

    release: async (id, by) => {
      const known = quarantines.show(id);
      if (known === null) return { kind: 'not-found' };
      const result = await quarantines.release(id, by);
      if (result.kind === 'ok') return { kind: 'released', record: result.record };
      return result.code === 'already-settled'
        ? { kind: 'not-open', state: known.record.state }
        : { kind: 'failed', detail: result.message };
    },

    explain: (name, type, session): ExplainResult => {
      const qname = fromPresentation(name);
      if (qname === null) return { kind: 'invalid', detail: 'not a domain name' };
      const qtype = typeFromName(type);
      if (qtype === null) return { kind: 'invalid', detail: 'not an RR type' };
      const k = pipeline();
      const address = canonicalAddress(addressOf(session ?? LOOPBACK));
      if (address === null) return { kind: 'invalid', detail: 'the session is neither an address nor a session key' };
      return { kind: 'explained', explanation: explain(k, qname, qtype, address, sessionKeyOf(address, k.sessionPrefixes)) };
    },

    ...listsPortOf(kennel.lists),
    secretForms: WATCHED_FORMS,
    secrets: () => kennel.secrets.list(),
    addSecret: (secret, actor) => kennel.secrets.add(secret, actor),
    removeSecret: (name, actor) => kennel.secrets.remove(name, actor),

    reload: () => kennel.reload('api'),

    flushCache: (what) => {
      if (what === 'all') return { kind: 'flushed', answers: flush(pipeline(), 'all') };
      const qname = fromPresentation(what.name);
      if (qname === null) return { kind: 'invalid', detail: 'not a domain name' };
      return { kind: 'flushed', answers: flush(pipeline(), { qname, below: what.below }) };
    },

    ready: (): Readiness => {
      // A dead upstream is told but is no reason to restart Kennel or to take it out of service: it answers what it may.
      const storageAlarms = [...storage.alarms(), ...quarantines.alarms()];
      // These are told alike but end with the next query that succeeds, which none would if it were sent elsewhere meanwhile.
      const k = pipeline();
      const toldAlarms = [...storageAlarms, ...k.sessions.alarms(), ...k.meters.alarms()];
      const dead = kennel.upstreamStatus().filter((upstream) => upstream.state === 'down');
      const failure = kennel.reloadFailure();
      const details = {
        listeners: kennel.dns.map(addressAndPort).join(', '),
        mode: kennel.config.mode,
        storage: toldAlarms.length === 0 ? 'ok' : toldAlarms.join('; '),
        upstreams: dead.length === 0 ? 'ok' : `down: ${dead.map((upstream) => upstream.url).join(', ')}`,
        // The config before it goes on, so this is no reason to be taken out of service either.
        config: failure === null ? 'ok' : `the last reload failed: ${failure.join('; ')}`,
      };
      return { ready: storageAlarms.length === 0, details };
    },

    metrics: () => kennel.metrics.text(),
  };
}

/** A session key is an address, or a prefix of addresses. */
function addressOf(sessionKey: string): string {
  const slash = sessionKey.indexOf('/');
  return slash < 0 ? sessionKey : sessionKey.slice(0, slash);
}
