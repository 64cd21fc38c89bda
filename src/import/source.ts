/**
 * A foreign config file as a tree whose values are asked for one by one: nothing in it is trusted, and what nobody asked for can be
 * told in the end, so that no setting is lost without a word. Reads YAML and TOML with bounds; knows no key of any format.
 */
import { parse as parseToml } from 'smol-toml';
import { parseDocument } from 'yaml';

/** More is no config that a person keeps. */
export const MAX_SOURCE_OCTETS = 10 * 1024 * 1024;
const MAX_ALIASES = 100;
const MAX_DEPTH = 64;
const MAX_UNREAD = 200;

export type ParsedSource = { readonly kind: 'parsed'; readonly source: Source } | { readonly kind: 'failed'; readonly message: string };

/** Never throws: aliases are bounded, and whatever else a parser chokes on is a message. */
export function readYamlSource(text: string): ParsedSource {
  return parsed(text, () => {
    // Comparing keys with each other takes minutes for a large mapping; the last of two wins.
    const document = parseDocument(text, { uniqueKeys: false, prettyErrors: false, logLevel: 'silent' });
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return document.toJS({ maxAliasCount: MAX_ALIASES, mapAsMap: true });
  });
}

/** Never throws. */
export function readTomlSource(text: string): ParsedSource {
  return parsed(text, () => parseToml(text, { maxDepth: MAX_DEPTH }));
}

/** Never throws. */
export function readJsonSource(text: string): ParsedSource {
  return parsed(text, () => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new Error('it is not JSON');
    }
  });
}

function parsed(text: string, read: () => unknown): ParsedSource {
  if (Buffer.byteLength(text, 'utf8') > MAX_SOURCE_OCTETS) {
    return { kind: 'failed', message: `the file is larger than ${MAX_SOURCE_OCTETS >> 20} MB` };
  }
  try {
    const source = new Source(read());
    // Walks the whole tree once: what is nested too deep fails here and not later.
    source.unread();
    return { kind: 'parsed', source };
  } catch (error) {
    // Parsers quote what they stumble over, in the message or in the lines below it, and a password may stand there.
    const [message = ''] = (error instanceof Error ? error.message : String(error)).split(/\n|: "/);
    return { kind: 'failed', message };
  }
}

/** A value of the file and where it stands; what is not there is an empty one. */
export class Source {
  /** `dns.upstream_dns[0]`. */
  readonly path: string;
  readonly #value: unknown;
  readonly #read: Set<string>;

  constructor(value: unknown, path = '', read: Set<string> = new Set()) {
    this.#value = value;
    this.path = path;
    this.#read = read;
  }

  get isAbsent(): boolean {
    return this.#value === undefined || this.#value === null;
  }

  at(...keys: readonly string[]): Source {
    let value = this.#value;
    let path = this.path;
    for (const key of keys) {
      value = childOf(value, key);
      path = below(path, key);
    }
    return new Source(value, path, this.#read);
  }

  /** A text, or a number as one; null for everything else. */
  text(): string | null {
    this.ignore();
    if (typeof this.#value === 'string') return this.#value;
    return typeof this.#value === 'number' || typeof this.#value === 'bigint' ? String(this.#value) : null;
  }

  /** A finite number, or a text that is one; null for everything else. */
  number(): number | null {
    const text = this.text();
    const value = text === null || text.trim() === '' ? Number.NaN : Number(text);
    return Number.isFinite(value) ? value : null;
  }

  /** True, false or a word for one of them; null for everything else. */
  boolean(): boolean | null {
    this.ignore();
    if (typeof this.#value === 'boolean') return this.#value;
    const word = typeof this.#value === 'string' ? this.#value.toLowerCase() : '';
    if (['true', 'yes', 'on'].includes(word)) return true;
    return ['false', 'no', 'off'].includes(word) ? false : null;
  }

  /** The elements of a list; none for everything else. */
  list(): Source[] {
    if (!Array.isArray(this.#value)) return [];
    return this.#value.map((value: unknown, index) => new Source(value, `${this.path}[${index}]`, this.#read));
  }

  /** The texts of a list, or a single text as a list of one, with their places. */
  texts(): { readonly text: string; readonly path: string }[] {
    const own = Array.isArray(this.#value) ? this.list() : [this];
    return own.flatMap((source) => {
      const text = source.text();
      return text === null ? [] : [{ text, path: source.path }];
    });
  }

  /** What a mapping holds; nothing for everything else. */
  entries(): (readonly [key: string, value: Source])[] {
    return entriesOf(this.#value).map(([key, value]) => [key, new Source(value, below(this.path, key), this.#read)]);
  }

  /** Counts as read, with all that is in it. */
  ignore(...keys: readonly string[]): void {
    if (keys.length === 0) this.#read.add(this.path);
    for (const key of keys) this.#read.add(below(this.path, key));
  }

  /** The paths of what nobody read and what says something; a mapping of which nothing was read is told as a whole. */
  unread(): string[] {
    const found: string[] = [];
    this.#collect(this.#value, this.path, found, 0);
    return found.slice(0, MAX_UNREAD);
  }

  /** Returns whether anything at or below was read. */
  #collect(value: unknown, path: string, found: string[], depth: number): boolean {
    if (depth > MAX_DEPTH) throw new Error(`nested more than ${MAX_DEPTH} levels deep`);
    if (this.#read.has(path)) return true;
    if (saysNothing(value)) return false;
    const before = found.length;
    let anyRead = false;
    const children: (readonly [string, unknown])[] = Array.isArray(value)
      ? value.map((item: unknown, index) => [`${path}[${index}]`, item])
      : entriesOf(value).map(([key, item]) => [below(path, key), item]);
    for (const [place, item] of children) anyRead = this.#collect(item, place, found, depth + 1) || anyRead;
    const whole = children.length === 0 || (!anyRead && path !== '' && found.length > before);
    if (whole) {
      found.length = before;
      found.push(path);
    }
    return anyRead;
  }
}

/** Off, empty or not set: nothing is lost with it. */
function saysNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false || value === 0) return true;
  if (typeof value !== 'object' || value instanceof Date) return false;
  return (Array.isArray(value) ? value : entriesOf(value)).length === 0;
}

function entriesOf(value: unknown): (readonly [string, unknown])[] {
  if (value instanceof Map) return [...value].map(([key, item]: [unknown, unknown]) => [keyText(key), item]);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date) return [];
  return Object.entries(value);
}

function childOf(value: unknown, key: string): unknown {
  if (value instanceof Map) return value.get(key) as unknown;
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}

function keyText(key: unknown): string {
  return typeof key === 'string' || typeof key === 'number' || typeof key === 'boolean' ? String(key) : '?';
}

function below(path: string, key: string): string {
  if (!/^[A-Za-z_-][A-Za-z0-9_-]*$/.test(key)) return `${path}[${JSON.stringify(key.slice(0, 200))}]`;
  return path === '' ? key : `${path}.${key}`;
}
