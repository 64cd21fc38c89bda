/**
 * One list: its last good copy, how its source is doing, and the rules by which a new copy takes the old one's place.
 * Owns no schedule and no thread; fetching and compiling are handed in.
 */
import type { ListConfig } from '../config/config.ts';
import type { CompiledList } from './compiled-list.ts';
import type { CopyFacts } from './list-store.ts';

/** What is known of a list, for people, the API and the metrics. */
export interface ListStatus {
  readonly name: string;
  readonly kind: ListConfig['kind'];
  readonly source: 'url' | 'file';
  /**
   * `current`: in force, and its source answers. `failing`: in force, while its source fails or offers what is no list.
   * `absent`: never had; a block list blocks nothing, an allow list allows nothing.
   */
  readonly state: 'current' | 'failing' | 'absent';
  /** The format it was read as; null while it is absent. */
  readonly format: string | null;
  /** Rules in force. */
  readonly entries: number;
  /** Lines without effect. */
  readonly ignored: number;
  /** When this content came; null while it is absent. Wall time, as the others. */
  readonly fetchedAtMs: number | null;
  /** When the source last had, or was seen to have, this content. */
  readonly checkedAtMs: number | null;
  /** Why the last look at the source failed; null when it did not. */
  readonly error: string | null;
  /** Failures since the start. */
  readonly failures: number;
}

/** A copy in force. */
export interface Copy {
  readonly compiled: CompiledList;
  /** Null for a copy that another source left, until the list's own has come. */
  readonly facts: CopyFacts | null;
}

/** A list that loses more than this part at once has more likely been emptied than cleaned up. */
const MAX_LOSS = 0.9;
/** Short lists change by more than that in earnest. */
const LOSS_MATTERS_FROM = 100;

/** A source that has said nothing for so many intervals is worth an alarm. */
const STALE_AFTER_INTERVALS = 3;

export class Subscription {
  config: ListConfig;
  copy: Copy | null = null;
  /** Monotonic; when it is looked at next. */
  dueMs = 0;
  error: string | null = null;
  /** What the source offers is not taken, or the copy cannot be stored: waiting does not help. */
  needsSomebody = false;
  storeProblem: string | null = null;
  failuresInRow = 0;
  failures = 0;
  /** A look that is under way, shared by all who ask for one. */
  underWay: Promise<void> | null = null;

  constructor(config: ListConfig) {
    this.config = config;
  }

  status(): ListStatus {
    const { config, copy, error, failures } = this;
    return {
      name: config.name,
      kind: config.kind,
      source: config.source.kind,
      state: copy === null ? 'absent' : error === null ? 'current' : 'failing',
      format: copy?.compiled.report.format ?? null,
      entries: copy?.compiled.report.entries ?? 0,
      ignored: copy?.compiled.report.notApplied.reduce((sum, { count }) => sum + count, 0) ?? 0,
      fetchedAtMs: copy?.facts?.fetchedAtMs ?? null,
      checkedAtMs: copy?.facts?.checkedAtMs ?? null,
      error,
      failures,
    };
  }

  /** What an operator must know about this list. */
  alarms(wallMs: number): string[] {
    const { config, copy, error, storeProblem } = this;
    const said: string[] = [];
    const named = `the ${config.kind} list ${config.name}`;
    if (copy === null) {
      const effect = config.kind === 'block' ? 'it blocks nothing yet' : 'it allows nothing yet';
      said.push(`${named} was never loaded: ${effect}${error === null ? '' : ` (${error})`}`);
    } else if (error !== null && (this.needsSomebody || this.#isStale(wallMs))) {
      said.push(`${named} is not up to date: ${error}; its last good copy is in force`);
    }
    if (storeProblem !== null) said.push(`${named} could not be stored and is fetched again after a restart: ${storeProblem}`);
    return said;
  }

  #isStale(wallMs: number): boolean {
    const checkedAtMs = this.copy?.facts?.checkedAtMs ?? 0;
    return wallMs - checkedAtMs > STALE_AFTER_INTERVALS * this.config.refreshSeconds * 1000;
  }
}

/**
 * Why a new copy must not take the place of the one in force, or null. An empty list from the network is an error page or an outage;
 * an empty file may be what the operator means, unless it was full a moment before.
 */
export function suspicion(config: ListConfig, before: CompiledList | null, next: CompiledList): string | null {
  const { entries } = next.report;
  if (entries === 0 && config.source.kind === 'url') return 'it is empty';
  const had = before?.report.entries ?? 0;
  if (had >= LOSS_MATTERS_FROM && entries < had * (1 - MAX_LOSS))
    return `it went from ${had} entries to ${entries}; if that is right: kennel lists update ${config.name} --force`;
  return null;
}
