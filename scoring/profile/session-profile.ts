/**
 * What one session did below each parent: distinct names, queries, bulk types. Bounded.
 * Counts attempts, also refused ones; what has left is the leak meter's matter.
 */
import type { Standing } from '../observation.ts';
import { isBulkType } from '../signals/query-type.ts';
import { DistinctCounter } from '../sketch/distinct-counter.ts';
import { type HashKey, keyedHash } from '../sketch/keyed-hash.ts';

/** The counts an `Observation` needs, as if the query were already included. */
export interface ParentCounts {
  readonly fanOut: number;
  readonly parentQueries: number;
  readonly bulkTypeQueries: number;
  readonly unlistedParents: number;
}

/** One parent as it is shown. */
export interface ParentProfile {
  readonly parent: string;
  readonly fanOut: number;
  readonly queries: number;
  readonly bulkTypeQueries: number;
}

/** What parents that were pushed out had gathered; added to the session's totals, so that eviction forgives nothing. */
export interface EvictedTotals {
  readonly parents: number;
  readonly queries: number;
  readonly names: number;
}

interface Counts {
  readonly names: DistinctCounter;
  queries: number;
  bulkTypeQueries: number;
  /** Whether the parent was unlisted at any time. */
  unlisted: boolean;
}

/** A developer's day meets about 200 parents; an attacker who spreads wider is bounded by the session's budget. */
const DEFAULT_MAX_PARENTS = 256;

/** Good for tests and one-off scores; a server passes a secret one. */
const PUBLIC_KEY: HashKey = { low: 0x6b656e6e, high: 0x656c2e2e };

export class SessionProfile {
  readonly #key: HashKey;
  readonly #maxParents: number;
  /** Least recently asked first. */
  readonly #parents = new Map<string, Counts>();
  readonly #evicted = { parents: 0, queries: 0, names: 0 };
  #unlistedParents = 0;

  /** `hashKey`: secret randomness of the process, so that nobody can choose names that collide and so lower the fan-out. */
  constructor(options: { readonly hashKey?: HashKey; readonly maxParents?: number } = {}) {
    this.#key = options.hashKey ?? PUBLIC_KEY;
    this.#maxParents = options.maxParents ?? DEFAULT_MAX_PARENTS;
  }

  get evicted(): EvictedTotals {
    return { ...this.#evicted };
  }

  /**
   * The counts as if this query were included. Changes nothing.
   * `parent`: key of the registrable domain; `nameKey`: the whole name, a string of octets.
   */
  observe(parent: string, nameKey: string, qtype: number, standing: Standing): ParentCounts {
    const counts = this.#parents.get(parent);
    const newlyUnlisted = standing === 'unlisted' && !(counts?.unlisted ?? false);
    return {
      fanOut: counts === undefined ? 1 : counts.names.countWith(keyedHash(nameKey, this.#key)),
      parentQueries: (counts?.queries ?? 0) + 1,
      bulkTypeQueries: (counts?.bulkTypeQueries ?? 0) + (isBulkType(qtype) ? 1 : 0),
      unlistedParents: this.#unlistedParents + (newlyUnlisted ? 1 : 0),
    };
  }

  /** Includes the query for good: `observe` of the same query then says the same or one query more. */
  record(parent: string, nameKey: string, qtype: number, standing: Standing): void {
    const counts = this.#touch(parent);
    counts.names.add(keyedHash(nameKey, this.#key));
    counts.queries++;
    if (isBulkType(qtype)) counts.bulkTypeQueries++;
    if (standing !== 'unlisted' || counts.unlisted) return;
    // A parent that gets listed later still counts.
    counts.unlisted = true;
    this.#unlistedParents++;
  }

  /** Drops what was counted below these parents (a release); they start again at 0. */
  forget(parents: readonly string[]): void {
    for (const parent of parents) {
      if (this.#parents.get(parent)?.unlisted === true) this.#unlistedParents--;
      this.#parents.delete(parent);
    }
  }

  /** All parents held, the widest fan-out first. */
  parents(): ParentProfile[] {
    const shown = [...this.#parents].map(([parent, { names, queries, bulkTypeQueries }]) => ({
      parent,
      fanOut: names.count,
      queries,
      bulkTypeQueries,
    }));
    return shown.sort((one, other) => other.fanOut - one.fanOut);
  }

  #touch(parent: string): Counts {
    const held = this.#parents.get(parent);
    if (held === undefined && this.#parents.size >= this.#maxParents) this.#evictOne();
    const counts = held ?? { names: new DistinctCounter(), queries: 0, bulkTypeQueries: 0, unlisted: false };
    this.#parents.delete(parent);
    this.#parents.set(parent, counts);
    return counts;
  }

  /** The parent with the fewest names goes, the least recently asked among equals: a tunnel cannot push its own count out. */
  #evictOne(): void {
    let chosen: string | null = null;
    let fewest = Number.POSITIVE_INFINITY;
    for (const [parent, { names }] of this.#parents) {
      if (names.count >= fewest) continue;
      chosen = parent;
      fewest = names.count;
      if (fewest <= 1) break;
    }
    const counts = chosen === null ? undefined : this.#parents.get(chosen);
    if (chosen === null || counts === undefined) return;
    this.#parents.delete(chosen);
    this.#evicted.parents++;
    this.#evicted.queries += counts.queries;
    this.#evicted.names += counts.names.count;
  }
}
