/**
 * One upstream as the group sees it: ask it the question of a permit and get one outcome. Implemented over UDP and over TCP.
 * Order, failover and health are the group's.
 */
import type { SendPermit } from '../pipeline/permit.ts';
import type { ParsedResponse } from '../wire/response-parse.ts';

/**
 * `timeout`: silence. `unreachable`: the network or the peer said no. `malformed`: the answer cannot be used.
 * `overloaded`: no socket or connection free on our side, nothing was sent; it says nothing about the upstream.
 */
export type AttemptFailure = 'timeout' | 'unreachable' | 'malformed' | 'overloaded';

export type Attempt =
  | { readonly kind: 'response'; readonly response: ParsedResponse }
  | { readonly kind: 'failure'; readonly reason: AttemptFailure; readonly detail: string };

export interface Upstream {
  /** Canonical URL, for status and metrics. */
  readonly url: string;
  /** True over UDP: a question may get lost, and asking again brings an answer. */
  readonly losesDatagrams: boolean;
  /** Messages that matched no question asked (wrong ID, source or question) and were ignored. */
  readonly strayMessages: number;
  /**
   * Asks the permit's question; the permit has been redeemed by the caller. Resolves within `timeoutMs`, never rejects.
   * A response has TC=0: truncation has been dealt with.
   */
  ask(permit: SendPermit, timeoutMs: number): Promise<Attempt>;
  /** Fails what is under way and closes every socket. */
  close(): void;
}
