/**
 * The meter is a code: over everything that could be sent next, the probabilities it stands for sum to at most 1; and an adversary
 * who knows the model and decodes his secret through it is charged for every bit of it.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CountTable } from '../../scoring/meter/count-table.ts';
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
