/**
 * Which already sent ending a new name continues, so that only the labels in front of it need spelling.
 * Owns the endings of the names sent in one scope and how often each was continued.
 */

/** An ending of a name that is known: the labels from `start` on. The empty ending is always known. */
export interface KnownSuffix {
  readonly start: number;
  /** '' for the empty ending. */
  readonly key: string;
}

/** Joins labels into a key: not an octet, so no label can hold it. */
export const LABEL_JOINT = '\u0100';

/** Of an ending's string and Map entry; its characters are the name's (measured with Node 24). */
const ENTRY_OCTETS = 90;
/** Of the first one. */
const MAP_OCTETS = 250;

export class SuffixCoder {
  readonly #maxSuffixes: number;
  /** Made by the first ending: below most parents no name has two labels. */
  #uses: Map<string, number> | null = null;
  #usesOfEmpty = 0;
  #totalUses = 0;
  /** What was asked for last: a price is followed by its charge. */
  #lastKey: string | null = null;
  #lastKnown: KnownSuffix | null = null;

  constructor(maxSuffixes: number) {
    this.#maxSuffixes = maxSuffixes;
  }

  /** Estimated heap octets. */
  get octets(): number {
    return this.#uses === null ? 0 : MAP_OCTETS + this.#uses.size * ENTRY_OCTETS;
  }

  /**
   * The longest ending of `labels` that is known. One name has one such ending, so it has one code word. In `key` each label takes
   * one character more than its own, as in wire form; what follows the labels is the same for all names of the scope.
   */
  longestKnown(labels: readonly string[], key: string): KnownSuffix {
    if (this.#lastKnown !== null && this.#lastKey === key) return this.#lastKnown;
    this.#lastKey = key;
    this.#lastKnown = this.#find(labels, key);
    return this.#lastKnown;
  }

  #find(labels: readonly string[], key: string): KnownSuffix {
    let known: KnownSuffix = { start: labels.length, key: '' };
    if (this.#uses === null) return known;
    let at = offsetAfter(labels);
    for (let start = labels.length - 1; start >= 0; start--) {
      at -= (labels[start]?.length ?? 0) + 1;
      const ending = endingOf(key, start, at);
      if (!this.#uses.has(ending)) return known;
      known = { start, key: ending };
    }
    return known;
  }

  /** −log2 q(ending | past), KT over the known endings. */
  bits(suffix: KnownSuffix): number {
    const known = 1 + (this.#uses?.size ?? 0);
    return Math.log2((this.#totalUses + known / 2) / (this.#usesOf(suffix) + 0.5));
  }

  /** Counts the ending as used and learns the proper endings of `labels`, as many as there is room for. */
  learn(suffix: KnownSuffix, labels: readonly string[], key: string): void {
    this.#lastKnown = null;
    this.#totalUses++;
    if (suffix.key === '') this.#usesOfEmpty++;
    else this.#uses?.set(suffix.key, this.#usesOf(suffix) + 1);
    let at = offsetAfter(labels);
    for (let start = labels.length - 1; start >= 1; start--) {
      at -= (labels[start]?.length ?? 0) + 1;
      if (start >= suffix.start) continue;
      this.#uses ??= new Map();
      if (1 + this.#uses.size >= this.#maxSuffixes) return;
      this.#uses.set(endingOf(key, start, at), 0);
    }
  }

  #usesOf({ key }: KnownSuffix): number {
    return key === '' ? this.#usesOfEmpty : (this.#uses?.get(key) ?? 0);
  }
}

/** The endings of the name looked at last, by the label they start with: three scopes ask for the same strings in a row. */
const endings: (string | undefined)[] = [];
let endingsKey = '';

function endingOf(key: string, start: number, at: number): string {
  if (key !== endingsKey) {
    endings.length = 0;
    endingsKey = key;
  }
  const known = endings[start];
  if (known !== undefined) return known;
  const ending = key.slice(at);
  endings[start] = ending;
  return ending;
}

function offsetAfter(labels: readonly string[]): number {
  let at = 0;
  for (const label of labels) at += label.length + 1;
  return at;
}
