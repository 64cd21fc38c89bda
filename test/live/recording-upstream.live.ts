/**
 * What reaches an upstream: 10,000 random queries with every channel a client has (letter case, IDs, flags, EDNS options, odd types
 * and octets), half of them for names that are refused, against an upstream that keeps each octet. What is allowed must arrive,
 * rebuilt from name and type alone; of everything else nothing.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Kennel, startKennelOnLoopback } from '../lab/kennel-process.ts';
import { type MessageParts, queryMessage, summariseAnswer } from '../lab/messages.ts';
import { seededRandom } from '../lab/seeded-random.ts';
import { a, type StubAuthority, type StubQuestion, startStubAuthority } from '../lab/stub-authority.ts';
import { inParallel, openUdpAsker, type UdpAsker } from '../lab/udp-asker.ts';

const QUERIES = 10_000;
/** Sessions, so that no single one is limited or quarantined for the volume of the test itself. */
const CLIENTS = 200;
const MAX_QUERIES_PER_SOCKET = 200;

const TYPES_ALLOWED = [1, 28, 16, 15, 33, 65] as const;
/** NULL, KEY, PRIVATE, ANY, AXFR and two that are not assigned. */
const TYPES_REFUSED = [10, 25, 65399, 255, 252, 1234, 64000] as const;

const NOERROR = 0;
const NXDOMAIN = 3;
/** The answer to a zone transfer that is not granted (RFC 5936 §2.2.1); no stub resolver asks for one. */
const REFUSED = 5;
const AXFR = 252;

interface Asked {
  readonly parts: MessageParts;
  readonly client: number;
  /** The name as an upstream may see it, or null where nothing of it may leave. */
  readonly mayLeaveAs: string | null;
  /** Lower-case octets that occur in this query's name and in no other. */
  readonly token: string;
}

/** Allowed names thrice, so that about half of all queries may leave. */
const CATEGORIES = ['allowed', 'allowed', 'allowed', 'blocked', 'unlisted', 'type', 'octets'] as const;

const random = seededRandom(20_261_121);

let authority: StubAuthority;
let kennel: Kennel;
const asked = Array.from({ length: QUERIES }, (_, index) => randomQuery(index));
const answers: (Buffer | null)[] = [];

beforeAll(async () => {
  authority = await startStubAuthority({
    reply: ({ qname, qtype }) => ({
      answers: qtype === 1 && /^[a-z0-9.]+$/.test(qname) ? [a(qname, '203.0.113.10')] : [],
      ednsPayloadSize: 1232,
    }),
  });
  const list = (section: string, names: readonly string[]) => [{ section, owner: 'lab', reason: 'the recording test', names }];
  kennel = await startKennelOnLoopback({
    mode: 'enforce',
    upstreams: [authority.url('udp')],
    reputation: 'off',
    limits: 'off',
    policies: [
      {
        name: 'everyone',
        match: {},
        default: 'deny',
        allow: list('names', ['**.allowed.example']),
        block: list('names', ['**.blocked.example']),
        budgets: 'off',
      },
    ],
  });
  const askers: UdpAsker[] = [];
  for (let client = 0; client < CLIENTS; client += 1) askers.push(await openUdpAsker(kennel, `127.0.1.${client + 1}`));
  await inParallel(asked, 32, async ({ parts, client }, index) => {
    answers[index] = (await askers[client]?.ask(queryMessage(parts), 5_000)) ?? null;
  });
  await Promise.all(askers.map((asker) => asker.close()));
}, 180_000);
afterAll(async () => {
  await kennel?.remove();
  await authority?.close();
});

describe('10,000 random queries', () => {
  test('are all answered', () => {
    expect(answers.filter((answer) => answer === null)).toHaveLength(0);
    expect(answers).toHaveLength(QUERIES);
  });

  test('arrive at the upstream where they are allowed, and are answered from there', () => {
    const arrived = new Set(authority.received.map(nameKey));
    const missing = asked.filter(({ parts, mayLeaveAs }) => mayLeaveAs !== null && !arrived.has(`${parts.qtype} ${mayLeaveAs}`));
    console.log(`${authority.received.length} queries at the upstream for ${QUERIES} from clients`);
    expect(missing.map(({ mayLeaveAs }) => mayLeaveAs)).toEqual([]);
    expect(arrived.size).toBeGreaterThan(QUERIES / 4);
  });

  test('reach the upstream for allowed names and types only', () => {
    const mayLeave = new Set(asked.map(({ parts, mayLeaveAs }) => `${parts.qtype} ${mayLeaveAs}`));
    expect(authority.received.map(nameKey).filter((key) => !mayLeave.has(key))).toEqual([]);
  });

  test('leave no octets of a refused name at the upstream', () => {
    const everything = Buffer.concat(authority.received.map(({ packet }) => packet))
      .toString('latin1')
      .toLowerCase();
    const allowedToken = asked.find(({ mayLeaveAs }) => mayLeaveAs !== null)?.token ?? 'none';
    expect(everything, 'the search does find what was sent').toContain(allowedToken);
    const leaked = asked.filter(({ mayLeaveAs, token }) => mayLeaveAs === null && everything.includes(token));
    expect(leaked.map(({ token }) => token)).toEqual([]);
  });

  test('leave no upper-case letter at the upstream', () => {
    expect(authority.received.filter(({ packet }) => /[A-Z]/.test(questionOctets(packet).toString('latin1')))).toEqual([]);
  });

  test('reach the upstream with one header and one OPT record of our own, the same every time', () => {
    const shapes = new Set(authority.received.map(({ packet }) => shapeOf(packet)));
    // RD alone, one question, one additional record; OPT of 1232 octets, version 0, DO, a cookie of eight octets that we drew once.
    expect([...shapes]).toEqual([expect.stringMatching(/^01000001000000000001 00002904d000008000000c000a0008[0-9a-f]{16}$/)]);
  });

  test('reach the upstream under IDs that have nothing to do with those of the clients', () => {
    const clientId = new Map(asked.map(({ parts, mayLeaveAs }) => [`${parts.qtype} ${mayLeaveAs}`, parts.id]));
    const pairs = authority.received.map((question) => [clientId.get(nameKey(question)) ?? -1, question.packet.readUInt16BE(0)] as const);
    // Equal by chance once in 65,536; more than four times in 10,000 happens less than once in a million runs.
    expect(pairs.filter(([client, upstream]) => client === upstream).length).toBeLessThanOrEqual(4);
    expect(Math.abs(correlation(pairs))).toBeLessThan(5 / Math.sqrt(pairs.length));
    expect(new Set(pairs.map(([, upstream]) => upstream)).size).toBeGreaterThan(pairs.length * 0.9);
  });

  test('reach the upstream from changing ports, none used more than 200 times', () => {
    const uses = new Map<number, number>();
    for (const { sourcePort } of authority.received) uses.set(sourcePort, (uses.get(sourcePort) ?? 0) + 1);
    console.log(`${uses.size} source ports, the busiest used ${Math.max(...uses.values())} times`);
    expect(Math.max(...uses.values())).toBeLessThanOrEqual(MAX_QUERIES_PER_SOCKET);
    expect(uses.size).toBeGreaterThanOrEqual(Math.ceil(authority.received.length / MAX_QUERIES_PER_SOCKET));
  });

  test('get a definite answer where the name or its type is refused', () => {
    const indefinite = new Set<string>();
    for (const [index, { parts, mayLeaveAs }] of asked.entries()) {
      const answer = answers[index];
      if (mayLeaveAs !== null || !answer) continue;
      const { rcode, truncated } = summariseAnswer(answer);
      const isDefinite = rcode === NXDOMAIN || rcode === NOERROR || (rcode === REFUSED && parts.qtype === AXFR);
      if (truncated || !isDefinite) indefinite.add(`type ${parts.qtype}: RCODE ${rcode}, TC ${truncated}`);
    }
    expect([...indefinite]).toEqual([]);
  });
});

/** One query of a random category, dressed up with everything a client may choose. */
function randomQuery(index: number): Asked {
  const token = `${index.toString(36)}x${random.octets(6).toString('hex')}`;
  const category = random.pick(CATEGORIES);
  const parents = {
    allowed: 'allowed.example',
    blocked: 'blocked.example',
    unlisted: 'unlisted.example',
    type: 'allowed.example',
    octets: 'allowed.example',
  } as const;
  const odd = category === 'octets' ? oddOctets() : Buffer.alloc(0);
  const lowerCase = [Buffer.concat([Buffer.from(token), odd]), ...parents[category].split('.').map((label) => Buffer.from(label))];
  const qtype = category === 'type' ? random.pick(TYPES_REFUSED) : random.pick(TYPES_ALLOWED);
  const mayLeave = category === 'allowed' || (category === 'octets' && odd.every((octet) => octet <= 126));
  return {
    parts: {
      // IDs in flight differ on each client's socket: the queries of one client are CLIENTS apart.
      id: random.below(65_536),
      labels: lowerCase.map(withRandomCase),
      qtype,
      flags: 0x0100 | (random.chance(0.5) ? 0x0020 : 0) | (random.chance(0.5) ? 0x0010 : 0) | (random.chance(0.2) ? 0x0040 : 0),
      ...(random.chance(0.7) ? { edns: randomEdns() } : {}),
    },
    client: index % CLIENTS,
    mayLeaveAs: mayLeave ? lowerCase.map((label) => label.toString('latin1').toLowerCase()).join('|') : null,
    token,
  };
}

/** Octets that have tripped matchers before: NUL, dots, backslash, space, and everything beyond ASCII. */
function oddOctets(): Buffer {
  const odd = [0, 0x2e, 0x5c, 0x20, 0x2a, 0x7e, 0x7f, 0x80, 0xc0, 0xff] as const;
  return Buffer.from(Array.from({ length: 1 + random.below(4) }, () => random.pick(odd)));
}

function withRandomCase(label: Buffer): Buffer {
  return Buffer.from(label.map((octet) => (octet >= 0x61 && octet <= 0x7a && random.chance(0.5) ? octet - 32 : octet)));
}

function randomEdns(): NonNullable<MessageParts['edns']> {
  const options = [
    { code: 8, value: Buffer.concat([Buffer.from([0, 1, 24, 0]), random.octets(3)]) },
    { code: 10, value: random.octets(8) },
    { code: 12, value: random.octets(random.below(64)) },
    { code: 15, value: Buffer.alloc(0) },
    { code: 65001, value: random.octets(1 + random.below(32)) },
  ] as const;
  return { udpPayloadSize: 512 + random.below(4_000), dnssecOk: random.chance(0.5), options: options.filter(() => random.chance(0.4)) };
}

/** Octets of the question, without type and class. */
function questionOctets(packet: Buffer): Buffer {
  let end = 12;
  while ((packet[end] ?? 0) !== 0) end += 1 + (packet[end] ?? 0);
  return packet.subarray(12, end + 1);
}

/** Type and labels as received: compared without folding, so that a wrong octet or letter case would show. */
function nameKey({ packet, qtype }: StubQuestion): string {
  const octets = questionOctets(packet);
  const labels: string[] = [];
  for (let offset = 0; (octets[offset] ?? 0) !== 0; offset += 1 + (octets[offset] ?? 0)) {
    labels.push(octets.toString('latin1', offset + 1, offset + 1 + (octets[offset] ?? 0)));
  }
  return `${qtype} ${labels.join('|')}`;
}

/** Everything of a message that is not its ID, name or type. */
function shapeOf(packet: Buffer): string {
  const afterName = 12 + questionOctets(packet).length;
  return `${packet.subarray(2, 12).toString('hex')} ${packet.subarray(afterName + 4).toString('hex')}`;
}

/** Pearson's coefficient. */
function correlation(pairs: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanX = mean(pairs.map(([x]) => x));
  const meanY = mean(pairs.map(([, y]) => y));
  const covariance = mean(pairs.map(([x, y]) => (x - meanX) * (y - meanY)));
  return covariance / Math.sqrt(mean(pairs.map(([x]) => (x - meanX) ** 2)) * mean(pairs.map(([, y]) => (y - meanY) ** 2)));
}
