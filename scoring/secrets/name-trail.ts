/**
 * What is remembered of the names a session asked before, so that a secret cut into several names is still found: the ends of the
 * names of the last few parents, and which pieces of registered secrets were seen. Bounded; holds no piece's text longer than that.
 */
import type { Piece, SecretSearch } from './secret-matcher.ts';

/** The end of what was asked below one parent, read in three ways. */
export interface ReadEnds {
  /** All labels below the parent, the first ones, and the second ones: the latter two step over counters between the pieces. */
  readonly ends: readonly [all: string, first: string, second: string];
  /** The beginning of a key was seen, and more may follow. */
  readonly open: boolean;
}

interface ParentTail extends ReadEnds {
  readonly latest: string;
  readonly before: ReadEnds | null;
}

const MAX_PARENTS = 8;
/** The longest text of a key that has to be seen: 16 octets of prefix and 24 of body in hex. */
const END_LENGTH = 96;
const NO_ENDS = ['', '', ''] as const;
const MAX_PIECES = 64;
/** Names after which a piece is forgotten: pieces that a busy session happens to share with secrets must not add up for ever. */
const PIECE_NAMES = 512;

interface KeptPiece {
  readonly piece: Piece;
  readonly atName: number;
}

export class NameTrail {
  readonly #tails = new Map<string, ParentTail>();
  #pieces: KeptPiece[] = [];
  #names = 0;

  /** What stood before a name below the parent. Asked once more, as for its AAAA, the name does not follow itself. */
  endsBefore(parent: string, below: string): ReadEnds | null {
    const tail = this.#tails.size === 0 ? undefined : this.#tails.get(parent);
    if (tail === undefined) return null;
    return tail.latest === below ? tail.before : tail;
  }

  /** The pieces of one secret that were seen lately. */
  *piecesOf(secret: number): Iterable<Piece> {
    for (const { piece, atName } of this.#pieces) {
      if (piece.secret === secret && this.#names - atName < PIECE_NAMES) yield piece;
    }
  }

  /** Includes a name: its labels below the parent, and what was found in it. */
  record(parent: string, labels: readonly string[], { pieces, open }: Pick<SecretSearch, 'pieces' | 'open'>): void {
    this.#keep(pieces);
    const latest = labels.join('');
    const before = this.#tails.get(parent);
    if (before?.latest === latest) return;
    this.#names += 1;
    this.#tails.delete(parent);
    const [all, first, second] = before?.ends ?? NO_ENDS;
    const ends =
      labels.length > 1
        ? ([append(all, latest), append(first, labels[0]), append(second, labels[1])] as const)
        : ([append(all, latest), first, second] as const);
    const previous = before === undefined ? null : { ends: before.ends, open: before.open };
    this.#tails.set(parent, { ends, open, latest, before: previous });
    if (this.#tails.size > MAX_PARENTS) {
      for (const oldest of this.#tails.keys()) {
        this.#tails.delete(oldest);
        break;
      }
    }
  }

  /** A release gives a fresh start. */
  clear(): void {
    this.#tails.clear();
    this.#pieces = [];
  }

  #keep(pieces: readonly Piece[]): void {
    for (const piece of pieces) if (piece.shingles.length > 0) this.#pieces.push({ piece, atName: this.#names });
    if (this.#pieces.length > MAX_PIECES) this.#pieces = this.#pieces.slice(-MAX_PIECES);
  }
}

function append(end: string, text = ''): string {
  const longer = end + text;
  return longer.length > END_LENGTH ? longer.slice(-END_LENGTH) : longer;
}
