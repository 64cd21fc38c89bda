/**
 * Yes/no decisions coded by their own past, each in a small number of contexts (Krichevsky and Trofimov 1981).
 * Owns the counts; what a flag means, and that it is only asked where both sides are possible, is the meter's work.
 */

/** Pseudo-counts before anything was seen; 1/2 and 1/2 is the KT estimator, whose regret is at most ½ log2 n + 1 bits. */
export interface FlagPrior {
  readonly yes: number;
  readonly no: number;
}

export class AdaptiveFlag {
  readonly #prior: FlagPrior;
  readonly #yes: Uint32Array;
  readonly #no: Uint32Array;

  constructor(contexts: number, prior: FlagPrior) {
    this.#prior = prior;
    this.#yes = new Uint32Array(contexts);
    this.#no = new Uint32Array(contexts);
  }

  /** −log2 q(value | context): over both values the q sum to 1. */
  bits(context: number, value: boolean): number {
    const yes = (this.#yes[context] ?? 0) + this.#prior.yes;
    const no = (this.#no[context] ?? 0) + this.#prior.no;
    return Math.log2((yes + no) / (value ? yes : no));
  }

  learn(context: number, value: boolean): void {
    const counts = value ? this.#yes : this.#no;
    counts[context] = (counts[context] ?? 0) + 1;
  }
}
