/**
 * Ways to say something beside the name: each dressing of a query (class, counts, additional records, EDNS, opcode, transport) either
 * leads to the very octets that the plain query leads to, or to none; and asking again and again makes no upstream query more,
 * whatever the upstream answers. The random mixture of case, flags, IDs and options is recording-upstream.live.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Kennel, startKennelOnLoopback } from '../lab/kennel-process.ts';
import { labelsOfText, queryMessage, summariseAnswer } from '../lab/messages.ts';
import { eventually } from '../lab/processes.ts';
import { a, type StubAuthority, type StubReply, startStubAuthority } from '../lab/stub-authority.ts';
import { askPipelined } from '../lab/tcp-pipeline.ts';
import { openUdpAsker, type UdpAsker } from '../lab/udp-asker.ts';

const A = 1;
/** What a dressing smuggles; searched for in all that the upstream receives. */
const CONTRABAND = Buffer.from('contraband-of-24-octets!', 'latin1');
const PATIENCE_MS = 400;

let authority: StubAuthority;
let kennel: Kennel;
const repliesBelow: Record<string, (name: string) => StubReply> = {
  'zero-ttl': (name) => ({ answers: [a(name, '203.0.113.10', 0)] }),
  missing: () => ({ rcode: 3 }),
  empty: () => ({}),
  failing: () => ({ rcode: 2 }),
  refusing: () => ({ rcode: 5 }),
  silent: () => ({ drop: true }),
};
beforeAll(async () => {
  authority = await startStubAuthority({
    reply: ({ qname }) =>
      repliesBelow[qname.split('.')[1] ?? '']?.(qname) ?? { answers: [a(qname, '203.0.113.10')], ednsPayloadSize: 1232 },
  });
  kennel = await startKennelOnLoopback({
    mode: 'enforce',
    upstreams: [authority.url('udp')],
    reputation: 'off',
    limits: 'off',
    // Names that nobody vouches for: a channel is of use to a thief there.
    policies: [{ name: 'everyone', match: {}, preset: 'interactive', default: 'allow' }],
  });
});
afterAll(async () => {
  await kennel?.remove();
  await authority?.close();
});

const EDNS = { udpPayloadSize: 1232, dnssecOk: false, options: [] } as const;
const plain = (name: string, more: Partial<Parameters<typeof queryMessage>[0]> = {}) =>
  queryMessage({ id: 4711, labels: labelsOfText(name), qtype: A, ...more });
const withOption = (code: number) => (name: string) => plain(name, { edns: { ...EDNS, options: [{ code, value: CONTRABAND }] } });

/** Changes 16 bits of a message; offsets below zero count from its end. */
function patched(message: Buffer, offset: number, value: number): Buffer {
  message.writeUInt16BE(value, offset < 0 ? message.length + offset : offset);
  return message;
}

/** A TXT record of the root that holds the contraband. */
const RECORD = Buffer.concat([Buffer.from([0, 0, 16, 0, 1, 0, 0, 0, 0, 0, CONTRABAND.length + 1, CONTRABAND.length]), CONTRABAND]);
const withRecord = (countOffset: number) => (name: string) => patched(Buffer.concat([plain(name), RECORD]), countOffset, 1);

const DRESSINGS: Readonly<Record<string, (name: string) => Buffer>> = {
  'a cookie': withOption(10),
  'a client subnet': withOption(8),
  padding: withOption(12),
  'a name server identifier': withOption(3),
  'an unknown option': withOption(65_001),
  'another payload size': (name) => plain(name, { edns: { ...EDNS, udpPayloadSize: 31_337 } }),
  DO: (name) => plain(name, { edns: { ...EDNS, dnssecOk: true } }),
  CD: (name) => plain(name, { flags: 0x0110 }),
  AD: (name) => plain(name, { flags: 0x0120 }),
  'the reserved flag': (name) => plain(name, { flags: 0x0140 }),
  'AA, TC and an RCODE': (name) => plain(name, { flags: 0x0703 }),
  'no RD': (name) => plain(name, { flags: 0 }),
  'opcode 5': (name) => plain(name, { flags: 0x2900 }),
  'class CH': (name) => patched(plain(name), -2, 3),
  'class ANY': (name) => patched(plain(name), -2, 255),
  'a class nobody knows': (name) => patched(plain(name), -2, 0x4b45),
  'no question counted': (name) => patched(plain(name), 4, 0),
  'two questions': (name) => {
    const message = plain(name);
    return patched(Buffer.concat([message, message.subarray(12)]), 4, 2);
  },
  'an answer': withRecord(6),
  'an authority': withRecord(8),
  'an additional record': withRecord(10),
  'octets behind the message': (name) => Buffer.concat([plain(name), CONTRABAND]),
  'two OPT records': (name) => {
    const message = plain(name, { edns: { ...EDNS, options: [{ code: 65_001, value: CONTRABAND }] } });
    return patched(Buffer.concat([message, message.subarray(plain(name).length)]), 10, 2);
  },
  'EDNS version 1': (name) => {
    const message = plain(name, { edns: EDNS });
    message[plain(name).length + 6] = 1;
    return message;
  },
  'upper case': (name) => plain(name.toUpperCase()),
};

/** Nothing of the ID and the name, all of the rest. */
function shapeOf(packet: Buffer, name: string): string {
  return packet.toString('hex', 2, 12) + packet.toString('hex', plain(name).length - 4);
}

const slugOf = (what: string) => what.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

describe('one query in another dressing', () => {
  test.each(Object.entries(DRESSINGS))('%s', async (what, dress) => {
    const slug = slugOf(what);
    // A domain and a client of its own for each, so that no budget refuses the last of them.
    const bare = `bare.${slug}.example`;
    const dressed = { udp: `udp.${slug}.example`, tcp: `tcp.${slug}.example` };
    const asker = await openUdpAsker(kennel, `127.0.2.${Object.keys(DRESSINGS).indexOf(what) + 1}`);
    await asker.ask(plain(bare), PATIENCE_MS);
    await asker.ask(dress(dressed.udp), PATIENCE_MS);
    await asker.close();
    await askPipelined(kennel, [dress(dressed.tcp)], PATIENCE_MS).catch(() => null);

    const sent = (name: string) => authority.received.filter(({ qname }) => qname.toLowerCase() === name);
    const [bareQuery] = sent(bare);
    if (!bareQuery) throw new Error('the plain query did not arrive: nothing is compared');
    for (const name of Object.values(dressed)) {
      const arrived = sent(name);
      expect(arrived.length).toBeLessThanOrEqual(1);
      for (const { packet, qname, transport } of arrived) {
        expect({ qname, transport, shape: shapeOf(packet, name) }).toEqual({
          qname: name,
          transport: bareQuery.transport,
          shape: shapeOf(bareQuery.packet, bare),
        });
      }
    }
    const everything = Buffer.concat(authority.received.map(({ packet }) => packet));
    expect(everything.includes(CONTRABAND)).toBe(false);
  });

  test('the dressings are not all refused: some reach the upstream, as the plain query does', () => {
    const arrived = Object.keys(DRESSINGS).filter((what) =>
      authority.received.some(({ qname }) => qname === `udp.${slugOf(what)}.example`),
    );
    console.log(`${arrived.length} of ${Object.keys(DRESSINGS).length} dressings lead to an upstream query`);
    expect(arrived).toEqual(expect.arrayContaining(['a cookie', 'a client subnet', 'padding', 'DO', 'CD', 'AD', 'upper case']));
  });
});

describe('asking again', () => {
  /** Clients that ask for the same name, each this often. */
  const CLIENTS = 4;
  const TIMES = 10;

  /** Waits until the upstream counts as up: one that is taken for dead is asked nothing, and then nothing is compared. */
  async function upstreamIsUp(asker: UdpAsker, kind: string): Promise<void> {
    const isUp = await eventually(async () => {
      names += 1;
      // Another name each time: failures are kept for a while.
      const answer = await asker.ask(plain(`n${names}.before-${kind}.example`), 10_000);
      if (answer !== null && summariseAnswer(answer).answerCount === 1) return true;
      await sleep(500);
      return false;
    }, 30_000);
    if (!isUp) throw new Error('the upstream is not asked again');
  }
  let names = 0;

  test.each(Object.keys(repliesBelow))(
    'of an upstream that is %s makes as many queries as asking once',
    { timeout: 120_000 },
    async (kind) => {
      const once = `once.${kind}.example`;
      const often = `often.${kind}.example`;
      const patient = await openUdpAsker(kennel, '127.0.3.1');
      await upstreamIsUp(patient, kind);
      // The answer may be that there is none; what counts is that Kennel has given up on the name.
      expect(await patient.ask(plain(once), 15_000)).not.toBeNull();
      for (let client = 0; client < CLIENTS; client += 1) {
        await upstreamIsUp(patient, kind);
        const asker = await openUdpAsker(kennel, `127.0.3.${client + 2}`);
        for (let time = 0; time < TIMES; time += 1) expect(await asker.ask(plain(often), 15_000)).not.toBeNull();
        await asker.close();
      }
      await patient.close();
      const arrivals = (name: string) => authority.received.filter(({ qname }) => qname === name).length;
      console.log(`${kind}: ${arrivals(often)} upstream queries for ${CLIENTS * TIMES}, ${arrivals(once)} for 1`);
      expect(arrivals(once)).toBeGreaterThan(0);
      expect(arrivals(often)).toBe(arrivals(once));
    },
  );
});
