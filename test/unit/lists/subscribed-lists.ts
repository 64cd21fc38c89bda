/** Lists for tests: a config, a compiler that needs no thread, and subscriptions in a folder of their own. */
import type { ListConfig } from '../../../src/config/config.ts';
import { compileList } from '../../../src/lists/compile-list.ts';
import { encodeCompiled } from '../../../src/lists/compiled-file.ts';
import type { FetchSurroundings } from '../../../src/lists/fetch-list.ts';
import { NameHasher } from '../../../src/lists/list-hash.ts';
import { type ListStore, openListStore } from '../../../src/lists/list-store.ts';
import type { CompileInBackground } from '../../../src/lists/refresh-compile.ts';
import { type ListEvent, openSubscriptions, type Subscriptions } from '../../../src/lists/subscriptions.ts';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { requireName } from '../../../src/wire/name.ts';
import { ON_THIS_MACHINE } from './list-servers.ts';

export const SEED = Uint8Array.from({ length: 32 }, (_, index) => index);
export const HASHER = new NameHasher(SEED);

const HOUR_SECONDS = 3_600;

export function urlList(url: string, changes: Partial<ListConfig> = {}): ListConfig {
  return { ...fileList('', changes), source: { kind: 'url', url } };
}

export function fileList(path: string, changes: Partial<ListConfig> = {}): ListConfig {
  return {
    name: 'ads',
    kind: 'block',
    source: { kind: 'file', path },
    format: 'auto',
    refreshSeconds: HOUR_SECONDS,
    maxOctets: 1024 * 1024,
    ...changes,
  };
}

/** The same as the thread does, without one. */
export const compileHere: CompileInBackground = async ({ kind, format }, octets) => {
  const result = compileList(octets, { kind, format, hasher: HASHER });
  return result.kind === 'compiled' ? { ...result, encoded: encodeCompiled(result.list.parts) } : result;
};

export interface Subscribed {
  readonly subscriptions: Subscriptions;
  readonly events: ListEvent[];
  /** How often policies were to be compiled again. */
  changes(): number;
  /** Lets time go by and looks at what is due. */
  pass(seconds: number): Promise<void>;
  /** The rule of the block lists for a name, or null. */
  blocks(name: string): string | null;
}

export interface SubscribeOptions {
  readonly folder: string;
  readonly store?: ListStore;
  readonly fetching?: Partial<FetchSurroundings>;
  readonly compile?: CompileInBackground;
  readonly random?: () => number;
  /** Wall time of the start. */
  readonly wallMs?: number;
}

export async function subscribe(lists: readonly ListConfig[], options: SubscribeOptions): Promise<Subscribed> {
  const { folder, wallMs = Date.UTC(2026, 0, 6) } = options;
  let passedMs = 0;
  let changes = 0;
  const events: ListEvent[] = [];
  const subscriptions = await openSubscriptions({
    lists,
    store: options.store ?? openListStore(folder, HASHER),
    hasher: HASHER,
    compile: options.compile ?? compileHere,
    fetching: { resolveAddress: ON_THIS_MACHINE, mayLeadInside: () => true, ...options.fetching },
    clock: { wallMs: () => wallMs + passedMs, monotonicMs: () => passedMs },
    random: options.random ?? (() => 0.5),
    onChange: () => {
      changes += 1;
    },
    onEvent: (event) => void events.push(event),
    onBug: (cause) => {
      throw cause;
    },
  });
  return {
    subscriptions,
    events,
    changes: () => changes,
    pass: async (seconds) => {
      passedMs += seconds * 1_000;
      await subscriptions.refreshDue();
    },
    blocks: (name) => subscriptions.names.match('block', requireName(name), RRTYPE.A, null)?.rule ?? null,
  };
}
