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
import { AdaptiveFlag, type FlagPrior, KRICHEVSKY_TROFIMOV } from './adaptive-flags.ts';
import { ExpiryQueue } from './expiry-queue.ts';
import { benignBits, NameCoder } from './name-coder.ts';
import { LABEL_JOINT, SuffixCoder } from './suffix-coder.ts';
import { TypeCoder, untrainedTypeBits } from './type-coder.ts';

export interface Sent {
  /** The coded labels, leftmost first, as octet strings; empty for the scope's apex. */
  readonly labels: readonly string[];
  readonly qtype: number;
}

/** Names a scope remembers; a new one then pushes out the oldest, which costs as new again. */
const DEFAULT_MAX_NAMES = 4096;
/** Pairs a scope remembers, per name it may remember. */
const MAX_PAIRS_PER_NAME = 4;
/** Measured with Node 24: a pair with its part of a name, without the name's characters (two octets each, because of the joint). */
const PAIR_OCTETS = 350;
/** Of a meter that has learned a first name: its tables and counts. */
const PAST_OCTETS = 2_000;

type Event = 'refresh' | 'new-name' | 'new-type-newest' | 'new-type-other' | 'repeat';
const EVENTS: readonly Event[] = ['refresh', 'new-name', 'new-type-newest', 'new-type-other', 'repeat'];

/**
 * What stub resolvers do, as fixed pseudo-counts per event before: a new name is followed by its further types, and refreshes come in
 * runs. 1,440 refreshes of one name cost about 8 bits, 2 of them for the first.
 */
const PRIORS = {
  isRefresh: EVENTS.map((before) => (before === 'refresh' ? KRICHEVSKY_TROFIMOV : { yes: 0.25, no: 0.75 })),
  isNewName: EVENTS.map(() => KRICHEVSKY_TROFIMOV),
  isNewType: EVENTS.map(() => ({ yes: 0.75, no: 0.25 })),
  isNewest: EVENTS.map(() => ({ yes: 0.9, no: 0.1 })),
} as const satisfies Record<string, readonly FlagPrior[]>;

interface KnownName {
  readonly key: string;
  readonly labels: readonly string[];
  readonly pairs: KnownPair[];
}

interface KnownPair {
  readonly qtype: number;
  readonly sequence: number;
  repeats: number;
  expiresAtMs: number;
  heapIndex: number;
}

/** Where a send falls, found without changing anything. */
interface Place {
  readonly key: string;
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
  knows(labels: readonly string[]): boolean {
    return this.#past?.knows(labels) ?? false;
  }

  /** Whether this very pair was sent in this scope. */
  knowsPair(labels: readonly string[], qtype: number): boolean {
    return this.#past?.knowsPair(labels, qtype) ?? false;
  }

  /** The pairs of the first `limitNames` names that were sent and are remembered, in order of first sending. */
  knownPairs(limitNames: number): readonly Sent[] {
    return this.#past?.knownPairs(limitNames) ?? [];
  }
}

/** Everything the code has learned from what was sent. */
class Past {
  readonly #maxNames: number;
  /** In order of first sending, so that the oldest is the first to be forgotten. */
  readonly #names = new Map<string, KnownName>();
  readonly #expiries = new ExpiryQueue<KnownPair>();
  readonly #labels = new NameCoder();
  readonly #suffixes: SuffixCoder;
  readonly #types = new TypeCoder();
  readonly #isRefresh = new AdaptiveFlag(PRIORS.isRefresh);
  readonly #isNewName = new AdaptiveFlag(PRIORS.isNewName);
  readonly #isNewType = new AdaptiveFlag(PRIORS.isNewType);
  readonly #isNewest = new AdaptiveFlag(PRIORS.isNewest);
  #newest: KnownName | null = null;
  #lastEvent: Event = 'new-name';
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
    return PAST_OCTETS + this.#pairs * PAIR_OCTETS + 2 * this.#keyChars + this.#suffixes.octets + this.#labels.octets;
  }

  price(sent: Sent): number {
    const place = this.#locate(sent);
    return this.#eventBits(place) + this.#detailBits(place, sent);
  }

  learn(sent: Sent): void {
    const place = this.#locate(sent);
    this.#learnEvent(place.event);
    switch (place.event) {
      case 'refresh':
        this.#learnRepeat(place.pair);
        break;
      case 'repeat':
        this.#dropExpected();
        this.#learnRepeat(place.pair);
        break;
      case 'new-type-newest':
      case 'new-type-other':
        this.#learnType(place.name ?? impossible('a new type without a name'), sent.qtype);
        break;
      case 'new-name':
        this.#learnName(place.key, sent);
        break;
    }
    this.#lastEvent = place.event;
  }

  noteExpiry(sent: Sent, expiresAtMs: number): void {
    const pair = this.#locate(sent).pair;
    if (pair !== null) this.#expiries.schedule(pair, expiresAtMs);
  }

  knows(labels: readonly string[]): boolean {
    return this.#names.has(labels.join(LABEL_JOINT));
  }

  knowsPair(labels: readonly string[], qtype: number): boolean {
    return this.#locate({ labels, qtype }).pair !== null;
  }

  knownPairs(limitNames: number): readonly Sent[] {
    const known: { readonly sent: Sent; readonly sequence: number }[] = [];
    let names = 0;
    for (const name of this.#names.values()) {
      if (names++ === limitNames) break;
      for (const { qtype, sequence } of name.pairs) known.push({ sent: { labels: name.labels, qtype }, sequence });
    }
    return known.sort((one, other) => one.sequence - other.sequence).map(({ sent }) => sent);
  }

  #locate(sent: Sent): Place {
    const key = sent.labels.join(LABEL_JOINT);
    const name = this.#names.get(key) ?? null;
    if (name === null) return { key, name, pair: null, event: 'new-name' };
    const pair = name.pairs.find(({ qtype }) => qtype === sent.qtype) ?? null;
    if (pair === null) return { key, name, pair, event: name === this.#newest ? 'new-type-newest' : 'new-type-other' };
    return { key, name, pair, event: pair === this.#expiries.first() ? 'refresh' : 'repeat' };
  }

  #eventBits({ event }: Place): number {
    const context = EVENTS.indexOf(this.#lastEvent);
    const refresh = this.#isRefresh.bits(context, event === 'refresh');
    if (event === 'refresh') return refresh;
    const newName = this.#isNewName.bits(context, event === 'new-name');
    if (event === 'new-name') return refresh + newName;
    const newType = this.#isNewType.bits(context, event !== 'repeat');
    if (event === 'repeat') return refresh + newName + newType;
    return refresh + newName + newType + this.#isNewest.bits(context, event === 'new-type-newest');
  }

  #learnEvent(event: Event): void {
    const context = EVENTS.indexOf(this.#lastEvent);
    this.#isRefresh.learn(context, event === 'refresh');
    if (event === 'refresh') return;
    this.#isNewName.learn(context, event === 'new-name');
    if (event === 'new-name') return;
    this.#isNewType.learn(context, event !== 'repeat');
    if (event === 'repeat') return;
    this.#isNewest.learn(context, event === 'new-type-newest');
  }

  #detailBits({ event, name, pair }: Place, sent: Sent): number {
    switch (event) {
      case 'refresh':
        return 0;
      case 'repeat':
        // KT over all known pairs: what is polled often is cheap, what is repeated for the first time costs about log2 of the pairs.
        return Math.log2((this.#repeats + this.#pairs / 2) / ((pair?.repeats ?? 0) + 0.5));
      case 'new-type-newest':
        return this.#types.furtherBits(typesOf(name), sent.qtype);
      case 'new-type-other':
        return Math.log2(this.#names.size) + this.#types.furtherBits(typesOf(name), sent.qtype);
      case 'new-name': {
        const known = this.#suffixes.longestKnown(sent.labels);
        return this.#suffixes.bits(known) + this.#labels.bits(sent.labels.slice(0, known.start)) + this.#types.firstBits(sent.qtype);
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
    this.#types.learnFurther(typesOf(name), qtype);
    this.#addPair(name, qtype);
    this.#forgetOldest();
  }

  #learnName(key: string, sent: Sent): void {
    const known = this.#suffixes.longestKnown(sent.labels);
    this.#labels.learn(sent.labels.slice(0, known.start));
    this.#suffixes.learn(known, sent.labels);
    this.#types.learnFirst(sent.qtype);
    const name: KnownName = { key, labels: sent.labels, pairs: [] };
    this.#names.set(key, name);
    this.#keyChars += key.length;
    this.#newest = name;
    this.#addPair(name, sent.qtype);
    this.#forgetOldest();
  }

  #addPair(name: KnownName, qtype: number): void {
    name.pairs.push({ qtype, sequence: this.#sequence++, repeats: 0, expiresAtMs: 0, heapIndex: -1 });
    this.#pairs++;
  }

  #forgetOldest(): void {
    for (const name of this.#names.values()) {
      if (this.#names.size <= this.#maxNames && this.#pairs <= this.#maxNames * MAX_PAIRS_PER_NAME) return;
      this.#names.delete(name.key);
      this.#keyChars -= name.key.length;
      if (name === this.#newest) this.#newest = null;
      for (const pair of name.pairs) {
        this.#expiries.remove(pair);
        this.#pairs--;
        this.#repeats -= pair.repeats;
      }
    }
  }
}

function typesOf(name: KnownName | null): number[] {
  return name?.pairs.map(({ qtype }) => qtype) ?? impossible('a further type of no name');
}

function impossible(what: string): never {
  throw new Error(`the leak meter lost track: ${what}`);
}
