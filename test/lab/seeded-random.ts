/** Repeatable randomness for the live tests: the same seed gives the same queries. Not for anything that must not be guessed. */

export interface SeededRandom {
  /** A whole number in [0, below). */
  below(limit: number): number;
  octets(count: number): Buffer;
  pick<Item>(items: readonly [Item, ...Item[]]): Item;
  /** True with the given probability. */
  chance(probability: number): boolean;
}

/** Mulberry32: 32 bits of state, passes for even spread, which is all that is asked of it. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(fraction() * limit);
  return {
    below,
    octets: (count) => Buffer.from(Array.from({ length: count }, () => below(256))),
    pick: (items) => items[below(items.length)] ?? items[0],
    chance: (probability) => fraction() < probability,
  };
}
