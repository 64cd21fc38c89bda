/**
 * Response policy zones as zone files (RFC 1035 §5; draft-vixie-dnsop-dns-rpz-00): QNAME triggers whose action is NXDOMAIN (`CNAME .`),
 * NODATA (`CNAME *.`), DROP, or a sinkhole address are rules; `rpz-passthru.` and an alias to the trigger itself are exceptions. How a
 * blocked name is answered is the policy's, not the zone's.
 */
import { fromPresentation, isAtOrBelow, labelsOf, MAX_NAME_OCTETS, type QName, ROOT } from '../wire/name.ts';
import { isSinkhole } from './hosts-reader.ts';
import {
  type LineReader,
  type ListKind,
  type ListRule,
  type NotApplied,
  plainRule,
  type Reach,
  type Reading,
  type RuleSink,
  tell,
} from './list-rule.ts';

/** A name of the file: absolute, or below the zone's own name where that is not known. */
interface Written {
  readonly name: QName;
  readonly absolute: boolean;
}

/** What a record means. */
type Action = ListRule['effect'] | NotApplied;

/** Lines that parentheses may join, an SOA's at most. */
const MAX_JOINED_LINES = 64;

const CLASSES: ReadonlySet<string> = new Set(['IN', 'CH', 'HS', 'CS']);
/** What the zone itself needs; the records of DNSSEC are about the zone as well. */
const ZONE_TYPES: ReadonlySet<string> = new Set([
  'SOA',
  'NS',
  'DNSKEY',
  'RRSIG',
  'NSEC',
  'NSEC3',
  'NSEC3PARAM',
  'DS',
  'ZONEMD',
  'CDS',
  'CDNSKEY',
]);
const OTHER_TRIGGERS: ReadonlySet<string> = new Set(['rpz-ip', 'rpz-client-ip', 'rpz-nsip', 'rpz-nsdname']);

/**
 * Reads a zone line by line. `*.x` covers what is below `x` and not `x`, as far as no other record of the zone is closer (RFC 4592):
 * beside `*.x` a record at `a.x`, whatever it says, takes `a.x` and all below it away. Names without a record of their own, which only
 * have others below them, do not count: to name servers some of them do.
 *
 * Data of the zone's own (a walled garden, safe search) is not applied: Kennel answers nothing that a list has made up, and to block the
 * name instead would do what nobody wrote. Triggers by address and by name server are not applied either.
 */
export function rpzReader(kind: ListKind, sink: RuleSink): LineReader {
  const zone = new ZoneLines(kind, sink);
  return (text, line) => zone.read(text, line);
}

class ZoneLines {
  readonly #kind: ListKind;
  readonly #sink: RuleSink;
  #origin: Written = { name: ROOT, absolute: false };
  #apex: QName | null = null;
  #owner: Written | null = null;
  /** Where the record stands that is being read; null: it is no trigger by name. */
  #node: { readonly base: QName; readonly reach: Reach } | null = null;
  /** Words of lines that an open parenthesis joins, and the line that opened it; null: none is open. */
  #joined: { words: string[]; line: number; lines: number; indented: boolean } | null = null;

  constructor(kind: ListKind, sink: RuleSink) {
    this.#kind = kind;
    this.#sink = sink;
  }

  read(text: string, line: number): void {
    const indented = /^\s/.test(text);
    if (this.#joined === null && isPlain(text)) {
      if (text !== '') this.#statement(text.trim().split(/\s+/), indented, line);
      return;
    }
    const { words, depth } = splitWords(text);
    const open = this.#joined;
    if (open === null) {
      if (depth > 0) this.#joined = { words, line, lines: 1, indented };
      else if (words.length > 0) this.#statement(words, indented, line);
      return;
    }
    open.lines += 1;
    open.words.push(...words);
    if (depth < 0) {
      this.#joined = null;
      this.#statement(open.words, open.indented, open.line);
    } else if (open.lines > MAX_JOINED_LINES) {
      this.#joined = null;
      this.#sink.notApplied('syntax', open.line);
    }
  }

  #statement(words: readonly string[], indented: boolean, line: number): void {
    const [first = ''] = words;
    const reading = first.startsWith('$') ? this.#directive(first.toUpperCase(), words[1] ?? '') : this.#record(words, indented);
    tell(reading, line, this.#sink);
    if (this.#node !== null) this.#sink.node(this.#node.base, this.#node.reach);
    this.#node = null;
  }

  #directive(name: string, value: string): Reading {
    if (name === '$TTL') return null;
    const origin = name === '$ORIGIN' ? this.#absolute(value) : null;
    if (origin === null) return 'syntax';
    this.#origin = origin;
    if (origin.absolute) this.#apex ??= origin.name;
    return null;
  }

  #record(words: readonly string[], indented: boolean): Reading {
    const [first = ''] = words;
    if (!indented) this.#owner = first === '@' ? this.#origin : this.#absolute(first);
    const owner = this.#owner;
    if (owner === null) return 'not-a-name';
    const [written = '', value = ''] = withoutTtlAndClass(indented ? words : words.slice(1));
    const type = written.toUpperCase();
    if (type === '') return 'syntax';
    if (type === 'SOA' && owner.absolute) this.#apex = owner.name;
    if (ZONE_TYPES.has(type)) return null;
    const trigger = this.#triggerOf(owner);
    if (trigger === null) return 'out-of-zone';
    // Text about the zone stands at its apex.
    if (trigger === ROOT) return null;
    const wildcard = trigger.startsWith('\x01*');
    const base = wildcard ? (trigger.slice(2) as QName) : trigger;
    const reach = wildcard ? 'below' : 'exact';
    if (base !== ROOT) this.#node = { base, reach };
    return this.#rule(base, reach, actionOf(trigger, type, value));
  }

  #rule(base: QName, reach: Reach, action: Action): Reading {
    if (action !== 'listed' && action !== 'excepted') return action;
    if (this.#kind === 'allow' && action === 'listed') return 'opposite-effect';
    return plainRule(base, reach, this.#kind === 'allow' ? 'listed' : action);
  }

  /** The name that is asked for: the owner without the name of the zone. */
  #triggerOf({ name, absolute }: Written): QName | null {
    if (!absolute) return name;
    if (this.#apex === null || !isAtOrBelow(name, this.#apex)) return null;
    return `${name.slice(0, name.length - this.#apex.length)}\0` as QName;
  }

  /** A name as written, completed with the origin unless it ends with a dot. */
  #absolute(text: string): Written | null {
    const name = fromPresentation(text);
    if (name === null) return null;
    if (isAbsolute(text)) return { name, absolute: true };
    const whole = name.slice(0, -1) + this.#origin.name;
    return whole.length > MAX_NAME_OCTETS ? null : { name: whole as QName, absolute: this.#origin.absolute };
  }
}

/** A dot at the end that no backslash has made a character. */
function isAbsolute(text: string): boolean {
  if (!text.endsWith('.')) return false;
  let escapes = 0;
  while (text.charAt(text.length - 2 - escapes) === '\\') escapes += 1;
  return escapes % 2 === 0;
}

function actionOf(trigger: QName, type: string, value: string): Action {
  if (OTHER_TRIGGERS.has(labelsOf(trigger).at(-1) ?? '')) return 'other-trigger';
  if (type === 'A' || type === 'AAAA') return isSinkhole(value) ? 'listed' : 'local-data';
  if (type !== 'CNAME') return 'local-data';
  const target = value.toLowerCase();
  if (target === '.' || target === '*.' || target === 'rpz-drop.') return 'listed';
  if (target === 'rpz-passthru.') return 'excepted';
  if (/^rpz-[a-z-]+\.$/.test(target)) return 'other-action';
  return fromPresentation(value) === trigger ? 'excepted' : 'local-data';
}

/** TTL and class stand in either order before the type (RFC 1035 §5.1). */
function withoutTtlAndClass(words: readonly string[]): readonly string[] {
  let start = 0;
  while (start < 2 && isTtlOrClass(words[start] ?? '')) start += 1;
  return start === 0 ? words : words.slice(start);
}

function isTtlOrClass(word: string): boolean {
  return /^\d+(?:[smhdw]\d*)*$/i.test(word) || CLASSES.has(word.toUpperCase());
}

/** Nothing that joins lines, quotes or comments. */
function isPlain(text: string): boolean {
  return !/[;"()]/.test(text);
}

/** Words without comments and parentheses; `depth`: how many more open than close. Quoted text is one word. */
function splitWords(text: string): { words: string[]; depth: number } {
  const words: string[] = [];
  let depth = 0;
  for (const [token] of text.matchAll(/;.*|[()]|"(?:[^"\\]|\\.)*"?|(?:[^\s;()"\\]|\\.?)+/gs)) {
    if (token === '(') depth += 1;
    else if (token === ')') depth -= 1;
    else if (!token.startsWith(';')) words.push(token);
  }
  return { words, depth };
}
