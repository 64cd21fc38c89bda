/**
 * What the control API may ask of a running Kennel: its half of the port whose other half is `control/`. Reads the parts; changes what an
 * operator's word changes (quarantines, registered secrets, the cache, lists, the config) and nothing else.
 */
import { WATCHED_FORMS } from '../scoring/secrets/watch-secret.ts';
import { listsPortOf } from './assembly/lists-port.ts';
import { sessionsPortOf } from './assembly/sessions-port.ts';
import type { ControlPort, ExplainResult, Readiness } from './control/control-port.ts';
import type { RunningKennel } from './kennel.ts';
import { explain } from './pipeline/explain.ts';
import { flush } from './pipeline/flush.ts';
import type { Pipeline } from './pipeline/pipeline.ts';
import { canonicalAddress } from './policy/address-set.ts';
import { addressOf, sessionKeyOf } from './session/identify.ts';
import { addressAndPort } from './wire/address.ts';
import { typeFromName } from './wire/codes.ts';
import { fromPresentation } from './wire/name.ts';

/** Who asks when nobody is named: whoever sits on this machine. */
const LOOPBACK = '127.0.0.1';

export function controlPortOf(kennel: RunningKennel, version: string, control: string): ControlPort {
  const { quarantines, storage } = kennel;
  /** Policies and names as they are now: a reload puts others in their place. */
  const pipeline = (): Pipeline => kennel.pipeline;

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

    ...sessionsPortOf({ pipeline, quarantines, storage }),

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

    decisions: (filter) => storage.decisions.recent(filter),

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
        storage: okUnless(toldAlarms),
        upstreams: dead.length === 0 ? 'ok' : `down: ${dead.map((upstream) => upstream.url).join(', ')}`,
        // The config before it goes on, so this is no reason to be taken out of service either.
        config: failure === null ? 'ok' : `the last reload failed: ${failure.join('; ')}`,
        ...(kennel.config.lists.length === 0 ? {} : { lists: okUnless(kennel.lists.alarms()) }),
      };
      return { ready: storageAlarms.length === 0, details };
    },

    metrics: () => kennel.metrics.text(),
  };
}

function okUnless(alarms: readonly string[]): string {
  return alarms.length === 0 ? 'ok' : alarms.join('; ');
}
