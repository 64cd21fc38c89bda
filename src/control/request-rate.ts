/**
 * A token bucket per peer address for the control API, bounded in number. Calls with and without the token are counted apart,
 * so that a flood of wrong tokens never shuts out the operator behind the same address. Not the rate limit for queries.
 */

interface Bucket {
  tokens: number;
  atMs: number;
}

const MAX_PEERS = 1_000;

export class RequestRate {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** Takes one call of `peer` at `nowMs` (monotonic); false when it has used up its share. */
  take(peer: string, nowMs: number): boolean {
    const known = this.#buckets.get(peer);
    const bucket = known ?? { tokens: this.#burst, atMs: nowMs };
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((nowMs - bucket.atMs) / 1_000) * this.#perSecond);
    bucket.atMs = nowMs;
    // In order of use, so that the one forgotten is the one that has been silent longest.
    this.#buckets.delete(peer);
    this.#buckets.set(peer, bucket);
    if (this.#buckets.size > MAX_PEERS) {
      const oldest = this.#buckets.keys().next();
      if (!oldest.done) this.#buckets.delete(oldest.value);
    }
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
