/**
 * Runs one stream through a fresh Kennel and counts: what left, what was refused and why, which sessions were quarantined.
 */
import type { Pipeline } from '../../src/pipeline/pipeline.ts';
import { Replay, type ReplayDecision } from '../../src/replay/replay.ts';
import { toPresentation } from '../../src/wire/name.ts';
import { type Condition, configOf } from './conditions.ts';
import { DAY_MS, type Stream } from './stream.ts';

export interface Refusals {
  readonly parent: string;
  readonly reason: string;
  queries: number;
  /** The first name. */
  readonly example: string;
  readonly highestScore: number;
}

export interface SessionResult {
  readonly session: string;
  queries: number;
  refused: number;
  flagged: number;
  quarantines: number;
  /** Highest score of a query that was not asked in quarantine. */
  highestScore: number;
  /** Days of the clock with at least one query. */
  readonly days: Set<number>;
}

export interface StreamResult {
  readonly stream: string;
  readonly tool: string;
  readonly queries: number;
  readonly forwarded: number;
  /** Octets of payload that reached the attacker's nameserver. */
  readonly payloadOctets: number;
  /** Bits the meters charged, over all parents. */
  readonly leakBits: number;
  readonly flagged: number;
  readonly quarantines: readonly Quarantined[];
  /** Refusals by reason, those within a quarantine left out. */
  readonly refusedBy: ReadonlyMap<string, number>;
  /** Refused within a quarantine. */
  readonly heldInQuarantine: number;
  readonly refusals: readonly Refusals[];
  readonly sessions: readonly SessionResult[];
  readonly highestScore: number;
}

export interface Quarantined {
  readonly session: string;
  /** Its place among the queries, from 1. */
  readonly at: number;
  readonly name: string;
  readonly parent: string;
  readonly reason: string;
  readonly score: number;
}

/** A change to a Kennel before it runs: what an ablation takes away. */
export type Change = (pipeline: Pipeline) => void;

export async function runStream(stream: Stream, condition: Condition, change?: Change): Promise<StreamResult> {
  const replay = new Replay({ config: configOf(condition), ages: () => condition.age });
  change?.(replay.pipeline);
  const count = new Count(stream);
  for (const query of stream.queries) {
    const asked = replay.ask(query);
    const decision = asked instanceof Promise ? await asked : asked;
    count.add(decision, query.part);
  }
  await replay.finish();
  return count.result();
}

class Count {
  readonly #stream: Stream;
  readonly #arrived = new Set<string | number>();
  readonly #quarantines: Quarantined[] = [];
  readonly #refusedBy = new Map<string, number>();
  readonly #refusals = new Map<string, Refusals>();
  readonly #sessions = new Map<string, SessionResult>();
  #queries = 0;
  #forwarded = 0;
  #payloadOctets = 0;
  #leakBits = 0;
  #flagged = 0;
  #heldInQuarantine = 0;
  #highestScore = 0;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  add(decision: ReplayDecision, part: { readonly id: string | number; readonly octets: number } | null): void {
    const { verdict, reason, score, forwarded, leakBits, qname, parent, index } = decision;
    const session = this.#session(decision);
    session.queries += 1;
    this.#queries += 1;
    if (forwarded) {
      this.#forwarded += 1;
      this.#leakBits += leakBits;
      if (part !== null && !this.#arrived.has(part.id)) {
        this.#arrived.add(part.id);
        this.#payloadOctets += part.octets;
      }
    }
    if (reason === 'quarantined') {
      this.#heldInQuarantine += 1;
      return;
    }
    session.highestScore = Math.max(session.highestScore, score);
    this.#highestScore = Math.max(this.#highestScore, score);
    if (verdict === 'allow') return;
    if (verdict === 'flag') {
      this.#flagged += 1;
      session.flagged += 1;
      return;
    }
    if (verdict === 'quarantine') {
      session.quarantines += 1;
      this.#quarantines.push({ session: session.session, at: index + 1, name: toPresentation(qname), parent, reason, score });
      return;
    }
    session.refused += 1;
    this.#refusedBy.set(reason, (this.#refusedBy.get(reason) ?? 0) + 1);
    const key = `${parent} ${reason}`;
    const known = this.#refusals.get(key);
    if (known === undefined) this.#refusals.set(key, { parent, reason, queries: 1, example: toPresentation(qname), highestScore: score });
    else known.queries += 1;
  }

  #session({ session, atMs }: ReplayDecision): SessionResult {
    let known = this.#sessions.get(session);
    if (known === undefined) {
      known = { session, queries: 0, refused: 0, flagged: 0, quarantines: 0, highestScore: 0, days: new Set() };
      this.#sessions.set(session, known);
    }
    known.days.add(Math.floor(atMs / DAY_MS));
    return known;
  }

  result(): StreamResult {
    return {
      stream: this.#stream.name,
      tool: this.#stream.tool,
      queries: this.#queries,
      forwarded: this.#forwarded,
      payloadOctets: this.#payloadOctets,
      leakBits: this.#leakBits,
      flagged: this.#flagged,
      quarantines: this.#quarantines,
      refusedBy: this.#refusedBy,
      heldInQuarantine: this.#heldInQuarantine,
      refusals: [...this.#refusals.values()],
      sessions: [...this.#sessions.values()],
      highestScore: this.#highestScore,
    };
  }
}
