/** A short run of the packet fuzzer, so that every test run has one; the long one is test/fuzz/mutated-packets.ts. */
import { expect, test } from 'vitest';
import { fuzzDecoders } from '../fuzz/mutated-packets.ts';
import { mutations } from '../fuzz/packet-mutations.ts';

test('the decoders survive 20,000 mutated packets, and each outcome is reached', () => {
  const { outcomes } = fuzzDecoders(20_000, 1);
  expect(Object.keys(outcomes).toSorted()).toEqual([
    'query: accepted',
    'query: drop',
    'query: rcode 1',
    'query: rcode 16',
    'query: rcode 4',
    'query: rcode 5',
    'response: answered',
    'response: empty',
    'response: malformed',
    'response: mismatch',
    'response: truncated',
  ]);
});

test('one seed gives the same packets every time, and another seed others', () => {
  expect(firstPackets(7)).toEqual(firstPackets(7));
  expect(firstPackets(7)).not.toEqual(firstPackets(8));
});

function firstPackets(seed: number): string[] {
  const packets = mutations(seed);
  return Array.from({ length: 50 }, () => Buffer.from(packets.next().value).toString('hex'));
}
