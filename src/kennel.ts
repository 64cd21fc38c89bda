/**
 * Puts one running Kennel together from a config: state, upstreams, pipeline, listeners, control API, and takes it apart again.
 * The order is the safety: nothing listens before state is open and quarantines are recalled, nothing closes before answers have gone.
 * Reads no argument and no environment; that is `main.ts`.
 */
import type { Logger } from 'pino';
import { openDomainAges } from './assembly/domain-ages.ts';
import { openListeners } from './assembly/listeners.ts';
import { decisionRetention, finishReleases, hashKeyOf, openLastingParts, pipelineFrom, randomOctets } from './assembly/pipeline.ts';
import { openUpstreamGroups } from './assembly/upstream-groups.ts';
import { type Config, configHash, type Endpoint } from './config/config.ts';
import type { Pipeline } from './pipeline/pipeline.ts';
import type { Clock, Mode } from './pipeline/ports.ts';
import { refreshKept } from './pipeline/refresh-kept.ts';
import { resolveQuery } from './pipeline/resolve-query.ts';
import { NO_LISTS } from './policy/name-lists.ts';
import { requireModel } from './policy/shipped-file.ts';
import type { Quarantines } from './quarantine/quarantine.ts';
import { readConfigured } from './secrets/read-secret.ts';
import { type OpenSecrets, openRegisteredSecrets, type RegisteredSecrets } from './secrets/registered-secrets.ts';
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
  /** Called before anything is refused when this start switches from observe to enforce: what the last 24 h would have lost. */
  readonly onEnforcing?: (wouldHaveLost: readonly WouldBlockGroup[]) => void;
}

export interface RunningKennel {
  readonly config: Config;
  readonly configHash: string;
  readonly pipeline: Pipeline;
  readonly quarantines: Quarantines;
  readonly storage: Storage;
  readonly secrets: RegisteredSecrets;
  readonly metrics: Metrics;
  readonly startedAtMs: number;
  /** Bound UDP and TCP addresses. */
  readonly dns: readonly Endpoint[];
  upstreamStatus(): readonly UpstreamStatus[];
  /** Sessions in memory by state. */
  sessionStates(): Readonly<Record<string, number>>;
  /** What an operator must know; empty when all is well. */
  alarms(): readonly string[];
  /** Takes no more queries, waits up to `drainMs` for the pending answers, writes everything down. */
  close(drainMs: number): Promise<void>;
}

export type StartResult =
  | { readonly kind: 'started'; readonly kennel: RunningKennel }
  /** One line each: what failed, with what, what to do. */
  | { readonly kind: 'failed'; readonly messages: readonly string[] };

const SWEEP_MS = 1_000;
const DAY_MS = 86_400_000;

const CLOCK: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

/** Starts everything or nothing. Throws `DamagedInstallation` when what it would decide by is not what was released. */
export async function startKennel(config: Config, options: KennelOptions): Promise<StartResult> {
  requireModel();
  const opened = await openStorage(config.state, randomOctets, {
    decisions: { retention: decisionRetention(config) },
  });
  if (opened.kind === 'error') return { kind: 'failed', messages: [opened.message] };
  const { storage } = opened;
  const openedSecrets = openSecrets(config, storage, options.log);
  if (openedSecrets.kind === 'error') {
    await storage.close();
    return { kind: 'failed', messages: [openedSecrets.message] };
  }
  const { secrets } = openedSecrets;

  await enterMode(config, storage, options.onEnforcing);
  const logBug = limitedErrorLog(options.log, CLOCK.monotonicMs);
  const metrics = new Metrics({
    version: options.version,
    onInternalError: (cause) => logBug('a query was refused because of a bug', cause),
  });
  const openedGroups = openUpstreamGroups(config, { metrics, clock: CLOCK });
  if (openedGroups.kind === 'error') {
    await storage.close();
    return { kind: 'failed', messages: [openedGroups.message] };
  }
  const { groups } = openedGroups;
  const ages = openDomainAges(config, storage.domainAges, groups, CLOCK);
  const lasting = openLastingParts(config, storage, secrets.matcher, metrics, options.log, CLOCK);
  const pipeline = pipelineFrom(config, lasting, { groups, ages, lists: NO_LISTS });
  pipeline.quarantines.load();
  finishReleases(pipeline);

  const listeners = await openListeners(config.listen.dns, config, {
    answer: (packet, source) => resolveQuery(pipeline, packet, source),
    admit: (address) => pipeline.clients.contains(address),
    metrics,
    log: options.log,
  });
  const failures = listeners.filter((listener) => listener.kind === 'listen-error');
  const running = listeners.filter((listener) => listener.kind === 'listener');
  const sweep = setInterval(() => {
    pipeline.quarantines.sweep();
    refreshKept(pipeline);
  }, SWEEP_MS);

  const close = async (drainMs: number): Promise<void> => {
    await Promise.all(running.map((listener) => listener.close(drainMs)));
    clearInterval(sweep);
    ages.close();
    for (const group of groups.values()) group.close();
    pipeline.sessions.saveAll();
    await storage.close();
  };
  if (failures.length > 0) {
    await close(0);
    return { kind: 'failed', messages: failures.map((failure) => failure.message) };
  }

  const alarms = (): string[] => [
    ...storage.alarms(),
    ...pipeline.sessions.alarms(),
    ...pipeline.meters.alarms(),
    ...pipeline.quarantines.alarms(),
    ...ages.alarms(),
    ...deadGroups(groups),
  ];
  ages.start();
  storage.folder.setLastModes(modesOf(config));
  metrics.configLoaded(CLOCK.wallMs());
  metrics.readFrom({
    cacheEntries: () => pipeline.cache.size,
    sessions: () => countStates(pipeline),
    logDropped: () => storage.decisions.dropped + options.logDropped(),
    pendingQueries: () => running.reduce((sum, listener) => sum + listener.pending(), 0),
    alarms: () => alarms().length,
  });
  const kennel: RunningKennel = {
    config,
    configHash: configHash(config),
    pipeline,
    quarantines: pipeline.quarantines,
    storage,
    secrets,
    metrics,
    startedAtMs: CLOCK.wallMs(),
    dns: running.filter((listener) => listener.protocol === 'udp').map(({ address, port }) => ({ address, port })),
    sessionStates: () => countStates(pipeline),
    upstreamStatus: () => [...groups.values()].flatMap((group) => group.status()),
    alarms,
    close,
  };
  return { kind: 'started', kennel };
}

/** Switching from observe to enforce opens a new meter epoch and turns no would-quarantine into a real one. */
async function enterMode(config: Config, storage: Storage, onEnforcing: KennelOptions['onEnforcing']): Promise<void> {
  if (!startsEnforcing(storage.folder.lastModes(), modesOf(config))) return;
  onEnforcing?.(await storage.decisions.wouldBlockSince(CLOCK.wallMs() - DAY_MS, 20));
  storage.meters.openMeterEpoch();
}

function modesOf(config: Config): ReadonlyMap<string, Mode> {
  return new Map(config.policies.map((policy) => [policy.name, policy.mode]));
}

/**
 * Whether a policy enforces now for sessions that were only observed: policies may go over one by one, and each time somebody whose
 * meters ran without a budget would be refused everything. A policy that is new among enforcing ones changes nothing for anybody.
 */
export function startsEnforcing(before: ReadonlyMap<string, Mode> | null, now: ReadonlyMap<string, Mode>): boolean {
  if (before === null || ![...before.values()].includes('observe')) return false;
  return [...now].some(([policy, mode]) => mode === 'enforce' && before.get(policy) !== 'enforce');
}

/** Secrets are hashed under another part of the state folder's key than names are. */
const SECRETS_KEY_OFFSET = 16;

function openSecrets(config: Config, storage: Storage, log: Logger): OpenSecrets {
  const fromConfig = readConfigured(config.secrets);
  if ('problem' in fromConfig) return { kind: 'error', message: fromConfig.problem };
  return openRegisteredSecrets({
    file: storage.folder.file('secrets.json'),
    key: hashKeyOf(storage.folder.nameKey().subarray(SECRETS_KEY_OFFSET)),
    fromConfig,
    wallMs: CLOCK.wallMs,
    onChange: ({ secret, change, actor }) => log.info({ secret, actor }, `secret ${change}`),
  });
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
