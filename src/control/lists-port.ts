/**
 * What the control API tells and does about list subscriptions, and the JSON of it. Part of the control port.
 */

/** A list as it stands. Times are wall-clock milliseconds. */
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

export type ListView = Omit<ListSummary, 'fetchedAtMs' | 'checkedAtMs'> & {
  readonly fetchedAt: string | null;
  readonly checkedAt: string | null;
};
export interface ListsView {
  readonly lists: readonly ListView[];
}
export type ListsUpdateView = ListsView & { readonly underWay: readonly string[] };

export function listView({ fetchedAtMs, checkedAtMs, ...list }: ListSummary): ListView {
  return { ...list, fetchedAt: isoTime(fetchedAtMs), checkedAt: isoTime(checkedAtMs) };
}

function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

export interface UpdateWish {
  readonly names: readonly string[] | null;
  readonly force: boolean;
}

const MAX_NAMES = 1_000;

/** The body of an update: `{"names": […], "force": true}`, both optional; or what is wrong with it. */
export function readUpdateWish(body: unknown): UpdateWish | string {
  const { names = null, force = false } = fieldsOf(body);
  if (typeof force !== 'boolean') return 'force: true or false';
  if (names === null) return { names: null, force };
  if (!Array.isArray(names) || names.length === 0 || names.length > MAX_NAMES)
    return `names: 1 to ${MAX_NAMES} names of lists, or none for all`;
  const texts: unknown[] = names;
  return texts.every((name) => typeof name === 'string') ? { names: texts, force } : 'names: texts';
}

function fieldsOf(body: unknown): { readonly names?: unknown; readonly force?: unknown } {
  return typeof body === 'object' && body !== null ? body : {};
}
