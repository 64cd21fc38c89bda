/**
 * Which of the sent pairs expires first: a binary min-heap that knows where each of its entries is.
 * Order is by expiry, then by the order in which pairs were first sent, so that it is the same on every run.
 */

export interface Expiring {
  expiresAtMs: number;
  /** Order of first sending; unique. */
  readonly sequence: number;
  /** Index in the queue's heap; −1 while outside. Written by the queue alone. */
  heapIndex: number;
}

export class ExpiryQueue<Entry extends Expiring> {
  readonly #heap: Entry[] = [];

  /** The entry that expires first, or null. */
  first(): Entry | null {
    return this.#heap[0] ?? null;
  }

  /** Puts the entry in, or moves it, to where its new expiry belongs. */
  schedule(entry: Entry, expiresAtMs: number): void {
    entry.expiresAtMs = expiresAtMs;
    if (entry.heapIndex < 0) this.#place(entry, this.#heap.length);
    this.#siftUp(entry);
    this.#siftDown(entry);
  }

  /** Takes the entry out; nothing happens when it is not in. */
  remove(entry: Entry): void {
    const index = entry.heapIndex;
    if (index < 0) return;
    entry.heapIndex = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    this.#place(last, index);
    this.#siftUp(last);
    this.#siftDown(last);
  }

  #siftUp(entry: Entry): void {
    while (entry.heapIndex > 0) {
      const index = entry.heapIndex;
      const parent = this.#heap[(index - 1) >> 1];
      if (parent === undefined || !isBefore(entry, parent)) return;
      this.#place(entry, (index - 1) >> 1);
      this.#place(parent, index);
    }
  }

  #siftDown(entry: Entry): void {
    for (;;) {
      const index = entry.heapIndex;
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      if (left === undefined) return;
      const child = right !== undefined && isBefore(right, left) ? right : left;
      if (!isBefore(child, entry)) return;
      const childIndex = child.heapIndex;
      this.#place(child, index);
      this.#place(entry, childIndex);
    }
  }

  #place(entry: Entry, index: number): void {
    this.#heap[index] = entry;
    entry.heapIndex = index;
  }
}

function isBefore(one: Expiring, other: Expiring): boolean {
  return one.expiresAtMs !== other.expiresAtMs ? one.expiresAtMs < other.expiresAtMs : one.sequence < other.sequence;
}
