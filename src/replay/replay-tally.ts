/**
 * What a replay sums up: verdicts, quarantines, and what each session asked and let out below each parent.
 * Grows with sessions, parents and names, not with queries; the names it tells apart are bounded.
 */
import type { Signal } from '../../scoring/observation.ts';
import type { VerdictKind } from '../pipeline/ports.ts';
import { type QName, toPresentation } from '../wire/name.ts';
import type { ReplayDecision } from './replay.ts';

/** A query for which a session is, or in observe mode would be, quarantined. */
export interface ReplayedQuarantine {
  readonly session: string;
  readonly atMs: number;
  /** Place of the query in the input, from 0. */
  readonly queryIndex: number;
  /** Presentation form, redacted where a secret was found. */
  readonly qname: string;
  readonly parent: string;
  readonly score: number;
  readonly reason: string;
  readonly signals: readonly Signal[];
  /** Weighted bits the session had let out below the parent by then; this query did not leave. */
  readonly leakBits: number;
  /** False in observe mode: the session went on. */
  readonly enforced: boolean;
}

export interface ReplayedParent {
  readonly session: string;
  readonly parent: string;
  readonly queries: number;
  /** Distinct names; too low when `namesNotCounted` is not 0. */
  readonly uniqueNames: number;
  readonly forwarded: number;
  /** Weighted bits of what was forwarded. */
  readonly leakBits: number;
}

export interface ReplaySummary {
  readonly queries: number;
  readonly sessions: number;
  readonly forwarded: number;
  /** What enforcing does, query by query. */
  readonly verdicts: Readonly<Record<VerdictKind, number>>;
  /** What was done in the mode of the replay. */
  readonly acting: Readonly<Record<VerdictKind, number>>;
  readonly quarantines: readonly ReplayedQuarantine[];
  /** The most bits first. */
  readonly parents: readonly ReplayedParent[];
  /** Names beyond the bound, which are in no `uniqueNames`. */
  readonly namesNotCounted: number;
  /** Queries whose time lies before that of the query before them; they count as simultaneous with it. */
  readonly outOfOrder: number;
  /** Wall times of the first and the last query; null without any. */
  readonly firstMs: number | null;
  readonly lastMs: number | null;
}

/** Names told apart over all sessions and parents: some 100 MB. */
const MAX_NAMES = 1_000_000;

interface ParentCounts {
  readonly session: string;
  readonly parent: string;
  queries: number;
  readonly names: Set<QName>;
  forwarded: number;
  leakBits: number;
}

export class ReplayTally {
  readonly #verdicts: Record<VerdictKind, number> = { allow: 0, flag: 0, refuse: 0, quarantine: 0 };
  readonly #acting: Record<VerdictKind, number> = { allow: 0, flag: 0, refuse: 0, quarantine: 0 };
  readonly #quarantines: ReplayedQuarantine[] = [];
  readonly #wouldQuarantine = new Set<string>();
  readonly #bySession = new Map<string, Map<string, ParentCounts>>();
  #queries = 0;
  #forwarded = 0;
  #names = 0;
  #namesNotCounted = 0;
  #firstMs: number | null = null;
  #lastMs: number | null = null;

  add(decision: ReplayDecision): void {
    const { session, parent, qname, forwarded, leakBits } = decision;
    this.#queries += 1;
    this.#verdicts[decision.verdict] += 1;
    this.#acting[decision.acting] += 1;
    this.#firstMs ??= decision.atMs;
    this.#lastMs = decision.atMs;

    const counts = this.#countsOf(session, parent);
    counts.queries += 1;
    if (forwarded) {
      this.#forwarded += 1;
      counts.forwarded += 1;
      counts.leakBits += leakBits;
    }
    if (!counts.names.has(qname)) {
      if (this.#names < MAX_NAMES) {
        this.#names += 1;
        counts.names.add(qname);
      } else {
        this.#namesNotCounted += 1;
      }
    }
    if (decision.verdict === 'quarantine') this.#noteQuarantine(decision, counts.leakBits);
  }

  summary(outOfOrder: number): ReplaySummary {
    const parents = [...this.#bySession.values()].flatMap((counts) => [...counts.values()]);
    return {
      queries: this.#queries,
      sessions: this.#bySession.size,
      forwarded: this.#forwarded,
      verdicts: { ...this.#verdicts },
      acting: { ...this.#acting },
      quarantines: this.#quarantines,
      parents: parents
        .map(({ names, ...counts }) => ({ ...counts, uniqueNames: names.size }))
        .sort((a, b) => b.leakBits - a.leakBits || b.queries - a.queries),
      namesNotCounted: this.#namesNotCounted,
      outOfOrder,
      firstMs: this.#firstMs,
      lastMs: this.#lastMs,
    };
  }

  /** Each episode once: a session that is only observed would be quarantined again and again. */
  #noteQuarantine(decision: ReplayDecision, leakBits: number): void {
    const { session, index, atMs, redacted, parent, score, reason, signals, acting } = decision;
    const qname = redacted ?? toPresentation(decision.qname);
    const enforced = acting === 'quarantine';
    if (!enforced) {
      if (this.#wouldQuarantine.has(session)) return;
      this.#wouldQuarantine.add(session);
    }
    this.#quarantines.push({ session, atMs, queryIndex: index, qname, parent, score, reason, signals, leakBits, enforced });
  }

  #countsOf(session: string, parent: string): ParentCounts {
    let parents = this.#bySession.get(session);
    if (parents === undefined) {
      parents = new Map();
      this.#bySession.set(session, parents);
    }
    let counts = parents.get(parent);
    if (counts === undefined) {
      counts = { session, parent, queries: 0, names: new Set(), forwarded: 0, leakBits: 0 };
      parents.set(parent, counts);
    }
    return counts;
  }
}
