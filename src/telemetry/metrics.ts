/**
 * Kennel's Prometheus metrics: their names and labels are a contract with dashboards and alerts. No label ever holds a name, a
 * session or a rule, and every label set is bounded. Counting is cheap (`tally.ts`); prom-client renders at a scrape.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Mode, PipelineMetrics, VerdictKind } from '../pipeline/ports.ts';
import { rcodeName, typeName } from '../wire/codes.ts';
import { PlainHistogram, Tally } from './tally.ts';

export interface MetricsOptions {
  readonly version: string;
  /** Gets every bug met on a query's way, for the log. */
  readonly onInternalError: (cause: unknown) => void;
}

/** What is read when someone scrapes, instead of being counted. */
export interface MetricSources {
  cacheEntries(): number;
  /** Estimated heap octets of all of them. */
  cacheOctets(): number;
  /** Sessions by state (`normal`, `watch`, `quarantined`, …). */
  sessions(): Readonly<Record<string, number>>;
  /** Log lines and decision records that were dropped. */
  logDropped(): number;
  /** Queries that wait for an answer now. */
  pendingQueries(): number;
  /** How many conditions an operator should look at. */
  alarms(): number;
}

/** A list subscription in numbers. */
export interface ListNumbers {
  readonly name: string;
  readonly entries: number;
  /** Wall time; null: never. */
  readonly checkedAtMs: number | null;
  readonly failures: number;
}

/** A cached answer takes microseconds, a forwarded one milliseconds, a failing upstream seconds. */
const REQUEST_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const UPSTREAM_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const SCORE_POINTS = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100];

/** IANA address family numbers, as CoreDNS labels them. */
const FAMILY_NUMBER = { ipv4: '1', ipv6: '2' } as const;

export class Metrics implements PipelineMetrics {
  readonly #registry = new Registry();
  readonly #onInternalError: (cause: unknown) => void;
  readonly #requests = new Tally();
  readonly #responses = new Tally();
  readonly #decisions = new Tally();
  readonly #leakBits = new Tally();
  readonly #parseErrors = new Tally(64);
  readonly #listenerEvents = new Tally();
  readonly #upstreamFailures = new Tally();
  readonly #refreshes = new Tally();
  readonly #rateLimited = new Tally();
  readonly #cookies = new Tally();
  readonly #overloads = new Tally();
  readonly #requestSeconds = new PlainHistogram('kennel_dns_request_duration_seconds', 'Time from query to answer.', REQUEST_SECONDS);
  readonly #score = new PlainHistogram('kennel_score', 'Scores of decided queries, 0 to 100.', SCORE_POINTS);
  readonly #upstreamSeconds: Histogram<'upstream'>;
  readonly #reloads = new Tally();
  readonly #configLoaded: Gauge;
  readonly #reloadSuccessful: Gauge;
  #cacheHits = 0;
  #cacheMisses = 0;
  #staleServed = 0;
  #prefetches = 0;
  #clientsRefused = 0;
  #internalErrors = 0;
  #sources: MetricSources | null = null;
  #lists: () => readonly ListNumbers[] = () => [];

  constructor(options: MetricsOptions) {
    this.#onInternalError = options.onInternalError;
    this.#tallied('dns_requests_total', 'Queries by transport, address family (1: IPv4, 2: IPv6) and type.', this.#requests, [
      'proto',
      'family',
      'type',
    ]);
    this.#tallied('dns_responses_total', 'Answers by RCODE and by what was done.', this.#responses, ['rcode', 'action']);
    this.#tallied('decisions_total', 'Decisions by what was done, why, under which policy and mode.', this.#decisions, [
      'action',
      'reason',
      'policy',
      'mode',
    ]);
    this.#tallied('leak_bits_total', 'Bits charged below parents for names sent, at the weight of their standing.', this.#leakBits, [
      'policy',
    ]);
    this.#tallied('parse_errors_total', 'Packets that were no well-formed query.', this.#parseErrors, ['reason']);
    this.#tallied('listener_events_total', 'Refused or expired connections, failed sends and the like.', this.#listenerEvents, [
      'kind',
      'proto',
    ]);
    this.#tallied('upstream_failures_total', 'Exchanges with an upstream that failed.', this.#upstreamFailures, ['upstream', 'kind']);
    this.#tallied('refreshes_total', 'Known names asked again by Kennel itself because a budget is spent.', this.#refreshes, ['result']);
    this.#counted('cache_hits_total', 'Queries answered from the cache.', () => this.#cacheHits);
    this.#counted('cache_misses_total', 'Queries the cache could not answer.', () => this.#cacheMisses);
    this.#counted(
      'cache_stale_answers_total',
      'Answers past their end, served because a newer one was not to be had.',
      () => this.#staleServed,
    );
    this.#counted('cache_prefetches_total', 'Popular answers asked for again shortly before their end.', () => this.#prefetches);
    this.#counted('clients_refused_total', 'Queries and connections of clients outside clients.allow.', () => this.#clientsRefused);
    this.#tallied('rate_limited_total', 'Queries above a rate: of a session, of unverified sources or of strangers.', this.#rateLimited, [
      'source',
      'answer',
    ]);
    this.#tallied('server_cookies_total', 'Queries with a DNS cookie, by what it proved.', this.#cookies, ['state']);
    this.#tallied('overloaded_total', 'Queries refused because too many wait for upstreams: of the session or in all.', this.#overloads, [
      'limit',
    ]);
    this.#counted('internal_errors_total', 'Queries refused because of a bug; any is worth a report.', () => this.#internalErrors);
    this.#counted(
      'log_dropped_total',
      'Log lines and decision records dropped because writing could not keep up.',
      () => this.#sources?.logDropped() ?? 0,
    );
    this.#gauged('cache_entries', 'Answers in the cache.', () => this.#sources?.cacheEntries() ?? 0);
    this.#gauged('cache_octets', 'Estimated memory of the answers in the cache.', () => this.#sources?.cacheOctets() ?? 0);
    this.#gauged('pending_queries', 'Queries that wait for an answer.', () => this.#sources?.pendingQueries() ?? 0);
    this.#gauged('alarms', 'Conditions an operator should look at; /v1/status says which.', () => this.#sources?.alarms() ?? 0);
    this.#sessionStates();
    this.#listNumbers();
    this.#upstreamSeconds = new Histogram({
      name: 'kennel_upstream_request_duration_seconds',
      help: 'Time an upstream took to answer.',
      labelNames: ['upstream'],
      buckets: UPSTREAM_SECONDS,
      registers: [this.#registry],
    });
    this.#tallied('config_reloads_total', 'Reloads of the config by result.', this.#reloads, ['result']);
    this.#reloadSuccessful = this.#gauge(
      'config_last_reload_successful',
      '1, or 0 when the last reload failed and the config before it goes on.',
    );
    this.#configLoaded = this.#gauge('config_last_reload_success_timestamp_seconds', 'When the config in use was loaded.');
    this.#gauge('build_info', 'The running version.', 'version', 'node').set({ version: options.version, node: process.version }, 1);
  }

  /** Sets what is read at each scrape; before that those gauges are 0. */
  readFrom(sources: MetricSources): void {
    this.#sources = sources;
  }

  /** Sets what is told of list subscriptions at each scrape. Lists are named in the config, so there are few. */
  readListsFrom(lists: () => readonly ListNumbers[]): void {
    this.#lists = lists;
  }

  queryReceived(protocol: 'udp' | 'tcp', family: 'ipv4' | 'ipv6', qtype: number): void {
    const type = typeName(qtype);
    this.#requests.add(1, protocol, FAMILY_NUMBER[family], type.startsWith('TYPE') ? 'other' : type);
  }

  responseSent(rcode: number, action: string, durationMs: number): void {
    const name = rcodeName(rcode);
    this.#responses.add(1, name.startsWith('RCODE') ? 'other' : name, action);
    this.#requestSeconds.observe(durationMs / 1_000);
  }

  decided(action: VerdictKind, reason: string, policy: string, mode: Mode, score: number): void {
    this.#decisions.add(1, action, reason, policy, mode);
    this.#score.observe(score);
  }

  leaked(policy: string, bits: number): void {
    this.#leakBits.add(bits, policy);
  }

  cacheHit(): void {
    this.#cacheHits += 1;
  }

  cacheMiss(): void {
    this.#cacheMisses += 1;
  }

  refreshed(answered: boolean): void {
    this.#refreshes.add(1, answered ? 'answered' : 'failed');
  }

  servedStale(): void {
    this.#staleServed += 1;
  }

  prefetched(): void {
    this.#prefetches += 1;
  }

  malformed(reason: string): void {
    this.#parseErrors.add(1, reason);
  }

  clientRefused(): void {
    this.#clientsRefused += 1;
  }

  rateLimited(source: string, answer: string): void {
    this.#rateLimited.add(1, source, answer);
  }

  cookieSeen(state: string): void {
    this.#cookies.add(1, state);
  }

  overloaded(limit: string): void {
    this.#overloads.add(1, limit);
  }

  internalError(cause: unknown): void {
    this.#internalErrors += 1;
    this.#onInternalError(cause);
  }

  /** Anything a listener reports that is not a query. */
  listenerEvent(kind: string, protocol: 'udp' | 'tcp'): void {
    if (kind === 'client-refused') this.clientRefused();
    else this.#listenerEvents.add(1, kind, protocol);
  }

  upstreamAnswered(upstream: string, durationMs: number): void {
    this.#upstreamSeconds.observe({ upstream }, durationMs / 1_000);
  }

  upstreamFailed(upstream: string, kind: string): void {
    this.#upstreamFailures.add(1, upstream, kind);
  }

  /** The config of the start, at this wall time. */
  configLoaded(atMs: number): void {
    this.#configLoaded.set(atMs / 1_000);
    this.#reloadSuccessful.set(1);
  }

  /** A reload ended; `loadedAtMs`: wall time of a config that is in use since, null when it failed. */
  configReloaded(loadedAtMs: number | null): void {
    this.#reloads.add(1, loadedAtMs === null ? 'failed' : 'reloaded');
    if (loadedAtMs === null) this.#reloadSuccessful.set(0);
    else this.configLoaded(loadedAtMs);
  }

  /** Everything in Prometheus' text form 0.0.4. */
  async text(): Promise<string> {
    return `${(await this.#registry.metrics()).trimEnd()}\n\n${this.#requestSeconds.text()}\n${this.#score.text()}`;
  }

  #tallied(name: string, help: string, tally: Tally, labelNames: readonly string[]): void {
    new Counter({
      name: `kennel_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect(): void {
        this.reset();
        for (const { labels, count } of tally.entries()) this.labels(...labels).inc(count);
      },
    });
  }

  #counted(name: string, help: string, read: () => number): void {
    new Counter({
      name: `kennel_${name}`,
      help,
      registers: [this.#registry],
      collect(): void {
        this.reset();
        this.inc(read());
      },
    });
  }

  #gauged(name: string, help: string, read: () => number): void {
    new Gauge({
      name: `kennel_${name}`,
      help,
      registers: [this.#registry],
      collect(): void {
        this.set(read());
      },
    });
  }

  #gauge<Label extends string>(name: string, help: string, ...labelNames: Label[]): Gauge<Label> {
    return new Gauge({ name: `kennel_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #listNumbers(): void {
    const lists = () => this.#lists();
    const numbered = (name: string, help: string, read: (list: ListNumbers) => number): void => {
      new Gauge({
        name: `kennel_${name}`,
        help,
        labelNames: ['list'],
        registers: [this.#registry],
        collect(): void {
          this.reset();
          for (const list of lists()) this.set({ list: list.name }, read(list));
        },
      });
    };
    numbered('list_entries', 'Rules in force of a list subscription.', ({ entries }) => entries);
    numbered(
      'list_last_success_timestamp_seconds',
      'When the source of a list subscription last had what is in force; 0: never.',
      ({ checkedAtMs }) => (checkedAtMs ?? 0) / 1_000,
    );
    new Counter({
      name: 'kennel_list_failures_total',
      help: 'Looks at the source of a list subscription that failed.',
      labelNames: ['list'],
      registers: [this.#registry],
      collect(): void {
        this.reset();
        for (const { name, failures } of lists()) this.inc({ list: name }, failures);
      },
    });
  }

  #sessionStates(): void {
    const states = () => Object.entries(this.#sources?.sessions() ?? {});
    new Gauge({
      name: 'kennel_sessions',
      help: 'Sessions by state.',
      labelNames: ['state'],
      registers: [this.#registry],
      collect(): void {
        this.reset();
        for (const [state, count] of states()) this.set({ state }, count);
      },
    });
  }
}
