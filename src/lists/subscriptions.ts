/**
 * Subscriptions: every list of the config with its last good copy in force, looked at again on a schedule, replaced when there is a
 * better one. No query waits for any of it. A list that was never had is told as an alarm: a block list blocks nothing until then, an
 * allow list allows nothing.
 */
import { readFile as readWholeFile, stat } from 'node:fs/promises';
import type { ListConfig } from '../config/config.ts';
import type { Clock } from '../pipeline/ports.ts';
import type { NameLists } from '../policy/name-lists.ts';
import { encodeCompiled } from './compiled-file.ts';
import type { CompiledList } from './compiled-list.ts';
import { type FetchSurroundings, fetchList } from './fetch-list.ts';
import type { NameHasher } from './list-hash.ts';
import type { CopyFacts, FileMark, ListStore } from './list-store.ts';
import type { CompileInBackground } from './refresh-compile.ts';
import { nextAfterFailure, nextAfterStart, nextAfterSuccess } from './refresh-schedule.ts';
import { subscribedNames } from './subscribed-names.ts';
import { type ListStatus, Subscription, suspicion } from './subscription.ts';

export interface SubscriptionOptions {
  readonly lists: readonly ListConfig[];
  readonly store: ListStore;
  /** With the seed that the stored copies, and those of `compile`, are compiled with. */
  readonly hasher: NameHasher;
  readonly compile: CompileInBackground;
  readonly fetching: Omit<FetchSurroundings, 'signal'>;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Lists have changed: policies that ask the old `names` are to be compiled anew. Not called while opening. */
  readonly onChange: () => void;
  readonly onEvent?: (event: ListEvent) => void;
  /** Something threw where nobody waits for it. */
  readonly onBug: (cause: unknown) => void;
}

/** For the log. */
export type ListEvent =
  | { readonly kind: 'loaded'; readonly list: string; readonly entries: number; readonly ignored: number }
  | { readonly kind: 'failed'; readonly list: string; readonly detail: string };

export interface Subscriptions {
  /** What the lists say now; another value after each `onChange`. */
  readonly names: NameLists;
  status(): readonly ListStatus[];
  alarms(): readonly string[];
  /** Looks at the lists whose time has come; resolves when that is done. */
  refreshDue(): Promise<void>;
  /** Looks at these lists (null: all) now. `force`: takes also what differs suspiciously from the copy in force. */
  update(names: readonly string[] | null, force: boolean): Promise<void>;
  /** Other lists from now on; what stays the same stays in force, new ones are loaded behind. */
  reconfigure(lists: readonly ListConfig[]): void;
  /** Ends what is under way. */
  close(): Promise<void>;
}

/** Lists fetched and compiled at once: each takes its size a few times in memory. */
const LANES = 2;

/**
 * How long a start waits for files that are here but were never compiled, so that a small list is in force before the first query.
 * Larger ones come a moment later.
 */
const START_PATIENCE_MS = 3_000;

type Outcome =
  | { readonly kind: 'changed'; readonly compiled: CompiledList; readonly facts: CopyFacts; readonly encoded: Uint8Array }
  | { readonly kind: 'unchanged'; readonly facts: CopyFacts }
  /** `lasting`: trying again will not help by itself. */
  | { readonly kind: 'failed'; readonly detail: string; readonly lasting: boolean };

/** Loads what is stored, and files that are quickly read; the rest comes with `refreshDue`. */
export async function openSubscriptions(options: SubscriptionOptions): Promise<Subscriptions> {
  const subscriptions = new LiveSubscriptions(options);
  await subscriptions.open();
  return subscriptions;
}

class LiveSubscriptions implements Subscriptions {
  readonly #options: SubscriptionOptions;
  readonly #closing = new AbortController();
  #byName = new Map<string, Subscription>();
  #names: NameLists;
  #lanesFree = LANES;
  readonly #waiting: (() => void)[] = [];
  #opened = false;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#names = subscribedNames([], options.hasher);
  }

  get names(): NameLists {
    return this.#names;
  }

  async open(): Promise<void> {
    const { lists, store } = this.#options;
    for (const config of lists) this.#byName.set(config.name, new Subscription(config));
    await store.keepOnly(lists);
    await Promise.all([...this.#byName.values()].map((one) => this.#recall(one)));
    const files = [...this.#byName.values()].filter(({ config, copy }) => config.source.kind === 'file' && copy === null);
    if (files.length > 0) await Promise.race([Promise.all(files.map((one) => this.#look(one, false))), after(START_PATIENCE_MS)]);
    this.#compileNames();
    this.#opened = true;
  }

  status(): readonly ListStatus[] {
    return [...this.#byName.values()].map((one) => one.status());
  }

  alarms(): readonly string[] {
    const wallMs = this.#options.clock.wallMs();
    return [...this.#byName.values()].flatMap((one) => one.alarms(wallMs));
  }

  async refreshDue(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    await Promise.all([...this.#byName.values()].filter((one) => one.dueMs <= nowMs).map((one) => this.#look(one, false)));
  }

  async update(names: readonly string[] | null, force: boolean): Promise<void> {
    const asked = [...this.#byName.values()].filter(({ config }) => names === null || names.includes(config.name));
    await Promise.all(
      asked.map(async (one) => {
        // What is under way may have begun before the source changed.
        await one.underWay;
        await this.#look(one, force);
      }),
    );
  }

  reconfigure(lists: readonly ListConfig[]): void {
    const before = this.#byName;
    const fresh: Subscription[] = [];
    this.#byName = new Map(
      lists.map((config) => {
        const known = before.get(config.name);
        if (known !== undefined && sameSource(known.config, config)) {
          known.config = config;
          return [config.name, known];
        }
        const next = new Subscription(config);
        // Until the new source has been read, what the old one said is better than nothing.
        if (known?.copy != null && known.config.kind === config.kind) next.copy = { compiled: known.copy.compiled, facts: null };
        fresh.push(next);
        return [config.name, next];
      }),
    );
    this.#compileNames();
    // A reload looks at files again: whoever changed the config may have changed them too.
    const nowMs = this.#options.clock.monotonicMs();
    for (const one of this.#byName.values()) if (one.config.source.kind === 'file') one.dueMs = nowMs;
    this.#loadBehind(fresh, lists).catch(this.#options.onBug);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const go of this.#waiting.splice(0)) go();
    await Promise.all([...this.#byName.values()].map((one) => one.underWay));
  }

  async #loadBehind(fresh: readonly Subscription[], lists: readonly ListConfig[]): Promise<void> {
    await Promise.all(fresh.map((one) => this.#recall(one)));
    if (fresh.some(({ copy }) => copy?.facts != null)) this.#changed();
    await this.refreshDue();
    await this.#options.store.keepOnly(lists);
  }

  /** Takes up the stored copy and sets when its source is looked at. */
  async #recall(one: Subscription): Promise<void> {
    const { store, clock, random } = this.#options;
    const stored = await store.load(one.config);
    const nowMs = clock.monotonicMs();
    if (stored.kind !== 'copy') {
      one.dueMs = nowMs;
      if (stored.kind === 'unusable') this.#tell(one, stored.detail);
      return;
    }
    one.copy = stored;
    const ageMs = clock.wallMs() - stored.facts.checkedAtMs;
    // A file costs nothing to look at, and may have changed meanwhile.
    one.dueMs = one.config.source.kind === 'file' ? nowMs : nowMs + nextAfterStart(ageMs, one.config.refreshSeconds * 1000, random());
  }

  /** One look at the source, shared with whoever asks meanwhile. */
  #look(one: Subscription, force: boolean): Promise<void> {
    one.underWay ??= this.#inLane(() => this.#refresh(one, force)).finally(() => {
      one.underWay = null;
    });
    return one.underWay;
  }

  async #inLane(work: () => Promise<void>): Promise<void> {
    if (this.#lanesFree === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#lanesFree -= 1;
    try {
      if (!this.#closing.signal.aborted) await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#lanesFree += 1;
      else next();
    }
  }

  async #refresh(one: Subscription, force: boolean): Promise<void> {
    const { config } = one;
    const outcome = await this.#offered(one, force).catch((cause: unknown) => failedBy(cause));
    // Meanwhile the config may have replaced or removed it, or Kennel may be closing.
    if (this.#closing.signal.aborted || this.#byName.get(config.name) !== one) return;
    const { clock, random } = this.#options;
    const refreshMs = one.config.refreshSeconds * 1000;
    if (outcome.kind === 'failed') {
      one.failures += 1;
      one.failuresInRow += 1;
      one.dueMs = clock.monotonicMs() + nextAfterFailure(one.failuresInRow, refreshMs, random());
      one.needsSomebody = outcome.lasting;
      this.#tell(one, outcome.detail);
      return;
    }
    one.failuresInRow = 0;
    one.error = null;
    one.needsSomebody = false;
    one.dueMs = clock.monotonicMs() + nextAfterSuccess(refreshMs, random());
    await this.#adopt(one, outcome);
  }

  #offered(one: Subscription, force: boolean): Promise<Outcome> {
    const { source } = one.config;
    return source.kind === 'url' ? this.#askSource(one, source.url, force) : this.#readFile(one, source.path, force);
  }

  async #adopt(one: Subscription, outcome: Exclude<Outcome, { kind: 'failed' }>): Promise<void> {
    const { store, onEvent } = this.#options;
    if (outcome.kind === 'unchanged') {
      if (one.copy === null) return;
      const copy = { compiled: one.copy.compiled, facts: outcome.facts };
      one.copy = copy;
      // What could not be stored the last time is tried again.
      const stored =
        one.storeProblem === null ? store.note(one.config, copy.facts) : store.save(one.config, copy, encodeCompiled(copy.compiled.parts));
      one.storeProblem = (await stored)?.problem ?? null;
      return;
    }
    one.copy = { compiled: outcome.compiled, facts: outcome.facts };
    const { entries, ignored } = one.status();
    onEvent?.({ kind: 'loaded', list: one.config.name, entries, ignored });
    this.#changed();
    // After it is in force: a full disk must not keep a good list out.
    one.storeProblem = (await store.save(one.config, outcome, outcome.encoded))?.problem ?? null;
  }

  async #askSource(one: Subscription, url: string, force: boolean): Promise<Outcome> {
    const { fetching, clock } = this.#options;
    const known = one.copy?.facts ?? null;
    const request = { url, validators: force ? null : (known?.validators ?? null), maxOctets: one.config.maxOctets };
    const fetched = await fetchList(request, { ...fetching, signal: this.#closing.signal });
    const nowMs = clock.wallMs();
    if (fetched.kind === 'failed')
      return { kind: 'failed', detail: fetched.detail, lasting: fetched.failure === 'not-a-list' || fetched.failure === 'too-large' };
    if (fetched.kind === 'not-modified') {
      // Only a server that was told what is here may say so.
      return known === null
        ? { kind: 'failed', detail: 'HTTP 304', lasting: false }
        : { kind: 'unchanged', facts: { ...known, checkedAtMs: nowMs } };
    }
    const facts = { validators: fetched.validators, fetchedAtMs: nowMs, checkedAtMs: nowMs, file: null };
    return this.#compile(one, fetched.octets, facts, force);
  }

  async #readFile(one: Subscription, path: string, force: boolean): Promise<Outcome> {
    const { clock } = this.#options;
    try {
      const found = await stat(path);
      const file: FileMark = { octets: found.size, changedAtMs: found.mtimeMs };
      const nowMs = clock.wallMs();
      const known = one.copy?.facts ?? null;
      if (!force && known !== null && isSameFile(known.file, file)) return { kind: 'unchanged', facts: { ...known, checkedAtMs: nowMs } };
      if (!found.isFile()) return { kind: 'failed', detail: 'it is no file', lasting: true };
      if (file.octets > one.config.maxOctets) return tooLarge(one.config);
      const octets = await readWholeFile(path, { signal: this.#closing.signal });
      if (octets.length > one.config.maxOctets) return tooLarge(one.config);
      const facts = { validators: { etag: null, lastModified: null }, fetchedAtMs: nowMs, checkedAtMs: nowMs, file };
      return await this.#compile(one, octets, facts, force);
    } catch (error) {
      return failedBy(error);
    }
  }

  async #compile(one: Subscription, octets: Uint8Array, facts: CopyFacts, force: boolean): Promise<Outcome> {
    const report = await this.#options.compile(one.config, octets, this.#closing.signal);
    if (report.kind === 'refused') return { kind: 'failed', detail: report.problem, lasting: true };
    const before = one.copy?.compiled ?? null;
    // A server without validators sends the same again: policies need not be compiled anew.
    const isSame = before?.report.sourceSha256 === report.list.report.sourceSha256 && one.copy?.facts != null;
    if (isSame) return { kind: 'unchanged', facts: { ...facts, fetchedAtMs: one.copy?.facts?.fetchedAtMs ?? facts.fetchedAtMs } };
    const doubt = force ? null : suspicion(one.config, before, report.list);
    if (doubt !== null) return { kind: 'failed', detail: doubt, lasting: true };
    return { kind: 'changed', compiled: report.list, facts, encoded: report.encoded };
  }

  #tell(one: Subscription, detail: string): void {
    one.error = detail;
    this.#options.onEvent?.({ kind: 'failed', list: one.config.name, detail });
  }

  #changed(): void {
    this.#compileNames();
    if (this.#opened) this.#options.onChange();
  }

  #compileNames(): void {
    const inForce = [...this.#byName.values()].flatMap(({ config, copy }) =>
      copy === null ? [] : [{ name: config.name, kind: config.kind, compiled: copy.compiled }],
    );
    this.#names = subscribedNames(inForce, this.#options.hasher);
  }
}

function sameSource(one: ListConfig, other: ListConfig): boolean {
  const key = ({ kind, source, format }: ListConfig): string => JSON.stringify([kind, source, format]);
  return key(one) === key(other);
}

function isSameFile(known: FileMark | null, found: FileMark): boolean {
  return known !== null && known.octets === found.octets && known.changedAtMs === found.changedAtMs;
}

/** A file that cannot be read, or a bug: neither may end the resolver. */
function failedBy(cause: unknown): Outcome {
  return { kind: 'failed', detail: cause instanceof Error ? cause.message : String(cause), lasting: true };
}

function tooLarge({ maxOctets }: ListConfig): Outcome {
  return { kind: 'failed', detail: `the list is larger than ${maxOctets} octets`, lasting: true };
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
