/**
 * The list subscriptions of a config: where copies are kept, that publishers are found through our own upstreams, and which of their
 * hosts may be inside. What becomes of a list is `lists/`.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { NameHasher } from '../lists/list-hash.ts';
import { listSeed, openListStore, readListSeed } from '../lists/list-store.ts';
import { type CompileInBackground, compileInThread } from '../lists/refresh-compile.ts';
import type { ListStatus } from '../lists/subscription.ts';
import { type ListEvent, openSubscriptions } from '../lists/subscriptions.ts';
import { lookUpOwnHost } from '../pipeline/own-look-up.ts';
import type { Clock } from '../pipeline/ports.ts';
import { DEFAULT_GROUP, zoneGroup } from '../policy/classify-name.ts';
import type { NameLists } from '../policy/name-lists.ts';
import { NameTrie } from '../policy/name-trie.ts';
import { compilePatterns } from '../policy/policy.ts';
import { workerUrl } from '../storage/writer-thread.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ForwardingGroup } from '../upstream/group.ts';
import { fromPresentation, requireName } from '../wire/name.ts';
import { SYSTEM_CLOCK } from './system-clock.ts';

export interface ListDependencies {
  /** Those in use, at any time. */
  readonly groups: () => ReadonlyMap<string, ForwardingGroup>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Policies are to be compiled again with what `lists` says now. */
  readonly onChange: () => void;
}

export interface OpenedLists {
  /** What the lists say now; another value after each `onChange` and `reconfigure`. */
  readonly lists: NameLists;
  status(): readonly ListStatus[];
  alarms(): readonly string[];
  /** Begins to look at sources; before that only what is on this machine is in force. */
  start(): void;
  /** Looks at these lists (null: all) now, and resolves when that is done. `force`: takes also what differs suspiciously. */
  update(names: readonly string[] | null, force: boolean): Promise<void>;
  /** The lists of another config from now on. In force on return: what is here already; the rest comes with `onChange`. */
  reconfigure(config: Config): void;
  close(): Promise<void>;
}

const TICK_MS = 5_000;

/** Takes up the copies in the state folder, and files that are quickly read. Opens no connection. */
export async function openLists(config: Config, { groups, clock, log, metrics, onChange }: ListDependencies): Promise<OpenedLists> {
  const folder = listFolder(config);
  const seed = await listSeed(folder, randomBytes);
  const hasher = new NameHasher(seed);
  let hosts = listHosts(config);
  const onBug = (cause: unknown): void => log.error({ err: cause }, 'refreshing lists failed because of a bug');
  const subscriptions = await openSubscriptions({
    lists: config.lists,
    store: openListStore(folder, hasher),
    hasher,
    compile: compileBehind(seed, hasher),
    fetching: {
      resolveAddress: async (host) => {
        const group = groups().get(hosts.groupOf(host));
        return group === undefined ? null : ((await lookUpOwnHost(group, host))?.addresses[0] ?? null);
      },
      mayLeadInside: (host) => hosts.mayLeadInside(host),
    },
    clock,
    random: Math.random,
    onChange,
    onEvent: (event) => logEvent(log, event),
    onBug,
  });
  metrics.readListsFrom(() => subscriptions.status());
  let tick: NodeJS.Timeout | null = null;
  const refresh = (): void => {
    subscriptions.refreshDue().catch(onBug);
  };
  return {
    get lists() {
      return subscriptions.names;
    },
    status: () => subscriptions.status(),
    alarms: () => subscriptions.alarms(),
    start: () => {
      refresh();
      tick = setInterval(refresh, TICK_MS);
    },
    update: (names, force) => subscriptions.update(names, force),
    reconfigure: (next) => {
      hosts = listHosts(next);
      subscriptions.reconfigure(next.lists);
    },
    close: async () => {
      if (tick !== null) clearInterval(tick);
      await subscriptions.close();
    },
  };
}

/** The lists as they are on this machine, for verbs: stored copies and files. Nothing is fetched or written. */
export async function openListsOffline(config: Config): Promise<{ readonly lists: NameLists; readonly absent: readonly string[] }> {
  const folder = listFolder(config);
  const seed = (await readListSeed(folder)) ?? randomBytes(32);
  const hasher = new NameHasher(seed);
  const { load } = openListStore(folder, hasher);
  const kept = async (): Promise<null> => null;
  const subscriptions = await openSubscriptions({
    lists: config.lists,
    store: { load, save: kept, note: kept, keepOnly: async () => undefined },
    hasher,
    compile: compileBehind(seed, hasher),
    fetching: { resolveAddress: async () => null, mayLeadInside: () => false },
    clock: SYSTEM_CLOCK,
    random: Math.random,
    onChange: () => undefined,
    onBug: (cause) => {
      throw cause;
    },
  });
  // Files may have changed since they were stored, and a large one takes longer than a start waits.
  const files = config.lists.filter(({ source }) => source.kind === 'file').map(({ name }) => name);
  await subscriptions.update(files, false);
  const absent = subscriptions.status().filter(({ state }) => state === 'absent');
  return {
    lists: subscriptions.names,
    absent: absent.map(({ name, source, error }) => `${name}: ${source === 'url' ? 'no local copy' : (error ?? 'not read')}`),
  };
}

function listFolder(config: Config): string {
  return join(config.state, 'lists');
}

function compileBehind(seed: Uint8Array, hasher: NameHasher): CompileInBackground {
  return compileInThread(workerUrl(import.meta.url, '../lists/refresh-worker'), seed, hasher);
}

interface ListHosts {
  /** Id of the upstream group that is asked for the host's address. */
  groupOf(host: string): string;
  mayLeadInside(host: string): boolean;
}

/** A host below a zone is looked up there; it and what `rebinding.allow` names may have private addresses, as for clients. */
function listHosts({ zones, rebinding }: Config): ListHosts {
  const groupsByZone = new NameTrie<string>();
  for (const { name } of zones) groupsByZone.add({ kind: 'any-depth', base: requireName(name) }, zoneGroup(name));
  const mayBePrivate = compilePatterns(rebinding.allow);
  return {
    groupOf: (host) => {
      const name = fromPresentation(host);
      return (name === null ? null : groupsByZone.match(name)) ?? DEFAULT_GROUP;
    },
    mayLeadInside: (host) => {
      const name = fromPresentation(host);
      return name !== null && (groupsByZone.match(name) !== null || mayBePrivate.match(name) !== null);
    },
  };
}

function logEvent(log: Logger, event: ListEvent): void {
  if (event.kind === 'failed') log.warn({ list: event.list, detail: event.detail }, 'list not updated');
  else log.info({ list: event.list, entries: event.entries, ignored: event.ignored }, 'list loaded');
}
