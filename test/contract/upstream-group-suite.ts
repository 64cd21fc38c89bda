/**
 * What every `UpstreamGroup` promises, against a real server on the loopback interface. Run over each transport and with each strategy by
 * `upstream-group*.test.ts`: two files, because what silence costs over TLS has to be waited for.
 */
import { networkInterfaces } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { createUpstreamGroup, type ExchangeTimeouts, type ForwardingGroup } from '../../src/upstream/group.ts';
import { openUpstream } from '../../src/upstream/open-upstream.ts';
import { createRandom16 } from '../../src/upstream/random16.ts';
import type { Strategy } from '../../src/upstream/strategy.ts';
import { parseUpstreamUrl } from '../../src/upstream/upstream-url.ts';
import { RCODE, RRTYPE } from '../../src/wire/codes.ts';
import { toPresentation } from '../../src/wire/name.ts';
import { addressesOf } from '../../src/wire/rdata.ts';
import { SkippingClock } from '../lab/clocks.ts';
import { permitFor } from '../lab/permits.ts';
import { a, type StubAuthority, type StubReplyFunction, soa, startStubAuthority } from '../lab/stub-authority.ts';
import { startHttpsFront, startTlsFront, TEST_CA } from '../lab/tls-servers.ts';

export type Transport = 'udp' | 'tcp' | 'tls' | 'https';

/** A stub authority and, before its TCP, fronts that speak TLS and HTTPS. */
interface Stub extends Omit<StubAuthority, 'url'> {
  url(transport: Transport): string;
}

const open: { close(): void | Promise<void> }[] = [];

afterEach(async () => {
  for (const part of open.splice(0)) await part.close();
});

const answering: StubReplyFunction = ({ qname }) => ({ answers: [a(qname, '192.0.2.80')] });

/** Short enough for a suite, long enough for a loopback answer on a busy machine. */
const TEST_TIMEOUTS: ExchangeTimeouts = { tryMs: 400, totalMs: 1200 };

async function stubWith(reply: StubReplyFunction, address = '127.0.0.1'): Promise<Stub> {
  const stub = await startStubAuthority({ address, reply });
  const fronts = { tls: await startTlsFront(stub.port), https: await startHttpsFront(stub.port) };
  open.push(stub, fronts.tls, fronts.https);
  return Object.assign(stub, { url: (transport: Transport) => urlOf(transport, address, fronts[transport as 'tls']?.port ?? stub.port) });
}

function urlOf(transport: Transport, address: string, port: number): string {
  const host = address.includes(':') ? `[${address}]` : address;
  if (transport === 'tls') return `tls://dns.test@${host}:${port}`;
  return transport === 'https' ? `https://dns.test:${port}/dns-query@${host}` : `${transport}://${host}:${port}`;
}

/** A port that was free a moment ago: nobody listens there. */
async function closedUrl(transport: Transport): Promise<string> {
  const stub = await startStubAuthority({ reply: answering });
  await stub.close();
  return urlOf(transport, stub.address, stub.port);
}

type Grouped = { group: ForwardingGroup; clock: SkippingClock };

function openGroup(strategy: Strategy, urls: string[], timeouts: ExchangeTimeouts = TEST_TIMEOUTS): Grouped {
  const clock = new SkippingClock();
  const upstreams = urls.map((text) => {
    const parsed = parseUpstreamUrl(text);
    if (parsed.kind === 'error') throw new Error(parsed.message);
    return openUpstream(parsed.url, clock, createRandom16(), { randomCase: false, cookies: false, ca: TEST_CA });
  });
  const group = createUpstreamGroup({ id: 'default', upstreams, strategy, clock, timeouts, random: () => 0 });
  open.push(group);
  return { group, clock };
}

async function elapsedMs(act: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await act();
  return performance.now() - startedMs;
}

const hasIpv6Loopback = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'));

/** To be called once for each transport and strategy, in a `describe` of its own. */
export function everyUpstreamGroup(transport: Transport, strategy: Strategy): void {
  const isEncrypted = transport === 'tls' || transport === 'https';
  // A handshake comes before the first answer, and its signatures take a busy machine a while.
  const slower = isEncrypted ? 4 : 1;
  const groupFor = (urls: string[], { tryMs, totalMs }: ExchangeTimeouts = TEST_TIMEOUTS): Grouped =>
    openGroup(strategy, urls, { tryMs: tryMs * slower, totalMs: totalMs * slower });

  test('the answer comes back with its records and the upstream it came from', async () => {
    const stub = await stubWith(answering);
    const { group } = groupFor([stub.url(transport)]);
    const result = await group.exchange(permitFor('www.example.com'));
    expect(result).toMatchObject({ kind: 'response', upstream: stub.url(transport), response: { rcode: RCODE.NOERROR } });
    const answers = result.kind === 'response' ? result.response.answers : [];
    expect(answers.map((record) => [toPresentation(record.owner), addressesOf(record)])).toEqual([['www.example.com', ['192.0.2.80']]]);
    // A slow machine may make the group repeat the question.
    expect(new Set(stub.received.map((question) => question.transport))).toEqual(new Set([transport === 'udp' ? 'udp' : 'tcp']));
  });

  test('the query is an ID, RD=1, the question and one OPT with DO=1, over TLS padded with zeros, and not an octet more', async () => {
    const stub = await stubWith(answering);
    const { group } = groupFor([stub.url(transport)]);
    await group.exchange(permitFor('WWW.Example.com', RRTYPE.AAAA));
    const name = '03 777777 07 6578616d706c65 03 636f6d 00';
    const options = isEncrypted ? `0054 000c 0050 ${'00'.repeat(80)}` : '0000';
    const expected = `0100 0001 0000 0000 0001 ${name} 001c 0001 00 0029 04d0 00 00 8000 ${options}`.replaceAll(' ', '');
    expect(new Set(stub.received.map(({ packet }) => packet.subarray(2).toString('hex')))).toEqual(new Set([expected]));
  });

  test('NXDOMAIN comes back with its SOA', async () => {
    const stub = await stubWith(() => ({ rcode: RCODE.NXDOMAIN, authorities: [soa('example.com', 60)] }));
    const { group } = groupFor([stub.url(transport)]);
    const result = await group.exchange(permitFor('missing.example.com'));
    expect(result).toMatchObject({
      kind: 'response',
      response: { rcode: RCODE.NXDOMAIN, authority: [{ type: RRTYPE.SOA, ttlSeconds: 60 }] },
    });
  });

  test('many questions at once each get their own answer, in whatever order answers come', async () => {
    const stub = await stubWith(({ qname, index }) => ({
      answers: [a(qname, `192.0.2.${Number(qname.split('.')[0])}`)],
      delayMs: (index * 7) % 40,
    }));
    const { group } = groupFor([stub.url(transport)], { tryMs: 3000, totalMs: 4500 });
    const results = await Promise.all(Array.from({ length: 150 }, (_, index) => group.exchange(permitFor(`${index}.example.com`))));
    const addresses = results.map((result) => (result.kind === 'response' ? result.response.answers.flatMap(addressesOf) : result));
    expect(addresses).toEqual(Array.from({ length: 150 }, (_, index) => [`192.0.2.${index}`]));
    expect(new Set(stub.received.map(({ qname }) => qname)).size).toBe(150);
    // A slow machine may make the group repeat some.
    expect(stub.received.length).toBeLessThanOrEqual(3 * 150);
  });

  test.skipIf(!hasIpv6Loopback || isEncrypted)('an IPv6 upstream is asked (skipped where the machine has no ::1)', async () => {
    const stub = await stubWith(answering, '::1');
    const { group } = groupFor([stub.url(transport)]);
    expect(await group.exchange(permitFor('www.example.com'))).toMatchObject({ kind: 'response', upstream: stub.url(transport) });
  });

  test('a permit used twice throws, and so does one that nobody granted', async () => {
    const stub = await stubWith(answering);
    const { group } = groupFor([stub.url(transport)]);
    const permit = permitFor('www.example.com');
    await group.exchange(permit);
    expect(() => group.exchange(permit)).toThrow('used twice');
    expect(() => group.exchange({ ...permit })).toThrow('without a decision');
    expect(stub.received).toHaveLength(1);
  });

  test('a silent upstream is a time-out within the patience, never a rejection', async () => {
    const stub = await stubWith(() => ({ drop: true }));
    const { group } = groupFor([stub.url(transport)], { tryMs: 100, totalMs: 250 });
    expect(await group.exchange(permitFor('www.example.com'))).toMatchObject({ kind: 'failure', reason: 'timeout' });
    expect(stub.received.length).toBeGreaterThanOrEqual(2);
    expect(new Set(stub.received.map(({ qname }) => qname))).toEqual(new Set(['www.example.com']));
  });

  test('a closed port is unreachable, long before any time-out', async () => {
    const { group } = groupFor([await closedUrl(transport)], { tryMs: 5000, totalMs: 15_000 });
    const spentMs = await elapsedMs(async () => {
      expect(await group.exchange(permitFor('www.example.com'))).toMatchObject({ kind: 'failure', reason: 'unreachable' });
    });
    expect(spentMs).toBeLessThan(2500);
  });

  test.each([
    ['silence', () => ({ drop: true })],
    ['SERVFAIL', () => ({ rcode: RCODE.SERVFAIL })],
    [
      'an answer cut short',
      () => ({ answers: [a('www.example.com', '192.0.2.1')], rewrite: (octets: Buffer) => octets.subarray(0, octets.length - 3) }),
    ],
    ['a connection reset or nothing', () => ({ hangUp: true })],
  ] satisfies [string, StubReplyFunction][])('after %s the next upstream is asked', async (_what, reply) => {
    const bad = await stubWith(reply);
    const good = await stubWith(answering);
    const { group } = groupFor([bad.url(transport), good.url(transport)]);
    expect(await group.exchange(permitFor('www.example.com'))).toMatchObject({ kind: 'response', upstream: good.url(transport) });
  });

  test('known dead, an exchange fails at once and sends nothing; after the pause a real question finds the upstream back', async () => {
    const stub = await stubWith(() => ({ drop: true }));
    const { group, clock } = groupFor([stub.url(transport)], { tryMs: 250, totalMs: 1000 });
    // Three silent tries, then the trial that is due after silence.
    for (let query = 0; group.available(); query++) await group.exchange(permitFor(`${query}.example.com`));
    const sent = stub.received.length;
    const spentMs = await elapsedMs(async () => {
      expect(await group.exchange(permitFor('dead.example.com'))).toMatchObject({ kind: 'failure', reason: 'all-down' });
    });
    expect(spentMs).toBeLessThan(50);
    expect(stub.received).toHaveLength(sent);
    expect(group.status()).toMatchObject([{ state: 'down' }]);

    stub.reply = answering;
    clock.skip(1500);
    expect(await group.exchange(permitFor('back.example.com'))).toMatchObject({ kind: 'response' });
    expect(group.status()).toMatchObject([{ state: 'up', failures: 0 }]);
  });

  test('every question goes to each upstream at most three times (RFC 9520 §3.1), and no other question does', async () => {
    const first = await stubWith(() => ({ drop: true }));
    const second = await stubWith(() => ({ drop: true }));
    const { group } = groupFor([first.url(transport), second.url(transport)], { tryMs: 50, totalMs: 1000 });
    const names = Array.from({ length: 10 }, (_, index) => `${index}.example.com`);
    await Promise.all(names.map((text) => group.exchange(permitFor(text))));
    for (const stub of [first, second]) {
      for (const text of names) expect(stub.received.filter(({ qname }) => qname === text).length).toBeLessThanOrEqual(3);
      expect(stub.received.filter(({ qname }) => !names.includes(qname))).toEqual([]);
    }
    expect(first.received.length).toBeGreaterThan(0);
  });

  test('a retired group ends what is under way, then closes', async () => {
    const stub = await stubWith(({ qname }) => ({ answers: [a(qname, '192.0.2.80')], delayMs: 100 }));
    const { group } = groupFor([stub.url(transport)]);
    const exchange = group.exchange(permitFor('www.example.com'));
    group.retire();
    expect(await exchange).toMatchObject({ kind: 'response' });
    expect(await group.exchange(permitFor('late.example.com'))).toMatchObject({ kind: 'failure', reason: 'unreachable' });
    expect(stub.received).toHaveLength(1);
  });

  test('closing ends what is under way', async () => {
    const stub = await stubWith(() => ({ drop: true }));
    const { group } = groupFor([stub.url(transport)], { tryMs: 60_000, totalMs: 180_000 });
    const exchange = group.exchange(permitFor('www.example.com'));
    group.close();
    expect(await exchange).toMatchObject({ kind: 'failure', reason: 'unreachable' });
  });
}
