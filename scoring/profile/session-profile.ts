/**
 * What one session did below each parent: distinct names, queries, bulk types, highest score. Bounded.
 * Counts attempts, also refused ones; what has left is the leak meter's matter.
 */
import { isBulkType } from '../signals/query-type.ts';
import { DistinctCounter } from '../sketch/distinct-counter.ts';
import { type HashKey, keyedHash } from '../sketch/keyed-hash.ts';

/** One query, as the profile sees it. */
export interface Asked {
  /** Key of the registrable domain. */
  readonly parent: string;
  /** The whole name, as a string of octets. */
  readonly nameKey: string;
  readonly qtype: number;
  /** A form that is never forwarded: a type outside the policy's, or octets above 126. */
  readonly unforwardable: boolean;
  /** Whether the parent's standing is `unlisted`. */
  readonly unlisted: boolean;
  /** Monotonic milliseconds. */
  readonly atMs: number;
}

/** What an upstream answered to one query of the session. */
export interface Answered {
  readonly parent: string;
  readonly rcode: number;
  /** RDATA of the answer section, DNSSEC records left out. */
  readonly rdata: readonly { readonly type: number; readonly octets: Uint8Array }[];
}

/** The counts an `Observation` needs, as if the query were already included. */
export interface ParentCounts {
  readonly fanOut: number;
  readonly parentQueries: number;
  readonly bulkTypeQueries: number;
  readonly unforwardableQueries: number;
  readonly unlistedParents: number;
}

/** One parent as it is shown. */
export interface ParentProfile {
  readonly parent: string;
  readonly fanOut: number;
  readonly queries: number;
  readonly bulkTypeQueries: number;
  readonly maxScore: number;
}

interface Counts {
  readonly names: DistinctCounter;
  queries: number;
  bulkTypeQueries: number;
  unforwardableQueries: number;
  maxScore: number;
  readonly unlisted: boolean;
}

/** A developer's day meets about 200 parents; an attacker who spreads wider is bounded by the session's budget. */
const DEFAULT_MAX_PARENTS = 256;

export class SessionProfile {
  readonly #key: HashKey;
  readonly #maxParents: number;
  /** Least recently asked first. */
  readonly #parents = new Map<string, Counts>();
  /** Those evicted since included: eviction forgives nothing. */
  #unlistedParents = 0;

  /** `hashKey`: secret randomness of the process, so that nobody can choose names that collide. */
  constructor(options: { readonly hashKey: HashKey; readonly maxParents?: number }) {
    this.#key = options.hashKey;
    this.#maxParents = options.maxParents ?? DEFAULT_MAX_PARENTS;
  }

  /** The counts as if this query were included. Changes nothing. */
  observe(asked: Asked): ParentCounts {
    const counts = this.#parents.get(asked.parent);
    return {
      fanOut: counts === undefined ? 1 : counts.names.countWith(keyedHash(asked.nameKey, this.#key)),
      parentQueries: (counts?.queries ?? 0) + 1,
      bulkTypeQueries: (counts?.bulkTypeQueries ?? 0) + (isBulkType(asked.qtype) ? 1 : 0),
      unforwardableQueries: (counts?.unforwardableQueries ?? 0) + (asked.unforwardable ? 1 : 0),
      unlistedParents: this.#unlistedParents + (asked.unlisted && !(counts?.unlisted ?? false) ? 1 : 0),
    };
  }

  /** Includes the query, and the score it got, for good. */
  record(asked: Asked, score: number): void {
    const counts = this.#touch(asked);
    counts.names.add(keyedHash(asked.nameKey, this.#key));
    counts.queries++;
    if (isBulkType(asked.qtype)) counts.bulkTypeQueries++;
    if (asked.unforwardable) counts.unforwardableQueries++;
    counts.maxScore = Math.max(counts.maxScore, score);
  }

  /** Includes an answer that came from an upstream for this session. */
  recordAnswer(answered: Answered): void {
    void answered;
  }

  /** All parents held, the highest score first. */
  parents(): ParentProfile[] {
    const shown = [...this.#parents].map(([parent, counts]) => ({
      parent,
      fanOut: counts.names.count,
      queries: counts.queries,
      bulkTypeQueries: counts.bulkTypeQueries,
      maxScore: counts.maxScore,
    }));
    return shown.sort((one, other) => other.maxScore - one.maxScore);
  }

  #touch(asked: Asked): Counts {
    const held = this.#parents.get(asked.parent);
    const counts = held !== undefined && held.unlisted === asked.unlisted ? held : this.#withStanding(held, asked.unlisted);
    this.#parents.delete(asked.parent);
    if (held === undefined && this.#parents.size >= this.#maxParents) this.#evictOne();
    this.#parents.set(asked.parent, counts);
    return counts;
  }

  /** A parent that was never unlisted before adds to their number; one that gets listed later still counts. */
  #withStanding(held: Counts | undefined, unlisted: boolean): Counts {
    const wasUnlisted = held?.unlisted ?? false;
    if (unlisted && !wasUnlisted) this.#unlistedParents++;
    if (held === undefined) {
      return { names: new DistinctCounter(), queries: 0, bulkTypeQueries: 0, unforwardableQueries: 0, maxScore: 0, unlisted };
    }
    return { ...held, unlisted: wasUnlisted || unlisted };
  }

  /** The parent with the fewest names goes, the least recently asked among equals: a tunnel cannot push its own count out. */
  #evictOne(): void {
    let chosen: string | null = null;
    let fewest = Number.POSITIVE_INFINITY;
    for (const [parent, counts] of this.#parents) {
      if (counts.names.count >= fewest) continue;
      chosen = parent;
      fewest = counts.names.count;
      if (fewest <= 1) break;
    }
    if (chosen !== null) this.#parents.delete(chosen);
  }
}
