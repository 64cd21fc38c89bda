/**
 * How much can have left in names and types within one scope, in bits: the code length of everything sent there, in order.
 * Owns the code; scopes, leases, budgets and the moment of charging are the caller's work. Theorem and proof: `scoring/README.md`.
 *
 * A send is coded as one of five events. In this order, each by an adaptive yes/no in the context of the event before:
 *   refresh    the known pair (name, type) whose answer expired first
 *   new-name   a suffix that was sent before, the labels in front of it, and a type
 *   new-type   a further type of the newest name, or of another known name
 *   repeat     any other known pair, by how often each was repeated
 * Every step is a distribution over what can follow, and depends on nothing but what was sent in this scope and on when its answers
 * expire, so the code lengths satisfy Kraft's inequality: at most 2^B sequences cost B bits or less.
 */
import { flagBits, flags, KRICHEVSKY_TROFIMOV, learnFlag } from './adaptive-flags.ts';
import { CountTable } from './count-table.ts';
import { ExpiryQueue } from './expiry-queue.ts';
import { benignBits, learnName, nameBits } from './name-coder.ts';
import { LABEL_JOINT, SuffixCoder } from './suffix-coder.ts';
import { firstTypeBits, furtherTypeBits, learnFirstType, learnFurtherType, untrainedTypeBits } from './type-coder.ts';

export interface Sent {
  /** The coded labels, leftmost first, as octet strings; empty for the scope's apex. */
  readonly labels: readonly string[];
  readonly qtype: number;
  /**
   * What tells the name from all others of the scope, where the caller has it: the whole name in wire form. Otherwise it is made of the
   * labels. One or the other for all names of a scope.
   */
  readonly key?: string;
}

/** A name, by its key, and a type that were sent. */
export interface SentPair {
  readonly key: string;
  readonly qtype: number;
}

/** Names a scope remembers; a new one then pushes out the oldest, which costs as new again. */
const DEFAULT_MAX_NAMES = 4096;
/** Pairs a scope remembers, per name it may remember. */
const MAX_PAIRS_PER_NAME = 4;
/** Measured with Node 24 (`test/bench/meters.bench.ts`): a pair, a name without its characters, and a meter that has learned one. */
const PAIR_OCTETS = 110;
const NAME_OCTETS = 120;
const PAST_OCTETS = 700;

/** What a send can be; the event before is the context of the flags. */
const REFRESH = 0;
const NEW_NAME = 1;
const NEW_TYPE_NEWEST = 2;
const NEW_TYPE_OTHER = 3;
const REPEAT = 4;
type Event = typeof REFRESH | typeof NEW_NAME | typeof NEW_TYPE_NEWEST | typeof NEW_TYPE_OTHER | typeof REPEAT;
const EVENTS: readonly Event[] = [REFRESH, NEW_NAME, NEW_TYPE_NEWEST, NEW_TYPE_OTHER, REPEAT];

/**
 * What stub resolvers do, as fixed pseudo-counts per event before: a new name is followed by its further types, and refreshes come in
 * runs. 1,440 refreshes of one name cost about 8 bits, 2 of them for the first.
 */
const FLAGS = flags({
  isRefresh: EVENTS.map((before) => (before === REFRESH ? KRICHEVSKY_TROFIMOV : { yes: 0.25, no: 0.75 })),
  isNewName: EVENTS.map(() => KRICHEVSKY_TROFIMOV),
  isNewType: EVENTS.map(() => ({ yes: 0.75, no: 0.25 })),
  isNewest: EVENTS.map(() => ({ yes: 0.9, no: 0.1 })),
});

interface KnownName {
  readonly key: string;
  /** Its pairs in order of first sending, linked by `next`. */
  readonly first: KnownPair;
}

interface KnownPair {
  readonly qtype: number;
  readonly sequence: number;
  repeats: number;
  expiresAtMs: number;
  heapIndex: number;
  next: KnownPair | null;
}

/** Where a send falls, found without changing anything. */
interface Place {
  readonly name: KnownName | null;
  readonly pair: KnownPair | null;
  readonly event: Event;
}

export class LeakMeter {
  readonly #maxNames: number;
  #spentBits = 0;
  /** Made by the first charge: most meters of most sessions see a handful of names or none. */
  #past: Past | null = null;

  constructor(options: { readonly maxNames?: number } = {}) {
    this.#maxNames = options.maxNames ?? DEFAULT_MAX_NAMES;
  }

  /** Bits of everything charged so far. */
  get spentBits(): number {
    return this.#spentBits;
  }

  /** Estimated heap octets of what is remembered: names and endings as they are, and the counts of their symbols. */
  get octets(): number {
    return this.#past?.octets ?? 0;
  }

  /** Bits this send would cost now. Changes nothing. */
  price(sent: Sent): number {
    return this.#past === null ? benignBits(sent.labels) + untrainedTypeBits(sent.qtype) : this.#past.price(sent);
  }

  /** Learns a send; returns the bits it cost. `bits` is what `price` said just before, for a caller who has asked already. */
  charge(sent: Sent, bits: number = this.price(sent)): number {
    this.#past ??= new Past(this.#maxNames);
    this.#past.learn(sent);
    this.#spentBits += bits;
    return bits;
  }

  /** Tells when the answer of a sent pair expires, so that its refresh is predicted. A pair not known is ignored. */
  noteExpiry(sent: Sent, expiresAtMs: number): void {
    this.#past?.noteExpiry(sent, expiresAtMs);
  }

  /** Whether a name with these labels was sent in this scope, with any type. */
  knows(labels: readonly string[], key: string = joined(labels)): boolean {
    return this.#past?.knows(key) ?? false;
  }

  /** Whether this very pair was sent in this scope. */
  knowsPair(labels: readonly string[], qtype: number, key: string = joined(labels)): boolean {
    return this.#past?.knowsPair(key, qtype) ?? false;
  }

  /** The pairs of the first `limitNames` names that were sent and are remembered, in order of first sending. */
  knownPairs(limitNames: number): readonly SentPair[] {
    return this.#past?.knownPairs(limitNames) ?? [];
  }
}

/** Everything the code has learned from what was sent. */
class Past {
  readonly #maxNames: number;
  /** In order of first sending, so that the oldest is the first to be forgotten. */
  readonly #names = new Map<string, KnownName>();
  readonly #expiries = new ExpiryQueue<KnownPair>();
  readonly #counts = new CountTable();
  readonly #suffixes: SuffixCoder;
  /** What was looked for last: a price is followed by its charge. */
  #foundKey: string | null = null;
  #found: KnownName | null = null;
  #newest: KnownName | null = null;
  #lastEvent: Event = NEW_NAME;
  #pairs = 0;
  /** Of all names. */
  #keyChars = 0;
  #repeats = 0;
  #sequence = 0;

  constructor(maxNames: number) {
    this.#maxNames = maxNames;
    this.#suffixes = new SuffixCoder(maxNames);
  }

  get octets(): number {
    const known = this.#pairs * PAIR_OCTETS + this.#names.size * NAME_OCTETS + this.#keyChars;
    return PAST_OCTETS + known + this.#suffixes.octets + this.#counts.octets;
  }

  price(sent: Sent): number {
    const key = sent.key ?? joined(sent.labels);
    const place = this.#locate(key, sent.qtype);
    return this.#eventBits(place.event) + this.#detailBits(place, sent, key);
  }

  learn(sent: Sent): void {
    const key = sent.key ?? joined(sent.labels);
    const { event, name, pair } = this.#locate(key, sent.qtype);
    this.#learnEvent(event);
    switch (event) {
      case REFRESH:
        this.#learnRepeat(pair);
        break;
      case REPEAT:
        this.#dropExpected();
        this.#learnRepeat(pair);
        break;
      case NEW_TYPE_NEWEST:
      case NEW_TYPE_OTHER:
        this.#learnType(name ?? impossible('a new type without a name'), sent.qtype);
        break;
      case NEW_NAME:
        this.#learnName(key, sent);
        break;
    }
    this.#lastEvent = event;
  }

  noteExpiry(sent: Sent, expiresAtMs: number): void {
    const { pair } = this.#locate(sent.key ?? joined(sent.labels), sent.qtype);
    if (pair !== null) this.#expiries.schedule(pair, expiresAtMs);
  }

  knows(key: string): boolean {
    return this.#names.has(key);
  }

  knowsPair(key: string, qtype: number): boolean {
    return this.#locate(key, qtype).pair !== null;
  }

  knownPairs(limitNames: number): readonly SentPair[] {
    const known: { readonly sent: SentPair; readonly sequence: number }[] = [];
    let names = 0;
    for (const name of this.#names.values()) {
      if (names++ === limitNames) break;
      for (const { qtype, sequence } of pairsOf(name)) known.push({ sent: { key: name.key, qtype }, sequence });
    }
    return known.sort((one, other) => one.sequence - other.sequence).map(({ sent }) => sent);
  }

  #locate(key: string, qtype: number): Place {
    const name = this.#find(key);
    if (name === null) return NOWHERE;
    let pair: KnownPair | null = name.first;
    while (pair !== null && pair.qtype !== qtype) pair = pair.next;
    if (pair === null) return { name, pair, event: name === this.#newest ? NEW_TYPE_NEWEST : NEW_TYPE_OTHER };
    return { name, pair, event: pair === this.#expiries.first() ? REFRESH : REPEAT };
  }

  #find(key: string): KnownName | null {
    if (this.#foundKey === key) return this.#found;
    this.#foundKey = key;
    this.#found = this.#names.get(key) ?? null;
    return this.#found;
  }

  #eventBits(event: Event): number {
    const counts = this.#counts;
    const before = this.#lastEvent;
    const refresh = flagBits(counts, FLAGS.isRefresh, before, event === REFRESH);
    if (event === REFRESH) return refresh;
    const newName = flagBits(counts, FLAGS.isNewName, before, event === NEW_NAME);
    if (event === NEW_NAME) return refresh + newName;
    const newType = flagBits(counts, FLAGS.isNewType, before, event !== REPEAT);
    if (event === REPEAT) return refresh + newName + newType;
    return refresh + newName + newType + flagBits(counts, FLAGS.isNewest, before, event === NEW_TYPE_NEWEST);
  }

  #learnEvent(event: Event): void {
    const counts = this.#counts;
    const before = this.#lastEvent;
    learnFlag(counts, FLAGS.isRefresh, before, event === REFRESH);
    if (event === REFRESH) return;
    learnFlag(counts, FLAGS.isNewName, before, event === NEW_NAME);
    if (event === NEW_NAME) return;
    learnFlag(counts, FLAGS.isNewType, before, event !== REPEAT);
    if (event === REPEAT) return;
    learnFlag(counts, FLAGS.isNewest, before, event === NEW_TYPE_NEWEST);
  }

  #detailBits({ event, name, pair }: Place, sent: Sent, key: string): number {
    switch (event) {
      case REFRESH:
        return 0;
      case REPEAT:
        // KT over all known pairs: what is polled often is cheap, what is repeated for the first time costs about log2 of the pairs.
        return Math.log2((this.#repeats + this.#pairs / 2) / ((pair?.repeats ?? 0) + 0.5));
      case NEW_TYPE_NEWEST:
        return furtherTypeBits(this.#counts, typesOf(name), sent.qtype);
      case NEW_TYPE_OTHER:
        return Math.log2(this.#names.size) + furtherTypeBits(this.#counts, typesOf(name), sent.qtype);
      case NEW_NAME: {
        const known = this.#suffixes.longestKnown(sent.labels, key);
        return this.#suffixes.bits(known) + nameBits(this.#counts, sent.labels, known.start) + firstTypeBits(this.#counts, sent.qtype);
      }
    }
  }

  /** The pair that was expected is late or gone: it must not stand in the way of all others for ever. */
  #dropExpected(): void {
    const expected = this.#expiries.first();
    if (expected !== null) this.#expiries.remove(expected);
  }

  #learnRepeat(pair: KnownPair | null): void {
    if (pair === null) impossible('a repeat of no pair');
    pair.repeats++;
    this.#repeats++;
    // In flight: nothing to predict until its new answer's expiry is noted.
    this.#expiries.remove(pair);
  }

  #learnType(name: KnownName, qtype: number): void {
    learnFurtherType(this.#counts, typesOf(name), qtype);
    let last = name.first;
    while (last.next !== null) last = last.next;
    last.next = this.#newPair(qtype);
    this.#forgetOldest();
  }

  #learnName(key: string, { labels, qtype }: Sent): void {
    const known = this.#suffixes.longestKnown(labels, key);
    learnName(this.#counts, labels, known.start);
    this.#suffixes.learn(known, labels, key);
    learnFirstType(this.#counts, qtype);
    const name: KnownName = { key, first: this.#newPair(qtype) };
    this.#names.set(key, name);
    this.#found = name;
    this.#keyChars += key.length;
    this.#newest = name;
    this.#forgetOldest();
  }

  #newPair(qtype: number): KnownPair {
    this.#pairs++;
    return { qtype, sequence: this.#sequence++, repeats: 0, expiresAtMs: 0, heapIndex: -1, next: null };
  }

  #forgetOldest(): void {
    if (this.#isWithinBounds()) return;
    this.#foundKey = null;
    for (const name of this.#names.values()) {
      this.#names.delete(name.key);
      this.#keyChars -= name.key.length;
      if (name === this.#newest) this.#newest = null;
      for (const pair of pairsOf(name)) {
        this.#expiries.remove(pair);
        this.#pairs--;
        this.#repeats -= pair.repeats;
      }
      if (this.#isWithinBounds()) return;
    }
  }

  #isWithinBounds(): boolean {
    return this.#names.size <= this.#maxNames && this.#pairs <= this.#maxNames * MAX_PAIRS_PER_NAME;
  }
}

const NOWHERE: Place = { name: null, pair: null, event: NEW_NAME };

function joined(labels: readonly string[]): string {
  return labels.join(LABEL_JOINT);
}

function pairsOf(name: KnownName): KnownPair[] {
  const pairs: KnownPair[] = [];
  for (let pair: KnownPair | null = name.first; pair !== null; pair = pair.next) pairs.push(pair);
  return pairs;
}

function typesOf(name: KnownName | null): number[] {
  return name === null ? impossible('a further type of no name') : pairsOf(name).map(({ qtype }) => qtype);
}

function impossible(what: string): never {
  throw new Error(`the leak meter lost track: ${what}`);
}
