import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createBootstrappedUpstream, type HostAddresses } from '../../../src/upstream/bootstrap.ts';
import type { Attempt, Upstream } from '../../../src/upstream/upstream.ts';
import type { PinnedUpstream, UpstreamUrl } from '../../../src/upstream/upstream-url.ts';
import { permitFor } from '../../lab/permits.ts';

const URL: UpstreamUrl = {
  transport: 'tls',
  address: null,
  port: 853,
  serverName: 'dns.example.net',
  path: null,
  text: 'tls://dns.example.net:853',
};

const NOERROR: Attempt = {
  kind: 'response',
  response: { id: 1, truncated: false, authenticData: false, rcode: 0, answers: [], authority: [], cookie: null },
};
const UNREACHABLE: Attempt = { kind: 'failure', reason: 'unreachable', detail: 'scripted' };

/** The upstream behind one address: answers after `answersAfterMs`. */
class Server implements Upstream {
  readonly losesDatagrams = true;
  readonly url: string;
  readonly address: string;
  strayMessages = 0;
  asked = 0;
  closed = false;
  outcome: Attempt = NOERROR;
  answersAfterMs = 0;

  constructor({ text, address }: PinnedUpstream) {
    this.url = text;
    this.address = address;
  }

  async ask(): Promise<Attempt> {
    this.asked++;
    if (this.closed) throw new Error('asked after it was closed');
    if (this.answersAfterMs > 0) await new Promise((resolve) => setTimeout(resolve, this.answersAfterMs));
    return this.outcome;
  }

  close(): void {
    this.closed = true;
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const clock = { wallMs: () => performance.now(), monotonicMs: () => performance.now() };

function bootstrapped(found: HostAddresses | null, lookUpMs = 0) {
  const bootstrap = { found, lookUpMs, hosts: [] as string[] };
  const opened: Server[] = [];
  const upstream = createBootstrappedUpstream(
    URL,
    async (host) => {
      bootstrap.hosts.push(host);
      if (bootstrap.lookUpMs > 0) await new Promise((resolve) => setTimeout(resolve, bootstrap.lookUpMs));
      return bootstrap.found;
    },
    (url) => {
      const server = new Server(url);
      opened.push(server);
      return server;
    },
    clock,
  );
  const ask = (timeoutMs = 1500) => upstream.ask(permitFor('www.example.com'), timeoutMs);
  return { upstream, bootstrap, opened, ask };
}

const at = (...addresses: string[]): HostAddresses => ({ addresses, ttlSeconds: 300 });

describe('the first address', () => {
  test('nobody is asked and nothing opened before the first question', () => {
    const { bootstrap, opened } = bootstrapped(at('192.0.2.1'));
    expect([bootstrap.hosts, opened]).toEqual([[], []]);
  });

  test('the host is looked up, once for all who wait, and then asked', async () => {
    const { bootstrap, opened, ask } = bootstrapped(at('192.0.2.1'), 50);
    const answers = Promise.all([ask(), ask(), ask()]);
    await vi.advanceTimersByTimeAsync(49);
    expect(opened).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await answers).toEqual([NOERROR, NOERROR, NOERROR]);
    expect(bootstrap.hosts).toEqual(['dns.example.net']);
    expect(opened.map(({ address, asked }) => [address, asked])).toEqual([['192.0.2.1', 3]]);
  });

  test('a question waits no longer than it may, and a look-up that ends later serves the next one', async () => {
    const { opened, ask } = bootstrapped(at('192.0.2.1'), 2000);
    const first = ask(1500);
    await vi.advanceTimersByTimeAsync(1500);
    expect(await first).toMatchObject({ kind: 'failure', reason: 'timeout' });
    const second = ask(1500);
    await vi.advanceTimersByTimeAsync(500);
    expect(await second).toEqual(NOERROR);
    expect(opened).toHaveLength(1);
  });

  test.each([
    ['nobody knows one', null],
    ['the answer is that of a filter, 0.0.0.0', at('0.0.0.0', '::')],
    ['the answer is no address of a server', at('224.0.0.1', '255.255.255.255')],
  ])('while %s, questions fail at once and the look-up is repeated with growing pauses', async (_what, found) => {
    const { bootstrap, opened, ask } = bootstrapped(found);
    const pausesMs: number[] = [];
    let lastMs = performance.now();
    for (let step = 0; step < 3000; step++) {
      const before = bootstrap.hosts.length;
      expect(await ask()).toMatchObject({ kind: 'failure', reason: 'unreachable' });
      if (bootstrap.hosts.length > before) {
        pausesMs.push(Math.round(performance.now() - lastMs));
        lastMs = performance.now();
      }
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(pausesMs).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    expect(opened).toEqual([]);
  });
});

describe('keeping it', () => {
  test.each([
    ['its TTL', 300, 300],
    ['a minute, where the TTL is less', 0, 60],
    ['a day, where the TTL is more', 7 * 86_400, 86_400],
  ])('an address holds for %s', async (_what, ttlSeconds, heldSeconds) => {
    const { bootstrap, ask } = bootstrapped({ addresses: ['192.0.2.1'], ttlSeconds });
    await ask();
    await vi.advanceTimersByTimeAsync(heldSeconds * 1000 - 1);
    await ask();
    expect(bootstrap.hosts).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    await ask();
    expect(bootstrap.hosts).toHaveLength(2);
  });

  test('while it is looked up again nobody waits, and a failing bootstrap takes nothing away', async () => {
    const { bootstrap, opened, ask } = bootstrapped(at('192.0.2.1'));
    await ask();
    bootstrap.found = null;
    bootstrap.lookUpMs = 5000;
    for (let minute = 0; minute < 60; minute++) {
      await vi.advanceTimersByTimeAsync(60_000);
      expect(await ask()).toEqual(NOERROR);
    }
    expect(opened.map(({ asked, closed }) => [asked, closed])).toEqual([[61, false]]);
    // 55 minutes without an answer: pauses of a minute at most, since then one question a minute.
    expect(bootstrap.hosts.length).toBeLessThanOrEqual(61);
  });

  test('another address takes over, and the old one is closed when its last answer has come', async () => {
    const { bootstrap, opened, ask, upstream } = bootstrapped(at('192.0.2.1'));
    await ask();
    const [old] = opened;
    if (old !== undefined) old.answersAfterMs = 1000;
    if (old !== undefined) old.strayMessages = 7;
    bootstrap.found = at('192.0.2.2');
    await vi.advanceTimersByTimeAsync(300_000);
    const slow = ask();
    await vi.advanceTimersByTimeAsync(500);
    expect(await ask()).toEqual(NOERROR);
    expect(opened.map(({ address, closed }) => [address, closed])).toEqual([
      ['192.0.2.1', false],
      ['192.0.2.2', false],
    ]);
    await vi.advanceTimersByTimeAsync(500);
    expect(await slow).toEqual(NOERROR);
    expect(old?.closed).toBe(true);
    expect(upstream.strayMessages).toBe(7);
  });

  test('the same addresses in another order change nothing', async () => {
    const { bootstrap, opened, ask } = bootstrapped(at('192.0.2.1', '192.0.2.2'));
    await ask();
    bootstrap.found = at('192.0.2.2', '192.0.2.1');
    await vi.advanceTimersByTimeAsync(300_000);
    await ask();
    await ask();
    expect(opened.map(({ address, asked }) => [address, asked])).toEqual([['192.0.2.1', 3]]);
  });
});

describe('an address that does not answer', () => {
  test('leaves the turn to the next one of the host', async () => {
    const { opened, ask } = bootstrapped(at('192.0.2.1', '192.0.2.2'));
    await ask();
    const [first] = opened;
    if (first !== undefined) first.outcome = UNREACHABLE;
    expect(await ask()).toEqual(UNREACHABLE);
    expect(await ask()).toEqual(NOERROR);
    expect(opened.map(({ address, closed }) => [address, closed])).toEqual([
      ['192.0.2.1', true],
      ['192.0.2.2', false],
    ]);
  });

  test('keeps its turn when it has answered others meanwhile', async () => {
    const { opened, ask } = bootstrapped(at('192.0.2.1', '192.0.2.2'));
    await ask();
    const [first] = opened;
    if (first === undefined) throw new Error('nothing was opened');
    first.answersAfterMs = 1000;
    first.outcome = { kind: 'failure', reason: 'timeout', detail: 'scripted' };
    const slow = ask();
    await vi.advanceTimersByTimeAsync(500);
    first.answersAfterMs = 0;
    first.outcome = NOERROR;
    await ask();
    first.outcome = { kind: 'failure', reason: 'timeout', detail: 'scripted' };
    await vi.advanceTimersByTimeAsync(500);
    await slow;
    expect(opened).toHaveLength(1);
  });

  test('alone, is looked up again before its TTL ends: the host may have moved', async () => {
    const { bootstrap, opened, ask } = bootstrapped(at('192.0.2.1'));
    await ask();
    const [first] = opened;
    if (first !== undefined) first.outcome = UNREACHABLE;
    bootstrap.found = at('192.0.2.9');
    await ask();
    expect(bootstrap.hosts).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1000);
    await ask();
    expect(bootstrap.hosts).toHaveLength(2);
    expect(await ask()).toEqual(NOERROR);
    expect(opened.at(-1)?.address).toBe('192.0.2.9');
  });
});

test('closed, it asks nobody any more and opens nothing, also when a look-up ends later', async () => {
  const { opened, ask, upstream } = bootstrapped(at('192.0.2.1'), 100);
  const waiting = ask();
  upstream.close();
  await vi.advanceTimersByTimeAsync(100);
  expect(await waiting).toMatchObject({ kind: 'failure', reason: 'overloaded' });
  expect(await ask()).toMatchObject({ kind: 'failure', reason: 'overloaded' });
  expect(opened).toEqual([]);
});

test('a URL without a host name is a bug', () => {
  expect(() =>
    createBootstrappedUpstream(
      { ...URL, serverName: null },
      async () => null,
      () => expect.fail('opened'),
      clock,
    ),
  ).toThrow('names no host');
});
