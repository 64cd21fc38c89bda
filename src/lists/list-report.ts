/** What became of a list's lines: how many entries, and what had no effect and where. Bounded, whatever the list holds. */
import type { ListFormat } from '../config/config.ts';
import type { ListKind, NotApplied } from './list-rule.ts';

export type KnownFormat = Exclude<ListFormat, 'auto'>;

/** How many there are, and the lines of the first few. */
export interface Tally {
  readonly count: number;
  readonly firstLines: readonly number[];
}

export interface ListReport {
  readonly kind: ListKind;
  /** The format it was read as. */
  readonly format: KnownFormat;
  /** Why that format, in words: what the config said, or what was found in the list. */
  readonly chosenBy: string;
  /** SHA-256 of the octets that were read, in hexadecimal. */
  readonly sourceSha256: string;
  readonly sourceOctets: number;
  /** Rules that are in force, exceptions among them. */
  readonly entries: number;
  readonly exceptions: number;
  /** Rules marked `$important`, exceptions among them. */
  readonly important: number;
  /** Rules with a condition (`$dnstype`, `$denyallow`). */
  readonly conditional: number;
  /** Rules that stood in the list before. */
  readonly duplicates: number;
  /** Rules that a `$badfilter` of the same list took away. */
  readonly voided: number;
  /** Entries that cover a whole top-level domain: legitimate in a block list, and worth a look. */
  readonly topLevels: Tally;
  /** Lines without effect by reason, in the order in which the reasons were first met. */
  readonly notApplied: readonly (Tally & { readonly why: NotApplied })[];
}

/** Lines that a tally names. */
const FIRST_LINES = 5;

/** Counts lines and keeps the numbers of the first. */
export class LineTally {
  #count = 0;
  readonly #firstLines: number[] = [];

  add(line: number): void {
    this.#count += 1;
    if (this.#firstLines.length < FIRST_LINES) this.#firstLines.push(line);
  }

  get tally(): Tally {
    return { count: this.#count, firstLines: [...this.#firstLines] };
  }
}
