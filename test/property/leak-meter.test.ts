/**
 * The meter is a code: over everything that could be sent next, the probabilities it stands for sum to at most 1; and an adversary
 * who knows the model and decodes his secret through it is charged for every bit of it.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CountTable, MAX_CELL } from '../../scoring/meter/count-table.ts';
import { LeakMeter, type Sent } from '../../scoring/meter/leak-meter.ts';
import { learnName, nameBits } from '../../scoring/meter/name-coder.ts';
import { SuffixCoder } from '../../scoring/meter/suffix-coder.ts';
import { firstTypeBits, furtherTypeBits, learnFirstType, learnFurtherType } from '../../scoring/meter/type-coder.ts';
import { benignProbability } from '../../scoring/model/benign-prior.ts';
import { CONTEXT_COUNT, SYMBOL_COUNT } from '../../scoring/model/name-symbols.ts';

const ALPHABET = ['a', 'b', '1'];
const TYPES = [1, 28, 16, 10];
/** All label lists of up to two labels of up to two octets of a small alphabet. */
const SMALL_NAMES = smallNames();

/** What a session may do: send one of the small names, and see its answer expire at some time. */
const history = fc.array(
  fc.record({
    labels: fc.constantFrom(...SMALL_NAMES),
    qtype: fc.constantFrom(...TYPES),
    expiresAtMs: fc.option(fc.integer({ min: 0, max: 50 }), { nil: null }),
  }),
  { maxLength: 30 },
);

describe('the code of the leak meter', () => {
  test('has a prior whose rows sum to at most 1', () => {
    let least = 1;
    let most = 0;
    for (let context = 0; context < CONTEXT_COUNT; context++) {
      let sum = 0;
      for (let symbol = 0; symbol < SYMBOL_COUNT; symbol++) {
        const probability = benignProbability(context, symbol);
        least = Math.min(least, probability);
        sum += probability;
      }
      most = Math.max(most, sum);
    }
    expect(least).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(1);
  });

  test('gives all names that could follow a total of at most 1', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...SMALL_NAMES), { maxLength: 20 }), (sent) => {
        const counts = new CountTable();
        for (const labels of sent) learnName(counts, labels);
        let sum = 0;
        for (const labels of SMALL_NAMES) sum += 2 ** -nameBits(counts, labels);
        expect(sum).toBeLessThanOrEqual(1 + 1e-9);
      }),
      { numRuns: 40 },
    );
  });

  test('gives all octets of a one-octet label and its end a total of at most 1', () => {
    const counts = new CountTable();
    let sum = 2 ** -nameBits(counts, []);
    for (let octet = 0; octet < 256; octet++) sum += 2 ** -nameBits(counts, [String.fromCharCode(octet)]);
    expect(sum).toBeLessThanOrEqual(1);
  });

  test('gives all 65,536 types a total of 1, first and further ones', () => {
    const counts = new CountTable();
    for (const qtype of [1, 1, 28, 16, 4711]) learnFirstType(counts, qtype);
    for (const qtype of [28, 65, 65]) learnFurtherType(counts, [1], qtype);
    let first = 0;
    let further = 0;
    for (let qtype = 0; qtype < 65_536; qtype++) {
      first += 2 ** -firstTypeBits(counts, qtype);
      if (qtype !== 1 && qtype !== 16) further += 2 ** -furtherTypeBits(counts, [16, 1], qtype);
    }
    expect(first).toBeCloseTo(1, 9);
    expect(further).toBeCloseTo(1, 9);
  });

  test('gives all known endings a total of 1', () => {
    const coder = new SuffixCoder(100);
    for (const labels of [['a', 'b', 'c'], ['d', 'b', 'c'], ['e'], ['f', 'c']]) {
      const key = labels.join('\u0100');
      coder.learn(coder.longestKnown(labels, key), labels, key);
    }
    const endings = ['', 'c', 'b\u0100c'].map((key) => ({ key, start: 0 }));
    const sum = endings.reduce((total, ending) => total + 2 ** -coder.bits(ending), 0);
    expect(sum).toBeCloseTo(1, 9);
  });

  test('gives everything that could be sent next a total of at most 1, whatever was sent before', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 1, max: 12 }), (sends, maxNames) => {
        const meter = new LeakMeter({ maxNames });
        for (const { labels, qtype, expiresAtMs } of sends) {
          meter.charge({ labels, qtype });
          if (expiresAtMs !== null) meter.noteExpiry({ labels, qtype }, expiresAtMs);
        }
        let sum = 0;
        for (const labels of SMALL_NAMES) for (const qtype of TYPES) sum += 2 ** -meter.price({ labels, qtype });
        expect(sum).toBeLessThanOrEqual(1 + 1e-9);
      }),
      { numRuns: 60 },
    );
  });

  test('never lets two sequences of three sends together cost less than a code could', () => {
    const choices: Sent[] = [['a'], ['b'], ['a', 'b']].flatMap((labels) => [1, 28].map((qtype) => ({ labels, qtype })));
    let kraft = 0;
    for (const first of choices) {
      for (const second of choices) {
        for (const third of choices) {
          const meter = new LeakMeter();
          for (const [at, sent] of [first, second, third].entries()) {
            meter.charge(sent);
            meter.noteExpiry(sent, at);
          }
          kraft += 2 ** -meter.spentBits;
        }
      }
    }
    expect(kraft).toBeLessThanOrEqual(1);
  });

  test.each([1, 2, 3, 4, 5])('charges an adversary who decodes his bits through the model for all of them (seed %i)', (seed) => {
    const adversary = decodeThroughModel(seed, 400);
    expect(adversary.meteredBits).toBeGreaterThanOrEqual(adversary.payloadBits - 2);
  });

  test('lets at most 2^B of all sequences of six sends cost B bits or less, whatever B', () => {
    const choices: Sent[] = [['a'], ['b']].flatMap((labels) => [1, 28].map((qtype) => ({ labels, qtype })));
    const costs: number[] = [];
    for (let sequence = 0; sequence < choices.length ** 6; sequence++) {
      const meter = new LeakMeter();
      for (let at = 0, rest = sequence; at < 6; at++, rest = Math.floor(rest / choices.length)) {
        const sent = choices[rest % choices.length] ?? { labels: [], qtype: 1 };
        meter.charge(sent);
        // Any fixed course of expiries will do; this one brings refreshes, late names and repeats.
        meter.noteExpiry(sent, (at * 7) % 5);
      }
      costs.push(meter.spentBits);
    }
    costs.sort((one, other) => one - other);
    for (const [index, bits] of costs.entries()) expect(index + 1).toBeLessThanOrEqual(2 ** bits);
  });

  test('charges the order in which a known set is asked again for all it can say', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const costs: number[] = [];
    for (const order of permutations(names)) {
      const meter = new LeakMeter();
      for (const [at, label] of names.entries()) {
        meter.charge({ labels: [label], qtype: 1 });
        meter.noteExpiry({ labels: [label], qtype: 1 }, at);
      }
      const before = meter.spentBits;
      for (const label of order) meter.charge({ labels: [label], qtype: 1 });
      costs.push(meter.spentBits - before);
    }
    expect(costs).toHaveLength(720);
    expect(costs.reduce((sum, bits) => sum + 2 ** -bits, 0)).toBeLessThanOrEqual(1);
    // The order in which they expire says nothing.
    expect(costs[0]).toBe(Math.min(...costs));
  });

  test('prices every name of octets and charges what it said, up to 127 labels and 255 octets', () => {
    const label = fc.uint8Array({ minLength: 1, maxLength: 63 }).map((octets) => Buffer.from(octets).toString('latin1'));
    const labels = fc.oneof(
      fc.array(label, { maxLength: 4 }),
      fc.array(
        label.map((text) => text.charAt(0)),
        { maxLength: 127 },
      ),
    );
    fc.assert(
      fc.property(fc.array(fc.record({ labels, qtype: fc.integer({ min: 0, max: 65_535 }) }), { maxLength: 12 }), (sends) => {
        const meter = new LeakMeter({ maxNames: 6 });
        let sum = 0;
        for (const sent of sends) {
          const bits = meter.price(sent);
          expect(bits).toBeGreaterThan(0);
          expect(bits).toBeLessThan(10_000);
          expect(meter.charge(sent)).toBe(bits);
          sum += bits;
        }
        expect(meter.spentBits).toBe(sum);
      }),
      { numRuns: 200 },
    );
  });

  test('charges random octets, in labels of any length, for all of them', () => {
    for (const seed of [1, 2, 3]) {
      const random = generator(seed);
      const meter = new LeakMeter();
      let carried = 0;
      while (carried < 512) {
        const length = 1 + Math.floor(random() * 63);
        meter.charge({ labels: [Array.from({ length }, () => String.fromCharCode(Math.floor(random() * 256))).join('')], qtype: 1 });
        carried += length;
      }
      expect(meter.spentBits).toBeGreaterThanOrEqual(carried * 8);
    }
  });

  test('stays a code when its counts are full', () => {
    const meter = new LeakMeter({ maxNames: 4 });
    for (let i = 0; i < 40_000; i++) meter.charge({ labels: [ALPHABET[i % 3] ?? ''], qtype: TYPES[i % 2] ?? 1 });
    let sum = 0;
    for (const labels of SMALL_NAMES) for (const qtype of TYPES) sum += 2 ** -meter.price({ labels, qtype });
    expect(sum).toBeLessThanOrEqual(1 + 1e-9);
  });

  test('names whole or by their labels, it charges the same', () => {
    fc.assert(
      fc.property(history, (sends) => {
        const [plain, keyed] = [new LeakMeter(), new LeakMeter()];
        for (const { labels, qtype } of sends) {
          const key = [...labels.map((one) => String.fromCharCode(one.length) + one), '\u0007example\0'].join('');
          expect(keyed.charge({ labels, qtype, key })).toBe(plain.charge({ labels, qtype }));
        }
      }),
    );
  });
});

describe('the counts', () => {
  test('are those of a plain table, up to 32,767', () => {
    const step = fc.record({ cell: fc.integer({ min: 0, max: MAX_CELL }), times: fc.constantFrom(1, 3, 40_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const counts = new CountTable();
        const plain = new Map<number, number>();
        for (const { cell, times } of steps) {
          for (let i = 0; i < Math.min(times, 33_000); i++) counts.add(cell);
          plain.set(cell, Math.min(32_767, (plain.get(cell) ?? 0) + times));
        }
        for (const [cell, count] of plain) expect(counts.count(cell)).toBe(count);
        expect(counts.size).toBe(plain.size);
        expect(counts.count(MAX_CELL - 1)).toBe(plain.get(MAX_CELL - 1) ?? 0);
      }),
      { numRuns: 30 },
    );
  });

  test('of a total stay the sum of its cells, full or not', () => {
    const counts = new CountTable();
    for (let i = 0; i < 40_000; i++) counts.addTo(9, i % 3);
    expect(counts.count(9)).toBe(32_767);
    expect(counts.count(0) + counts.count(1) + counts.count(2)).toBe(32_767);
  });
});

/**
 * The best an attacker can do who knows the meter: choose each send so that its probability under the meter is what his secret's next
 * bits need (arithmetic decoding over a finite set of candidates, renormalised to their total). The bits that a reader of the
 * sequence gets back are −log2 of the sequence's renormalised probability.
 */
function decodeThroughModel(seed: number, sends: number): { payloadBits: number; meteredBits: number } {
  const meter = new LeakMeter();
  const random = generator(seed);
  let payloadBits = 0;
  for (let at = 0; at < sends; at++) {
    const candidates = SMALL_NAMES.flatMap((labels) => TYPES.map((qtype) => ({ labels, qtype })));
    const shares = candidates.map((sent) => 2 ** -meter.price(sent));
    const total = shares.reduce((sum, share) => sum + share, 0);
    let target = random() * total;
    let chosen = 0;
    while (chosen < shares.length - 1 && target >= (shares[chosen] ?? 0)) target -= shares[chosen++] ?? 0;
    const sent = candidates[chosen] ?? { labels: [], qtype: 1 };
    payloadBits -= Math.log2((shares[chosen] ?? 0) / total);
    meter.charge(sent);
    meter.noteExpiry(sent, Math.floor(random() * 1000));
  }
  return { payloadBits, meteredBits: meter.spentBits };
}

function permutations(items: readonly string[]): string[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((first) => permutations(items.filter((item) => item !== first)).map((rest) => [first, ...rest]));
}

function smallNames(): string[][] {
  const labels = [...ALPHABET, ...ALPHABET.flatMap((one) => ALPHABET.map((other) => one + other))];
  return [[], ...labels.map((label) => [label]), ...labels.flatMap((left) => labels.map((right) => [left, right]))];
}

/** A small seeded generator of numbers in [0, 1): mulberry32. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
