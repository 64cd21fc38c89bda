/**
 * One Kennel's pipeline without sockets, files or real time: the product's own parts around a clock and an upstream of the caller's.
 * `replay` runs recorded traffic through it, `score` judges names with it. Nothing is random, so the same input gives the same result.
 */
import { SecretMatcher } from '../../scoring/secrets/secret-matcher.ts';
import { createAnswerCache } from '../cache/answer-cache.ts';
import { createInFlight } from '../cache/in-flight.ts';
import { cachePartitions } from '../cache/partitions.ts';
import type { Config } from '../config/config.ts';
import type { SendPermit } from '../pipeline/permit.ts';
import type { Pipeline, UpstreamTrouble } from '../pipeline/pipeline.ts';
import type { CachedAnswer, Clock, DomainAges, ExchangeResult, PipelineMetrics, QuarantineLedger } from '../pipeline/ports.ts';
import { SourceRates } from '../pipeline/source-rate.ts';
import type { AddressSet } from '../policy/address-set.ts';
import { addressSet } from '../policy/address-set.ts';
import { AliasRules } from '../policy/aliases.ts';
import { compileNaming, upstreamGroups } from '../policy/classify-name.ts';
import type { NameLists } from '../policy/name-lists.ts';
import { compilePolicies } from '../policy/policy.ts';
import { loadPopularDomains, type PopularDomains } from '../policy/popular-domains.ts';
import { createQuarantines } from '../quarantine/quarantine.ts';
import { KeptNames } from '../session/kept-names.ts';
import { Meters } from '../session/meters.ts';
import { SessionTable } from '../session/session.ts';
import { memoryMeterStore } from './memory-meter-store.ts';

export interface Surroundings {
  readonly clock: Clock;
  /** Called in the tick in which a query is sent. */
  readonly exchange: (group: string, permit: SendPermit) => Promise<ExchangeResult>;
  /** Nobody's age is known when absent. */
  readonly ages?: DomainAges;
  /** The forms of well-known keys alone when absent. */
  readonly secrets?: SecretMatcher;
  /** List subscriptions; none when absent. */
  readonly lists?: NameLists;
  readonly onJudged?: NonNullable<Pipeline['onJudged']>;
  /** What the caller wants to hear; the rest goes nowhere. */
  readonly metrics?: Partial<PipelineMetrics>;
  /** Answers tell no more than how long they last. */
  readonly answersAreAssumed?: boolean;
}

/** As in a running Kennel. */
const MAX_SESSIONS = 10_000;
const METER_LIMITS = { sessionParents: 20_000, fleetParents: 20_000, codeOctets: 64 * 1024 * 1024 };

/** Everybody is served and believed: a recording holds what somebody's resolver did answer. */
const EVERYBODY: AddressSet = { contains: () => true };

/** No client can choose names by a key it does not know, and a recording does not react: a fixed key makes replays repeatable. */
const HASH_KEY = { low: 1, high: 2 };
const RATES_KEY = [1, 2, 3, 4] as const;

/** The pipeline of `config`, with nothing known and nothing spent. */
export function pipelineWithoutIo(config: Config, surroundings: Surroundings): Pipeline {
  const { clock, exchange } = surroundings;
  const store = memoryMeterStore();
  let identifiers = 0;
  return {
    clock,
    after: () => () => undefined,
    newId: () => `d-${identifiers++}`,
    clients: EVERYBODY,
    verifiedClients: EVERYBODY,
    sharedSessions: addressSet(config.sessions.shared),
    sessionPrefixes: config.sessions.prefixLengths,
    // A recording does not come again later, over TCP or slower: what the rate limit puts off would be lost.
    limits: { ...config.limits, queriesPerSecond: null },
    cookieSecrets: null,
    sourceRates: new SourceRates(RATES_KEY),
    policies: compilePolicies(config, surroundings.lists),
    naming: compileNaming(config, shippedPopularDomains()),
    aliasRules: new AliasRules(config),
    contact: config.contact,
    queryLog: null,
    sessions: new SessionTable(store, MAX_SESSIONS, HASH_KEY, config.sessions.prefixLengths.ipv6Budgets),
    meters: new Meters(store, METER_LIMITS),
    quarantines: createQuarantines({
      clock,
      randomOctets: (count) => Uint8Array.from({ length: count }, () => identifiers++ & 0xff),
      ledger: NO_LEDGER,
    }),
    kept: new KeptNames(),
    // What would be asked without a query has no answer in a recording.
    cache: createAnswerCache({ ...config.cache, prefetch: false, serveStaleSeconds: null }),
    partitions: cachePartitions(config),
    inFlight: createInFlight<CachedAnswer | UpstreamTrouble>(config.limits.pendingQueries),
    upstreams: new Map(
      [...upstreamGroups(config).keys()].map((id) => [id, { id, available: () => true, exchange: (permit) => exchange(id, permit) }]),
    ),
    groupsTrustedForAd: new Set(),
    ages: surroundings.ages ?? AGES_UNKNOWN,
    secrets: surroundings.secrets ?? new SecretMatcher(),
    decisions: { record: () => undefined },
    metrics: { ...NOTHING_COUNTED, ...surroundings.metrics },
    ...(surroundings.onJudged === undefined ? {} : { onJudged: surroundings.onJudged }),
    answersAreAssumed: surroundings.answersAreAssumed === true,
  };
}

let popular: PopularDomains | null = null;

/** Read once: an evaluation makes hundreds of pipelines. */
function shippedPopularDomains(): PopularDomains {
  popular ??= loadPopularDomains();
  return popular;
}

const AGES_UNKNOWN: DomainAges = { ageDays: () => 'unknown', knownAgeDays: () => 'unknown' };

/** Quarantines hold in memory; there is no crash to survive. */
const NO_LEDGER: QuarantineLedger = {
  load: () => [],
  history: () => [],
  commit: () => Promise.resolve(),
  forget: () => Promise.resolve(),
};

/** Counts nothing; a bug is thrown to the caller. */
export const NOTHING_COUNTED: PipelineMetrics = {
  queryReceived: () => undefined,
  responseSent: () => undefined,
  decided: () => undefined,
  leaked: () => undefined,
  cacheHit: () => undefined,
  cacheMiss: () => undefined,
  refreshed: () => undefined,
  servedStale: () => undefined,
  prefetched: () => undefined,
  malformed: () => undefined,
  clientRefused: () => undefined,
  rateLimited: () => undefined,
  cookieSeen: () => undefined,
  overloaded: () => undefined,
  internalError: (cause) => {
    throw cause;
  },
};
