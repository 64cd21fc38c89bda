/**
 * Suffix trie over canonical labels: finds the most specific pattern that covers a name, in time proportional to its labels.
 * Matching happens on the octets that would be forwarded, whole labels only; reading patterns is `name-pattern.ts`.
 */
import type { QName } from '../wire/name.ts';
import type { NamePattern } from './name-pattern.ts';

interface Node<Entry> {
  children: Map<string, Node<Entry>> | null;
  exact: Entry | null;
  oneLabel: Entry | null;
  anyDepth: Entry | null;
}

/** A name has at most 127 labels (255 octets, two per label, and the root). */
const offsets = new Uint8Array(128);

export class NameTrie<Entry> {
  readonly #root: Node<Entry> = emptyNode();
  #size = 0;

  /** Patterns added; a pattern that is there already keeps its first entry. */
  get size(): number {
    return this.#size;
  }

  add(pattern: Pick<NamePattern, 'kind' | 'base'>, entry: Entry): void {
    const { base } = pattern;
    let node = this.#root;
    for (let i = collectOffsets(base) - 1; i >= 0; i--) {
      const label = labelAt(base, i);
      node.children ??= new Map();
      let child = node.children.get(label);
      if (child === undefined) {
        child = emptyNode();
        node.children.set(label, child);
      }
      node = child;
    }
    switch (pattern.kind) {
      case 'exact':
        node.exact ??= entry;
        break;
      case 'one-label':
        node.oneLabel ??= entry;
        break;
      case 'any-depth':
        node.anyDepth ??= entry;
        break;
    }
    this.#size += 1;
  }

  /**
   * The entry of the most specific pattern that covers the name, or null. An exact pattern beats a wildcard, a longer base beats a
   * shorter one, and `*.a.b` beats `**.a.b`.
   */
  match(name: QName): Entry | null {
    const labels = collectOffsets(name);
    let node = this.#root;
    let best: Entry | null = null;
    for (let i = labels - 1; i >= 0; i--) {
      // Still `i + 1` labels to the left of this node: its wildcards apply, and later ones are more specific.
      best = (i === 0 ? node.oneLabel : null) ?? node.anyDepth ?? best;
      const child = node.children?.get(labelAt(name, i));
      if (child === undefined) return best;
      node = child;
    }
    return node.exact ?? node.anyDepth ?? best;
  }
}

function emptyNode<Entry>(): Node<Entry> {
  return { children: null, exact: null, oneLabel: null, anyDepth: null };
}

/** Fills `offsets` with the position of each label's length octet, leftmost first; returns how many labels there are. */
function collectOffsets(name: QName): number {
  let count = 0;
  let at = 0;
  while (at < name.length) {
    const length = name.charCodeAt(at);
    if (length === 0) break;
    offsets[count] = at;
    count += 1;
    at += 1 + length;
  }
  return count;
}

/** The octets of label number `index`, without the length octet. */
function labelAt(name: QName, index: number): string {
  const at = offsets[index] ?? 0;
  return name.slice(at + 1, at + 1 + name.charCodeAt(at));
}
