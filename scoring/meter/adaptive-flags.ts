/**
 * Yes/no decisions coded by their own past, each in a small number of contexts (Krichevsky and Trofimov 1981).
 * Owns how a flag is coded; what it means, and that it is only asked where both sides are possible, is the meter's work.
 */
import { FIRST_FLAG_CELL } from './cells.ts';
import type { CountTable } from './count-table.ts';

/** Pseudo-counts before anything was seen. */
export interface FlagPrior {
  readonly yes: number;
  readonly no: number;
}

/** Its regret is at most ½ log2 n + 1 bits, whatever comes. */
export const KRICHEVSKY_TROFIMOV: FlagPrior = { yes: 0.5, no: 0.5 };

export interface Flag {
  /** Where its counts begin: two cells per context, no and yes. */
  readonly cell: number;
  /** One per context. */
  readonly priors: readonly FlagPrior[];
}

/** Lays flags out one after the other. */
export function flags<Name extends string>(priors: Readonly<Record<Name, readonly FlagPrior[]>>): Readonly<Record<Name, Flag>> {
  let cell = FIRST_FLAG_CELL;
  const laidOut: Partial<Record<Name, Flag>> = {};
  for (const name in priors) {
    laidOut[name] = { cell, priors: priors[name] };
    cell += 2 * priors[name].length;
  }
  return laidOut as Record<Name, Flag>;
}

/** −log2 q(value | context): over both values the q sum to 1. */
export function flagBits(counts: CountTable, flag: Flag, context: number, value: boolean): number {
  const prior = flag.priors[context] ?? KRICHEVSKY_TROFIMOV;
  const no = counts.count(flag.cell + 2 * context) + prior.no;
  const yes = counts.count(flag.cell + 2 * context + 1) + prior.yes;
  return Math.log2((yes + no) / (value ? yes : no));
}

export function learnFlag(counts: CountTable, flag: Flag, context: number, value: boolean): void {
  counts.add(flag.cell + 2 * context + (value ? 1 : 0));
}
