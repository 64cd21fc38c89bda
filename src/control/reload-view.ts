/**
 * A reload as the control API tells of it: the JSON of `POST /v1/reload`, which `kennel reload --json` prints. A contract with scripts.
 */

export interface ReloadView {
  /** SHA-256 of the config before and of the one in use now. */
  readonly from: string;
  readonly to: string;
  /** Keys of the config that differ. */
  readonly changed: readonly string[];
  readonly warnings: readonly string[];
}

export type ReloadResult =
  | ({ readonly kind: 'reloaded' } & ReloadView)
  /** Nothing has changed. */
  | { readonly kind: 'failed'; readonly messages: readonly string[] };
