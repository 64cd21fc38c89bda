/**
 * Hostile packets without end, repeatable: valid messages of a small corpus, damaged in the ways that break parsers.
 * Knows no receiver: the same packets go to the decoders, to a socket or through the pipeline.
 */
import { MALFORMED_PACKETS } from '../../scripts/make-malformed-packets.ts';
import { type SeededRandom, seededRandom } from '../lab/seeded-random.ts';
import {
  header,
  labels,
  message,
  name,
  octets,
  opt,
  option,
  pointer,
  QUESTION_NAME,
  question,
  record,
  uint16,
  uint32,
} from '../packet-parts.ts';

/** The question that every response of the corpus answers. */
export const ASKED_LABELS: readonly string[] = ['www', 'example', 'com'];

const ASKED = name(...ASKED_LABELS);
const QNAME = pointer(QUESTION_NAME);
const EXAMPLE = pointer(QUESTION_NAME + 4);
const LONGEST = name('a'.repeat(63), 'b'.repeat(63), 'c'.repeat(63), 'd'.repeat(61));
const COOKIE = option(10, octets('cookie!!'));
const SOA_RDATA = message(labels('ns'), EXAMPLE, labels('hostmaster'), EXAMPLE, uint32(1, 7200, 900, 1_209_600, 300));
const SIGNATURE_RDATA = message(
  uint16(1),
  octets('\x0d\x03'),
  uint32(300, 2_000_000_000, 1_000_000_000),
  uint16(4711),
  name('example', 'com'),
  octets('s'.repeat(64)),
);

export const QUERY_CORPUS: readonly Uint8Array[] = [
  message(header(), question(ASKED)),
  message(header({ flags: 0x0130 }), question(ASKED, 28)),
  message(header(), question(name(), 2)),
  message(header(), question(LONGEST, 16)),
  message(header(), question(name(...new Array<string>(127).fill('x')), 65)),
  message(header(), question(name('\0\xff.', 'example'), 1)),
  message(header({ additional: 1 }), question(ASKED), opt()),
  message(
    header({ additional: 1 }),
    question(ASKED, 16),
    opt({ size: 4096, flags: 0x8000, options: message(COOKIE, option(12, new Uint8Array(64))) }),
  ),
  message(header({ additional: 1 }), question(LONGEST), opt({ options: option(8, octets('\0\x01\x18\0\xc0\0\x02')) })),
];

export const RESPONSE_CORPUS: readonly Uint8Array[] = [
  message(header({ flags: 0x8180, answers: 1 }), question(ASKED), record(QNAME, 1, octets('\xc0\0\x02\x01'))),
  message(
    header({ flags: 0x81a0, answers: 3, additional: 1 }),
    question(ASKED),
    record(QNAME, 5, message(labels('a'), EXAMPLE)),
    record(pointer(45), 1, octets('\xc0\0\x02\x01')),
    record(pointer(45), 46, SIGNATURE_RDATA),
    opt({ flags: 0x8000 }),
  ),
  message(
    header({ flags: 0x8183, authority: 2, additional: 1 }),
    question(ASKED),
    record(EXAMPLE, 6, SOA_RDATA),
    record(EXAMPLE, 46, SIGNATURE_RDATA),
    opt(),
  ),
  message(
    header({ flags: 0x8180, answers: 2 }),
    question(ASKED),
    record(EXAMPLE, 39, name('example', 'net')),
    record(QNAME, 5, name('www', 'example', 'net')),
  ),
  message(
    header({ flags: 0x8180, answers: 3, authority: 1 }),
    question(ASKED, 1),
    record(QNAME, 5, name('svc', 'example')),
    record(
      name('svc', 'example'),
      65,
      message(uint16(1), name('t', 'example'), option(1, octets('\x02h2')), option(4, octets('\x0a\0\0\x01'))),
    ),
    record(name('svc', 'example'), 35, message(uint16(1, 2), octets('\x01s\x03SIP\0'), EXAMPLE)),
    record(EXAMPLE, 47, message(name('z', 'example', 'com'), octets('\0\x01\x40'))),
  ),
  message(
    header({ flags: 0x8180, answers: 40 }),
    question(ASKED),
    ...Array.from({ length: 40 }, (_, index) => record(QNAME, 1, uint32(0xc0000200 + index))),
  ),
  message(
    header({ flags: 0x8180, answers: 2 }),
    question(ASKED),
    record(QNAME, 16, octets(`\xff${'t'.repeat(255)}\x01t`)),
    record(QNAME, 24, message(new Uint8Array(18), EXAMPLE)),
  ),
];

/** Every mutated packet stays below this, so that memory and time are the receiver's alone. */
const MAX_PACKET_OCTETS = 4096;

type Mutation = (packet: Uint8Array, random: SeededRandom, corpus: readonly [Uint8Array, ...Uint8Array[]]) => Uint8Array;

const INTERESTING_OCTETS = [0, 1, 12, 63, 64, 0x7f, 0x80, 0xbf, 0xc0, 0xff] as const;
const INTERESTING_LENGTHS = [0, 1, 4, 63, 255, 256, 1000, 0x7fff, 0x8000, 0xffff] as const;

/** One way each to lie; where a place is taken at random, it may also be outside of what matters. */
const MUTATIONS: readonly [Mutation, ...Mutation[]] = [
  function flipOneBit(packet, random) {
    const copy = packet.slice();
    const at = random.below(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
    return copy;
  },
  function setOneOctet(packet, random) {
    const copy = packet.slice();
    copy[random.below(copy.length)] = random.pick(INTERESTING_OCTETS);
    return copy;
  },
  function lieInACount(packet, random) {
    return withUint16(packet, 4 + 2 * random.below(4), random.pick(INTERESTING_LENGTHS));
  },
  function lieInALength(packet, random) {
    return withUint16(packet, QUESTION_NAME + random.below(Math.max(1, packet.length - QUESTION_NAME)), random.pick(INTERESTING_LENGTHS));
  },
  function setTheFlags(packet, random) {
    return withUint16(packet, 2, random.below(0x10000));
  },
  function insertAPointer(packet, random) {
    return withUint16(
      packet,
      QUESTION_NAME + random.below(Math.max(1, packet.length - QUESTION_NAME)),
      0xc000 | random.below(packet.length + 16),
    );
  },
  function cutTheEnd(packet, random) {
    return packet.slice(0, random.below(packet.length));
  },
  function appendOctets(packet, random) {
    return message(packet, random.octets(1 + random.below(32)));
  },
  function removeAPiece(packet, random) {
    const start = random.below(packet.length);
    return message(packet.subarray(0, start), packet.subarray(start + 1 + random.below(8)));
  },
  function repeatAPiece(packet, random) {
    const start = random.below(packet.length);
    const end = start + 1 + random.below(40);
    return message(packet.subarray(0, end), packet.subarray(start));
  },
  function spliceAnother(packet, random, corpus) {
    const other = random.pick(corpus);
    return message(packet.subarray(0, random.below(packet.length)), other.subarray(random.below(other.length)));
  },
];

function withUint16(packet: Uint8Array, offset: number, value: number): Uint8Array {
  const copy = packet.slice();
  copy[offset] = value >>> 8;
  copy[offset + 1] = value;
  return copy;
}

/** Damaged copies of good queries get deep; copies of the malformed ones get to odd places. About as many of each. */
const DEFAULT_CORPUS: readonly Uint8Array[] = [
  ...Array.from({ length: 7 }, () => QUERY_CORPUS).flat(),
  ...Object.values(MALFORMED_PACKETS).filter(({ length }) => length >= QUESTION_NAME && length <= 512),
];

/**
 * An endless sequence of damaged packets: one of the corpus with 1-3 mutations, about one in fifty left whole. The same seed and
 * corpus give the same packets. Queries by default; `RESPONSE_CORPUS` for an upstream's side.
 */
export function* mutations(seed: number, corpus: readonly Uint8Array[] = DEFAULT_CORPUS): Generator<Uint8Array, never> {
  const [first, ...others] = corpus;
  if (first === undefined) throw new RangeError('an empty corpus');
  const random = seededRandom(seed);
  const packets: [Uint8Array, ...Uint8Array[]] = [first, ...others];
  for (;;) {
    let packet = random.pick(packets);
    const rounds = random.chance(0.02) ? 0 : 1 + random.below(3);
    for (let round = 0; round < rounds && packet.length > 0; round++) packet = random.pick(MUTATIONS)(packet, random, packets);
    yield packet.slice(0, MAX_PACKET_OCTETS);
  }
}
