/**
 * The channels that are closed rather than scored, one test each: whatever a client varies, the pipeline's upstream port is asked the
 * same, once, or nothing. That port takes a name and a type; that the octets on the wire hold no more is `unit/wire/query-encode.test.ts`
 * and `live/recording-upstream.live.ts`.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RCODE } from '../../src/wire/codes.ts';
import { requireName, toOctets } from '../../src/wire/name.ts';
import { addressRecord, soaRecord } from '../../src/wire/rdata.ts';
import { labelsOfText, type MessageParts, queryMessage } from '../lab/messages.ts';
import { type AskOptions, BottledKennel } from './bottled-kennel.ts';

const SECOND = 1_000;
const NULL = 10;
const AAAA = 28;

interface ConfigOptions {
  readonly budgets?: string;
  readonly lists?: string;
  readonly extra?: string;
}

function config({ budgets, lists = '', extra = '' }: ConfigOptions = {}): string {
  return `
mode: enforce
upstreams: ["udp://192.0.2.53"]
limits: { queriesPerSecond: 100000, burst: 100000 }
${extra}
policies:
  - name: p
    match: {}
    preset: agent
    default: allow
    ${budgets === undefined ? '' : `budgets: ${budgets}`}
    ${lists}
`;
}

function start(text = config(), ttlSeconds = 300): BottledKennel {
  const kennel = new BottledKennel(text);
  // Ages are known, so that no name is refused for being the first below its parent.
  for (const domain of ['example.com', 'example.net', 'example.org']) kennel.ages.set(domain, 3_000);
  kennel.script = ({ name, type }) => {
    const qname = requireName(name);
    if (type === 'A')
      return { rcode: RCODE.NOERROR, answers: [addressRecord(qname, '198.51.100.7', ttlSeconds)], authority: [], authenticData: false };
    return { rcode: RCODE.NOERROR, answers: [], authority: [soaRecord(qname, ttlSeconds, ttlSeconds)], authenticData: false };
  };
  return kennel;
}

const sentPairs = ({ sent }: BottledKennel): string[] => sent.map(({ name, type }) => `${name} ${type}`);

/** Sends `www.example.net A` with everything else as given. */
function sendParts(kennel: BottledKennel, parts: Partial<MessageParts>, options: AskOptions = {}): Promise<Uint8Array | null> {
  return kennel.send(queryMessage({ id: 1, labels: labelsOfText('www.example.net'), qtype: 1, ...parts }), options);
}

const oneOf = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

const spelling = fc
  .array(fc.boolean(), { minLength: 15, maxLength: 15 })
  .map((upper) => [...'www.example.net'].map((letter, i) => (upper[i] === true ? letter.toUpperCase() : letter)).join(''));

/** A cookie of another length is a format error, so it is asked by itself (RFC 7873 §5.2.2). */
const COOKIE = 10;
const cookie = fc.oneof(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.uint8Array({ minLength: 16, maxLength: 40 }));
const ednsOption = fc.oneof(
  fc.record({ code: fc.nat({ max: 65_535 }).filter((code) => code !== COOKIE), value: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ code: fc.constant(COOKIE), value: cookie }),
);

const edns = fc.record({
  udpPayloadSize: fc.nat({ max: 65_535 }),
  dnssecOk: fc.boolean(),
  options: fc.array(ednsOption, { maxLength: 4 }),
});

/** RD, AD and CD as a client likes; the other flags make it no query. */
const flags = oneOf(0x0000, 0x0010, 0x0020, 0x0100, 0x0110, 0x0120, 0x0130);

const anyDress = fc.record({
  id: fc.nat({ max: 65_535 }),
  labels: spelling.map(labelsOfText),
  flags,
  edns: fc.option(edns, { nil: undefined }),
});

describe('closed: how a question is dressed', () => {
  /** Asks in each of these ways, after the answer has expired each time; what the upstream was asked must be one and the same. */
  async function asked(dresses: readonly Partial<MessageParts>[]): Promise<string[]> {
    const kennel = start(config({ budgets: 'off' }));
    for (const dress of dresses) {
      await sendParts(kennel, dress);
      kennel.pass(301 * SECOND);
    }
    expect(kennel.errors).toEqual([]);
    return sentPairs(kennel);
  }

  const always = (dress: fc.Arbitrary<Partial<MessageParts>>) =>
    fc.assert(
      fc.asyncProperty(fc.array(dress, { minLength: 2, maxLength: 10 }), async (dresses) => {
        expect(await asked(dresses)).toEqual(dresses.map(() => 'www.example.net A'));
      }),
      { numRuns: 40 },
    );

  test('letter case', () => always(spelling.map((name) => ({ labels: labelsOfText(name) }))));
  test('message IDs', () => always(fc.nat({ max: 65_535 }).map((id) => ({ id }))));
  test('header flags: RD, AD and CD, set or not', () => always(flags.map((bits) => ({ flags: bits }))));
  test('EDNS: with or without, size, DO, options of any code and content', () =>
    always(fc.option(edns, { nil: undefined }).map((opt) => (opt === undefined ? {} : { edns: opt }))));

  test('all of them at once, while the answer is fresh: one question', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyDress, { minLength: 2, maxLength: 20 }), async (dresses) => {
        const kennel = start();
        for (const { edns: opt, ...dress } of dresses) await sendParts(kennel, opt === undefined ? dress : { ...dress, edns: opt });
        expect(sentPairs(kennel)).toEqual(['www.example.net A']);
      }),
      { numRuns: 40 },
    );
  });

  test('all of them at once, while the question is under way: one question', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyDress, { minLength: 2, maxLength: 20 }), async (dresses) => {
        const kennel = start();
        await Promise.all(dresses.map(({ edns: opt, ...dress }) => sendParts(kennel, opt === undefined ? dress : { ...dress, edns: opt })));
        expect(sentPairs(kennel)).toEqual(['www.example.net A']);
      }),
      { numRuns: 40 },
    );
  });

  test('transport and who asks', async () => {
    const kennel = start();
    for (const client of ['10.0.0.5', '10.0.0.6', '127.0.0.1']) {
      for (const protocol of ['udp', 'tcp'] as const) await sendParts(kennel, {}, { client, protocol });
    }
    expect(sentPairs(kennel)).toEqual(['www.example.net A']);
  });
});

describe('closed: messages that are no plain question', () => {
  const plain = queryMessage({ id: 1, labels: labelsOfText('www.example.net'), qtype: 1 });
  const changed = (change: (packet: Buffer) => void): Buffer => {
    const packet = Buffer.from(plain);
    change(packet);
    return packet;
  };
  const answered = queryMessage({
    id: 1,
    labels: labelsOfText('www.example.net'),
    qtype: 1,
    edns: { udpPayloadSize: 1232, dnssecOk: false, options: [] },
  });
  const nothing: readonly (readonly [string, Buffer])[] = [
    ['a class other than IN', changed((packet) => packet.writeUInt16BE(3, packet.length - 2))],
    ['an opcode other than QUERY', changed((packet) => packet.writeUInt16BE(0x2900, 2))],
    ['a response', changed((packet) => packet.writeUInt16BE(0x8180, 2))],
    ['a truncated query', changed((packet) => packet.writeUInt16BE(0x0300, 2))],
    ['two questions', Buffer.concat([changed((packet) => packet.writeUInt16BE(2, 4)), plain.subarray(12)])],
    ['octets behind the question', Buffer.concat([plain, Buffer.from('secret')])],
    ['a compressed name', Buffer.concat([plain.subarray(0, 12), Buffer.from([3, 0x77, 0x77, 0x77, 0xc0, 12, 0, 1, 0, 1])])],
    ['an EDNS version other than 0', Buffer.from(answered.map((octet, i) => (i === answered.length - 5 ? 1 : octet)))],
    ['a record behind the question that is no OPT', Buffer.from(answered.map((octet, i) => (i === answered.length - 9 ? 250 : octet)))],
  ];

  test.each(nothing)('%s', async (_what, packet) => {
    const kennel = start();
    await kennel.send(packet);
    expect(kennel.sent).toEqual([]);
  });

  test('what they are made of is a question that would have left', async () => {
    const kennel = start();
    await kennel.send(plain);
    await kennel.send(
      queryMessage({
        id: 1,
        labels: labelsOfText('api.example.net'),
        qtype: 1,
        edns: { udpPayloadSize: 1232, dnssecOk: false, options: [] },
      }),
    );
    expect(sentPairs(kennel)).toEqual(['www.example.net A', 'api.example.net A']);
  });
});

describe('closed: types and octets', () => {
  test('types outside the policy’s, known or not, reach nobody, whatever the name', async () => {
    const allowed = [1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 43, 44, 46, 47, 48, 50, 51, 52, 64, 65, 256, 257];
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.nat({ max: 65_535 }), oneOf(NULL, 25, 99, 255, 32_769, 65_399)).filter((type) => !allowed.includes(type)),
        oneOf('www.example.net', 'www.github.com', 'example.com'),
        async (qtype, name) => {
          const kennel = start();
          await sendParts(kennel, { qtype, labels: labelsOfText(name) });
          expect(kennel.sent).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('those that are allowed are paid for: the second type of a name is not free', async () => {
    const kennel = start();
    await sendParts(kennel, {});
    const session = kennel.pipeline.sessions.peek('10.0.0.5');
    if (session === null) throw new Error('who asked is not known');
    const spent = () => kennel.pipeline.meters.spentInMemory(session.meters, 'example.net') ?? 0;
    const before = spent();
    await sendParts(kennel, { qtype: AAAA });
    expect(sentPairs(kennel)).toEqual(['www.example.net A', 'www.example.net AAAA']);
    expect(spent()).toBeGreaterThan(before);
  });

  test('an octet above 126 anywhere in a name keeps all of it here', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 20 }),
        fc.integer({ min: 127, max: 255 }),
        fc.nat({ max: 20 }),
        async (octets, high, at) => {
          const label = Uint8Array.from([...octets.slice(0, at), high, ...octets.slice(at)]);
          const kennel = start();
          await sendParts(kennel, { labels: [label, ...labelsOfText('example.net')] });
          await sendParts(kennel, { labels: [...labelsOfText('www'), label, ...labelsOfText('example.net')] });
          await sendParts(kennel, { labels: [...labelsOfText('www'), label] });
          expect(kennel.sent).toEqual([]);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('ANY is answered here', async () => {
    const kennel = start();
    await sendParts(kennel, { qtype: 255 });
    expect(kennel.sent).toEqual([]);
  });
});

describe('closed: answers that make questions come back', () => {
  /** Asks every second for ten minutes; returns at which second the upstream was asked. */
  async function secondsAsked(kennel: BottledKennel): Promise<number[]> {
    const seconds: number[] = [];
    for (let second = 0; second < 600; second++) {
      const before = kennel.sent.length;
      await sendParts(kennel, {});
      if (kennel.sent.length > before) seconds.push(second);
      kennel.pass(SECOND);
    }
    return seconds;
  }
  const everyMinute = [0, 60, 120, 180, 240, 300, 360, 420, 480, 540];

  test('TTL 0: once a minute, not more', async () => {
    expect(await secondsAsked(start(config(), 0))).toEqual(everyMinute);
  });

  test('NXDOMAIN that may not be kept, without SOA: once a minute', async () => {
    const kennel = start();
    kennel.script = () => ({ rcode: RCODE.NXDOMAIN, answers: [], authority: [], authenticData: false });
    expect(await secondsAsked(kennel)).toEqual(everyMinute);
  });

  test('SERVFAIL: once a minute', async () => {
    const kennel = start();
    kennel.script = () => ({ rcode: RCODE.SERVFAIL, answers: [], authority: [], authenticData: false });
    expect(await secondsAsked(kennel)).toEqual(everyMinute);
  });

  test('silence: once in five seconds (RFC 9520), and each time is paid for until nothing is left', async () => {
    const kennel = start(config({ budgets: '{ parentBits: 90, sessionBits: 2048 }' }));
    kennel.script = () => null;
    const seconds = await secondsAsked(kennel);
    expect(seconds.length).toBeGreaterThan(3);
    expect(Math.min(...seconds.slice(1).map((second, i) => second - (seconds[i] ?? 0)))).toBeGreaterThanOrEqual(5);
    const session = kennel.pipeline.sessions.peek('10.0.0.5');
    if (session === null) throw new Error('who asked is not known');
    expect(kennel.pipeline.meters.spentInMemory(session.meters, 'example.net')).toBeLessThanOrEqual(90);
  });

  test('an alias is handed on and not followed: its target is not asked for by Kennel', async () => {
    const kennel = start();
    kennel.script = ({ name }) => {
      const owner = requireName(name);
      const target = toOctets(requireName('chosen-by-the-other-side.example.org'));
      return {
        rcode: RCODE.NOERROR,
        answers: [{ owner, type: 5, class: 1, ttlSeconds: 300, rdata: target }],
        authority: [],
        authenticData: false,
      };
    };
    await sendParts(kennel, {});
    kennel.pass(60 * SECOND);
    expect(sentPairs(kennel)).toEqual(['www.example.net A']);
  });
});

describe('closed: what follows a refusal', () => {
  const hostile = '4d5a90000300000004000000ffff0000b800000000000000.4000000000000000000000000000000000000000.example.org';

  test('the same name under each search suffix, in any order, as glibc and musl try it', async () => {
    const suffixes = ['corp.example.com', 'default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'];
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(['', ...suffixes], { minLength: 5 }), oneOf('A', 'AAAA'), async (tried, type) => {
        const kennel = start(
          config({
            lists: 'block: [{ section: b, owner: o, reason: r, names: ["**.example.org"] }]',
            extra: 'searchSuffixes: ["corp.example.com"]\nzones: { cluster.local: ["udp://10.96.0.10"] }',
          }),
        );
        for (const suffix of tried) await kennel.ask(suffix === '' ? hostile : `${hostile}.${suffix}`, { type });
        expect(kennel.sent).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  test('the same for a budget’s refusal: nothing of the name leaves by another road', async () => {
    const kennel = start(config({ budgets: '{ parentBits: 80, sessionBits: 2048 }', extra: 'searchSuffixes: ["corp.example.com"]' }));
    expect((await kennel.ask('some-longer-name-7731.example.org'))?.rcode).toBe('NXDOMAIN');
    expect((await kennel.ask('some-longer-name-7731.example.org.corp.example.com'))?.rcode).toBe('NXDOMAIN');
    kennel.pass(3_600 * SECOND);
    // Long after the refusal is held no more, and without it.
    expect((await kennel.ask('some-longer-name-7731.example.org.corp.example.com'))?.rcode).toBe('NXDOMAIN');
    expect(kennel.sent).toEqual([]);
  });

  test('its other types and spellings, and the wait until the refusal is forgotten', async () => {
    const kennel = start(config({ budgets: '{ parentBits: 80, sessionBits: 2048 }' }));
    for (const pauseSeconds of [0, 1, 29, 31, 3_600]) {
      kennel.pass(pauseSeconds * SECOND);
      for (const type of ['A', 'AAAA', 'HTTPS', 'TXT', 'MX']) {
        await kennel.ask('some-longer-name-7731.example.org', { type });
        await kennel.ask('SOME-longer-NAME-7731.Example.ORG', { type });
      }
    }
    expect(kennel.sent).toEqual([]);
  });
});

describe('closed: what Kennel asks others about a domain', () => {
  const label = fc.stringMatching(/^[a-z0-9-]{1,30}$/).filter((text) => !text.startsWith('-') && !text.endsWith('-'));

  test('registries hear the registrable domain of names that were sent, and nothing of the labels in front of it', async () => {
    let sent = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(label, { minLength: 1, maxLength: 3 }), oneOf('example.net', 'example.co.uk'), async (labels, domain) => {
        const kennel = start();
        kennel.ages.set('example.co.uk', 3_000);
        await kennel.ask(`${labels.join('.')}.${domain}`);
        sent += kennel.sent.length;
        expect(kennel.agesAsked).toEqual(kennel.sent.length === 0 ? [] : [domain]);
      }),
      { numRuns: 60 },
    );
    expect(sent).toBeGreaterThan(20);
  });

  test('nothing where a client chooses the domain’s first label: below private suffixes, locally, or at no top-level domain', async () => {
    const kennel = start(config({ budgets: 'off', extra: 'zones: { corp.example.com: ["udp://10.0.0.53"] }' }));
    for (const name of ['chosen.github.io', 'www.chosen.duckdns.org', 'chosen.corp.example.com', 'www.chosen.invalid-tld', 'chosen.lan']) {
      await kennel.ask(name);
    }
    expect(kennel.sent).toHaveLength(5);
    expect(kennel.agesAsked).toEqual([]);
  });

  test('nothing about names that the operator blocks, that their type or octets keep here, or that a budget refuses', async () => {
    const kennel = start(
      config({
        lists: 'block: [{ section: b, owner: o, reason: r, names: ["**.example.org"] }]',
        budgets: '{ parentBits: 66, sessionBits: 2048 }',
      }),
    );
    await kennel.ask('www.example.org');
    await sendParts(kennel, { qtype: NULL });
    await sendParts(kennel, { labels: [Uint8Array.of(0x80), ...labelsOfText('example.net')] });
    await kennel.ask('some-longer-name-7731.example.com');
    expect(kennel.sent).toEqual([]);
    expect(kennel.agesAsked).toEqual([]);
  });
});
