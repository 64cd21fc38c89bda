/**
 * What is written down of queries that nothing speaks against: how many of them, and how much of the name. Evidence (flags, refusals,
 * quarantines) is none of its business: that is always kept, with the name, because a person has to be able to judge it.
 */
import { type HashKey, keyedHash } from '../../scoring/sketch/keyed-hash.ts';
import type { QName } from '../wire/name.ts';
import type { DecisionRecord } from './ports.ts';

export interface QueryLog {
  /** Whether this one is written down; asked once for each plain allow. */
  keeps(): boolean;
  /** The record with as little of the name as was asked for. */
  redact(decision: DecisionRecord, qname: QName): DecisionRecord;
}

export interface QueryLogRules {
  /** `full`: the name. `domain`: the registrable domain. `hash`: keyed hashes of both, by which equal names can be counted. */
  readonly privacy: 'full' | 'domain' | 'hash';
  /** Part of the plain allows that is kept, 0-1. */
  readonly sampleAllows: number;
  /** Of the state folder: hashes mean nothing without it. */
  readonly hashKey: HashKey;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** The log of `retention.decisions: all`. */
export function createQueryLog({ privacy, sampleAllows, hashKey, random }: QueryLogRules): QueryLog {
  const hashed = (text: string): string => {
    const { low, high } = keyedHash(text, hashKey);
    return `(hash ${hex(high)}${hex(low)})`;
  };
  return {
    keeps: () => sampleAllows >= 1 || random() < sampleAllows,
    redact: (decision, qname) => {
      if (privacy === 'full') return decision;
      // The entry that covers a name may be the name itself.
      if (privacy === 'domain') return { ...decision, qname: decision.parent, rule: null };
      // What was measured of the name would narrow it down; fractions of a bit tell nearly all names from each other.
      const measured = { signals: [], leakBits: Math.ceil(decision.leakBits) };
      return { ...decision, ...measured, qname: hashed(qname), parent: hashed(decision.parent), rule: null };
    },
  };
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}
