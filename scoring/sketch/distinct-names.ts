/**
 * The distinct names below one parent: how many there are, and of a uniform sample of at most 64 of them what became of each.
 * The sample holds the names with the smallest keyed hashes (bottom-k: Cohen and Kaplan 2007), so it is all names while there are
 * few, nobody who does not know the key can choose what gets into it, and what is noted of its members is exact: a name that is in
 * it now has been in it since it was first asked. The number is exact to 64 names, then a HyperLogLog that starts from the sample.
 */
import { HyperLogLog } from './hyperloglog.ts';
import type { Hash64 } from './keyed-hash.ts';

/** Names that are counted exactly, up to collisions of 53 bits of hash. */
export const SAMPLE_SIZE = 64;

/** Asked again this much later, a name counts as used again. Stub resolvers repeat a query after 5 s, at most twice. */
export const REPEATED_AFTER_MS = 30_000;

/** A name that was not repeated for so long counts as asked once. Before, it has not had the time, and counts as neither. */
export const ASKED_ONCE_AFTER_MS = 600_000;

/** In place of the time of the first query. */
const REPEATED = Number.NEGATIVE_INFINITY;

const UNANSWERED = 0;
const ANSWERED = 1;
const NXDOMAIN = 2;

export class DistinctNames {
  /** Ascending. The two arrays beside it go with it. */
  #hashes: number[] = [];
  /** When the name was first asked, monotonic milliseconds; `REPEATED` once it was asked again. */
  #firstAskedMs: number[] = [];
  #answers: number[] = [];
  #repeated = 0;
  /** Names asked once, as counted last, and when another may become one. */
  #askedOnce = 0;
  #recountAtMs = Number.POSITIVE_INFINITY;
  #answered = 0;
  #nxdomain = 0;
  #count = 0;
  #sketch: HyperLogLog | null = null;

  /** Distinct names added so far. Never falls. */
  get count(): number {
    return this.#count;
  }

  /** Names of the sample that were answered, and how many of them don't exist. */
  get answered(): number {
    return this.#answered;
  }

  get nxdomain(): number {
    return this.#nxdomain;
  }

  /** Where a name stands in the sample, negative if it does not: what the next three take. */
  find(hash: Hash64): number {
    return this.#find(identity(hash));
  }

  /** What `count` would be after `add(hash)`. Changes nothing; beyond the exact range a new name counts as one more. */
  countWith(hash: Hash64, place: number): number {
    const known = place >= 0 || (this.#sketch?.covers(hash) ?? false);
    return known ? this.#count : this.#count + 1;
  }

  /** Names of the sample that would have been repeated after the name at `place` is added at `atMs`. Changes nothing. */
  repeatedWith(place: number, atMs: number): number {
    return this.#repeated + (place >= 0 && this.#isRepeat(place, atMs) ? 1 : 0);
  }

  /** Names of the sample that would have been asked once after the same. Changes nothing but when it counts next. */
  askedOnceWith(place: number, atMs: number): number {
    if (atMs >= this.#recountAtMs) this.#countAskedOnce(atMs);
    // What is old enough to count as asked once is old enough to be repeated.
    return this.#askedOnce - (place >= 0 && this.#isAskedOnce(place, atMs) ? 1 : 0);
  }

  /** Adds a name asked at `atMs`. True when `count` grew. */
  add(hash: Hash64, atMs: number): boolean {
    const item = identity(hash);
    const at = this.#find(item);
    if (at >= 0) {
      if (this.#isRepeat(at, atMs)) this.#markRepeated(at);
      return false;
    }
    if (this.#hashes.length < SAMPLE_SIZE) {
      this.#insert(~at, item, atMs);
      this.#count += 1;
      return true;
    }
    this.#sketch ??= sketchOf(this.#hashes);
    // Smaller than the largest of a full sample and not in it: never asked before, because that largest only falls.
    if (~at < SAMPLE_SIZE) {
      this.#dropLast();
      this.#insert(~at, item, atMs);
    }
    return this.#addToSketch(this.#sketch, hash);
  }

  /** Notes that a name was answered. Names outside the sample are passed over; one that did not exist once stays noted as such. */
  noteAnswer(hash: Hash64, isNxdomain: boolean): void {
    const at = this.#find(identity(hash));
    const before = this.#answers[at];
    if (before === undefined || before === NXDOMAIN) return;
    if (before === UNANSWERED) this.#answered += 1;
    if (isNxdomain) this.#nxdomain += 1;
    this.#answers[at] = isNxdomain ? NXDOMAIN : ANSWERED;
  }

  /** Where the hash stands, or −1 − (where it would stand). */
  #find(item: number): number {
    const hashes = this.#hashes;
    let from = 0;
    let to = hashes.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const there = hashes[middle] ?? 0;
      if (there === item) return middle;
      if (there < item) from = middle + 1;
      else to = middle;
    }
    return ~from;
  }

  #isRepeat(at: number, atMs: number): boolean {
    const firstMs = this.#firstAskedMs[at] ?? REPEATED;
    return firstMs !== REPEATED && atMs - firstMs >= REPEATED_AFTER_MS;
  }

  #isAskedOnce(at: number, atMs: number): boolean {
    const firstMs = this.#firstAskedMs[at] ?? REPEATED;
    return firstMs !== REPEATED && atMs - firstMs >= ASKED_ONCE_AFTER_MS;
  }

  #countAskedOnce(atMs: number): void {
    let askedOnce = 0;
    let eldestMs = Number.POSITIVE_INFINITY;
    for (const firstMs of this.#firstAskedMs) {
      if (firstMs === REPEATED) continue;
      if (atMs - firstMs >= ASKED_ONCE_AFTER_MS) askedOnce += 1;
      else eldestMs = Math.min(eldestMs, firstMs);
    }
    this.#askedOnce = askedOnce;
    this.#recountAtMs = eldestMs + ASKED_ONCE_AFTER_MS;
  }

  #markRepeated(at: number): void {
    this.#firstAskedMs[at] = REPEATED;
    this.#repeated += 1;
    this.#recountAtMs = Number.NEGATIVE_INFINITY;
  }

  #insert(at: number, item: number, atMs: number): void {
    if (this.#hashes.length === 0) {
      // Most parents never get a second name: room for one instead of for 17.
      this.#hashes = [item];
      this.#firstAskedMs = [atMs];
      this.#answers = [UNANSWERED];
    } else {
      this.#hashes.splice(at, 0, item);
      this.#firstAskedMs.splice(at, 0, atMs);
      this.#answers.splice(at, 0, UNANSWERED);
    }
    this.#recountAtMs = Math.min(this.#recountAtMs, atMs + ASKED_ONCE_AFTER_MS);
  }

  #dropLast(): void {
    this.#hashes.pop();
    if (this.#firstAskedMs.pop() === REPEATED) this.#repeated -= 1;
    this.#recountAtMs = Number.NEGATIVE_INFINITY;
    const answer = this.#answers.pop();
    if (answer !== UNANSWERED) this.#answered -= 1;
    if (answer === NXDOMAIN) this.#nxdomain -= 1;
  }

  #addToSketch(sketch: HyperLogLog, hash: Hash64): boolean {
    if (sketch.covers(hash)) return false;
    sketch.add(hash);
    const before = this.#count;
    this.#count = Math.max(before, Math.round(sketch.estimate()));
    return this.#count > before;
  }
}

function sketchOf(items: readonly number[]): HyperLogLog {
  const sketch = new HyperLogLog();
  for (const item of items) sketch.add({ low: item % 2 ** 32, high: (Math.floor(item / 2 ** 32) << (32 - HIGH_BITS)) >>> 0 });
  return sketch;
}

/** Bits of the high word kept in a number that is still exact. */
const HIGH_BITS = 21;

function identity(hash: Hash64): number {
  return (hash.high >>> (32 - HIGH_BITS)) * 2 ** 32 + hash.low;
}
