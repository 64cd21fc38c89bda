/**
 * Which already sent ending a new name continues, so that only the labels in front of it need spelling.
 * Owns the endings of the names sent in one scope and how often each was continued.
 */

/** An ending of a name that is known: the labels from `start` on. The empty ending is always known. */
export interface KnownSuffix {
  readonly key: string;
  readonly start: number;
}

/** Joins labels into a key: not an octet, so no label can hold it. */
export const LABEL_JOINT = '\u0100';
const EMPTY = '';
/** Of an ending's string and Map entry, without its characters (measured with Node 24). */
const ENTRY_OCTETS = 80;

export class SuffixCoder {
  readonly #maxSuffixes: number;
  readonly #uses = new Map<string, number>([[EMPTY, 0]]);
  #totalUses = 0;
  #keyChars = 0;

  constructor(maxSuffixes: number) {
    this.#maxSuffixes = maxSuffixes;
  }

  /** Estimated heap octets. */
  get octets(): number {
    return this.#uses.size * ENTRY_OCTETS + 2 * this.#keyChars;
  }

  /** The longest ending of `labels` that is known. One name has one such ending, so it has one code word. */
  longestKnown(labels: readonly string[]): KnownSuffix {
    let found: KnownSuffix = { key: EMPTY, start: labels.length };
    if (this.#uses.size === 1) return found;
    let key = '';
    for (let start = labels.length - 1; start >= 0; start--) {
      key = start === labels.length - 1 ? (labels[start] ?? '') : `${labels[start] ?? ''}${LABEL_JOINT}${key}`;
      if (!this.#uses.has(key)) return found;
      found = { key, start };
    }
    return found;
  }

  /** −log2 q(ending | past), KT over the known endings. */
  bits(suffix: KnownSuffix): number {
    return Math.log2((this.#totalUses + this.#uses.size / 2) / ((this.#uses.get(suffix.key) ?? 0) + 0.5));
  }

  /** Counts the ending as used and learns the proper endings of `labels`, as many as there is room for. */
  learn(suffix: KnownSuffix, labels: readonly string[]): void {
    this.#uses.set(suffix.key, (this.#uses.get(suffix.key) ?? 0) + 1);
    this.#totalUses++;
    let key = '';
    for (let start = labels.length - 1; start >= 1; start--) {
      key = start === labels.length - 1 ? (labels[start] ?? '') : `${labels[start] ?? ''}${LABEL_JOINT}${key}`;
      if (this.#uses.has(key)) continue;
      if (this.#uses.size >= this.#maxSuffixes) return;
      this.#uses.set(key, 0);
      this.#keyChars += key.length;
    }
  }
}
