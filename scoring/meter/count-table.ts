/**
 * How often each of up to 131,071 things was seen, in a few octets each: an open-addressed table of 32-bit slots, cell and count in one.
 * Owns the memory of a meter's counts. What a cell stands for is `cells.ts`.
 */

/** A slot holds a cell's number plus one in its upper 17 bits, and its count below. */
const COUNT_BITS = 15;
const MAX_COUNT = 2 ** COUNT_BITS - 1;
export const MAX_CELL = 2 ** (32 - COUNT_BITS) - 2;

const FIRST_SLOTS = 32;
/** Of the table's object, its array and their bookkeeping (measured with Node 24). */
const TABLE_OCTETS = 250;
const SLOT_OCTETS = 4;

export class CountTable {
  #slots = new Uint32Array(FIRST_SLOTS);
  #used = 0;

  /** Cells that were seen. */
  get size(): number {
    return this.#used;
  }

  /** Estimated heap octets. */
  get octets(): number {
    return TABLE_OCTETS + SLOT_OCTETS * this.#slots.length;
  }

  /** How often a cell (0 to `MAX_CELL`) was seen; counting ends at 32,767. */
  count(cell: number): number {
    return (this.#slots[find(this.#slots, cell)] ?? 0) & MAX_COUNT;
  }

  /** Counts a cell once more. */
  add(cell: number): void {
    this.#add(find(this.#slots, cell), cell);
  }

  /** Counts a cell and the total it belongs to: both or, once the total has reached its end, neither, so that it stays their sum. */
  addTo(total: number, cell: number): void {
    const at = find(this.#slots, total);
    if (((this.#slots[at] ?? 0) & MAX_COUNT) === MAX_COUNT) return;
    this.#add(at, total);
    this.#add(find(this.#slots, cell), cell);
  }

  #add(at: number, cell: number): void {
    const slot = this.#slots[at] ?? 0;
    if (slot !== 0) {
      if ((slot & MAX_COUNT) < MAX_COUNT) this.#slots[at] = slot + 1;
      return;
    }
    this.#slots[at] = ((cell + 1) << COUNT_BITS) | 1;
    this.#used++;
    // Two thirds full: probes stay short.
    if (3 * this.#used > 2 * this.#slots.length) this.#grow();
  }

  #grow(): void {
    const larger = new Uint32Array((this.#slots.length < 512 ? 4 : 2) * this.#slots.length);
    for (const slot of this.#slots) if (slot !== 0) larger[find(larger, (slot >>> COUNT_BITS) - 1)] = slot;
    this.#slots = larger;
  }
}

/** Where a cell is or would be. Each cell has its own odd stride: cells that were chosen to begin near each other do not queue up. */
function find(slots: Uint32Array, cell: number): number {
  const mask = slots.length - 1;
  const mixed = Math.imul(cell + 1, 0x9e3779b1);
  const stride = (mixed << 1) | 1;
  let at = (mixed >>> 15) & mask;
  for (;;) {
    const slot = slots[at] ?? 0;
    if (slot === 0 || slot >>> COUNT_BITS === cell + 1) return at;
    at = (at + stride) & mask;
  }
}
