/**
 * Yes/no decisions coded by their own past, each in a small number of contexts (Krichevsky and Trofimov 1981).
 * Owns the counts; what a flag means, and that it is only asked where both sides are possible, is the meter's work.
 */

/** Pseudo-counts before anything was seen. */
export interface FlagPrior {
  readonly yes: number;
  readonly no: number;
}

/** Its regret is at most ½ log2 n + 1 bits, whatever comes. */
export const KRICHEVSKY_TROFIMOV: FlagPrior = { yes: 0.5, no: 0.5 };

export class AdaptiveFlag {
  readonly #priors: readonly FlagPrior[];
  readonly #yes: number[];
  readonly #no: number[];

  /** One prior per context. */
  constructor(priors: readonly FlagPrior[]) {
    this.#priors = priors;
    this.#yes = priors.map(() => 0);
    this.#no = priors.map(() => 0);
  }

  /** −log2 q(value | context): over both values the q sum to 1. */
  bits(context: number, value: boolean): number {
    const prior = this.#priors[context] ?? KRICHEVSKY_TROFIMOV;
    const yes = (this.#yes[context] ?? 0) + prior.yes;
    const no = (this.#no[context] ?? 0) + prior.no;
    return Math.log2((yes + no) / (value ? yes : no));
  }

  learn(context: number, value: boolean): void {
    const counts = value ? this.#yes : this.#no;
    counts[context] = (counts[context] ?? 0) + 1;
  }
}
