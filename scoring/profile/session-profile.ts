/**
 * What one session did below each parent: distinct names, queries, types, rhythm, answers, highest score. Bounded.
 * Counts attempts, also refused ones; what has left is the leak meter's matter.
 */
import type { AnswerCounts, ParentCounts } from '../observation.ts';
import { isBulkType } from '../signals/query-type.ts';
import { DistinctNames } from '../sketch/distinct-names.ts';
import type { Hash64, HashKey } from '../sketch/keyed-hash.ts';
import { AnswersSeen } from './answers-seen.ts';
import { NewNameRhythm } from './new-name-rhythm.ts';

/** One query, as the profile sees it. */
export interface Asked {
  /** Key of the registrable domain. */
  readonly parent: string;
  /** `keyedHash` of the whole name with the profile's key. */
  readonly nameHash: Hash64;
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
  /** Of the name asked, as in `Asked`. */
  readonly nameHash: Hash64;
  readonly rcode: number;
  /** RDATA of the answer section, DNSSEC records left out. */
  readonly rdata: readonly { readonly type: number; readonly octets: Uint8Array }[];
}

/** One parent as it is shown. */
export interface ParentProfile {
  readonly parent: string;
  readonly fanOut: number;
  readonly queries: number;
  readonly bulkTypeQueries: number;
  readonly maxScore: number;
}

interface ParentHistory {
  readonly names: DistinctNames;
  readonly rhythm: NewNameRhythm;
  /** Null until the first answer. */
  answers: AnswersSeen | null;
  queries: number;
  bulkTypeQueries: number;
  unforwardableQueries: number;
  maxScore: number;
  unlisted: boolean;
  /** The session's count of queries when it was last asked: what was asked longest ago goes first. */
  lastTurn: number;
}

/**
 * A developer's day meets about 200 parents; an attacker who spreads wider is bounded by the session's budget.
 * Heap per parent, measured with Node 24: 0.7 kB with one name, 0.9 kB with an answer, 1.3 kB with 8 names, 3.1 kB with 64, and never
 * more than 4.9 kB, so a session takes 1.25 MB at the most.
 */
const DEFAULT_MAX_PARENTS = 256;

const RCODE_NXDOMAIN = 3;

export class SessionProfile {
  /** Key of the hashes that `observe`, `record` and `recordAnswer` take. */
  readonly hashKey: HashKey;
  readonly #maxParents: number;
  readonly #parents = new Map<string, ParentHistory>();
  /** Those with a single name, asked longest ago first: the next to be evicted, found without a look at all the others. */
  readonly #withOneName = new Set<string>();
  /** Those evicted since included: eviction forgives nothing. */
  #unlistedParents = 0;
  #turn = 0;

  /** `hashKey`: secret randomness of the process, so that nobody can choose names that collide. */
  constructor(options: { readonly hashKey: HashKey; readonly maxParents?: number }) {
    this.hashKey = options.hashKey;
    this.#maxParents = options.maxParents ?? DEFAULT_MAX_PARENTS;
  }

  /** The counts as if this query were included. Changes nothing. */
  observe({ parent, nameHash, qtype, unforwardable, unlisted, atMs }: Asked): ParentCounts {
    const held = this.#parents.get(parent);
    const bulk = isBulkType(qtype) ? 1 : 0;
    if (held === undefined) {
      return {
        fanOut: 1,
        parentQueries: 1,
        bulkTypeQueries: bulk,
        unforwardableQueries: unforwardable ? 1 : 0,
        unlistedParents: this.#unlistedParents + (unlisted ? 1 : 0),
        repeatedNames: 0,
        askedOnceNames: 0,
        recentNewNames: 1,
        pauses: 0,
        evenPauses: 0,
        answers: null,
      };
    }
    const { names, rhythm } = held;
    const place = names.find(nameHash);
    const fanOut = names.countWith(nameHash, place);
    const isNew = fanOut > names.count;
    const pause = isNew ? rhythm.pauseWith(atMs) : 'none';
    return {
      fanOut,
      parentQueries: held.queries + 1,
      bulkTypeQueries: held.bulkTypeQueries + bulk,
      unforwardableQueries: held.unforwardableQueries + (unforwardable ? 1 : 0),
      unlistedParents: this.#unlistedParents + (unlisted && !held.unlisted ? 1 : 0),
      repeatedNames: names.repeatedWith(place, atMs),
      askedOnceNames: names.askedOnceWith(place, atMs),
      recentNewNames: rhythm.recentAt(atMs) + (isNew ? 1 : 0),
      pauses: rhythm.pauses + (pause === 'none' ? 0 : 1),
      evenPauses: rhythm.evenPauses + (pause === 'even' ? 1 : 0),
      answers: answersOf(held),
    };
  }

  /** Includes the query, and the score it got, for good. */
  record({ parent, nameHash, qtype, unforwardable, unlisted, atMs }: Asked, score: number): void {
    const held = this.#parents.get(parent) ?? this.#add(parent);
    // A parent that was never unlisted before adds to their number; one that gets listed later still counts.
    if (unlisted && !held.unlisted) {
      held.unlisted = true;
      this.#unlistedParents++;
    }
    const namesBefore = held.names.count;
    if (held.names.add(nameHash, atMs)) held.rhythm.add(held.names.count - namesBefore, atMs);
    held.queries++;
    if (isBulkType(qtype)) held.bulkTypeQueries++;
    if (unforwardable) held.unforwardableQueries++;
    held.maxScore = Math.max(held.maxScore, score);
    held.lastTurn = ++this.#turn;
    if (namesBefore > 1) return;
    // Taken out and put back at the end, where what was asked last stands.
    this.#withOneName.delete(parent);
    if (held.names.count === 1) this.#withOneName.add(parent);
  }

  /** Includes an answer that came from an upstream for this session. One for a parent that is no longer held is passed over. */
  recordAnswer({ parent, nameHash, rcode, rdata }: Answered): void {
    const held = this.#parents.get(parent);
    if (held === undefined) return;
    held.answers ??= new AnswersSeen();
    held.answers.add(rdata, this.hashKey);
    held.names.noteAnswer(nameHash, rcode === RCODE_NXDOMAIN);
  }

  /** All parents held, the highest score first. */
  parents(): ParentProfile[] {
    const shown = [...this.#parents].map(([parent, { names, queries, bulkTypeQueries, maxScore }]) => ({
      parent,
      fanOut: names.count,
      queries,
      bulkTypeQueries,
      maxScore,
    }));
    return shown.sort((one, other) => other.maxScore - one.maxScore);
  }

  #add(parent: string): ParentHistory {
    if (this.#parents.size >= this.#maxParents) this.#evictOne();
    const history: ParentHistory = {
      names: new DistinctNames(),
      rhythm: new NewNameRhythm(),
      answers: null,
      queries: 0,
      bulkTypeQueries: 0,
      unforwardableQueries: 0,
      maxScore: 0,
      unlisted: false,
      lastTurn: 0,
    };
    this.#parents.set(parent, history);
    return history;
  }

  /** The parent with the fewest names goes, the least recently asked among equals: a tunnel cannot push its own count out. */
  #evictOne(): void {
    for (const parent of this.#withOneName) {
      this.#withOneName.delete(parent);
      this.#parents.delete(parent);
      return;
    }
    let chosen: string | null = null;
    let fewest = Number.POSITIVE_INFINITY;
    let oldest = Number.POSITIVE_INFINITY;
    for (const [parent, { names, lastTurn }] of this.#parents) {
      if (names.count > fewest || (names.count === fewest && lastTurn >= oldest)) continue;
      chosen = parent;
      fewest = names.count;
      oldest = lastTurn;
    }
    if (chosen !== null) this.#parents.delete(chosen);
  }
}

function answersOf({ answers, names }: ParentHistory): AnswerCounts | null {
  if (answers === null) return null;
  const { newOctets, freeFormOctets, freeFormBits } = answers;
  return { answeredNames: names.answered, nxdomainNames: names.nxdomain, newOctets, freeFormOctets, freeFormBits };
}
