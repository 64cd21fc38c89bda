/**
 * What a query meets on its way: the parts of one running Kennel, put together in `assembly/` and passed as one plain argument; and
 * what it carries along. Holds no logic.
 */
import type { Verdict } from '../../scoring/decide.ts';
import type { SecretMatcher } from '../../scoring/secrets/secret-matcher.ts';
import type { BoundedAnswerCache } from '../cache/answer-cache.ts';
import type { InFlight } from '../cache/in-flight.ts';
import type { CachePartitions } from '../cache/partitions.ts';
import type { AddressSet } from '../policy/address-set.ts';
import type { AliasRules } from '../policy/aliases.ts';
import type { Naming } from '../policy/classify-name.ts';
import type { Policy, PolicySet } from '../policy/policy.ts';
import type { Quarantines } from '../quarantine/quarantine.ts';
import type { PrefixLengths } from '../session/identify.ts';
import type { KeptNames } from '../session/kept-names.ts';
import type { Meters } from '../session/meters.ts';
import type { Session, SessionTable } from '../session/session.ts';
import type { Query } from '../wire/query-decode.ts';
import type { Judgement } from './judge.ts';
import type { CachedAnswer, Clock, DecisionSink, DomainAges, PipelineMetrics, QuerySource, UpstreamGroup } from './ports.ts';
import type { QueryLog } from './query-log.ts';
import type { CookieSecrets } from './source-proof.ts';
import type { SourceRates } from './source-rate.ts';

export interface QueryLimits {
  /** Per session; null: no limit. */
  readonly queriesPerSecond: number | null;
  readonly burst: number;
  /** Every n-th UDP query over the limit is answered with TC=1; 0: none. */
  readonly slip: number;
  /** Queries waiting for an upstream over all sessions. */
  readonly pendingQueries: number;
  /** How long a silent TCP connection is kept, told to clients that ask (RFC 7828). */
  readonly tcp: { readonly idleSeconds: number };
}

export interface Pipeline {
  readonly clock: Clock;
  /** Calls `act` after so many milliseconds, unless what it returns is called before. */
  readonly after: (ms: number, act: () => void) => () => void;
  /** A fresh identifier for a decision, e.g. `d-7f3k9q2mzc`. */
  readonly newId: () => string;
  readonly clients: AddressSet;
  readonly verifiedClients: AddressSet;
  readonly sharedSessions: AddressSet;
  readonly sessionPrefixes: PrefixLengths;
  readonly limits: QueryLimits;
  /** Null: no cookies, every client proves itself over TCP. */
  readonly cookieSecrets: CookieSecrets | null;
  readonly sourceRates: SourceRates;
  readonly policies: PolicySet;
  readonly naming: Naming;
  readonly aliasRules: AliasRules;
  /** Whom to ask for permission, shown to the blocked; null when the config names nobody. */
  readonly contact: string | null;
  /** `retention.decisions: all`: plain allows are recorded too; else null. */
  readonly queryLog: QueryLog | null;
  readonly sessions: SessionTable;
  readonly meters: Meters;
  readonly quarantines: Quarantines;
  readonly kept: KeptNames<CachedAnswer | UpstreamTrouble>;
  readonly cache: BoundedAnswerCache;
  readonly inFlight: InFlight<CachedAnswer | UpstreamTrouble>;
  /** Who shares `cache` and `inFlight` with whom. */
  readonly partitions: CachePartitions;
  readonly upstreams: ReadonlyMap<string, UpstreamGroup>;
  /** Groups whose AD flag is passed on: their upstreams are on this machine, so nobody on the way can have set it (RFC 6840 §5.8). */
  readonly groupsTrustedForAd: ReadonlySet<string>;
  readonly ages: DomainAges;
  readonly secrets: SecretMatcher;
  readonly decisions: DecisionSink;
  readonly metrics: PipelineMetrics;
  /** Told of every judgement, and of what is done about it, in the tick of the query. */
  readonly onJudged?: (judgement: Judgement, acting: Verdict) => void;
  /** Answers are assumed, not received, so nothing is learned from what they hold: a replay of recorded queries. */
  readonly answersAreAssumed?: boolean;
}

/** Everything about one query that the stages after its session need. */
export interface QueryContext {
  readonly query: Query;
  readonly source: QuerySource;
  readonly policy: Policy;
  readonly session: Session;
  readonly startedMs: number;
}

/** No usable answer came back; becomes SERVFAIL with the Extended DNS Error `errorCode` (RFC 8914). */
export interface UpstreamTrouble {
  readonly trouble: string;
  readonly errorCode: number;
  /** Whether the question has gone to an upstream. */
  readonly sent: boolean;
}
