/**
 * How much is answered to addresses that may be forged, by network: whoever forges them must not get Kennel to flood a victim. Owns
 * the rates and their table; who counts as forgeable is `source-proof.ts`. No config turns it off: it protects others.
 *
 * The table has a fixed size and no eviction, so nothing can be pushed out of it to be forgiven: networks that share a place share
 * its rate. The place is a keyed hash, so nobody can aim at somebody else's.
 */
import { addressOctets } from '../policy/address-set.ts';
import { type SipKey, sipHash } from '../wire/siphash.ts';

/** Of the table; 16 octets each. With 1,000 networks asking at once about 6 in 100 share a place. */
const PLACES = 16_384;

/** What one customer or site is given: the aggregates that response rate limiting uses in BIND and NSD as well. */
const NETWORK_OCTETS = { ipv4: 3, ipv6: 7 } as const;

/**
 * Answers per second to one network; NSD's default. At 512 octets each that is 0.8 Mbit/s at most: too little to be worth anything
 * against a victim, and enough for the stubs of a site that come back over TCP or with a cookie.
 */
const UNVERIFIED_PER_SECOND = 200;
const UNVERIFIED_BURST = 200;

/** REFUSED to one network outside `clients.allow`: enough for a person who wonders why. */
const STRANGERS_PER_SECOND = 5;
const STRANGERS_BURST = 20;

/** Above the rate at least every second query stays unanswered, whatever `limits.slip` says. */
const LEAST_SLIP = 2;

/** `full`: with the records that fit. `bare`: TC=1 alone, no larger than the query but for its cookie. */
export type UnverifiedShare = 'full' | 'bare' | 'silence';

export class SourceRates {
  readonly #unverified: NetworkRate;
  readonly #strangers: NetworkRate;
  readonly #overLimit = new Uint32Array(PLACES);
  readonly #key: SipKey;

  constructor(key: SipKey) {
    this.#key = key;
    this.#unverified = new NetworkRate(UNVERIFIED_PER_SECOND, UNVERIFIED_BURST);
    this.#strangers = new NetworkRate(STRANGERS_PER_SECOND, STRANGERS_BURST);
  }

  /** Whether a client outside `clients.allow` is told so. `nowMs` is monotonic. */
  answersStranger(address: string, nowMs: number): boolean {
    return this.#strangers.take(this.#placeOf(address), nowMs);
  }

  /**
   * What an unverified UDP source gets now. Above the rate some still get TC=1, so that real clients in a network that somebody forges
   * find their way over TCP.
   */
  shareOfUnverified(address: string, slip: number, nowMs: number): UnverifiedShare {
    const place = this.#placeOf(address);
    if (this.#unverified.take(place, nowMs)) return 'full';
    if (slip === 0) return 'silence';
    const count = (this.#overLimit[place] ?? 0) + 1;
    this.#overLimit[place] = count;
    return count % Math.max(slip, LEAST_SLIP) === 0 ? 'bare' : 'silence';
  }

  /** Throws on text that is no address: sources come from the kernel. */
  #placeOf(address: string): number {
    const octets = addressOctets(address);
    if (octets === null) throw new Error('a source without an address');
    const network = octets.subarray(0, octets.length === 4 ? NETWORK_OCTETS.ipv4 : NETWORK_OCTETS.ipv6);
    const [low = 0, high = 0] = sipHash(this.#key, network);
    return ((high << 8) | low) % PLACES;
  }
}

/** A rate per place: each holds the time at which its next query would be due if all came evenly (GCRA, ITU-T I.371). */
class NetworkRate {
  readonly #dueMs = new Float64Array(PLACES);
  readonly #intervalMs: number;
  readonly #toleranceMs: number;

  constructor(perSecond: number, burst: number) {
    this.#intervalMs = 1000 / perSecond;
    this.#toleranceMs = burst * this.#intervalMs;
  }

  take(place: number, nowMs: number): boolean {
    const dueMs = Math.max(this.#dueMs[place] ?? 0, nowMs) + this.#intervalMs;
    if (dueMs - nowMs > this.#toleranceMs) return false;
    this.#dueMs[place] = dueMs;
    return true;
  }
}
