/**
 * Puts one running Kennel together from a config: state, upstreams, pipeline, listeners, control API, and takes it apart again.
 * The order is the safety: nothing listens before state is open and quarantines are recalled, nothing closes before answers have gone.
 * Reads no argument and no environment; that is `main.ts`.
 */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { SecretMatcher } from '../scoring/secrets/secret-matcher.ts';
import type { HashKey } from '../scoring/sketch/keyed-hash.ts';
import { createAnswerCache } from './cache/answer-cache.ts';
import { createInFlight } from './cache/in-flight.ts';
import { type Config, configHash, type Endpoint } from './config/config.ts';
import type { ListenError } from './listener/listen-error.ts';
import type { AnswerQuery, Listener, OnListenerEvent } from './listener/listener.ts';
import { DEFAULT_TCP_LIMITS, openTcpListener, type TcpLimits } from './listener/tcp.ts';
import { openUdpListener } from './listener/udp.ts';
import { lookUpOwnHost } from './pipeline/own-look-up.ts';
import type { Pipeline, UpstreamTrouble } from './pipeline/pipeline.ts';
import type { CachedAnswer, Clock, DomainAges, Mode, QuarantineRecord } from './pipeline/ports.ts';
import { refreshKept } from './pipeline/refresh-kept.ts';
import { resolveQuery } from './pipeline/resolve-query.ts';
import { addressSet, isLoopback } from './policy/address-set.ts';
import { AliasRules } from './policy/aliases.ts';
import { compileNaming, DEFAULT_GROUP, upstreamGroups } from './policy/classify-name.ts';
import { compilePolicies } from './policy/policy.ts';
import { loadPopularDomains } from './policy/popular-domains.ts';
import { requireModel } from './policy/shipped-file.ts';
import { createQuarantines, type Quarantines } from './quarantine/quarantine.ts';
import { randomCharacters } from './quarantine/quarantine-id.ts';
import { type BackgroundDomainAges, createDomainAges } from './reputation/domain-ages.ts';
import { createRdap } from './reputation/rdap.ts';
import type { RegistrationSource } from './reputation/registration.ts';
import { createWhois } from './reputation/whois.ts';
import { readConfigured } from './secrets/read-secret.ts';
import { type OpenSecrets, openRegisteredSecrets, type RegisteredSecrets } from './secrets/registered-secrets.ts';
import { KeptNames } from './session/kept-names.ts';
import { Meters } from './session/meters.ts';
import { SessionTable } from './session/session.ts';
import type { WouldBlockGroup } from './storage/decisions-schema.ts';
import { openStorage, type Storage } from './storage/storage.ts';
import { limitedErrorLog } from './telemetry/log.ts';
import { Metrics } from './telemetry/metrics.ts';
import { createUpstreamGroup, type ForwardingGroup, type UpstreamStatus } from './upstream/group.ts';
import { openUpstream } from './upstream/open-upstream.ts';
import { createRandom16 } from './upstream/random16.ts';

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

/** Bounds of the tables; each is bounded, and eviction forgives nothing (threat 23, docs/threats.md). */
const MAX_SESSIONS = 10_000;
/** A meter that has seen a few names takes about 3 kB, one with its budget spent about 20 kB, one of a flood 4 MB (measured). */
const METER_LIMITS = { sessionParents: 20_000, fleetParents: 20_000, codeOctets: 64 * 1024 * 1024 };
const SWEEP_MS = 1_000;
const DECISION_ID_CHARACTERS = 10;
const DAY_MS = 86_400_000;

const CLOCK: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

/** Starts everything or nothing. Throws `DamagedInstallation` when what it would decide by is not what was released. */
export async function startKennel(config: Config, options: KennelOptions): Promise<StartResult> {
  requireModel();
  const opened = await openStorage(config.state, randomOctets, {
    decisions: { retention: { days: config.retention.days, rows: 1_000_000 } },
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
  const groups = openUpstreamGroups(config, metrics);
  const ages = openDomainAges(config, storage, groups);
  const pipeline = assemble(config, storage, secrets.matcher, groups, ages, metrics, options.log);
  pipeline.quarantines.load();
  finishReleases(pipeline);

  const listeners = await openListeners(config, pipeline, metrics, options.log);
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

function openUpstreamGroups(config: Config, metrics: Metrics): ReadonlyMap<string, ForwardingGroup> {
  const random16 = createRandom16();
  const groups = new Map<string, ForwardingGroup>();
  for (const [id, upstreams] of upstreamGroups(config)) {
    const group = createUpstreamGroup({
      id,
      clock: CLOCK,
      upstreams: upstreams.map((upstream) => openUpstream(upstream, CLOCK, random16)),
      onAttempt: ({ upstream, outcome, latencyMs }) => {
        if (outcome === 'answered') metrics.upstreamAnswered(upstream, latencyMs);
        else metrics.upstreamFailed(upstream, outcome);
      },
    });
    groups.set(id, group);
  }
  return groups;
}

function assemble(
  config: Config,
  storage: Storage,
  secrets: SecretMatcher,
  groups: ReadonlyMap<string, ForwardingGroup>,
  ages: DomainAges,
  metrics: Metrics,
  log: Logger,
): Pipeline {
  const sessions = new SessionTable(
    storage.meters,
    MAX_SESSIONS,
    hashKeyOf(storage.folder.nameKey()),
    config.sessions.prefixLengths.ipv6Budgets,
  );
  const meters = new Meters(storage.meters, METER_LIMITS);
  const quarantines = createQuarantines({
    ledger: storage.evidence,
    clock: CLOCK,
    randomOctets,
    onChange: (record, change) => {
      log.info(
        { quarantine: record.id, session: record.session, from: change.from, to: change.to, actor: change.actor },
        'quarantine changed',
      );
      if (change.to === 'released') release(sessions, meters, record, record.epoch + 1);
    },
  });
  return {
    clock: CLOCK,
    newId,
    clients: addressSet(config.clients.allow),
    verifiedClients: addressSet(config.sessions.verified),
    sharedSessions: addressSet(config.sessions.shared),
    sessionPrefixes: config.sessions.prefixLengths,
    limits: config.limits,
    policies: compilePolicies(config),
    naming: compileNaming(config, loadPopularDomains()),
    aliasRules: new AliasRules(config),
    contact: config.contact,
    keepAllDecisions: config.retention.decisions === 'all',
    sessions,
    meters,
    quarantines,
    kept: new KeptNames(),
    cache: createAnswerCache({
      maxEntries: config.cache.maxEntries,
      maxOctets: config.cache.maxOctets,
      maxTtlSeconds: config.cache.maxTtlSeconds,
      negativeMaxTtlSeconds: config.cache.negativeMaxTtlSeconds,
    }),
    inFlight: createInFlight<CachedAnswer | UpstreamTrouble>(config.limits.pendingQueries),
    upstreams: groups,
    groupsTrustedForAd: groupsOnThisMachine(config),
    ages,
    secrets,
    decisions: storage.decisions,
    metrics,
  };
}

function groupsOnThisMachine(config: Config): ReadonlySet<string> {
  const local = [...upstreamGroups(config)].filter(([, upstreams]) => upstreams.every((upstream) => isLoopback(upstream.address)));
  return new Set(local.map(([id]) => id));
}

/** Domain ages are asked for in the background, through the default upstreams, never through our own listeners. */
function openDomainAges({ reputation }: Config, storage: Storage, groups: ReadonlyMap<string, ForwardingGroup>): BackgroundDomainAges {
  const group = groups.get(DEFAULT_GROUP);
  if (group === undefined) throw new Error('there is no default upstream group');
  const resolveAddress = (host: string): Promise<string | null> => lookUpOwnHost(group, host);
  const { rdap, whois } = reputation;
  return createDomainAges({
    store: storage.domainAges,
    clock: CLOCK,
    rdap:
      rdap === null
        ? NO_REGISTRY
        : createRdap({ resolveAddress, wallMs: CLOCK.wallMs, ...(rdap.baseUrl === null ? {} : { baseUrl: rdap.baseUrl }) }),
    whois:
      whois === null
        ? NO_REGISTRY
        : createWhois({ resolveAddress, wallMs: CLOCK.wallMs, ...(whois.server === null ? {} : { server: { host: whois.server } }) }),
  });
}

/** `reputation: off`, or one of the two ways. */
const NO_REGISTRY: RegistrationSource = { lookUp: async () => ({ kind: 'unsupported' }) };

/** A released session starts at 0: score, its meter over all parents, and the one below the parent in the evidence. */
function release(sessions: SessionTable, meters: Meters, record: QuarantineRecord, epoch: number): void {
  const session = sessions.open(record.session, CLOCK.wallMs());
  sessions.openEpoch(session, epoch, [record.parent]);
  meters.openEpoch(session.meters, [record.parent]);
}

/** A release is evidence first and a new epoch second; a crash between the two is made good here. */
function finishReleases({ quarantines, sessions, meters }: Pipeline): void {
  for (const record of quarantines.list({ state: 'released' })) {
    const epoch = quarantines.epochOf(record.session);
    if (sessions.open(record.session, CLOCK.wallMs()).epoch < epoch) release(sessions, meters, record, epoch);
  }
}

async function openListeners(
  config: Config,
  pipeline: Pipeline,
  metrics: Metrics,
  log: Logger,
): Promise<readonly (Listener | ListenError)[]> {
  const answer: AnswerQuery = (packet, source) => resolveQuery(pipeline, packet, source);
  const onEvent: OnListenerEvent = (event) => {
    metrics.listenerEvent(event.kind, event.protocol);
    if (event.kind === 'answer-failed' || event.kind === 'socket-failed')
      log.error({ listener: event.listener, detail: event.detail }, event.kind);
  };
  const admit = (address: string): boolean => pipeline.clients.contains(address);
  const opened: (Listener | ListenError)[] = [];
  for (const { address, port } of config.listen.dns) {
    opened.push(
      ...(await openBoth(
        port,
        (chosen) => openUdpListener({ address, port: chosen, answer, onEvent }),
        (chosen) => openTcpListener({ address, port: chosen, answer, onEvent, admit, limits: tcpLimits(config) }),
      )),
    );
  }
  return opened;
}

type Open = (port: number) => Promise<Listener | ListenError>;

/** The system's free UDP port may be taken on TCP: then it is asked for another, a few times. */
const FREE_PORT_TRIES = 10;

/** UDP and TCP on one port. Port 0 (the demo, tests) means any that is free for both. */
async function openBoth(port: number, openUdp: Open, openTcp: Open): Promise<readonly [Listener | ListenError, Listener | ListenError]> {
  for (let tries = 1; ; tries++) {
    const udp = await openUdp(port);
    const tcp = await openTcp(udp.kind === 'listener' ? udp.port : port);
    if (port !== 0 || tcp.kind === 'listener' || udp.kind !== 'listener' || tries === FREE_PORT_TRIES) return [udp, tcp];
    await udp.close(0);
  }
}

function tcpLimits({ limits }: Config): TcpLimits {
  const { idleSeconds, ...counts } = limits.tcp;
  return { ...DEFAULT_TCP_LIMITS, ...counts, idleMs: idleSeconds * 1000 };
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

/** The sketches' key, from the state folder's: nobody outside can choose names that collide. */
function hashKeyOf(key: Uint8Array): HashKey {
  const words = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return { low: words.getUint32(0), high: words.getUint32(4) };
}

function randomOctets(count: number): Uint8Array {
  return randomBytes(count);
}

/** A decision's identifier: 50 bits at random. */
function newId(): string {
  return `d-${randomCharacters(DECISION_ID_CHARACTERS, randomOctets)}`;
}
