/**
 * The control port's part about list subscriptions; `assembly/lists-port.ts` implements it. Times are wall-clock milliseconds.
 */

/** A list as it stands. */
export interface ListSummary {
  readonly name: string;
  readonly kind: 'allow' | 'block';
  readonly source: 'url' | 'file';
  /** `current`; `failing`: in force while its source fails; `absent`: never had, so it blocks or allows nothing. */
  readonly state: 'current' | 'failing' | 'absent';
  readonly format: string | null;
  /** Rules in force. */
  readonly entries: number;
  /** Lines without effect. */
  readonly ignored: number;
  /** When this content came. */
  readonly fetchedAtMs: number | null;
  /** When the source last had this content. */
  readonly checkedAtMs: number | null;
  readonly error: string | null;
}

export type UpdateListsResult =
  /** `underWay`: lists that take longer than a caller waits; they go on. */
  | { readonly kind: 'updated'; readonly lists: readonly ListSummary[]; readonly underWay: readonly string[] }
  | { readonly kind: 'not-found'; readonly name: string };

export interface ListsPort {
  lists(): readonly ListSummary[];
  /** Looks at the sources of these lists (null: all) now. `force`: takes also what differs suspiciously from what is in force. */
  updateLists(names: readonly string[] | null, force: boolean): Promise<UpdateListsResult>;
}
