/**
 * Puts one running Kennel together from a config: state, upstreams, pipeline, listeners; puts another config in its place while it runs;
 * and takes it apart again. The order is the safety: nothing listens before state is open and quarantines are recalled, nothing changes
 * before everything that can fail has succeeded, nothing closes before answers have gone.
 * Reads no argument and no environment; that is `main.ts`.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { type ConfiguredDomainAges, openDomainAges } from './assembly/domain-ages.ts';
import { HostsFiles } from './assembly/hosts-files.ts';
import { ListenerSet, type PreparedListeners } from './assembly/listener-set.ts';
import { type OpenedLists, openLists } from './assembly/lists.ts';
import { lossByEnforcing, modesOf } from './assembly/mode-switch.ts';
import { type NextParts, prepareNext } from './assembly/next-parts.ts';
import {
  decisionRetention,
  finishReleases,
  type LastingParts,
  openInFlight,
  openLastingParts,
  pipelineFrom,
  randomOctets,
} from './assembly/pipeline.ts';
import { type ReloadOutcome, ReloadQueue, type ReloadTrigger } from './assembly/reload-queue.ts';
import { openSecrets } from './assembly/secrets.ts';
import { secretFileProblem } from './assembly/server-cookies.ts';
import { SYSTEM_CLOCK } from './assembly/system-clock.ts';
import { type OpenedGroups, openUpstreamGroups } from './assembly/upstream-groups.ts';
import { type Config, configHash, type Endpoint } from './config/config.ts';
import { changedKeys } from './config/config-changes.ts';
import type { Pipeline } from './pipeline/pipeline.ts';
import { refreshKept } from './pipeline/refresh-kept.ts';
import { resolveQuery } from './pipeline/resolve-query.ts';
import { requireModel } from './policy/shipped-file.ts';
import type { Quarantines } from './quarantine/quarantine.ts';
import type { RegisteredSecrets } from './secrets/registered-secrets.ts';
import type { WouldBlockGroup } from './storage/decisions-schema.ts';
import { openStorage, type Storage } from './storage/storage.ts';
import { limitedErrorLog } from './telemetry/log.ts';
import { Metrics } from './telemetry/metrics.ts';
import type { ForwardingGroup, UpstreamStatus } from './upstream/group.ts';

export interface KennelOptions {
  readonly version: string;
  readonly log: Logger;
  /** Log lines that were dropped so far. */
  readonly logDropped: () => number;
  /** Called before anything is refused when this config switches from observe to enforce: what the last 24 h would have lost. */
  readonly onEnforcing?: (wouldHaveLost: readonly WouldBlockGroup[]) => void;
  /** Reads the config again for a reload, with whatever overrides it; absent: there is nothing to read. */
  readonly loadAgain?: () => ReloadedConfig;
  /** After this time a reload that failed is tried again; 30 s unless told. */
  readonly reloadRetryMs?: number;
}

export type ReloadedConfig =
  | { readonly kind: 'loaded'; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly kind: 'failed'; readonly messages: readonly string[] };

/** What follows from the config is that of the generation in use: read it each time. */
export interface RunningKennel {
  readonly config: Config;
  readonly configHash: string;
  readonly pipeline: Pipeline;
  readonly quarantines: Quarantines;
  readonly storage: Storage;
  readonly secrets: RegisteredSecrets;
  readonly lists: OpenedLists;
  readonly metrics: Metrics;
  readonly startedAtMs: number;
  /** Bound UDP and TCP addresses. */
  readonly dns: readonly Endpoint[];
  upstreamStatus(): readonly UpstreamStatus[];
  /** Sessions in memory by state. */
  sessionStates(): Readonly<Record<string, number>>;
  /** What an operator must know; empty when all is well. */
  alarms(): readonly string[];
  /**
   * Takes on the config as it is now, or changes nothing at all: no query is lost, and each is answered under one config. Reloads run
   * one after the other; who asks while one runs shares the next.
   */
  reload(trigger: ReloadTrigger): Promise<ReloadOutcome>;
  /** Why the last reload failed; null when it did not. */
  reloadFailure(): readonly string[] | null;
  /** Compiles policies and names again, because lists or other files of the same config have changed. In force on return. */
  recompile(): void;
  /** Takes no more queries, waits up to `drainMs` for the pending answers, writes everything down. */
  close(drainMs: number): Promise<void>;
}

export type StartResult =
  | { readonly kind: 'started'; readonly kennel: RunningKennel }
  /** One line each: what failed, with what, what to do. */
  | { readonly kind: 'failed'; readonly messages: readonly string[] };

const SWEEP_MS = 1_000;

/** What was missing may come by itself: a secret that Kubernetes mounts a minute after the config that names it, an address. */
const RELOAD_RETRY_MS = 30_000;

/** Starts everything or nothing. Throws `DamagedInstallation` when what it would decide by is not what was released. */
export async function startKennel(config: Config, options: KennelOptions): Promise<StartResult> {
  requireModel();
  const opened = await openStorage(config.state, randomOctets, {
    decisions: { retention: decisionRetention(config) },
  });
  if (opened.kind === 'error') return { kind: 'failed', messages: [opened.message] };
  const { storage } = opened;
  const fail = async (message: string): Promise<StartResult> => {
    await storage.close();
    return { kind: 'failed', messages: [message] };
  };
  const secrets = openSecrets(config, storage, options.log, SYSTEM_CLOCK);
  if (secrets.kind === 'error') return fail(secrets.message);
  const cookieProblem = secretFileProblem(config.serverCookies);
  if (cookieProblem !== null) return fail(cookieProblem);

  const wouldHaveLost = await lossByEnforcing(storage.folder.lastModes(), config, storage, SYSTEM_CLOCK);
  if (wouldHaveLost !== null) {
    options.onEnforcing?.(wouldHaveLost);
    storage.meters.openMeterEpoch();
  }
  const logBug = limitedErrorLog(options.log, SYSTEM_CLOCK.monotonicMs);
  const metrics = new Metrics({
    version: options.version,
    onInternalError: (cause) => logBug('a query was refused because of a bug', cause),
  });
  const groups = openUpstreamGroups(config, { metrics, clock: SYSTEM_CLOCK });
  if (groups.kind === 'error') return fail(groups.message);

  let running: LiveKennel | null = null;
  const lists = await openLists(config, {
    groups: () => (running?.groups ?? groups).groups,
    clock: SYSTEM_CLOCK,
    log: options.log,
    metrics,
    onChange: () => running?.recompile(),
  });
  const kennel = new LiveKennel(config, options, { storage, secrets: secrets.secrets, metrics, groups, lists });
  running = kennel;
  const failures = await kennel.listen();
  if (failures.length === 0) return { kind: 'started', kennel };
  await kennel.close(0);
  return { kind: 'failed', messages: failures };
}

/** What was opened before a Kennel is put together; it closes them. */
interface OpenedParts {
  readonly storage: Storage;
  readonly secrets: RegisteredSecrets;
  readonly metrics: Metrics;
  readonly groups: OpenedGroups;
  readonly lists: OpenedLists;
}

/** One config in force, and what follows from it. A query takes the generation it meets and keeps it to its end. */
interface Generation {
  readonly config: Config;
  readonly hash: string;
  readonly groups: OpenedGroups;
  readonly pipeline: Pipeline;
}

class LiveKennel implements RunningKennel {
  readonly storage: Storage;
  readonly secrets: RegisteredSecrets;
  readonly lists: OpenedLists;
  readonly metrics: Metrics;
  readonly startedAtMs = SYSTEM_CLOCK.wallMs();
  readonly #options: KennelOptions;
  readonly #lasting: LastingParts;
  readonly #ages: ConfiguredDomainAges;
  readonly #hosts: HostsFiles;
  readonly #listeners: ListenerSet;
  readonly #reloads: ReloadQueue;
  #sweep: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  #current: Generation;

  constructor(config: Config, options: KennelOptions, { storage, secrets, metrics, groups, lists }: OpenedParts) {
    this.storage = storage;
    this.secrets = secrets;
    this.lists = lists;
    this.metrics = metrics;
    this.#options = options;
    this.#lasting = openLastingParts(config, storage, secrets.matcher, metrics, options.log, SYSTEM_CLOCK);
    this.#ages = openDomainAges(config, storage.domainAges, () => this.#current.groups.groups, SYSTEM_CLOCK);
    this.#hosts = new HostsFiles(options.log);
    this.#current = this.#generation(config, groups, openInFlight(config));
    this.#reloads = new ReloadQueue((trigger) => this.#reload(trigger));
    this.quarantines.load();
    finishReleases(this.#lasting);
    this.#listeners = new ListenerSet(
      {
        answer: (packet, source) => resolveQuery(this.#current.pipeline, packet, source),
        admit: (address) => this.#current.pipeline.clients.contains(address),
        metrics,
        log: options.log,
      },
      () => this.#current.config,
    );
  }

  get config(): Config {
    return this.#current.config;
  }

  get configHash(): string {
    return this.#current.hash;
  }

  get pipeline(): Pipeline {
    return this.#current.pipeline;
  }

  get groups(): OpenedGroups {
    return this.#current.groups;
  }

  get quarantines(): Quarantines {
    return this.#lasting.quarantines;
  }

  get dns(): readonly Endpoint[] {
    return this.#listeners.bound;
  }

  /** Begins to answer; what could not be bound, or nothing when all is open. */
  async listen(): Promise<readonly string[]> {
    const listeners = await this.#listeners.prepare(this.config.listen.dns);
    if (listeners.kind === 'failed') return listeners.messages;
    listeners.commit();
    this.#sweep = setInterval(() => {
      this.quarantines.sweep();
      refreshKept(this.pipeline);
    }, SWEEP_MS);
    this.#ages.ages.start();
    this.#hosts.start();
    this.lists.start();
    this.storage.folder.setLastModes(modesOf(this.config));
    this.metrics.configLoaded(SYSTEM_CLOCK.wallMs());
    this.metrics.readFrom({
      cacheEntries: () => this.pipeline.cache.size,
      cacheOctets: () => this.pipeline.cache.octets,
      sessions: () => this.sessionStates(),
      logDropped: () => this.storage.decisions.dropped + this.#options.logDropped(),
      pendingQueries: () => this.#listeners.pending(),
      alarms: () => this.alarms().length,
    });
    return [];
  }

  upstreamStatus(): readonly UpstreamStatus[] {
    return [...this.#current.groups.groups.values()].flatMap((group) => group.status());
  }

  sessionStates(): Readonly<Record<string, number>> {
    return countStates(this.pipeline);
  }

  alarms(): readonly string[] {
    const { sessions, meters, quarantines } = this.#lasting;
    return [
      ...this.storage.alarms(),
      ...sessions.alarms(),
      ...meters.alarms(),
      ...quarantines.alarms(),
      ...this.#ages.ages.alarms(),
      ...this.#hosts.alarms(),
      ...this.lists.alarms(),
      ...deadGroups(this.#current.groups.groups),
      ...failureAlarm(this.reloadFailure()),
    ];
  }

  reload(trigger: ReloadTrigger): Promise<ReloadOutcome> {
    return this.#reloads.request(trigger);
  }

  reloadFailure(): readonly string[] | null {
    return this.#reloads.failure;
  }

  recompile(): void {
    const { config, groups, pipeline } = this.#current;
    this.#current = this.#generation(config, groups, pipeline.inFlight);
    this.#lasting.sessions.releaseHeld();
  }

  async close(drainMs: number): Promise<void> {
    await this.#reloads.stop();
    this.#stopRetry();
    await this.#listeners.close(drainMs);
    if (this.#sweep !== null) clearInterval(this.#sweep);
    this.#ages.ages.close();
    this.#hosts.close();
    await this.lists.close();
    for (const group of this.#current.groups.groups.values()) group.close();
    this.#lasting.sessions.saveAll();
    await this.storage.close();
  }

  #generation(config: Config, groups: OpenedGroups, inFlight: Pipeline['inFlight']): Generation {
    const parts = {
      groups: groups.groups,
      ages: this.#ages.ages,
      lists: this.lists.lists,
      hosts: this.#hosts.of(config.hostsFiles),
      inFlight,
    };
    return { config, hash: configHash(config), groups, pipeline: pipelineFrom(config, this.#lasting, parts) };
  }

  /** Never rejects: a bug leaves the generation in use where it is, as any failure does. */
  async #reload(trigger: ReloadTrigger): Promise<ReloadOutcome> {
    this.#stopRetry();
    const outcome = await this.#tryReload().catch((cause: unknown): ReloadOutcome => {
      this.metrics.internalError(cause);
      return failed([`the reload was given up: ${cause instanceof Error ? cause.message : String(cause)}`]);
    });
    if (outcome.kind === 'reloaded') this.#noteReloaded(trigger, outcome);
    else this.#noteFailed(trigger, outcome);
    return outcome;
  }

  #noteReloaded(trigger: ReloadTrigger, { from, to, changed, warnings }: Extract<ReloadOutcome, { kind: 'reloaded' }>): void {
    this.metrics.configReloaded(SYSTEM_CLOCK.wallMs());
    this.#options.log.info({ trigger, from, to, changed, warnings }, 'config reloaded');
  }

  #noteFailed(trigger: ReloadTrigger, { messages }: Extract<ReloadOutcome, { kind: 'failed' }>): void {
    this.metrics.configReloaded(null);
    this.#retry = setTimeout(() => void this.reload('retry'), this.#options.reloadRetryMs ?? RELOAD_RETRY_MS).unref();
    // A retry that fails like the try before is no news.
    if (trigger === 'retry' && isDeepStrictEqual(messages, this.reloadFailure())) return;
    this.#options.log.error({ trigger, messages }, 'config not reloaded: the one before it goes on');
  }

  #stopRetry(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  /** Everything that can fail comes before the swap, and undoes what it has opened. */
  async #tryReload(): Promise<ReloadOutcome> {
    const loaded = this.#options.loadAgain?.() ?? failed(['this Kennel was started without a config that could be read again']);
    if (loaded.kind === 'failed') return failed(loaded.messages);
    const { config, warnings } = loaded;
    const before = this.#current;
    const next = await prepareNext(config, before, {
      secrets: this.secrets,
      storage: this.storage,
      metrics: this.metrics,
      clock: SYSTEM_CLOCK,
    });
    if (next.kind === 'failed') return next;
    const problems = await this.#openAndSwap(config, next).catch((cause: unknown) => {
      next.abandon();
      throw cause;
    });
    if (problems.length > 0) {
      next.abandon();
      return failed(problems);
    }
    return { kind: 'reloaded', from: before.hash, to: this.configHash, changed: changedKeys(before.config, config), warnings };
  }

  /** Binds the new addresses last, since what arrives there waits; what could not be bound, or nothing once the config is in force. */
  async #openAndSwap(config: Config, parts: NextParts): Promise<readonly string[]> {
    const listeners = await this.#listeners.prepare(config.listen.dns);
    if (listeners.kind === 'failed') return listeners.messages;
    try {
      // The disk first: when it takes nothing, nothing has begun to change.
      if (parts.wouldHaveLost !== null) this.storage.meters.openMeterEpoch();
      this.#noteModes(this.#current.config, config);
      this.#swap(config, parts, listeners);
      return [];
    } catch (cause) {
      await listeners.abandon();
      throw cause;
    }
  }

  /** What a config leads to, with its lists and hosts files. These are those of the config in use again when it throws, which is a bug. */
  #compileNext(config: Config, groups: OpenedGroups, inFlight: Pipeline['inFlight']): Generation {
    const before = this.#current.config;
    try {
      // Before the policies, which hold what the lists say; what is new here and not on this machine comes later.
      this.lists.reconfigure(config);
      return this.#generation(config, groups, inFlight);
    } catch (cause) {
      this.lists.reconfigure(before);
      this.recompile();
      this.#noteModes(config, before);
      throw cause;
    }
  }

  /** What the next start compares its modes with; written through to the disk, so not without need. */
  #noteModes(before: Config, now: Config): void {
    const modes = modesOf(now);
    if (!isDeepStrictEqual(modesOf(before), modes)) this.storage.folder.setLastModes(modes);
  }

  /** One tick: no query sees half of it. */
  #swap(config: Config, { groups, secrets, wouldHaveLost }: NextParts, listeners: PreparedListeners): void {
    const before = this.#current;
    const { sessions, meters, cache } = this.#lasting;
    const joinable = groups.retired.length === 0 && config.limits.pendingQueries === before.config.limits.pendingQueries;
    const next = this.#compileNext(config, groups, joinable ? before.pipeline.inFlight : openInFlight(config));
    if (wouldHaveLost !== null) {
      this.#options.onEnforcing?.(wouldHaveLost);
      sessions.openMeterEpoch();
      meters.openMeterEpoch([...sessions].map((session) => session.meters));
    }
    this.#current = next;
    secrets.commit();
    sessions.releaseHeld();
    listeners.commit();
    cache.configure(config.cache, SYSTEM_CLOCK.monotonicMs());
    // What they have answered, and are still about to: it is not what is asked for any more.
    for (const { id } of groups.retired) cache.flushGroup(id);
    this.#ages.reconfigure(config);
    this.storage.decisions.setRetention(decisionRetention(config));
    for (const group of groups.retired) group.retire();
  }
}

function failed(messages: readonly string[]): Extract<ReloadOutcome, { kind: 'failed' }> {
  return { kind: 'failed', messages };
}

function failureAlarm(failure: readonly string[] | null): string[] {
  if (failure === null) return [];
  const more = failure.length > 1 ? ` (and ${failure.length - 1} more)` : '';
  return [`the last reload of the config failed, the one before it goes on: ${failure[0] ?? 'unknown'}${more}`];
}

/** `normal` is what is in memory and neither quarantined nor watched. */
function countStates(pipeline: Pipeline): Record<string, number> {
  const counts: Record<string, number> = { normal: 0, watch: 0, quarantined: 0 };
  for (const session of pipeline.sessions) {
    const state = pipeline.quarantines.stateOf(session.key);
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

function deadGroups(groups: ReadonlyMap<string, ForwardingGroup>): string[] {
  return [...groups.values()]
    .filter((group) => group.status().every((upstream) => upstream.state === 'down'))
    .map((group) => `no upstream of ${group.id} answers`);
}
