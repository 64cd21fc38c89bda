/**
 * Finds registered secrets, canaries and the forms of well-known keys in names, across label joins and consecutive names.
 * Knows secrets only as keyed hashes. What follows from a hit is `decide.ts`'s matter, where secrets come from `src/secrets/`'s.
 */
import type { HashKey } from '../sketch/keyed-hash.ts';
import type { NameTrail } from './name-trail.ts';
import { mayBegin, shapeAt } from './shape-finder.ts';
import { cheapHash, codeOf, LAST_ALPHANUMERIC, SHINGLE_LENGTH, soundHash, weightBits } from './shingles.ts';
import type { WatchedSecret } from './watch-secret.ts';

export interface SecretFound {
  readonly kind: 'secret' | 'canary' | 'key-shape';
  /** The registered name, or the form that was recognised (`aws-access-key`); never the secret. */
  readonly name: string;
}

/** A part of a registered secret that was seen in a name. */
export interface Piece {
  /** Which secret; the numbers are the matcher's own. */
  readonly secret: number;
  /** The shingles it is made of, so that the same piece does not count twice. */
  readonly shingles: readonly number[];
  readonly bits: number;
}

export interface SecretSearch {
  readonly found: SecretFound | null;
  /** Parts of registered secrets in this name, found or not. */
  readonly pieces: readonly Piece[];
  /** Something was found in the parent itself. */
  readonly inParent: boolean;
  /** A key's form may have begun, and goes on in the next name. */
  readonly open: boolean;
}

/** A name as it is metered: its parent, its labels below it and all of its labels, leftmost first, octet strings in lower case. */
export interface SearchedName {
  readonly parent: string;
  readonly labels: readonly string[];
  readonly allLabels: readonly string[];
}

const NOTHING: SecretSearch = { found: null, pieces: [], inParent: false, open: false };

/** Of the names before, this much is read again: a shingle with dashes in it. */
const LOOK_BACK = 16;
/** A parent's own label shorter than this holds no whole secret. */
const SHORTEST_PARENT_LABEL = 16;
/** Of the second reading, this much: what lies further in was read with the name as a whole. */
const LOOK_AHEAD = 16;

const CODES_MASK = 0xffffff;

/** What of a text is read. */
interface Part {
  /** Where the new name begins. */
  readonly fresh: number;
  readonly until: number;
  /** Labels that, joined, begin the new name; where none are given it is one label. */
  readonly labels: readonly string[];
}

const NO_LABELS: readonly string[] = [];

/** What one search gathers. Made when there is something to gather. */
interface Findings {
  shape: string | null;
  open: boolean;
  /** By secret: the shingles seen in the text that is being read. */
  readonly secrets: Map<number, SeenShingle[]>;
}

interface SeenShingle {
  readonly cheap: number;
  /** Where its last character stands. */
  readonly end: number;
}

export class SecretMatcher {
  readonly #key: HashKey;
  readonly #secrets = new Map<number, WatchedSecret>();
  #nextNumber = 1;
  /** A bit for each cheap hash's upper bits; tells of most texts that they hold nothing. */
  #filter = new Uint32Array(0);
  #filterShift = 31;
  /** Open addressing by the cheap hash: both hashes and the secret's number, 0 for a free place. */
  #cheap = new Uint32Array(0);
  #sound = new Uint32Array(0);
  #owner = new Uint32Array(0);

  /** `key`: the one that the secrets were hashed with. Without one only the forms of keys are found. */
  constructor(key: HashKey = { low: 0, high: 0 }) {
    this.#key = key;
  }

  /** Replaces what is watched. Takes about 50 ns a shingle. */
  watch(secrets: readonly WatchedSecret[]): void {
    const numbers = new Map([...this.#secrets].map(([number, { name, hashes }]) => [`${name}/${hashes[0] ?? 0}`, number]));
    this.#secrets.clear();
    for (const secret of secrets) {
      const known = numbers.get(`${secret.name}/${secret.hashes[0] ?? 0}`);
      this.#secrets.set(known ?? this.#nextNumber++, secret);
    }
    this.#build();
  }

  /** What is found in a name asked after those of `trail`. Changes nothing. */
  search(name: SearchedName, trail: NameTrail): SecretSearch {
    const { parent, labels, allLabels } = name;
    const below = labels.length === 1 ? (labels[0] ?? '') : labels.join('');
    const before = trail.endsBefore(parent, below);
    let findings: Findings | null = null;
    let hits: Map<number, Piece> | null = null;
    const read = (end: string, text: string, ahead: number, joined: readonly string[]): void => {
      const earlier = before === null || before.open ? end : end.slice(-LOOK_BACK);
      const whole = earlier === '' ? text : earlier + text;
      const part = { fresh: earlier.length, until: Math.min(whole.length, earlier.length + ahead), labels: joined };
      findings = this.#read(whole, part, findings);
      if (findings !== null && findings.secrets.size > 0) hits = this.#weigh(whole, earlier.length, findings, trail, hits);
    };
    read(before === null ? '' : before.ends[0], below, below.length, labels);
    if (before !== null && labels.length > 1) {
      read(before.ends[1], labels[0] ?? '', LOOK_AHEAD, NO_LABELS);
      read(before.ends[2], labels[1] ?? '', LOOK_AHEAD, NO_LABELS);
    }
    const belowOnly = this.#result(findings, hits, trail, false);
    const parentLabel = allLabels[labels.length] ?? '';
    if (belowOnly.found !== null || belowOnly.pieces.length > 0) return this.#withRest(belowOnly, below, parentLabel);
    if (parentLabel.length < SHORTEST_PARENT_LABEL) return belowOnly;
    findings = this.#read(parentLabel, { fresh: 0, until: parentLabel.length, labels: NO_LABELS }, null);
    if (findings === null) return belowOnly;
    const inParent = this.#result(findings, this.#weigh(parentLabel, 0, findings, trail, null), trail, true);
    return { ...inParent, open: belowOnly.open };
  }

  /**
   * A registered secret that was seen below a parent may go on in the parent's own label, however short: then that must not be told
   * either. A form of a key says nothing of where the key ends, and the parent is told, because it is the destination.
   */
  #withRest(search: SecretSearch, below: string, parentLabel: string): SecretSearch {
    const text = below + parentLabel;
    const rest = this.#read(text, { fresh: below.length, until: text.length, labels: NO_LABELS }, null);
    return rest === null || rest.secrets.size === 0 ? search : { ...search, inParent: true };
  }

  /** One pass over a text. Shingles count when they end in what is new: earlier ones were seen with the names before. */
  #read(text: string, part: Part, before: Findings | null): Findings | null {
    const { fresh, until } = part;
    let findings = before;
    const filter = this.#filter;
    const shift = this.#filterShift;
    const watching = filter.length > 0;
    let four = 0;
    let first = 0;
    let last = 0;
    let seen = 0;
    for (let at = 0; at < until; at++) {
      const code = codeOf(text.charCodeAt(at));
      four = ((four << 6) | code) & CODES_MASK;
      if (at >= 3 && mayBegin(four)) findings = atNeedle(text, at - 3, four, part, findings);
      if (!watching || code > LAST_ALPHANUMERIC) continue;
      first = ((first << 6) | (last >>> 18)) & CODES_MASK;
      last = ((last << 6) | code) & CODES_MASK;
      seen += 1;
      if (seen < SHINGLE_LENGTH || at < fresh) continue;
      const cheap = cheapHash(first, last, this.#key);
      const bit = cheap >>> shift;
      if (((filter[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0) findings = this.#atShingle(text, at, cheap, findings);
    }
    return findings;
  }

  #atShingle(text: string, at: number, cheap: number, findings: Findings | null): Findings | null {
    const mask = this.#owner.length - 1;
    let sound: number | null = null;
    let gathered = findings;
    for (let place = cheap & mask; this.#owner[place] !== 0; place = (place + 1) & mask) {
      if (this.#cheap[place] !== cheap) continue;
      sound ??= soundHash(shingleEndingAt(text, at), this.#key);
      if (this.#sound[place] !== sound) continue;
      gathered ??= { shape: null, open: false, secrets: new Map() };
      const owner = this.#owner[place] ?? 0;
      const seen = gathered.secrets.get(owner) ?? [];
      gathered.secrets.set(owner, seen);
      seen.push({ cheap, end: at });
    }
    return gathered;
  }

  /** Weighs what was read in one text, new from `newFrom` on: the bits of each secret's new pieces in it. */
  #weigh(text: string, newFrom: number, findings: Findings, trail: NameTrail, hits: Map<number, Piece> | null): Map<number, Piece> {
    const weighed = hits ?? new Map<number, Piece>();
    for (const [secret, seen] of findings.secrets) {
      const known = new Set([...trail.piecesOf(secret)].flatMap(({ shingles }) => shingles));
      const isKnown = known.size > 0;
      const sofar = weighed.get(secret);
      for (const shingle of sofar?.shingles ?? []) known.add(shingle);
      // The same shingle twice tells no more than once, nor do its characters.
      const fresh = seen.filter(({ cheap }) => !known.has(cheap) && known.add(cheap));
      const old = seen.filter((shingle) => !fresh.includes(shingle));
      // What stands before the new name was weighed with it, unless nothing of this secret had been recognised yet.
      const bits = bitsOf(text, isKnown ? newFrom : 0, endsOf(fresh), endsOf(old));
      const shingles = [...(sofar?.shingles ?? []), ...fresh.map(({ cheap }) => cheap)];
      // The readings of a name are readings of the same characters.
      weighed.set(secret, { secret, shingles, bits: Math.max(sofar?.bits ?? 0, bits) });
    }
    findings.secrets.clear();
    return weighed;
  }

  #result(findings: Findings | null, hits: Map<number, Piece> | null, trail: NameTrail, inParent: boolean): SecretSearch {
    if (findings === null) return NOTHING;
    const pieces = [...(hits?.values() ?? [])];
    let found: SecretFound | null = null;
    for (const { secret, bits } of pieces) {
      const watched = this.#secrets.get(secret);
      if (watched === undefined) continue;
      let total = bits;
      for (const piece of trail.piecesOf(secret)) total += piece.bits;
      if (total >= watched.neededBits) found = { kind: watched.kind, name: watched.name };
    }
    if (found === null && findings.shape !== null) found = { kind: 'key-shape', name: findings.shape };
    return { found, pieces, inParent, open: findings.open };
  }

  #build(): void {
    let count = 0;
    for (const { hashes } of this.#secrets.values()) count += hashes.length / 2;
    const places = count === 0 ? 0 : 2 ** Math.ceil(Math.log2(count * 2));
    // 16 bits a shingle: one text in sixteen goes on to the table.
    const filterBits = count === 0 ? 0 : Math.max(5, Math.ceil(Math.log2(count * 16)));
    this.#filter = new Uint32Array(count === 0 ? 0 : 2 ** (filterBits - 5));
    this.#filterShift = 32 - filterBits;
    this.#cheap = new Uint32Array(places);
    this.#sound = new Uint32Array(places);
    this.#owner = new Uint32Array(places);
    for (const [number, { hashes }] of this.#secrets) {
      for (let index = 0; index < hashes.length; index += 2) this.#insert(number, hashes[index] ?? 0, hashes[index + 1] ?? 0);
    }
  }

  #insert(owner: number, cheap: number, sound: number): void {
    const bit = cheap >>> this.#filterShift;
    this.#filter[bit >>> 5] = (this.#filter[bit >>> 5] ?? 0) | (1 << (bit & 31));
    const mask = this.#owner.length - 1;
    let place = cheap & mask;
    while (this.#owner[place] !== 0) place = (place + 1) & mask;
    this.#cheap[place] = cheap;
    this.#sound[place] = sound;
    this.#owner[place] = owner;
  }
}

function atNeedle(text: string, from: number, four: number, part: Part, findings: Findings | null): Findings | null {
  const seen = shapeAt(text, from, four, (place) => isBorder(text, place, part));
  if (seen.kind === 'none') return findings;
  const gathered = findings ?? { shape: null, open: false, secrets: new Map() };
  if (seen.kind === 'found') gathered.shape = seen.name;
  else gathered.open = true;
  return gathered;
}

/** Whether a word or label of the new name begins or ends at a place. */
function isBorder(text: string, place: number, { fresh, labels }: Part): boolean {
  if (place < fresh) return false;
  if (place === fresh || place >= text.length) return true;
  if ([place - 1, place].some((near) => codeOf(text.charCodeAt(near)) > LAST_ALPHANUMERIC)) return true;
  let border = fresh;
  for (const label of labels) {
    border += label.length;
    if (border === place) return true;
  }
  return false;
}

/** The eight letters and digits whose last stands at `at`. */
function shingleEndingAt(text: string, at: number): string {
  let shingle = '';
  for (let place = at; place >= 0 && shingle.length < SHINGLE_LENGTH; place--) {
    if (codeOf(text.charCodeAt(place)) <= LAST_ALPHANUMERIC) shingle = text.charAt(place) + shingle;
  }
  return shingle;
}

function endsOf(shingles: readonly SeenShingle[]): number[] {
  return shingles.map(({ end }) => end);
}

/** The bits of the new characters that shingles cover and older ones do not, given where each ends: their part of the row's weight. */
function bitsOf(text: string, newFrom: number, ends: readonly number[], olderEnds: readonly number[]): number {
  const covered = new Uint8Array(text.length);
  for (const end of ends) cover(covered, text, end, NEW);
  for (const end of olderEnds) cover(covered, text, end, OLD);
  let bits = 0;
  let row = '';
  let fresh = 0;
  for (let place = 0; place <= text.length; place++) {
    if (place < text.length && codeOf(text.charCodeAt(place)) > LAST_ALPHANUMERIC) continue;
    const mark = covered[place] ?? 0;
    if (mark !== 0) {
      row += text.charAt(place);
      if (mark === NEW && place >= newFrom) fresh += 1;
    } else if (row !== '') {
      bits += (weightBits(row) * fresh) / row.length;
      row = '';
      fresh = 0;
    }
  }
  return bits;
}

const NEW = 1;
const OLD = 2;

/** Marks the eight letters and digits whose last stands at `end`. */
function cover(covered: Uint8Array, text: string, end: number, mark: typeof NEW | typeof OLD): void {
  let left = SHINGLE_LENGTH;
  for (let place = end; place >= 0 && left > 0; place--) {
    if (codeOf(text.charCodeAt(place)) > LAST_ALPHANUMERIC) continue;
    covered[place] = mark;
    left -= 1;
  }
}
