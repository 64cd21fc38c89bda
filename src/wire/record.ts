/**
 * Resource records as Kennel keeps them: owner in canonical form, RDATA uncompressed.
 * Reading them from a response is `response-parse.ts`, writing them `response.ts`.
 */
import type { QName } from './name.ts';

export interface ResourceRecord {
  readonly owner: QName;
  readonly type: number;
  readonly class: number;
  readonly ttlSeconds: number;
  /** RDATA with every compressed name expanded, so that it can be copied into any message. */
  readonly rdata: Uint8Array;
}
