/**
 * Where Kennel answers otherwise than the server it asks, on purpose. Each row says what, why, and changes the other server's answer
 * into the one that Kennel should give; whatever else differs is a fault. A row that changes nothing any more fails the tests too.
 */
import { comparableName, type ReadMessage, type ReadRecord } from '../lab/message-reader.ts';
import { type Question, TYPE } from './questions.ts';

/** What Kennel should say to a question, as far as it is compared. */
export interface Expected {
  readonly rcode: number;
  readonly answer: readonly ReadRecord[];
  readonly authority: readonly ReadRecord[];
  readonly additional: readonly ReadRecord[];
  readonly authoritative: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
}

export interface DeliberateDifference {
  readonly what: string;
  readonly why: string;
  /** The same object where this row does not apply. */
  adjust(expected: Expected, question: Question, settings: KennelUnderTest): Expected;
}

export interface KennelUnderTest {
  /** No TTL of an answer is below this. */
  readonly ttlFloorSeconds: number;
}

const SERVFAIL = 2;
const NXDOMAIN = 3;
const HINFO_RFC8482 = Buffer.from('\x07RFC8482\x00', 'latin1').toString('hex');
const DAY_SECONDS = 86_400;
const MAX_RECORDS = 1000;
const MAX_UDP_OCTETS = 1232;

const NOTHING = { answer: [], authority: [], additional: [], authenticData: false };

export const DELIBERATE_DIFFERENCES: readonly DeliberateDifference[] = [
  {
    what: 'ANY is answered with one HINFO',
    why: 'RFC 8482 §4.2: a tunnel gets no type that asks for everything, a forged source no amplifier',
    adjust: (expected, { name, type }) =>
      type === 'ANY' ? { ...expected, ...NOTHING, rcode: 0, answer: [{ ...record(name, TYPE.HINFO), rdata: HINFO_RFC8482 }] } : expected,
  },
  {
    what: 'the additional section is left out',
    why: 'nobody needs it of a resolver, and nothing in it can be checked against the question',
    adjust: (expected) => (expected.additional.length === 0 ? expected : { ...expected, additional: [] }),
  },
  {
    what: 'name servers in the authority section are left out',
    why: 'a stub resolver does not use them; only proofs of non-existence are kept',
    adjust(expected) {
      const authority = expected.authority.filter((one) => !isAbout(one, [TYPE.NS, TYPE.DS]));
      return authority.length === expected.authority.length ? expected : { ...expected, authority };
    },
  },
  {
    what: 'answers are never authoritative, and recursion is always available',
    why: 'Kennel forwards: it has no zones, and it is a resolver even before an authoritative server',
    adjust: (expected) =>
      expected.authoritative || !expected.recursionAvailable ? { ...expected, authoritative: false, recursionAvailable: true } : expected,
  },
  {
    what: 'the CNAME that a DNAME makes has its TTL',
    why: 'RFC 6672 §3.1; Unbound gives 0 when it makes one afresh, and nothing below the DNAME could be cached',
    adjust(expected) {
      const dname = expected.answer.find(({ type }) => type === TYPE.DNAME);
      const made = expected.answer.find(
        ({ type, owner }) => type === TYPE.CNAME && dname !== undefined && owner.endsWith(`.${dname.owner}`),
      );
      if (dname === undefined || made === undefined || made.ttlSeconds === dname.ttlSeconds) return expected;
      const answer = expected.answer.map((one) => (one === made ? { ...one, ttlSeconds: dname.ttlSeconds } : one));
      return { ...expected, answer };
    },
  },
  {
    what: 'a loop of aliases is SERVFAIL',
    why: 'there is no answer at its end; some servers give the records of the loop as if they were one',
    adjust: (expected, { type }) => (type !== 'CNAME' && isLoop(expected.answer) ? { ...expected, ...NOTHING, rcode: SERVFAIL } : expected),
  },
  {
    what: 'more than 1,000 records are SERVFAIL',
    why: 'no use of DNS needs them, and each costs work and memory',
    adjust: (expected) =>
      expected.answer.length + expected.authority.length > MAX_RECORDS ? { ...expected, ...NOTHING, rcode: SERVFAIL } : expected,
  },
  {
    what: 'a negative answer has one TTL, the lowest on the way to it',
    why: 'an alias that leads to nothing must not outlive the alias (RFC 2308 §5)',
    adjust(expected, { type }) {
      const isNegative = (expected.rcode === 0 || expected.rcode === NXDOMAIN) && !expected.answer.some((one) => one.type === TYPE[type]);
      if (!isNegative) return expected;
      const lowest = Math.min(...[...expected.answer, ...expected.authority].map(({ ttlSeconds }) => ttlSeconds));
      if (expected.authority.every(({ ttlSeconds }) => ttlSeconds === lowest)) return expected;
      return { ...expected, authority: expected.authority.map((one) => ({ ...one, ttlSeconds: lowest })) };
    },
  },
  {
    what: 'no TTL is above a day',
    why: 'what was wrong once should not stay so for weeks',
    adjust: (expected) => withTtls(expected, (ttlSeconds) => Math.min(ttlSeconds, DAY_SECONDS)),
  },
  {
    what: 'TTLs of names nobody vouches for are at least 60 s',
    why: 'their owner may use short TTLs to force repeats, each of which can carry something',
    adjust: (expected, _question, { ttlFloorSeconds }) => withTtls(expected, (ttlSeconds) => Math.max(ttlSeconds, ttlFloorSeconds)),
  },
];

export interface EarlierTruncation {
  readonly what: string;
  readonly why: string;
  /** Whether this is why Kennel says TC=1 over UDP where the other server sends `theirOctets` in one datagram. */
  explains(sizes: { readonly theirOctets: number; readonly ourWholeOctets: number }): boolean;
}

/** Why a client of Kennel has to come back over TCP where one of the other server has not. */
export const EARLIER_TRUNCATIONS: readonly EarlierTruncation[] = [
  {
    what: 'UDP answers have 1,232 octets at most, whatever the client takes',
    why: 'larger ones are fragmented on the way, and fragments get lost or forged',
    explains: ({ theirOctets }) => theirOctets > MAX_UDP_OCTETS,
  },
  {
    what: 'names in RDATA are not compressed',
    why: 'RDATA is copied as it is, with no exception for old types (RFC 3597 §4 forbids it for all newer ones)',
    explains: ({ theirOctets, ourWholeOctets }) => ourWholeOctets > theirOctets,
  },
];

/** All rows applied in order; `used` collects those that changed something. */
export function expectedOf(reference: ReadMessage, question: Question, settings: KennelUnderTest, used: Set<string>): Expected {
  let expected: Expected = reference;
  for (const row of DELIBERATE_DIFFERENCES) {
    const adjusted = row.adjust(expected, question, settings);
    if (adjusted !== expected) used.add(row.what);
    expected = adjusted;
  }
  return expected;
}

function record(owner: string, type: number): Omit<ReadRecord, 'rdata'> {
  return { owner: comparableName(owner), type, class: 1, ttlSeconds: 3600 };
}

/** Whether the record has one of these types or is the signature of one. */
function isAbout({ type, rdata }: ReadRecord, types: readonly number[]): boolean {
  return types.includes(type === TYPE.RRSIG ? Number.parseInt(rdata.slice(0, 4), 16) : type);
}

function isLoop(answer: readonly ReadRecord[]): boolean {
  const targets = new Map(answer.filter(({ type }) => type === TYPE.CNAME).map(({ owner, rdata }) => [owner, rdata]));
  const seen = new Set<string>();
  for (let name = answer[0]?.owner; name !== undefined; name = targets.get(name)) {
    if (seen.has(name)) return true;
    seen.add(name);
  }
  return false;
}

function withTtls(expected: Expected, bounded: (ttlSeconds: number) => number): Expected {
  if ([...expected.answer, ...expected.authority].every(({ ttlSeconds }) => bounded(ttlSeconds) === ttlSeconds)) return expected;
  const adjust = (one: ReadRecord) => ({ ...one, ttlSeconds: bounded(one.ttlSeconds) });
  return { ...expected, answer: expected.answer.map(adjust), authority: expected.authority.map(adjust) };
}
