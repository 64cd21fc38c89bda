/**
 * Upstreams that are broken in the ways of home routers and old servers: what a client gets, after how many messages, and how soon. One
 * upstream alone, as a LAN has it, over real sockets; names are asked one after the other of an upstream nothing is known about.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { createUpstreamGroup, type ForwardingGroup } from '../../src/upstream/group.ts';
import { openUpstream } from '../../src/upstream/open-upstream.ts';
import { createRandom16 } from '../../src/upstream/random16.ts';
import { parseUpstreamUrl } from '../../src/upstream/upstream-url.ts';
import { RCODE, RRTYPE, rcodeName } from '../../src/wire/codes.ts';
import { addressesOf } from '../../src/wire/rdata.ts';
import { SkippingClock } from '../lab/clocks.ts';
import { permitFor } from '../lab/permits.ts';
import { a, type StubAuthority, type StubOptions, type StubQuestion, type StubReply, startStubAuthority } from '../lab/stub-authority.ts';

const open: { close(): void | Promise<void> }[] = [];

afterEach(async () => {
  for (const part of open.splice(0)) await part.close();
});

type Reply = (question: StubQuestion) => StubReply;

const honest: Reply = ({ qname }) => ({ answers: [a(qname, '192.0.2.80')] });
const hasOpt = ({ packet }: StubQuestion): boolean => packet.readUInt16BE(10) === 1;
/** The OPT is the last record; without options it is 11 octets long. */
const hasCookie = (question: StubQuestion): boolean => hasOpt(question) && question.packet.readUInt16BE(question.packet.length - 2) !== 0;

/** The header alone, all counts 0. */
function headerOf(octets: Buffer): Buffer {
  return Buffer.concat([octets.subarray(0, 4), Buffer.alloc(8)]);
}

function inLowerCase(octets: Buffer): Buffer {
  const copy = Buffer.from(octets);
  for (let at = 12; copy.readUInt8(at) !== 0; at++)
    if (copy.readUInt8(at) >= 0x41 && copy.readUInt8(at) <= 0x5a) copy[at] = copy.readUInt8(at) + 0x20;
  return copy;
}

interface Lab {
  readonly stub: StubAuthority;
  readonly group: ForwardingGroup;
  readonly clock: SkippingClock;
  /** What comes of a name, and in which forms and over what it was asked. */
  ask(name: string, qtype?: number): Promise<{ result: string; asked: string[]; ms: number }>;
}

async function lab(reply: Reply, options: Partial<StubOptions> = {}, randomCase = false, transport: 'udp' | 'tcp' = 'udp'): Promise<Lab> {
  const stub = await startStubAuthority({ ...options, reply });
  const url = parseUpstreamUrl(stub.url(transport));
  if (url.kind === 'error') throw new Error(url.message);
  const clock = new SkippingClock();
  const upstream = openUpstream(url.url, clock, createRandom16(), { randomCase, cookies: true, ca: null });
  const group = createUpstreamGroup({ id: 'lan', upstreams: [upstream], clock });
  open.push(stub, group);
  return {
    stub,
    group,
    clock,
    async ask(name, qtype = RRTYPE.A) {
      const before = stub.received.length;
      const startedMs = performance.now();
      const outcome = await group.exchange(permitFor(name, qtype));
      const ms = performance.now() - startedMs;
      const asked = stub.received.slice(before).map((question) => `${question.transport} ${formOf(question)}`);
      if (outcome.kind === 'failure') return { result: outcome.reason, asked, ms };
      return { result: [rcodeName(outcome.response.rcode), ...outcome.response.answers.flatMap(addressesOf)].join(' '), asked, ms };
    },
  };
}

function formOf(question: StubQuestion): string {
  if (!hasOpt(question)) return 'bare';
  return hasCookie(question) ? 'cookie' : 'opt';
}

/** Every wait for silence is at least 400 ms; without one, an answer takes a few. */
const AT_ONCE_MS = 390;

const WORKS = 'NOERROR 192.0.2.80';

describe('an upstream that', () => {
  test.each<[string, Reply, { first: string[]; second: string[] }]>([
    ['knows no OPT and ignores it', honest, { first: ['udp cookie'], second: ['udp cookie'] }],
    [
      'answers FORMERR to any OPT',
      (question) => (hasOpt(question) ? { rcode: RCODE.FORMERR } : honest(question)),
      { first: ['udp cookie', 'udp opt', 'udp bare'], second: ['udp bare'] },
    ],
    [
      'answers FORMERR to any OPT, with a header alone',
      (question) => (hasOpt(question) ? { rcode: RCODE.FORMERR, rewrite: headerOf } : honest(question)),
      { first: ['udp cookie', 'udp opt', 'udp bare'], second: ['udp bare'] },
    ],
    [
      'answers NOTIMP to any OPT, with a header alone',
      (question) => (hasOpt(question) ? { rcode: RCODE.NOTIMP, rewrite: headerOf } : honest(question)),
      { first: ['udp cookie', 'udp opt', 'udp bare'], second: ['udp bare'] },
    ],
    [
      'answers FORMERR to a COOKIE option',
      (question) => (hasCookie(question) ? { rcode: RCODE.FORMERR } : honest(question)),
      { first: ['udp cookie', 'udp opt'], second: ['udp opt'] },
    ],
  ])('%s is asked as it understands, from the first name on', async (_what, reply, { first, second }) => {
    const { ask, group } = await lab(reply);
    expect(await ask('one.example.com')).toMatchObject({ result: WORKS, asked: first });
    expect(await ask('two.example.com')).toMatchObject({ result: WORKS, asked: second });
    expect(group.status()).toMatchObject([{ state: 'up', strayMessages: 0 }]);
  });

  test.each<[string, Reply, { first: string[]; slowestMs: number; second: string[] }]>([
    [
      'drops questions with a COOKIE option',
      (question) => (hasCookie(question) ? { drop: true } : honest(question)),
      { first: ['udp cookie', 'udp opt'], slowestMs: 1000, second: ['udp opt'] },
    ],
    [
      'drops questions with an OPT',
      (question) => (hasOpt(question) ? { drop: true } : honest(question)),
      { first: ['udp cookie', 'udp opt', 'udp bare'], slowestMs: 2200, second: ['udp bare'] },
    ],
  ])('%s makes the first name wait, and no other one', async (_what, reply, { first, slowestMs, second }) => {
    const { ask, group, clock } = await lab(reply);
    const one = await ask('one.example.com');
    expect(one).toMatchObject({ result: WORKS, asked: first });
    expect(one.ms).toBeLessThan(slowestMs);
    const two = await ask('two.example.com');
    expect(two).toMatchObject({ result: WORKS, asked: second });
    expect(two.ms).toBeLessThan(AT_ONCE_MS);
    // When the other forms are due for a trial, nobody waits for it.
    for (const pauseMs of [3_000, 30_000, 300_000, 900_000, 900_000]) {
      clock.skip(pauseMs);
      const later = await ask('later.example.com');
      expect(later.result).toBe(WORKS);
      expect(later.ms).toBeLessThan(AT_ONCE_MS);
    }
    expect(group.status()).toMatchObject([{ state: 'up', failures: 0 }]);
  });

  test('has learned EDNS is asked with it again, after a trial beside an ordinary question', async () => {
    const { ask, clock, stub } = await lab((question) => (hasOpt(question) ? { rcode: RCODE.FORMERR } : honest(question)));
    await ask('one.example.com');
    stub.reply = honest;
    clock.skip(3_000);
    const second = await ask('two.example.com');
    expect(second.asked.sort()).toEqual(['udp bare', 'udp cookie']);
    await expect.poll(async () => (await ask('three.example.com')).asked).toEqual(['udp cookie']);
  });

  test('refuses OPT over TCP is asked bare there too', async () => {
    const { ask } = await lab((question) => (hasOpt(question) ? { rcode: RCODE.FORMERR } : honest(question)), {}, false, 'tcp');
    expect(await ask('one.example.com')).toMatchObject({ result: WORKS, asked: ['tcp cookie', 'tcp opt', 'tcp bare'] });
    expect(await ask('two.example.com')).toMatchObject({ result: WORKS, asked: ['tcp bare'] });
  });

  test('calls one name malformed in every form is asked for others as before', async () => {
    const { ask } = await lab((question) =>
      question.qname.startsWith('odd') ? { rcode: RCODE.FORMERR, rewrite: headerOf } : honest(question),
    );
    expect(await ask('odd.example.com')).toMatchObject({ result: 'SERVFAIL', asked: ['udp cookie', 'udp opt', 'udp bare'] });
    expect(await ask('one.example.com')).toMatchObject({ result: WORKS, asked: ['udp cookie'] });
    // Known to understand it, it means the name.
    expect(await ask('odd.example.com')).toMatchObject({ result: 'SERVFAIL', asked: ['udp cookie'] });
  });

  test('writes names in lower case is asked over TCP once', async () => {
    const { ask } = await lab((question) => ({ ...honest(question), rewrite: inLowerCase }), {}, true);
    expect(await ask('one-long-name.example.com')).toMatchObject({ result: WORKS, asked: ['udp cookie', 'tcp cookie'] });
    expect(await ask('another-long-name.example.com')).toMatchObject({ result: WORKS, asked: ['udp cookie'] });
  });

  test('refuses OPT with a header alone, where letter case was to come back, is believed over TCP', async () => {
    const { ask, group } = await lab(
      (question) => (hasOpt(question) ? { rcode: RCODE.FORMERR, rewrite: headerOf } : honest(question)),
      {},
      true,
    );
    expect(await ask('one-long-name.example.com')).toMatchObject({
      result: WORKS,
      asked: ['udp cookie', 'tcp cookie', 'tcp opt', 'tcp bare'],
    });
    expect(await ask('another-long-name.example.com')).toMatchObject({ result: WORKS, asked: ['udp bare'] });
    expect(group.status()).toMatchObject([{ state: 'up', strayMessages: 1 }]);
  });

  test('truncates over UDP and has no TCP fails for that name alone: it is there', async () => {
    const { ask, group } = await lab((question) => (question.qname.startsWith('big') ? { truncate: true } : honest(question)), {
      transports: ['udp'],
    });
    for (let round = 0; round < 5; round++) {
      const big = await ask(`big${round}.example.com`, RRTYPE.TXT);
      expect(big.result).toBe('malformed');
      expect(big.ms).toBeLessThan(AT_ONCE_MS);
    }
    expect(group.status()).toMatchObject([{ state: 'up', failures: 0 }]);
    expect(await ask('small.example.com')).toMatchObject({ result: WORKS });
  });

  test('answers over TCP alone is unreachable, at once: it is written tcp://', async () => {
    const overUdp = await (await lab(honest, { transports: ['tcp'] })).ask('www.example.com');
    expect(overUdp).toMatchObject({ result: 'unreachable', asked: [] });
    expect(overUdp.ms).toBeLessThan(AT_ONCE_MS);
    const { ask } = await lab(honest, { transports: ['tcp'] }, false, 'tcp');
    expect(await ask('www.example.com')).toMatchObject({ result: WORKS, asked: ['tcp cookie'] });
  });

  test.each<[string, Reply]>([
    [
      'answers SERVFAIL for AAAA',
      ({ qtype, qname }) => (qtype === RRTYPE.AAAA ? { rcode: RCODE.SERVFAIL } : honest({ qname } as StubQuestion)),
    ],
    [
      'answers SERVFAIL for AAAA, with a header alone',
      ({ qtype, qname }) => (qtype === RRTYPE.AAAA ? { rcode: RCODE.SERVFAIL, rewrite: headerOf } : honest({ qname } as StubQuestion)),
    ],
  ])('%s fails for AAAA at once, and for nothing else', async (_what, reply) => {
    const { ask, group } = await lab(reply);
    for (let round = 0; round < 5; round++) {
      const refused = await ask(`${round}.example.com`, RRTYPE.AAAA);
      expect(refused).toMatchObject({ result: 'SERVFAIL', asked: ['udp cookie'] });
      expect(refused.ms).toBeLessThan(AT_ONCE_MS);
      expect(await ask(`${round}.example.com`)).toMatchObject({ result: WORKS });
    }
    expect(group.status()).toMatchObject([{ state: 'up', failures: 0 }]);
  });

  test('answers NOERROR without records for names that do not exist is believed', async () => {
    expect(await (await lab(() => ({}))).ask('missing.example.com')).toMatchObject({ result: 'NOERROR', asked: ['udp cookie'] });
  });

  test('answers from another port is not heard', async () => {
    const { ask, stub } = await lab((question) => ({ ...honest(question), otherPort: true }));
    expect(await ask('www.example.com')).toMatchObject({ result: 'timeout' });
    expect(stub.received.length).toBeLessThanOrEqual(3);
  }, 10_000);
});
