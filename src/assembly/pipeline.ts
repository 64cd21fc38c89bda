/**
 * One pipeline: the parts that outlive a config (sessions, meters, quarantines, cache) and those that follow from it. A reload makes
 * the second kind anew around the first. Holds no logic of its own.
 */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { SecretMatcher } from '../../scoring/secrets/secret-matcher.ts';
import type { HashKey } from '../../scoring/sketch/keyed-hash.ts';
import { createAnswerCache } from '../cache/answer-cache.ts';
import { createInFlight } from '../cache/in-flight.ts';
import { cachePartitions } from '../cache/partitions.ts';
import type { Config } from '../config/config.ts';
import type { Pipeline, UpstreamTrouble } from '../pipeline/pipeline.ts';
import type { CachedAnswer, Clock, DomainAges, QuarantineRecord } from '../pipeline/ports.ts';
import { createQueryLog } from '../pipeline/query-log.ts';
import { SourceRates } from '../pipeline/source-rate.ts';
import { addressSet } from '../policy/address-set.ts';
import { AliasRules } from '../policy/aliases.ts';
import { compileNaming } from '../policy/classify-name.ts';
import type { HostsNames } from '../policy/hosts-file.ts';
import type { NameLists } from '../policy/name-lists.ts';
import { compilePolicies } from '../policy/policy.ts';
import { loadPopularDomains, type PopularDomains } from '../policy/popular-domains.ts';
import { createQuarantines } from '../quarantine/quarantine.ts';
import { randomCharacters } from '../quarantine/quarantine-id.ts';
import { KeptNames } from '../session/kept-names.ts';
import { Meters } from '../session/meters.ts';
import { SessionTable } from '../session/session.ts';
import type { DecisionRetention } from '../storage/decisions-schema.ts';
import type { Storage } from '../storage/storage.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ForwardingGroup } from '../upstream/group.ts';
import { SIP_KEY_OCTETS, sipKey } from '../wire/siphash.ts';
import { ServerCookieSecrets } from './server-cookies.ts';
import { groupsTrustedForAd } from './upstream-groups.ts';

/** Bounds of the tables; each is bounded, and eviction forgives nothing (threat 23, docs/threats.md). */
const MAX_SESSIONS = 10_000;
/** A meter that has seen a few names takes about 3 kB, one with its budget spent about 20 kB, one of a flood 4 MB (measured). */
const METER_LIMITS = { sessionParents: 20_000, fleetParents: 20_000, codeOctets: 64 * 1024 * 1024 };
const DECISION_ID_CHARACTERS = 10;

/** What stays when the config changes. */
export type LastingParts = Pick<
  Pipeline,
  | 'clock'
  | 'after'
  | 'newId'
  | 'sessions'
  | 'meters'
  | 'quarantines'
  | 'kept'
  | 'cache'
  | 'secrets'
  | 'decisions'
  | 'metrics'
  | 'sourceRates'
> & {
  readonly nameHashKey: HashKey;
  readonly popular: PopularDomains;
  readonly serverCookies: ServerCookieSecrets;
};

/** What is opened for one config and closed after it. */
export interface ConfigParts {
  readonly groups: ReadonlyMap<string, ForwardingGroup>;
  readonly ages: DomainAges;
  readonly lists: NameLists;
  readonly hosts: HostsNames;
  /** Anew where groups change: a query must not wait for an upstream that its config no longer names. */
  readonly inFlight: Pipeline['inFlight'];
}

/** Opened once, by the config of the start. */
export function openLastingParts(
  config: Config,
  storage: Storage,
  secrets: SecretMatcher,
  metrics: Metrics,
  log: Logger,
  clock: Clock,
): LastingParts {
  const nameHashKey = hashKeyOf(storage.folder.nameKey());
  const sessions = new SessionTable(storage.meters, MAX_SESSIONS, nameHashKey, config.sessions.prefixLengths.ipv6Budgets);
  const meters = new Meters(storage.meters, METER_LIMITS);
  const quarantines = createQuarantines({
    ledger: storage.evidence,
    clock,
    randomOctets,
    onChange: (record, change) => {
      log.info(
        { quarantine: record.id, session: record.session, from: change.from, to: change.to, actor: change.actor },
        'quarantine changed',
      );
      if (change.to === 'released') release({ sessions, meters, clock }, record, record.epoch + 1);
    },
  });
  return {
    clock,
    after,
    newId,
    nameHashKey,
    sessions,
    meters,
    quarantines,
    kept: new KeptNames(),
    cache: createAnswerCache(config.cache),
    popular: loadPopularDomains(),
    serverCookies: new ServerCookieSecrets(storage.folder.cookieKey()),
    sourceRates: new SourceRates(sipKey(randomOctets(SIP_KEY_OCTETS))),
    secrets,
    decisions: storage.decisions,
    metrics,
  };
}

export function openInFlight(config: Config): Pipeline['inFlight'] {
  return createInFlight<CachedAnswer | UpstreamTrouble>(config.limits.pendingQueries);
}

/** Compiles the config; changes nothing that a query under way could see. */
export function pipelineFrom(config: Config, lasting: LastingParts, { groups, ages, lists, hosts, inFlight }: ConfigParts): Pipeline {
  return {
    ...lasting,
    clients: addressSet(config.clients.allow),
    verifiedClients: addressSet(config.sessions.verified),
    sharedSessions: addressSet(config.sessions.shared),
    sessionPrefixes: config.sessions.prefixLengths,
    limits: config.limits,
    cookieSecrets: lasting.serverCookies.of(config.serverCookies),
    policies: compilePolicies(config, lists),
    naming: compileNaming(config, lasting.popular, { hosts }),
    aliasRules: new AliasRules(config),
    contact: config.contact,
    queryLog:
      config.retention.decisions === 'all'
        ? createQueryLog({ ...config.retention, hashKey: lasting.nameHashKey, random: Math.random })
        : null,
    upstreams: groups,
    inFlight,
    partitions: cachePartitions(config),
    groupsTrustedForAd: groupsTrustedForAd(config),
    ages,
  };
}

/** A released session starts at 0: score, its meter over all parents, and the one below the parent in the evidence. */
function release(
  { sessions, meters, clock }: Pick<LastingParts, 'sessions' | 'meters' | 'clock'>,
  record: QuarantineRecord,
  epoch: number,
): void {
  const session = sessions.open(record.session, clock.wallMs());
  sessions.openEpoch(session, epoch, [record.parent]);
  meters.openEpoch(session.meters, [record.parent]);
}

/** A release is evidence first and a new epoch second; a crash between the two is made good here. */
export function finishReleases(lasting: Pick<LastingParts, 'quarantines' | 'sessions' | 'meters' | 'clock'>): void {
  const { quarantines, sessions, clock } = lasting;
  for (const record of quarantines.list({ state: 'released' })) {
    const epoch = quarantines.epochOf(record.session);
    if (sessions.open(record.session, clock.wallMs()).epoch < epoch) release(lasting, record, epoch);
  }
}

/** The sketches' key, from the state folder's: nobody outside can choose names that collide. */
export function hashKeyOf(key: Uint8Array): HashKey {
  const words = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return { low: words.getUint32(0), high: words.getUint32(4) };
}

/** Rows are a second bound: a question about all of them must end. */
const MAX_DECISION_ROWS = 10_000_000;

export function decisionRetention({ retention }: Config): DecisionRetention {
  return { days: retention.days, rows: MAX_DECISION_ROWS, octets: retention.maxOctets };
}

export function randomOctets(count: number): Uint8Array {
  return randomBytes(count);
}

/** A process that ends does not wait for it. */
function after(ms: number, act: () => void): () => void {
  const timer = setTimeout(act, ms).unref();
  return () => clearTimeout(timer);
}

/** A decision's identifier: 50 bits at random. */
function newId(): string {
  return `d-${randomCharacters(DECISION_ID_CHARACTERS, randomOctets)}`;
}
