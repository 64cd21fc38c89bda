/**
 * Protection of others from Kennel and of Kennel from clients: who is believed, what goes to addresses that may be forged, and what
 * happens at each limit. On the whole pipeline, with a fake clock.
 */
import { describe, expect, test } from 'vitest';
import { RCODE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { addressRecord, txtRecord } from '../../src/wire/rdata.ts';
import { type ReadMessage, readMessage } from '../lab/message-reader.ts';
import { labelsOfText, queryMessage } from '../lab/messages.ts';
import { type AskOptions, BottledKennel } from './bottled-kennel.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

const A = 1;
const TXT = 16;
const COOKIE = 10;
const EDE = 15;

/** In `clients.allow`, outside `sessions.verified`. */
const CLIENT = '203.0.113.7';
const STRANGER = '198.51.100.1';
const CLIENT_COOKIE = '0123456789abcdef';

interface ConfigOptions {
  readonly limits?: string;
  readonly extra?: string;
}

function start({ limits = '{ queriesPerSecond: 100000, burst: 100000 }', extra = '' }: ConfigOptions = {}): BottledKennel {
  const kennel = new BottledKennel(`
mode: enforce
upstreams: ["udp://192.0.2.53"]
clients: { allow: ["203.0.113.0/24", "10.0.0.0/8"] }
limits: ${limits}
${extra}
policies:
  - { name: p, match: {}, preset: agent, default: allow }
`);
  kennel.ages.set('example.com', 3_000);
  kennel.script = ({ name, type }) => {
    const qname = requireName(name);
    const answers =
      type === 'A' ? [addressRecord(qname, '198.51.100.7', 300)] : [txtRecord(qname, ['a text to amplify with '.repeat(60)], 300)];
    return { rcode: RCODE.NOERROR, answers, authority: [], authenticData: false };
  };
  return kennel;
}

interface Asking extends AskOptions {
  readonly name?: string;
  readonly qtype?: number;
  /** Hex. */
  readonly cookie?: string;
  readonly options?: readonly { readonly code: number; readonly value: Uint8Array }[];
}

interface Told extends ReadMessage {
  /** Client and server cookie in hex; null without one. */
  readonly cookie: string | null;
}

async function ask(kennel: BottledKennel, asking: Asking = {}): Promise<Told | null> {
  const { name = 'www.example.com', qtype = A, cookie, options = [], plain } = asking;
  const cookies = cookie === undefined ? [] : [{ code: COOKIE, value: Buffer.from(cookie, 'hex') }];
  const edns = { udpPayloadSize: 4096, dnssecOk: false, options: [...options, ...cookies] };
  const packet = queryMessage({ id: 1, labels: labelsOfText(name), qtype, ...(plain === true ? {} : { edns }) });
  const answer = await kennel.send(packet, { client: CLIENT, ...asking });
  if (answer === null) return null;
  const read = readMessage(Buffer.from(answer));
  return { ...read, cookie: read.edns?.options.find(({ code }) => code === COOKIE)?.value ?? null };
}

function theirs(told: Told | null): string {
  if (told?.cookie === null || told === null) throw new Error('an answer without a cookie');
  return told.cookie;
}

async function many(kennel: BottledKennel, count: number, asking: Asking): Promise<(Told | null)[]> {
  const answers: (Told | null)[] = [];
  for (let index = 0; index < count; index++) answers.push(await ask(kennel, asking));
  return answers;
}

describe('a UDP source outside sessions.verified', () => {
  test('gets TC=1 and a cookie, and with that cookie a full answer over UDP', async () => {
    const kennel = start();
    const first = await ask(kennel, { cookie: CLIENT_COOKIE });
    expect(first).toMatchObject({ truncated: true, answer: [], rcode: 0 });
    expect(theirs(first)).toMatch(new RegExp(`^${CLIENT_COOKIE}01000000[0-9a-f]{24}$`));
    expect(kennel.sent).toEqual([]);

    const second = await ask(kennel, { cookie: theirs(first) });
    expect(second).toMatchObject({ truncated: false, answer: [{ type: A }] });
    expect(second?.cookie).toBe(first?.cookie);
    expect(kennel.sent).toHaveLength(1);
  });

  test('is no session until it has shown its cookie', async () => {
    const kennel = start();
    const first = await ask(kennel, { cookie: CLIENT_COOKIE });
    expect([...kennel.pipeline.sessions]).toEqual([]);
    await ask(kennel, { cookie: theirs(first) });
    expect([...kennel.pipeline.sessions].map(({ key }) => key)).toEqual([CLIENT]);
  });

  test.each([
    ['somebody else’s', (cookie: string) => cookie, '203.0.113.8'],
    ['its own with one digit changed', (cookie: string) => `${cookie.slice(0, -1)}${cookie.endsWith('0') ? '1' : '0'}`, CLIENT],
    ['one made up', () => `${CLIENT_COOKIE}${'ab'.repeat(16)}`, CLIENT],
    ['one of another length', () => `${CLIENT_COOKIE}${'ab'.repeat(32)}`, CLIENT],
  ])('with a cookie that is %s gets BADCOOKIE, a cookie that is good, and nothing else', async (_, forge, client) => {
    const kennel = start();
    const cookie = forge(theirs(await ask(kennel, { cookie: CLIENT_COOKIE })));
    const refused = await ask(kennel, { cookie, client });
    expect(refused).toMatchObject({ rcode: RCODE.BADCOOKIE, answer: [], truncated: false });
    expect(kennel.sent).toEqual([]);
    expect([...kennel.pipeline.sessions]).toEqual([]);
    expect(await ask(kennel, { cookie: theirs(refused), client })).toMatchObject({ rcode: 0, truncated: false, answer: [{ type: A }] });
  });

  test('gets a new cookie when its own is half an hour old, and needs one after an hour', async () => {
    const kennel = start();
    const cookie = theirs(await ask(kennel, { cookie: CLIENT_COOKIE }));
    kennel.pass(31 * MINUTE);
    const renewed = await ask(kennel, { cookie });
    expect(renewed).toMatchObject({ truncated: false, answer: [{ type: A }] });
    expect(renewed?.cookie).not.toBe(cookie);
    kennel.pass(30 * MINUTE);
    expect(await ask(kennel, { cookie })).toMatchObject({ rcode: RCODE.BADCOOKIE });
    expect(await ask(kennel, { cookie: theirs(renewed) })).toMatchObject({ rcode: 0, truncated: false });
  });

  test('gets no cookie where they are off, and none it did not ask for', async () => {
    const off = start({ extra: 'serverCookies: off' });
    expect(await ask(off, { cookie: CLIENT_COOKIE })).toMatchObject({ truncated: true, cookie: null });
    expect(await ask(start(), {})).toMatchObject({ truncated: true, cookie: null });
  });

  test('does not become another session by ECS, MAC or other options that name somebody', async () => {
    const kennel = start();
    const named = [
      { code: 8, value: Buffer.from('000120000a000005', 'hex') },
      { code: 65_001, value: Buffer.from('aabbccddeeff', 'hex') },
      { code: 65_073, value: Buffer.from('10.0.0.5') },
    ];
    await ask(kennel, { options: named, protocol: 'tcp' });
    expect([...kennel.pipeline.sessions].map(({ key }) => key)).toEqual([CLIENT]);
    expect(await ask(kennel, { options: named })).toMatchObject({ truncated: true });
    expect([...kennel.pipeline.sessions]).toHaveLength(1);
  });
});

describe('a query without a question (RFC 7873 §5.4)', () => {
  const bare = (cookie: string): Buffer =>
    Buffer.concat([
      Buffer.from('000701000000000000000001', 'hex'),
      Buffer.from(`00002904d0000000000000`, 'hex'),
      Buffer.from(cookie, 'hex'),
    ]);
  const withCookie = (cookie: string): Buffer => {
    const packet = bare(`000a${(cookie.length / 2).toString(16).padStart(4, '0')}${cookie}`);
    packet.writeUInt16BE(4 + cookie.length / 2, 21);
    return packet;
  };
  const send = async (kennel: BottledKennel, packet: Buffer): Promise<ReadMessage> => {
    const answer = await kennel.send(packet, { client: CLIENT });
    if (answer === null) throw new Error('no answer');
    return readMessage(Buffer.from(answer));
  };
  const cookieIn = (told: ReadMessage): string => told.edns?.options.find(({ code }) => code === COOKIE)?.value ?? '';

  test('gets its cookie, which is then good', async () => {
    const kennel = start();
    const told = await send(kennel, withCookie(CLIENT_COOKIE));
    expect(told).toMatchObject({ id: 7, rcode: RCODE.NOERROR, truncated: false, answer: [] });
    expect(told.question).toHaveLength(0);
    expect(await ask(kennel, { cookie: cookieIn(told) })).toMatchObject({ truncated: false, answer: [{ type: A }] });
  });

  test('gets BADCOOKIE and another one for a cookie that is not good', async () => {
    const kennel = start();
    const told = await send(kennel, withCookie(`${CLIENT_COOKIE}${'ab'.repeat(16)}`));
    expect(told.rcode).toBe(RCODE.BADCOOKIE);
    expect((await send(kennel, withCookie(cookieIn(told)))).rcode).toBe(RCODE.NOERROR);
  });

  test('is malformed without a cookie, with one that is malformed, and where cookies are off', async () => {
    expect((await send(start(), bare(''))).rcode).toBe(RCODE.FORMERR);
    expect((await send(start(), withCookie('abcd'))).rcode).toBe(RCODE.FORMERR);
    expect((await send(start({ extra: 'serverCookies: off' }), withCookie(CLIENT_COOKIE))).rcode).toBe(RCODE.FORMERR);
  });
});

describe('over TCP', () => {
  test('no cookie is needed, and one that is bad costs nothing but is replaced', async () => {
    const kennel = start();
    const answer = await ask(kennel, { protocol: 'tcp', cookie: `${CLIENT_COOKIE}${'ab'.repeat(16)}` });
    expect(answer).toMatchObject({ rcode: 0, answer: [{ type: A }] });
    expect(await ask(kennel, { cookie: theirs(answer) })).toMatchObject({ truncated: false, answer: [{ type: A }] });
  });

  test('a client that asks for it is told how long its connection is kept; over UDP never (RFC 7828 §3.2.1)', async () => {
    const kennel = start({ limits: '{ tcp: { idle: 12s } }' });
    const keepalive = [{ code: 11, value: new Uint8Array(0) }];
    const told = await ask(kennel, { protocol: 'tcp', options: keepalive });
    expect(told?.edns?.options).toEqual([{ code: 11, value: '0078' }]);
    expect((await ask(kennel, { options: keepalive }))?.edns?.options).toEqual([]);
    expect((await ask(kennel, { protocol: 'tcp' }))?.edns?.options).toEqual([]);
  });
});

describe('an answer that may go to a victim', () => {
  test('never exceeds 512 octets, its cookie included', async () => {
    const kennel = start();
    await ask(kennel, { name: 'big.example.com', qtype: TXT, protocol: 'tcp' });
    const whole = await ask(kennel, { name: 'big.example.com', qtype: TXT, protocol: 'tcp', cookie: CLIENT_COOKIE });
    expect(whole?.octets).toBeGreaterThan(1_000);
    const reflected = await ask(kennel, { name: 'big.example.com', qtype: TXT, cookie: CLIENT_COOKIE });
    expect(reflected).toMatchObject({ truncated: true, answer: [] });
    expect(reflected?.octets).toBeLessThanOrEqual(512);
  });

  test('above the rate of its network is no larger than the query and its cookie, and half of the time none', async () => {
    const kennel = start();
    await ask(kennel, { protocol: 'tcp' });
    const answers = await many(kennel, 1_000, {});
    const queryOctets = queryMessage({
      id: 1,
      labels: labelsOfText('www.example.com'),
      qtype: A,
      edns: { udpPayloadSize: 4096, dnssecOk: false, options: [] },
    }).length;
    expect(answers.slice(0, 200).every((answer) => answer?.answer.length === 1)).toBe(true);
    const above = answers.slice(200);
    expect(above.filter((answer) => answer === null)).toHaveLength(400);
    expect(above.every((answer) => answer === null || (answer.truncated && answer.octets <= queryOctets))).toBe(true);
  });

  test('a client that shows its cookie is not held up by a flood in its name', async () => {
    const kennel = start();
    const cookie = theirs(await ask(kennel, { cookie: CLIENT_COOKIE }));
    await many(kennel, 1_000, { client: '203.0.113.9' });
    expect(await ask(kennel, { cookie })).toMatchObject({ truncated: false, answer: [{ type: A }] });
    expect(await ask(kennel, { protocol: 'tcp' })).toMatchObject({ truncated: false, answer: [{ type: A }] });
  });

  test('is bounded for malformed queries as well', async () => {
    const kennel = start();
    const malformed = queryMessage({ id: 1, labels: labelsOfText('www.example.com'), qtype: A }).fill(0xff, 4, 6);
    let answered = 0;
    for (let index = 0; index < 1_000; index++) if ((await kennel.send(malformed, { client: CLIENT })) !== null) answered++;
    expect(answered).toBe(600);
  });

  test('is REFUSED to strangers, 20 times at once and then five times a second', async () => {
    const kennel = start();
    const answers = await many(kennel, 100, { client: STRANGER });
    expect(answers.filter((answer) => answer?.rcode === RCODE.REFUSED)).toHaveLength(20);
    expect(answers.filter((answer) => answer === null)).toHaveLength(80);
    kennel.pass(SECOND);
    expect((await many(kennel, 100, { client: STRANGER })).filter((answer) => answer !== null)).toHaveLength(5);
    expect([...kennel.pipeline.sessions]).toEqual([]);
  });
});

describe('a session above its rate', () => {
  const SESSION = '10.0.0.5';
  const limited = (slip: string) => start({ limits: `{ queriesPerSecond: 10, burst: 10${slip} }` });

  test.each([
    ['each one is sent to TCP by default', '', 90],
    ['every third one', ', slip: 3', 30],
    ['none', ', slip: 0', 0],
  ])('over UDP: %s', async (_, slip, expected) => {
    const kennel = limited(slip);
    const answers = await many(kennel, 100, { client: SESSION });
    expect(answers.slice(0, 10).every((answer) => answer?.truncated === false)).toBe(true);
    const above = answers.slice(10);
    expect(above.filter((answer) => answer?.truncated === true && answer.answer.length === 0)).toHaveLength(expected);
    expect(above.filter((answer) => answer === null)).toHaveLength(90 - expected);
  });

  test('over TCP is REFUSED at once, and told why', async () => {
    const kennel = limited('');
    const answers = await many(kennel, 11, { client: SESSION, protocol: 'tcp' });
    const last = answers.at(-1);
    expect(last).toMatchObject({ rcode: RCODE.REFUSED });
    expect(last?.edns?.options.map(({ code }) => code)).toEqual([EDE]);
    kennel.pass(SECOND);
    expect(await ask(kennel, { client: SESSION, protocol: 'tcp' })).toMatchObject({ rcode: 0 });
  });

  test('takes nothing from another one', async () => {
    const kennel = limited('');
    await many(kennel, 100, { client: SESSION });
    expect(await ask(kennel, { client: '10.0.0.6' })).toMatchObject({ truncated: false });
  });
});

describe('queries that wait for upstreams', () => {
  /** An upstream that never answers. */
  function stuck(limits: string): BottledKennel {
    const kennel = start({ limits });
    const group = kennel.pipeline.upstreams.get('default');
    if (group === undefined) throw new Error('no default group');
    group.exchange = () => new Promise(() => undefined);
    return kennel;
  }

  const refusedAtOnce = async (kennel: BottledKennel, asking: Asking): Promise<Told | null | 'waits'> =>
    Promise.race([ask(kennel, asking), new Promise<'waits'>((resolve) => setImmediate(resolve, 'waits'))]);

  test('a session may have a quarter of them; the next gets SERVFAIL and a reason at once, and others go on', async () => {
    const kennel = stuck('{ queriesPerSecond: 100000, burst: 100000, pendingQueries: 40 }');
    for (let index = 0; index < 10; index++) {
      expect(await refusedAtOnce(kennel, { client: '10.0.0.5', name: `a${index}.example.com` })).toBe('waits');
    }
    const over = await refusedAtOnce(kennel, { client: '10.0.0.5', name: 'b.example.com' });
    expect(over).toMatchObject({ rcode: RCODE.SERVFAIL, edns: { options: [{ code: EDE }] } });
    expect(await refusedAtOnce(kennel, { client: '10.0.0.6', name: 'c.example.com' })).toBe('waits');
  });

  test('all together may have pendingQueries; the next gets the same', async () => {
    const kennel = stuck('{ queriesPerSecond: 100000, burst: 100000, pendingQueries: 8 }');
    for (let index = 0; index < 8; index++) {
      expect(await refusedAtOnce(kennel, { client: `10.0.0.${5 + (index % 4)}`, name: `a${index}.example.com` })).toBe('waits');
    }
    const over = await refusedAtOnce(kennel, { client: '10.0.0.99', name: 'd.example.com' });
    expect(over).toMatchObject({ rcode: RCODE.SERVFAIL, edns: { options: [{ code: EDE }] } });
  });

  test('of whom twice as many may wait when they ask the same', async () => {
    const kennel = stuck('{ queriesPerSecond: 100000, burst: 100000, pendingQueries: 8 }');
    for (let index = 0; index < 16; index++) {
      expect(await refusedAtOnce(kennel, { client: `10.0.0.${5 + index}`, name: 'same.example.com' })).toBe('waits');
    }
    const over = await refusedAtOnce(kennel, { client: '10.0.0.99', name: 'same.example.com' });
    expect(over).toMatchObject({ rcode: RCODE.SERVFAIL, edns: { options: [{ code: EDE }] } });
  });

  test('that end make room again', async () => {
    const kennel = start({ limits: '{ queriesPerSecond: 100000, burst: 100000, pendingQueries: 4 }' });
    for (let index = 0; index < 20; index++) {
      expect(await ask(kennel, { client: '10.0.0.5', name: `a${index}.example.com` })).toMatchObject({ rcode: 0 });
    }
    expect(kennel.pipeline.sessions.waiting).toBe(0);
  });
});
