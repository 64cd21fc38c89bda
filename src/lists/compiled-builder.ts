/**
 * Gathers rules into the arrays of a compiled list: takes out duplicates, voids rules, fills the hash table.
 * Owns the bounds on what a list may hold; reading lines is the readers', looking up is `compiled-list.ts`.
 */
import { labelCount, type QName } from '../wire/name.ts';
import { CompiledList, ENTRY_BITS, FLAG, MAX_ENTRIES, REACHES } from './compiled-list.ts';
import type { NameHasher } from './list-hash.ts';
import type { ListReport } from './list-report.ts';
import type { ListRule, NotApplied, RuleCondition } from './list-rule.ts';

/** Rules with one base stand behind each other in the table, so a list must not have any number of them: twelve without conditions. */
const MAX_CONDITIONAL_PER_BASE = 16;
const MAX_CONDITIONAL = 65_536;
/** Names in `$denyallow` and types in `$dnstype` of one rule. */
const MAX_CONDITION_PARTS = 256;
const MAX_VOIDED = 65_536;

/** What became of a rule. */
export type Added = 'added' | 'duplicate' | Extract<NotApplied, 'too-many-conditions' | 'too-many-entries'>;

/** What the builder knows for the report. */
export type BuilderCounts = Pick<ListReport, 'entries' | 'exceptions' | 'important' | 'conditional' | 'voided'>;

export class CompiledBuilder {
  readonly #hasher: NameHasher;
  #count = 0;
  #nameOctets = 0;
  #names = new Uint8Array(64 * 1024);
  #offsets = new Uint32Array(1024);
  #lines = new Uint32Array(1024);
  #flags = new Uint8Array(1024);
  /** Kept until the table has its final size. */
  #hashes = new Int32Array(1024);
  #slots = new Uint32Array(2048);
  readonly #conditions = new Map<number, RuleCondition>();
  readonly #depths = new Set<number>();
  readonly #voided: ListRule[] = [];

  constructor(hasher: NameHasher) {
    this.#hasher = hasher;
  }

  add(rule: ListRule, line: number): Added {
    const { base, condition } = rule;
    if (condition !== null && !this.#mayKeep(condition)) return 'too-many-conditions';
    const hash = this.#hasher.probe(base).hashes[0] ?? 0;
    const flags = flagsOf(rule);
    const place = this.#place(base, hash, flags, condition);
    if (typeof place === 'string') return place;
    if (this.#count >= MAX_ENTRIES) return 'too-many-entries';
    this.#append(base, hash, flags, line);
    this.#slots[place] = slotOf(hash, this.#count);
    if (condition !== null) this.#conditions.set(this.#count, condition);
    if (rule.reach !== 'exact') this.#depths.add(labelCount(base));
    this.#count += 1;
    if (this.#count * 2 > this.#slots.length) this.#rehash();
    return 'added';
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
    const count = this.#count;
    const offsets = this.#offsets.slice(0, count + 1);
    offsets[count] = this.#nameOctets;
    const flags = this.#flags.slice(0, count);
    return new CompiledList({
      count,
      names: this.#names.slice(0, this.#nameOctets),
      offsets,
      lines: this.#lines.slice(0, count),
      flags,
      slots: this.#slots,
      conditions: this.#conditions,
      depths: [...this.#depths].sort((one, other) => one - other),
      hashMark: this.#hasher.mark,
      report: reportOf({ ...countFlags(flags), voided }),
    });
  }

  #mayKeep({ types, otherTypes, denyAllow }: RuleCondition): boolean {
    return this.#conditions.size < MAX_CONDITIONAL && types.length + otherTypes.length + denyAllow.length <= MAX_CONDITION_PARTS;
  }

  /** The free slot for a rule, or why there is none. */
  #place(base: QName, hash: number, flags: number, condition: RuleCondition | null): number | 'duplicate' | 'too-many-conditions' {
    const mask = this.#slots.length - 1;
    let conditional = 0;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = this.#slots[at] ?? 0;
      if (slot === 0) return conditional >= MAX_CONDITIONAL_PER_BASE && condition !== null ? 'too-many-conditions' : at;
      const entry = entryOf(slot);
      if (this.#hashes[entry] !== hash || !this.#isBase(entry, base)) continue;
      if (this.#flags[entry] === flags && isSameCondition(this.#conditions.get(entry) ?? null, condition)) return 'duplicate';
      if (((this.#flags[entry] ?? 0) & FLAG.CONDITIONAL) !== 0) conditional += 1;
    }
  }

  #isBase(entry: number, base: QName): boolean {
    const offset = this.#offsets[entry] ?? 0;
    const octets = base.length - 1;
    // The last entry's end is not written yet.
    const end = entry + 1 === this.#count ? this.#nameOctets : (this.#offsets[entry + 1] ?? 0);
    if (end - offset !== octets) return false;
    for (let index = 0; index < octets; index++) if (this.#names[offset + index] !== base.charCodeAt(index)) return false;
    return true;
  }

  #append(base: QName, hash: number, flags: number, line: number): void {
    const entry = this.#count;
    const octets = base.length - 1;
    if (this.#nameOctets + octets > this.#names.length) this.#names = grown(this.#names, new Uint8Array(2 * this.#names.length));
    if (entry + 1 >= this.#lines.length) {
      const room = 2 * this.#lines.length;
      this.#offsets = grown(this.#offsets, new Uint32Array(room));
      this.#lines = grown(this.#lines, new Uint32Array(room));
      this.#flags = grown(this.#flags, new Uint8Array(room));
      this.#hashes = grown(this.#hashes, new Int32Array(room));
    }
    for (let index = 0; index < octets; index++) this.#names[this.#nameOctets + index] = base.charCodeAt(index);
    this.#offsets[entry] = this.#nameOctets;
    this.#nameOctets += octets;
    this.#lines[entry] = line;
    this.#flags[entry] = flags;
    this.#hashes[entry] = hash;
  }

  #rehash(): void {
    const slots = new Uint32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let entry = 0; entry < this.#count; entry++) {
      const hash = this.#hashes[entry] ?? 0;
      let at = hash & mask;
      while (slots[at] !== 0) at = (at + 1) & mask;
      slots[at] = slotOf(hash, entry);
    }
    this.#slots = slots;
  }

  #voidAll(): number {
    let voided = 0;
    for (const rule of this.#voided) {
      const entry = this.#entryOf(rule);
      if (entry === null || ((this.#flags[entry] ?? 0) & FLAG.VOIDED) !== 0) continue;
      this.#flags[entry] = (this.#flags[entry] ?? 0) | FLAG.VOIDED;
      voided += 1;
    }
    return voided;
  }

  #entryOf(rule: ListRule): number | null {
    const hash = this.#hasher.probe(rule.base).hashes[0] ?? 0;
    const mask = this.#slots.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = this.#slots[at] ?? 0;
      if (slot === 0) return null;
      const entry = entryOf(slot);
      if (this.#hashes[entry] !== hash || !this.#isBase(entry, rule.base)) continue;
      const flags = (this.#flags[entry] ?? 0) & ~FLAG.VOIDED;
      if (flags === flagsOf(rule) && isSameCondition(this.#conditions.get(entry) ?? null, rule.condition)) return entry;
    }
  }
}

function flagsOf({ reach, effect, important, condition }: ListRule): number {
  return (
    REACHES.indexOf(reach) |
    (effect === 'excepted' ? FLAG.EXCEPTED : 0) |
    (important ? FLAG.IMPORTANT : 0) |
    (condition === null ? 0 : FLAG.CONDITIONAL)
  );
}

function slotOf(hash: number, entry: number): number {
  return (((hash >>> ENTRY_BITS) << ENTRY_BITS) | (entry + 1)) >>> 0;
}

function entryOf(slot: number): number {
  return (slot & ((1 << ENTRY_BITS) - 1)) - 1;
}

function isSameCondition(one: RuleCondition | null, other: RuleCondition | null): boolean {
  if (one === null || other === null) return one === other;
  return isSameList(one.types, other.types) && isSameList(one.otherTypes, other.otherTypes) && isSameList(one.denyAllow, other.denyAllow);
}

/** Readers put the parts of a condition in order. */
function isSameList(one: readonly (number | string)[], other: readonly (number | string)[]): boolean {
  return one.length === other.length && one.every((part, index) => part === other[index]);
}

function countFlags(flags: Uint8Array): Omit<BuilderCounts, 'voided'> {
  let entries = 0;
  let exceptions = 0;
  let important = 0;
  let conditional = 0;
  for (const flag of flags) {
    if ((flag & FLAG.VOIDED) !== 0) continue;
    entries += 1;
    if ((flag & FLAG.EXCEPTED) !== 0) exceptions += 1;
    if ((flag & FLAG.IMPORTANT) !== 0) important += 1;
    if ((flag & FLAG.CONDITIONAL) !== 0) conditional += 1;
  }
  return { entries, exceptions, important, conditional };
}

function grown<Numbers extends Uint8Array | Uint32Array | Int32Array>(from: Numbers, into: Numbers): Numbers {
  into.set(from);
  return into;
}
