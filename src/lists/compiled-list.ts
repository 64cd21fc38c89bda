/**
 * A list as queries ask it: up to sixteen million rules in flat arrays, found by open addressing over keyed hashes of the name and its
 * parents and confirmed octet by octet, so no hash ever decides. Owns look-up, precedence and the layout of a rule; building is
 * `compiled-builder.ts`.
 */
import { isAtOrBelow, labelCount, type QName, toPresentation } from '../wire/name.ts';
import type { NameProbe } from './list-hash.ts';
import type { ListReport } from './list-report.ts';
import type { Reach, RuleCondition } from './list-rule.ts';

/** Bits of an entry's flags: its reach in the lowest two. A voided one is no rule; in an RPZ it says that there is a record. */
export const FLAG = { REACH: 3, EXCEPTED: 4, IMPORTANT: 8, CONDITIONAL: 16, VOIDED: 32 } as const;

export const REACHES: readonly Reach[] = ['exact', 'at-or-below', 'below'];
const EXACT = 0;
const BELOW = 2;

/** Where the parts of a record lie: flags, octets of the base, line of the source in four octets, the base without its root octet. */
export const RECORD = { FLAGS: 0, OCTETS: 1, LINE: 2, BASE: 6 } as const;

export const MAX_ENTRIES = 1 << 24;

/** Nothing on the list covers the name. */
export const NO_ENTRY = -1;

/**
 * The arrays of a compiled list: flat, so that they can be stored, read back and sent to a thread. An entry is known by the place
 * of its record, and an earlier rule has the lower one.
 */
export interface CompiledParts {
  /** `RECORD`s, one behind the other. */
  readonly records: Uint8Array;
  /** For each slot of the hash table `tagOf` its hash, 0 when it is free: what is not on a list is mostly told by these alone. */
  readonly tags: Uint8Array;
  /** For each slot where its record starts. A power of two of them, at least one free. */
  readonly slots: Uint32Array;
  /** Conditions by entry. */
  readonly conditions: ReadonlyMap<number, RuleCondition>;
  /** Numbers of labels for which there is a rule that covers names below its base, or a record of an RPZ. */
  readonly depths: readonly number[];
  readonly report: ListReport;
  /** `NameHasher.mark` of the seed the slots were filled with. */
  readonly hashMark: string;
}

/** An entry for people and records. */
export interface CompiledEntry {
  readonly effect: 'listed' | 'excepted';
  readonly reach: Reach;
  readonly base: QName;
  /** `a.b`; `**.a.b` with all below; `*.a.b` for what is below at any depth and not `a.b` itself, as list formats write it. */
  readonly pattern: string;
  readonly line: number;
  readonly important: boolean;
  readonly condition: RuleCondition | null;
  /** Labels of `base`. */
  readonly fixedLabels: number;
}

/** A name has at most 127 labels. */
const LABEL_COUNTS = 128;

/**
 * Of the rules that cover a name the most specific decides, by the length of its base; a rule for the name alone comes before one for the
 * name and all below. In a list with `@@` or `$important` that holds within each rank only: an important exception beats an important
 * rule, that an exception, that a rule. In a response policy zone the closest name with a record, or the wildcard there, decides, or
 * nothing does (RFC 4592), as in the name servers the zone was written for.
 */
export class CompiledList {
  readonly parts: CompiledParts;
  /** Whether any rule is for some RR types only: then a match without the type, or one remembered for another type, may differ. */
  readonly dependsOnType: boolean;
  readonly #records: Uint8Array;
  readonly #tags: Uint8Array;
  readonly #slots: Uint32Array;
  readonly #coversBelow = new Uint8Array(LABEL_COUNTS);
  readonly #firstDecides: boolean;
  readonly #isZone: boolean;

  constructor(parts: CompiledParts) {
    this.parts = parts;
    this.#records = parts.records;
    this.#tags = parts.tags;
    this.#slots = parts.slots;
    for (const depth of parts.depths) this.#coversBelow[depth] = 1;
    const { format, exceptions, important } = parts.report;
    this.#isZone = format === 'rpz';
    this.#firstDecides = this.#isZone || (exceptions === 0 && important === 0);
    this.dependsOnType = [...parts.conditions.values()].some(({ types, otherTypes }) => types.length + otherTypes.length > 0);
  }

  get report(): ListReport {
    return this.parts.report;
  }

  /**
   * The entry that decides about the probed name, or `NO_ENTRY`. It may be an exception: ask `isException`.
   * `probe` must come from a hasher with this list's seed. `qtype` null: not known; rules for some types do not apply then.
   */
  find(probe: NameProbe, qtype: number | null): number {
    const { labels } = probe;
    let best = NO_ENTRY;
    let bestRank = -1;
    for (let cut = 0; cut < labels; cut++) {
      if (cut > 0 && this.#coversBelow[labels - cut] === 0) continue;
      const entry = this.#findBase(probe, cut, qtype);
      if (entry === NO_ENTRY) {
        if (this.#isZone && this.#exists(probe, cut)) return NO_ENTRY;
        continue;
      }
      if (this.#firstDecides) return entry;
      const rank = this.#rank(entry);
      if (rank <= bestRank) continue;
      best = entry;
      bestRank = rank;
    }
    return best;
  }

  /** Whether the entry takes the name off this list. It vouches for nothing: other lists may still have the name. */
  isException(entry: number): boolean {
    return (this.#flags(entry) & FLAG.EXCEPTED) !== 0;
  }

  entryAt(entry: number): CompiledEntry {
    const flags = this.#flags(entry);
    const reach = REACHES[flags & FLAG.REACH] ?? 'exact';
    const base = baseOf(this.#records, entry);
    return {
      effect: (flags & FLAG.EXCEPTED) === 0 ? 'listed' : 'excepted',
      reach,
      base,
      pattern: PATTERN_PREFIX[reach] + toPresentation(base),
      line: new DataView(this.#records.buffer, this.#records.byteOffset + entry + RECORD.LINE).getUint32(0),
      important: (flags & FLAG.IMPORTANT) !== 0,
      condition: this.parts.conditions.get(entry) ?? null,
      fixedLabels: labelCount(base),
    };
  }

  /** The best entry whose base is the probed name without its first `cut` labels. */
  #findBase(probe: NameProbe, cut: number, qtype: number | null): number {
    const tags = this.#tags;
    const mask = tags.length - 1;
    const hash = probe.hashes[cut] ?? 0;
    const tag = tagOf(hash);
    let best = NO_ENTRY;
    for (let at = hash & mask, found = tags[at]; found !== 0; at = (at + 1) & mask, found = tags[at]) {
      if (found !== tag) continue;
      const entry = this.#slots[at] ?? 0;
      if (!isBase(this.#records, entry, probe.name, probe.starts[cut] ?? 0) || !this.#applies(entry, probe.name, cut, qtype)) continue;
      if (best === NO_ENTRY || this.#comesBefore(entry, best)) best = entry;
    }
    return best;
  }

  /** Whether the zone has a record at the probed name without its first `cut` labels, or, if there is a cut, a wildcard. */
  #exists(probe: NameProbe, cut: number): boolean {
    const tags = this.#tags;
    const mask = tags.length - 1;
    const hash = probe.hashes[cut] ?? 0;
    for (let at = hash & mask; tags[at] !== 0; at = (at + 1) & mask) {
      if (tags[at] !== tagOf(hash)) continue;
      const entry = this.#slots[at] ?? 0;
      if (cut === 0 && (this.#flags(entry) & FLAG.REACH) !== EXACT) continue;
      if (isBase(this.#records, entry, probe.name, probe.starts[cut] ?? 0)) return true;
    }
    return false;
  }

  #applies(entry: number, name: QName, cut: number, qtype: number | null): boolean {
    const flags = this.#flags(entry);
    const reach = flags & FLAG.REACH;
    if (reach === (cut === 0 ? BELOW : EXACT) || (flags & FLAG.VOIDED) !== 0) return false;
    if ((flags & FLAG.CONDITIONAL) === 0) return true;
    const condition = this.parts.conditions.get(entry);
    return condition !== undefined && holds(condition, name, qtype);
  }

  /** Of two entries with the same base: the higher rank, then the narrower reach, then the earlier line. */
  #comesBefore(one: number, other: number): boolean {
    const ranks = this.#rank(one) - this.#rank(other);
    if (ranks !== 0) return ranks > 0;
    const reaches = (this.#flags(one) & FLAG.REACH) - (this.#flags(other) & FLAG.REACH);
    return reaches === 0 ? one < other : reaches < 0;
  }

  /** Listed 0, excepted 1, and two more when important. */
  #rank(entry: number): number {
    return (this.#flags(entry) & (FLAG.EXCEPTED | FLAG.IMPORTANT)) >> 2;
  }

  #flags(entry: number): number {
    return this.#records[entry + RECORD.FLAGS] ?? 0;
  }
}

/** What a slot keeps of a hash besides its place; never 0. */
export function tagOf(hash: number): number {
  const tag = hash >>> 24;
  return tag === 0 ? 1 : tag;
}

/** Whether the record's base is the part of the name from `start` on. */
export function isBase(records: Uint8Array, entry: number, name: QName, start: number): boolean {
  const octets = name.length - 1 - start;
  if (records[entry + RECORD.OCTETS] !== octets) return false;
  const offset = entry + RECORD.BASE;
  for (let index = 0; index < octets; index++) if (records[offset + index] !== name.charCodeAt(start + index)) return false;
  return true;
}

function baseOf(records: Uint8Array, entry: number): QName {
  const start = records.byteOffset + entry + RECORD.BASE;
  return `${Buffer.from(records.buffer, start, records[entry + RECORD.OCTETS]).toString('latin1')}\0` as QName;
}

const PATTERN_PREFIX: Readonly<Record<Reach, string>> = { exact: '', 'at-or-below': '**.', below: '*.' };

function holds({ types, otherTypes, denyAllow }: RuleCondition, name: QName, qtype: number | null): boolean {
  if (types.length + otherTypes.length > 0) {
    if (qtype === null || otherTypes.includes(qtype)) return false;
    if (types.length > 0 && !types.includes(qtype)) return false;
  }
  return !denyAllow.some((above) => isAtOrBelow(name, above));
}
