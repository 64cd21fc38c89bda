/**
 * Lists of names from elsewhere (subscriptions), as policies ask them. Implemented in `lists/`; the entries of the config itself are
 * compiled in `policy.ts` and come first.
 */
import type { QName } from '../wire/name.ts';
import type { ListEntry } from './policy.ts';

export interface NameLists {
  /**
   * The entry of the allow lists, or of the block lists, that covers the name for this RR type; `lists`: only those (null: all). What
   * a block list excepts (`@@`, `rpz-passthru`) is no match of that list and vouches for nothing.
   */
  match(kind: 'allow' | 'block', qname: QName, qtype: number, lists: ReadonlySet<string> | null): ListEntry | null;
  /** Whether `match` may say something else about this name for another type, whichever lists are asked. */
  dependsOnType(qname: QName): boolean;
}

/** No subscriptions. */
export const NO_LISTS: NameLists = { match: () => null, dependsOnType: () => false };
