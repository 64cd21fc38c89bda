/**
 * Gathers rules into the arrays of a compiled list: takes out duplicates, voids rules, fills the hash table.
 * Owns the bounds on what a list may hold; reading lines is the readers', looking up is `compiled-list.ts`.
 */
import { labelCount, MAX_NAME_OCTETS, type QName } from '../wire/name.ts';
import { CompiledList, FLAG, isBase, MAX_ENTRIES, REACHES, RECORD, tagOf } from './compiled-list.ts';
import type { NameHasher } from './list-hash.ts';
import type { ListReport } from './list-report.ts';
import type { ListRule, NotApplied, Reach, RuleCondition } from './list-rule.ts';

/** Rules with one base stand behind each other in the table, so a list must not have any number of them: twelve without conditions. */
const MAX_CONDITIONAL_PER_BASE = 16;
const MAX_CONDITIONAL = 65_536;
/** Names in `$denyallow` and types in `$dnstype` of one rule. */
const MAX_CONDITION_PARTS = 256;
/** Over all rules: a copy is read back in one go, 2 million of these in a second. AdGuard's largest lists have some hundreds. */
const MAX_ALL_CONDITION_PARTS = 262_144;
const MAX_VOIDED = 65_536;

/** What became of a rule. */
export type Added = 'added' | 'duplicate' | Extract<NotApplied, 'too-many-conditions' | 'too-many-entries'>;

/** What the builder knows for the report. */
export type BuilderCounts = Pick<ListReport, 'entries' | 'exceptions' | 'important' | 'conditional' | 'voided'>;

/** Places of records are kept in 32 bits. */
const MAX_RECORD_OCTETS = 2 ** 32 - 512;

/** More than one record takes. */
const RECORD_ROOM = RECORD.BASE + MAX_NAME_OCTETS;

export class CompiledBuilder {
  readonly #hasher: NameHasher;
  #count = 0;
  /** Octets of `#records` in use. */
  #end = 0;
  #records = new Uint8Array(64 * 1024);
  /** In the order of the records, until the table has its final size. */
  #hashes = new Int32Array(1024);
  #tags = new Uint8Array(2048);
  #slots = new Uint32Array(2048);
  readonly #conditions = new Map<number, RuleCondition>();
  #conditionParts = 0;
  readonly #depths = new Set<number>();
  readonly #voided: ListRule[] = [];

  constructor(hasher: NameHasher) {
    this.#hasher = hasher;
  }

  /** `rule.base` is never the root, which has no hash. */
  add(rule: ListRule, line: number): Added {
    const { base, condition } = rule;
    if (condition !== null && !this.#mayKeep(condition)) return 'too-many-conditions';
    const hash = this.#hashOf(base);
    const place = this.#place(rule, hash);
    if (typeof place === 'string') return place;
    if (this.#count >= MAX_ENTRIES || this.#end > MAX_RECORD_OCTETS) return 'too-many-entries';
    const entry = this.#put(place, base, hash, flagsOf(rule), line);
    if (condition !== null) this.#keepCondition(entry, condition);
    if (rule.reach !== 'exact') this.#depths.add(labelCount(base));
    return 'added';
  }

  /** Notes that a response policy zone has a record here; only where no rule of this reach says so already, that takes an entry. */
  addNode(base: QName, reach: Reach): void {
    this.#depths.add(labelCount(base));
    const hash = this.#hashOf(base);
    const bits = REACHES.indexOf(reach);
    const place = this.#freePlace(base, hash, bits);
    const isFull = this.#count >= MAX_ENTRIES || this.#end > MAX_RECORD_OCTETS;
    if (place !== null && !isFull) this.#put(place, base, hash, bits | FLAG.VOIDED, 0);
  }

  /** The rule is void, wherever it stands; takes effect when the list is finished. False when there are too many of these. */
  void(rule: ListRule): boolean {
    if (this.#voided.length >= MAX_VOIDED) return false;
    this.#voided.push(rule);
    return true;
  }

  /** The list. `reportOf` completes what the builder has counted. Nothing may be added after this. */
  finish(reportOf: (counts: BuilderCounts) => ListReport): CompiledList {
    const voided = this.#voidAll();
    const records = this.#records.slice(0, this.#end);
    return new CompiledList({
      records,
      tags: this.#tags,
      slots: this.#slots,
      conditions: this.#conditions,
      depths: [...this.#depths].sort((one, other) => one - other),
      hashMark: this.#hasher.mark,
      report: reportOf({ ...countRecords(records), voided }),
    });
  }

  #hashOf(base: QName): number {
    return this.#hasher.probe(base).hashes[0] ?? 0;
  }

  #mayKeep(condition: RuleCondition): boolean {
    const parts = partsOf(condition);
    const fits = this.#conditionParts + parts <= MAX_ALL_CONDITION_PARTS;
    return fits && parts <= MAX_CONDITION_PARTS && this.#conditions.size < MAX_CONDITIONAL;
  }

  #keepCondition(entry: number, condition: RuleCondition): void {
    this.#conditions.set(entry, condition);
    this.#conditionParts += partsOf(condition);
  }

  /** The free slot for a rule, or why there is none. */
  #place(rule: ListRule, hash: number): number | 'duplicate' | 'too-many-conditions' {
    const mask = this.#slots.length - 1;
    const tag = tagOf(hash);
    let conditional = 0;
    let at = hash & mask;
    for (; this.#tags[at] !== 0; at = (at + 1) & mask) {
      if (this.#tags[at] !== tag) continue;
      const entry = this.#slots[at] ?? 0;
      if (!isBase(this.#records, entry, rule.base, 0)) continue;
      if (this.#isRule(entry, rule)) return 'duplicate';
      if (this.#conditions.has(entry)) conditional += 1;
    }
    return rule.condition !== null && conditional >= MAX_CONDITIONAL_PER_BASE ? 'too-many-conditions' : at;
  }

  /** The slot for the first record with this base and reach; null when there is one. */
  #freePlace(base: QName, hash: number, reach: number): number | null {
    const mask = this.#slots.length - 1;
    const tag = tagOf(hash);
    let at = hash & mask;
    for (; this.#tags[at] !== 0; at = (at + 1) & mask) {
      if (this.#tags[at] !== tag) continue;
      const entry = this.#slots[at] ?? 0;
      if (isBase(this.#records, entry, base, 0) && ((this.#records[entry + RECORD.FLAGS] ?? 0) & FLAG.REACH) === reach) return null;
    }
    return at;
  }

  /** Writes a record and enters it in the table; returns its place. */
  #put(place: number, base: QName, hash: number, flags: number, line: number): number {
    const entry = this.#append(base, flags, line);
    this.#tags[place] = tagOf(hash);
    this.#slots[place] = entry;
    if (this.#count === this.#hashes.length) this.#hashes = grown(this.#hashes, new Int32Array(2 * this.#count));
    this.#hashes[this.#count] = hash;
    this.#count += 1;
    if (this.#count * 2 > this.#slots.length) this.#rehash();
    return entry;
  }

  /** Of an entry with the same base. */
  #isRule(entry: number, rule: ListRule): boolean {
    return this.#records[entry + RECORD.FLAGS] === flagsOf(rule) && isSameCondition(this.#conditions.get(entry) ?? null, rule.condition);
  }

  #append(base: QName, flags: number, line: number): number {
    if (this.#end + RECORD_ROOM > this.#records.length) this.#records = grown(this.#records, new Uint8Array(2 * this.#records.length));
    const records = this.#records;
    const entry = this.#end;
    const octets = base.length - 1;
    records[entry + RECORD.FLAGS] = flags;
    records[entry + RECORD.OCTETS] = octets;
    for (let octet = 0; octet < 4; octet++) records[entry + RECORD.LINE + octet] = line >>> (24 - 8 * octet);
    for (let index = 0; index < octets; index++) records[entry + RECORD.BASE + index] = base.charCodeAt(index);
    this.#end = entry + RECORD.BASE + octets;
    return entry;
  }

  #rehash(): void {
    const tags = new Uint8Array(2 * this.#slots.length);
    const slots = new Uint32Array(tags.length);
    const mask = tags.length - 1;
    let entry = 0;
    for (let index = 0; index < this.#count; index++) {
      const hash = this.#hashes[index] ?? 0;
      let at = hash & mask;
      while (tags[at] !== 0) at = (at + 1) & mask;
      tags[at] = tagOf(hash);
      slots[at] = entry;
      entry += RECORD.BASE + (this.#records[entry + RECORD.OCTETS] ?? 0);
    }
    this.#tags = tags;
    this.#slots = slots;
  }

  #voidAll(): number {
    let voided = 0;
    for (const rule of this.#voided) {
      const at = this.#entryOf(rule);
      if (at === null) continue;
      this.#records[at + RECORD.FLAGS] = flagsOf(rule) | FLAG.VOIDED;
      voided += 1;
    }
    return voided;
  }

  #entryOf(rule: ListRule): number | null {
    const hash = this.#hashOf(rule.base);
    const mask = this.#slots.length - 1;
    for (let at = hash & mask; this.#tags[at] !== 0; at = (at + 1) & mask) {
      const entry = this.#slots[at] ?? 0;
      if (isBase(this.#records, entry, rule.base, 0) && this.#isRule(entry, rule)) return entry;
    }
    return null;
  }
}

function partsOf({ types, otherTypes, denyAllow }: RuleCondition): number {
  return types.length + otherTypes.length + denyAllow.length;
}

function flagsOf({ reach, effect, important, condition }: ListRule): number {
  return (
    REACHES.indexOf(reach) |
    (effect === 'excepted' ? FLAG.EXCEPTED : 0) |
    (important ? FLAG.IMPORTANT : 0) |
    (condition === null ? 0 : FLAG.CONDITIONAL)
  );
}

function isSameCondition(one: RuleCondition | null, other: RuleCondition | null): boolean {
  if (one === null || other === null) return one === other;
  return isSameList(one.types, other.types) && isSameList(one.otherTypes, other.otherTypes) && isSameList(one.denyAllow, other.denyAllow);
}

/** Readers put the parts of a condition in order. */
function isSameList(one: readonly (number | string)[], other: readonly (number | string)[]): boolean {
  return one.length === other.length && one.every((part, index) => part === other[index]);
}

function countRecords(records: Uint8Array): Omit<BuilderCounts, 'voided'> {
  let entries = 0;
  let exceptions = 0;
  let important = 0;
  let conditional = 0;
  for (let at = 0; at < records.length; at += RECORD.BASE + (records[at + RECORD.OCTETS] ?? 0)) {
    const flags = records[at + RECORD.FLAGS] ?? 0;
    if ((flags & FLAG.VOIDED) !== 0) continue;
    entries += 1;
    if ((flags & FLAG.EXCEPTED) !== 0) exceptions += 1;
    if ((flags & FLAG.IMPORTANT) !== 0) important += 1;
    if ((flags & FLAG.CONDITIONAL) !== 0) conditional += 1;
  }
  return { entries, exceptions, important, conditional };
}

function grown<Numbers extends Uint8Array | Int32Array>(from: Numbers, into: Numbers): Numbers {
  into.set(from);
  return into;
}
