/**
 * YAML text into plain values with the position of each: the syntax of the config file, hostile input included.
 * Refuses what a config has no use for (tags, several documents, `__proto__`) and bounds the rest. Knows no key of the config.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

export type Path = readonly (string | number)[];

export interface Position {
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

export interface YamlProblem extends Position {
  readonly path: Path;
  readonly message: string;
}

export interface YamlSource {
  readonly value: unknown;
  /** Where the value at a path stands; for what is not there, where its nearest ancestor does. */
  positionOf(path: Path): Position;
  /** Where the key of the value at a path stands. */
  positionOfKey(path: Path): Position;
}

export const MAX_TEXT_OCTETS = 1024 * 1024;
const MAX_DEPTH = 32;
/** Nodes after following aliases: a config names thousands of things at most, an alias bomb billions. */
const MAX_NODES = 200_000;
const MAX_ALIASES = 100;
/** More would not be read. */
const MAX_PROBLEMS = 100;
const CORE_TAGS = new Set(['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`));
const TOO_DEEP = `nested more than ${MAX_DEPTH} levels deep`;

/** Reads one YAML 1.2 document (core schema). Never throws. */
export function readYaml(text: string): { readonly source: YamlSource } | { readonly problems: readonly YamlProblem[] } {
  if (Buffer.byteLength(text, 'utf8') > MAX_TEXT_OCTETS) {
    return { problems: [{ line: 1, column: 1, path: [], message: `the file is larger than ${MAX_TEXT_OCTETS} bytes` }] };
  }
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  // Keys are compared below: the library compares each with each, which a large map turns into minutes.
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: lines,
    // Not 'silent', which would also silence a second document.
    logLevel: 'error',
  });
  const found = [...document.errors, ...document.warnings].slice(0, MAX_PROBLEMS);
  // The library reports its exhausted stack as an error like others, followed by one for each bracket it gave up on.
  const exhausted = found.find((error) => /call stack/i.test(error.message));
  if (exhausted !== undefined) return { problems: [{ ...at(exhausted.pos[0]), path: [], message: TOO_DEEP }] };
  if (found.length > 0) {
    return { problems: found.map((error) => ({ ...at(error.pos[0]), path: [], message: sentence(error.message) })) };
  }
  const reader = new Reader(at);
  const value = document.contents === null ? null : reader.read(document.contents, [], 0);
  return reader.problems.length > 0 ? { problems: reader.problems } : { source: reader.source(value) };
}

function sentence(message: string): string {
  const firstLine = message.split('\n')[0] ?? message;
  return firstLine.charAt(0).toLowerCase() + firstLine.slice(1);
}

class Reader {
  readonly problems: YamlProblem[] = [];
  readonly #at: (offset: number) => Position;
  readonly #anchors = new Map<string, Node>();
  readonly #values = new Map<string, number>();
  readonly #keys = new Map<string, number>();
  #nodes = 0;
  #aliases = 0;

  constructor(at: (offset: number) => Position) {
    this.#at = at;
  }

  source(value: unknown): YamlSource {
    const nearest = (path: Path): number => {
      for (let length = path.length; length >= 0; length--) {
        const offset = this.#values.get(pathKey(path.slice(0, length)));
        if (offset !== undefined) return offset;
      }
      return 0;
    };
    return {
      value,
      positionOf: (path) => this.#at(nearest(path)),
      positionOfKey: (path) => this.#at(this.#keys.get(pathKey(path)) ?? nearest(path)),
    };
  }

  read(node: Node, path: Path, depth: number): unknown {
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES) return this.#refuse(node, path, `the file has more than ${MAX_NODES} values (aliases followed)`);
    if (depth > MAX_DEPTH) return this.#refuse(node, path, TOO_DEEP);
    const offset = node.range?.[0] ?? 0;
    if (!this.#values.has(pathKey(path))) this.#values.set(pathKey(path), offset);
    if (isAlias(node)) return this.#follow(node, path, depth);
    // The library knows more tags than the core schema has, and follows them when they are written out.
    if (node.tag !== undefined && !CORE_TAGS.has(node.tag)) return this.#refuse(node, path, `the tag ${node.tag} has no meaning here`);
    if ('anchor' in node && typeof node.anchor === 'string') this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return node.value;
    if (isSeq<Node>(node)) return this.#sequence(node.items, path, depth);
    if (isMap<Node, Node | null>(node)) return this.#mapping(node.items, path, depth);
    return this.#refuse(node, path, 'this kind of value has no meaning here');
  }

  #follow(alias: Node & { source: string }, path: Path, depth: number): unknown {
    this.#aliases += 1;
    if (this.#aliases > MAX_ALIASES) return this.#refuse(alias, path, `more than ${MAX_ALIASES} aliases`);
    const target = this.#anchors.get(alias.source);
    if (target === undefined) return this.#refuse(alias, path, `the alias *${alias.source} names nothing above it`);
    return this.read(target, path, depth + 1);
  }

  #sequence(items: readonly Node[], path: Path, depth: number): unknown[] {
    const values: unknown[] = [];
    for (const [index, item] of items.entries()) {
      if (this.#stopped()) break;
      values.push(this.read(item, [...path, index], depth + 1));
    }
    return values;
  }

  #mapping(pairs: readonly { key: Node; value: Node | null }[], path: Path, depth: number): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    const seen = new Set<string>();
    for (const pair of pairs) {
      if (this.#stopped()) break;
      const key = this.#key(pair.key, path);
      if (key === null) continue;
      const inner = [...path, key];
      if (seen.has(key)) {
        this.#refuse(pair.key, inner, 'the key stands here twice');
        continue;
      }
      seen.add(key);
      if (!this.#keys.has(pathKey(inner))) this.#keys.set(pathKey(inner), pair.key.range?.[0] ?? 0);
      value[key] = pair.value === null ? null : this.read(pair.value, inner, depth + 1);
    }
    return value;
  }

  /** A key as text; null (and a problem) for keys that are no text or would reach an object's prototype. */
  #key(node: Node, path: Path): string | null {
    if (!isScalar(node)) {
      this.#refuse(node, path, 'a key must be plain text');
      return null;
    }
    const key = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
    if (key === '__proto__') {
      this.#refuse(node, path, 'the key __proto__ is not allowed');
      return null;
    }
    return key;
  }

  #stopped(): boolean {
    return this.#nodes > MAX_NODES || this.problems.length >= MAX_PROBLEMS;
  }

  #refuse(node: Node, path: Path, message: string): undefined {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ ...this.#at(node.range?.[0] ?? 0), path, message });
    return undefined;
  }
}

function pathKey(path: Path): string {
  return JSON.stringify(path);
}

/** `policies[0].match.cidr[1]`; keys that are not plain words in quotes: `zones["cluster.local"]`. */
export function pathText(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z_-][A-Za-z0-9_-]*$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}
