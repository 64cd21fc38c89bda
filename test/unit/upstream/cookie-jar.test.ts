/** DNS cookies towards upstreams (RFC 7873, RFC 9018): what is sent, what an answer's cookie means, and what it cannot be made to tell. */
import { afterEach, describe, expect, test } from 'vitest';
import { CookieJar } from '../../../src/upstream/cookie-jar.ts';
import { createForgeryGuards } from '../../../src/upstream/forgery-guards.ts';
import { createRandom16 } from '../../../src/upstream/random16.ts';
import { createTcpUpstream } from '../../../src/upstream/tcp-upstream.ts';
import { createUdpUpstream } from '../../../src/upstream/udp-upstream.ts';
import type { Upstream } from '../../../src/upstream/upstream.ts';
import { parseUpstreamUrl, pinned } from '../../../src/upstream/upstream-url.ts';
import { RCODE } from '../../../src/wire/codes.ts';
import { findOption } from '../../../src/wire/edns.ts';
import type { ParsedResponse } from '../../../src/wire/response-parse.ts';
import { FakeClock } from '../../lab/clocks.ts';
import { permitFor } from '../../lab/permits.ts';
import { a, type StubAuthority, type StubQuestion, type StubReply, startStubAuthority } from '../../lab/stub-authority.ts';

const SERVER_COOKIE = Buffer.from('a1a2a3a4a5a6a7a8a9aaabacadaeafb0', 'hex');
const OTHER_SERVER_COOKIE = Buffer.from('b1b2b3b4b5b6b7b8', 'hex');

function responseWith(cookie: Uint8Array | null, rcode = 0, truncated = false): ParsedResponse {
  return { id: 0, truncated, authenticData: false, rcode, cookie, answers: [], authority: [] };
}

function jarAt(clock = new FakeClock()): CookieJar {
  return new CookieJar(createRandom16(), clock);
}

/** A jar that knows the server's cookie, and what it sends. */
function learned(clock = new FakeClock()): { jar: CookieJar; sent: Uint8Array; client: Uint8Array } {
  const jar = jarAt(clock);
  const client = jar.cookieFrom('192.0.2.1') ?? new Uint8Array();
  jar.judge(client, responseWith(Buffer.concat([client, SERVER_COOKIE])));
  return { jar, client, sent: jar.cookieFrom('192.0.2.1') ?? new Uint8Array() };
}

describe('the cookie that is sent', () => {
  test('is eight random octets first, then those and what the server gave', () => {
    const { client, sent } = learned();
    expect(client).toHaveLength(8);
    expect(Buffer.from(sent)).toEqual(Buffer.concat([client, SERVER_COOKIE]));
  });

  test('is another one for each upstream, each address of ours, and each ten minutes', () => {
    const clock = new FakeClock();
    const { jar, client } = learned(clock);
    const others = [learned(clock).client, jar.cookieFrom('192.0.2.2')];
    const back = jar.cookieFrom('192.0.2.1');
    clock.advance(600_000);
    others.push(back, jar.cookieFrom('192.0.2.1'));
    expect(others.map((cookie) => cookie?.length)).toEqual([8, 8, 8, 8]);
    expect(new Set([client, ...others].map((cookie) => Buffer.from(cookie ?? []).toString('hex'))).size).toBe(5);
  });
});

describe('an answer', () => {
  test('with our client cookie is believed, whatever the server cookie', () => {
    const { jar, sent, client } = learned();
    expect(jar.judge(sent, responseWith(sent))).toBe('believed');
    expect(jar.judge(sent, responseWith(Buffer.concat([client, OTHER_SERVER_COOKIE])))).toBe('believed');
    expect(jar.judge(sent, responseWith(client))).toBe('believed');
    expect(Buffer.from(jar.cookieFrom('192.0.2.1') ?? [])).toEqual(Buffer.concat([client, OTHER_SERVER_COOKIE]));
  });

  test.each([
    ['another client cookie', (client: Buffer) => Buffer.concat([client.map((octet) => octet ^ 1), SERVER_COOKIE])],
    ['half a client cookie', (client: Buffer) => client.subarray(0, 4)],
    ['a server cookie too short', (client: Buffer) => Buffer.concat([client, Buffer.alloc(7)])],
    ['a server cookie too long', (client: Buffer) => Buffer.concat([client, Buffer.alloc(33)])],
    ['nothing in its cookie', () => Buffer.alloc(0)],
  ])('with %s is stray and teaches nothing', (_what, lie) => {
    const { jar, sent, client } = learned();
    expect(jar.judge(sent, responseWith(lie(Buffer.from(client))))).toBe('stray');
    expect(jar.cookieFrom('192.0.2.1')).toEqual(sent);
  });

  test('without a cookie is believed of a server that never gave one, and missing of one that did', () => {
    const jar = jarAt();
    expect(jar.judge(jar.cookieFrom('192.0.2.1'), responseWith(null))).toBe('believed');
    const { jar: other, sent } = learned();
    expect(other.judge(sent, responseWith(null))).toBe('missing');
  });

  test('to a question sent before the cookie was renewed is judged by the old one, and teaches nothing', () => {
    const clock = new FakeClock();
    const { jar, sent } = learned(clock);
    clock.advance(600_000);
    const renewed = jar.cookieFrom('192.0.2.1');
    expect(jar.judge(sent, responseWith(sent))).toBe('believed');
    expect(jar.cookieFrom('192.0.2.1')).toEqual(renewed);
  });
});

// What travels: a server over real sockets that knows cookies, in several ways.

const open: (StubAuthority | Upstream)[] = [];

afterEach(async () => {
  for (const part of open.splice(0)) await part.close();
});

async function lab(
  reply: (question: StubQuestion, cookie: Buffer | null) => StubReply & { cookie?: Buffer | null },
  transport: 'udp' | 'tcp' = 'udp',
) {
  const stub = await startStubAuthority({
    reply: (question) => {
      const { cookie = null, rcode = 0, ...others } = reply(question, cookieOf(question.packet));
      return { rewrite: (octets) => withOpt(octets, rcode, cookie), ...others, rcode };
    },
  });
  const url = parseUpstreamUrl(stub.url(transport));
  if (url.kind === 'error') throw new Error(url.message);
  const random16 = createRandom16();
  const guards = createForgeryGuards({ randomCase: false, cookies: true }, random16, new FakeClock());
  const upstream = (transport === 'udp' ? createUdpUpstream : createTcpUpstream)(pinned(url.url), random16, guards);
  open.push(stub, upstream);
  return { stub, upstream, ask: (text: string, timeoutMs = 2000) => upstream.ask(permitFor(text), timeoutMs) };
}

/** Content of the COOKIE option, which is the OPT's first where there is one. */
function cookieOf(packet: Buffer): Buffer | null {
  const optAt = packet.indexOf(Buffer.from([0, 0, 41]), 12);
  const found = optAt < 0 ? null : findOption(packet, optAt + 11, packet.length, 10);
  return found && Buffer.from(found);
}

function withOpt(response: Buffer, rcode: number, cookie: Buffer | null): Buffer {
  const options = cookie === null ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0, 10, 0, cookie.length]), cookie]);
  const opt = Buffer.concat([Buffer.from([0, 0, 41, 4, 208, rcode >> 4, 0, 0, 0, 0, options.length]), options]);
  const whole = Buffer.concat([response, opt]);
  whole.writeUInt16BE(whole.readUInt16BE(10) + 1, 10);
  return whole;
}

const answers = ({ qname }: StubQuestion) => ({ answers: [a(qname, '192.0.2.80')] });
const full = (cookie: Buffer | null, server = SERVER_COOKIE) => (cookie === null ? null : Buffer.concat([cookie.subarray(0, 8), server]));
const cookiesOf = (stub: StubAuthority) => stub.received.map(({ packet }) => cookieOf(packet));

describe.each(['udp', 'tcp'] as const)('over %s', (transport) => {
  test('a server’s cookie is learned and given back', async () => {
    const { stub, ask } = await lab((question, cookie) => ({ ...answers(question), cookie: full(cookie) }), transport);
    for (let query = 0; query < 3; query++) expect((await ask(`${query}.example.com`)).kind).toBe('response');
    const [first, second, third] = cookiesOf(stub);
    expect(first).toHaveLength(8);
    expect([second, third]).toEqual([full(first ?? null), full(first ?? null)]);
  });

  test('a server without cookies is asked as before', async () => {
    const { stub, ask } = await lab(answers, transport);
    for (let query = 0; query < 3; query++) expect((await ask(`${query}.example.com`)).kind).toBe('response');
    expect(cookiesOf(stub).map((cookie) => cookie?.length)).toEqual([8, 8, 8]);
    expect(stub.received.every((question) => question.transport === transport)).toBe(true);
  });

  test('BADCOOKIE brings a new server cookie, with which the question is asked once more', async () => {
    const { stub, ask } = await lab(
      (question, cookie) =>
        cookie?.length === 24 ? { ...answers(question), cookie: full(cookie) } : { rcode: RCODE.BADCOOKIE, cookie: full(cookie) },
      transport,
    );
    expect((await ask('www.example.com')).kind).toBe('response');
    expect(cookiesOf(stub).map((cookie) => cookie?.length)).toEqual([8, 24]);
  });

  test('BADCOOKIE without end is a failure after a few questions', async () => {
    const { stub, ask } = await lab((_question, cookie) => ({ rcode: RCODE.BADCOOKIE, cookie: full(cookie) }), transport);
    expect(await ask('www.example.com')).toMatchObject({ kind: 'failure', reason: 'malformed' });
    expect(stub.received.length).toBeLessThanOrEqual(4);
  });

  test('a server that calls the option malformed is asked without it, and for a while no more with it', async () => {
    const { stub, ask } = await lab((question, cookie) => (cookie === null ? answers(question) : { rcode: RCODE.FORMERR }), transport);
    for (let query = 0; query < 2; query++) expect((await ask(`${query}.example.com`)).kind).toBe('response');
    expect(cookiesOf(stub).map((cookie) => cookie?.length)).toEqual([8, undefined, undefined]);
  });
});

describe('over udp', () => {
  test('BADCOOKIE a second time sends the question over TCP', async () => {
    const { stub, ask } = await lab((question, cookie) =>
      question.transport === 'tcp' ? { ...answers(question), cookie: full(cookie) } : { rcode: RCODE.BADCOOKIE, cookie: full(cookie) },
    );
    expect((await ask('www.example.com')).kind).toBe('response');
    expect(stub.received.map((question) => question.transport)).toEqual(['udp', 'udp', 'tcp']);
  });

  test('an answer with the right ID, port and question and a wrong cookie is ignored and counted; the honest one comes in', async () => {
    const { upstream, ask } = await lab((question, cookie) => ({
      answers: [a(question.qname, '192.0.2.80')],
      rewrite: (honest) => [
        withOpt(honest.fill(66, honest.length - 4), 0, Buffer.alloc(24, 7)),
        withOpt(Buffer.from(honest).fill(80, honest.length - 1), 0, full(cookie)),
      ],
    }));
    expect((await ask('www.example.com')).kind).toBe('response');
    expect(upstream.strayMessages).toBe(1);
  });

  test('an answer without a cookie from a server that has them is not believed: TCP tells', async () => {
    let forging = false;
    const { stub, upstream, ask } = await lab((question, cookie) => ({
      answers: [a(question.qname, '192.0.2.80')],
      cookie: forging && question.transport === 'udp' ? null : full(cookie),
    }));
    await ask('one.example.com');
    forging = true;
    expect((await ask('two.example.com')).kind).toBe('response');
    expect(stub.received.map((question) => question.transport)).toEqual(['udp', 'udp', 'tcp']);
    expect(upstream.strayMessages).toBe(1);
    // TCP had the cookie: the server still knows them.
    expect(cookieOf(stub.received.at(-1)?.packet ?? Buffer.alloc(0))).toHaveLength(24);
  });

  test('a refusal without cookie and question, of a server that has cookies, is not believed: TCP tells, and nothing is learned', async () => {
    let forging = false;
    const { stub, upstream, ask } = await lab((question, cookie) => ({
      ...answers(question),
      rewrite: (honest) =>
        forging && question.transport === 'udp'
          ? Buffer.concat([honest.subarray(0, 3), Buffer.from([0x81]), Buffer.alloc(8)])
          : withOpt(honest, 0, full(cookie)),
    }));
    await ask('one.example.com');
    forging = true;
    expect(await ask('two.example.com')).toMatchObject({ kind: 'response', response: { rcode: RCODE.NOERROR } });
    expect(stub.received.map(({ transport, packet }) => [transport, cookieOf(packet)?.length])).toEqual([
      ['udp', 8],
      ['udp', 24],
      ['tcp', 24],
    ]);
    expect(upstream.strayMessages).toBe(1);
  });

  test('a server that stops sending cookies is found out over TCP, and asked over UDP again', async () => {
    let knowsCookies = true;
    const { stub, ask } = await lab((question, cookie) => ({ ...answers(question), cookie: knowsCookies ? full(cookie) : null }));
    await ask('one.example.com');
    knowsCookies = false;
    for (const name of ['two', 'three', 'four']) expect((await ask(`${name}.example.com`)).kind).toBe('response');
    expect(stub.received.map(({ transport, qname }) => `${transport} ${qname.split('.')[0]}`)).toEqual([
      'udp one',
      'udp two',
      'tcp two',
      'udp three',
      'udp four',
    ]);
  });

  test('the rest of the query is the same with and without a server cookie', async () => {
    const { stub, ask } = await lab((question, cookie) => ({ ...answers(question), cookie: full(cookie) }));
    await ask('www.example.com');
    await ask('www.example.com');
    const [first, second] = stub.received.map(({ packet }) => packet);
    const optAt = 12 + 17 + 4;
    expect(second?.subarray(2, optAt + 9)).toEqual(first?.subarray(2, optAt + 9));
    expect([first?.length, second?.length]).toEqual([optAt + 11 + 12, optAt + 11 + 28]);
  });
});
