import { describe, expect, test } from 'vitest';
import type { SendPermit } from '../../../src/pipeline/permit.ts';
import { type AttemptReport, createUpstreamGroup } from '../../../src/upstream/group.ts';
import type { Attempt, AttemptFailure, Upstream } from '../../../src/upstream/upstream.ts';
import { RCODE } from '../../../src/wire/codes.ts';
import { FakeClock } from '../../lab/clocks.ts';
import { permitFor } from '../../lab/permits.ts';

/** Answers as scripted, letting time pass as it would; throws when asked more often than the script says. */
class ScriptedUpstream implements Upstream {
  readonly url: string;
  readonly strayMessages = 0;
  readonly timeoutsMs: number[] = [];
  readonly permits: SendPermit[] = [];
  script: (number | AttemptFailure)[];
  closed = false;
  readonly #clock: FakeClock;

  constructor(url: string, clock: FakeClock, script: (number | AttemptFailure)[]) {
    this.url = url;
    this.script = script;
    this.#clock = clock;
  }

  async ask(permit: SendPermit, timeoutMs: number): Promise<Attempt> {
    this.permits.push(permit);
    this.timeoutsMs.push(timeoutMs);
    const step = this.script.shift();
    if (step === undefined) throw new Error(`${this.url} was asked once too often`);
    await Promise.resolve();
    this.#clock.advance(step === 'timeout' ? timeoutMs : 10);
    if (typeof step !== 'number') return { kind: 'failure', reason: step, detail: 'scripted' };
    const flags = { id: 1, truncated: false, authenticData: false, cookie: null };
    return { kind: 'response', response: { ...flags, rcode: step, answers: [], authority: [] } };
  }

  close(): void {
    this.closed = true;
  }
}

function groupOf(...scripts: (number | AttemptFailure)[][]) {
  const clock = new FakeClock();
  const upstreams = scripts.map((script, index) => new ScriptedUpstream(`udp://192.0.2.${index + 1}:53`, clock, script));
  const reports: AttemptReport[] = [];
  const group = createUpstreamGroup({ id: 'default', upstreams, clock, onAttempt: (report) => reports.push(report) });
  const exchange = () => group.exchange(permitFor('www.example.com'));
  return { clock, upstreams, reports, group, exchange };
}

function asked(upstreams: readonly ScriptedUpstream[]): number[] {
  return upstreams.map((upstream) => upstream.timeoutsMs.length);
}

describe('order and failover', () => {
  test('the first upstream answers and the second is left alone', async () => {
    const { upstreams, exchange } = groupOf([RCODE.NOERROR], []);
    expect(await exchange()).toMatchObject({ kind: 'response', upstream: 'udp://192.0.2.1:53', latencyMs: 10 });
    expect(asked(upstreams)).toEqual([1, 0]);
  });

  test.each(['timeout', 'unreachable', 'malformed', 'overloaded'] as const)('after "%s" the second upstream is asked', async (failure) => {
    const { exchange } = groupOf([failure], [RCODE.NOERROR]);
    expect(await exchange()).toMatchObject({ kind: 'response', upstream: 'udp://192.0.2.2:53' });
  });

  test.each([
    ['SERVFAIL', RCODE.SERVFAIL],
    ['REFUSED', RCODE.REFUSED],
    ['FORMERR', RCODE.FORMERR],
    ['NOTIMP', RCODE.NOTIMP],
  ])('%s is one opinion: the second upstream is asked', async (_name, rcode) => {
    const { exchange } = groupOf([rcode], [RCODE.NOERROR]);
    expect(await exchange()).toMatchObject({ kind: 'response', upstream: 'udp://192.0.2.2:53', response: { rcode: RCODE.NOERROR } });
  });

  test('NXDOMAIN is an answer, not a failure', async () => {
    const { upstreams, exchange } = groupOf([RCODE.NXDOMAIN], []);
    expect(await exchange()).toMatchObject({ kind: 'response', response: { rcode: RCODE.NXDOMAIN } });
    expect(asked(upstreams)).toEqual([1, 0]);
  });

  test('a SERVFAIL is used when nothing better comes', async () => {
    const { exchange } = groupOf([RCODE.SERVFAIL], ['unreachable']);
    expect(await exchange()).toMatchObject({ kind: 'response', upstream: 'udp://192.0.2.1:53', response: { rcode: RCODE.SERVFAIL } });
  });

  test('without any answer the last failure is told, with the upstream it came from', async () => {
    const { exchange } = groupOf(['unreachable'], ['malformed']);
    expect(await exchange()).toEqual({ kind: 'failure', reason: 'malformed', detail: 'udp://192.0.2.2:53: scripted' });
  });

  test('lack of own sockets is told as unreachable', async () => {
    expect(await groupOf(['overloaded']).exchange()).toMatchObject({ kind: 'failure', reason: 'unreachable' });
  });
});

describe('patience', () => {
  test('a silent upstream is asked three times within 4.5 s, then the exchange fails', async () => {
    const { clock, upstreams, exchange } = groupOf(['timeout', 'timeout', 'timeout']);
    const startedMs = clock.monotonicMs();
    expect(await exchange()).toMatchObject({ kind: 'failure', reason: 'timeout' });
    expect(clock.monotonicMs() - startedMs).toBe(4500);
    expect(upstreams[0]?.timeoutsMs).toEqual([1500, 1500, 1500]);
  });

  test('a lost datagram costs one repeat to the same upstream when it is alone', async () => {
    expect(await groupOf(['timeout', RCODE.NOERROR]).exchange()).toMatchObject({ kind: 'response' });
  });

  test('only silent upstreams get a second round, and the last try gets what is left of the time', async () => {
    const { clock, upstreams, exchange } = groupOf(['timeout', 'timeout'], ['unreachable'], [RCODE.SERVFAIL], ['timeout', 'timeout']);
    const startedMs = clock.monotonicMs();
    expect(await exchange()).toMatchObject({ kind: 'response', response: { rcode: RCODE.SERVFAIL } });
    expect(clock.monotonicMs() - startedMs).toBe(4500);
    expect(asked(upstreams)).toEqual([2, 1, 1, 1]);
    expect(upstreams[0]?.timeoutsMs).toEqual([1500, 1480]);
  });
});

describe('health', () => {
  test('an upstream known to be down is skipped', async () => {
    const { upstreams, exchange, group } = groupOf(
      ['unreachable', 'unreachable', 'unreachable'],
      [RCODE.NOERROR, RCODE.NOERROR, RCODE.NOERROR, RCODE.NOERROR],
    );
    for (let query = 0; query < 4; query++) await exchange();
    expect(asked(upstreams)).toEqual([3, 4]);
    expect(group.status().map(({ state }) => state)).toEqual(['down', 'up']);
  });

  test('with every upstream down, exchanges fail at once and nothing is sent', async () => {
    const { clock, upstreams, exchange, group } = groupOf(['unreachable', 'unreachable', 'unreachable']);
    for (let query = 0; query < 3; query++) await exchange();
    expect(group.available()).toBe(false);
    const nowMs = clock.monotonicMs();
    expect(await exchange()).toMatchObject({ kind: 'failure', reason: 'all-down' });
    expect(clock.monotonicMs()).toBe(nowMs);
    expect(asked(upstreams)).toEqual([3]);
  });

  test('a due trial is one real question; others fail at once while it is under way', async () => {
    const { clock, upstreams, exchange, group } = groupOf(['unreachable', 'unreachable', 'unreachable', RCODE.NOERROR, RCODE.NOERROR]);
    for (let query = 0; query < 3; query++) await exchange();
    clock.advance(1000);
    expect(group.available()).toBe(true);
    const trial = exchange();
    expect(group.available()).toBe(false);
    expect(await exchange()).toMatchObject({ kind: 'failure', reason: 'all-down' });
    expect(await trial).toMatchObject({ kind: 'response' });
    expect(await exchange()).toMatchObject({ kind: 'response' });
    expect(asked(upstreams)).toEqual([5]);
  });

  test('while another upstream is up, the trial repeats the question beside the exchange and costs it no time', async () => {
    const { clock, upstreams, exchange, group } = groupOf(['unreachable', 'unreachable', 'unreachable'], Array(5).fill(RCODE.NOERROR));
    for (let query = 0; query < 3; query++) await exchange();
    clock.advance(1000);
    upstreams[0]?.script.push(RCODE.NOERROR);
    const permit = permitFor('trial.example.com');
    expect(await group.exchange(permit)).toMatchObject({ kind: 'response', upstream: 'udp://192.0.2.2:53' });
    expect(upstreams[0]?.permits.at(-1)).toBe(permit);
    expect(group.status().map(({ state }) => state)).toEqual(['up', 'up']);
  });

  test('one name whose servers are slow does not take the upstream away from others', async () => {
    const { exchange, group } = groupOf(['timeout', 'timeout', 'timeout', RCODE.NOERROR]);
    expect(await exchange()).toMatchObject({ kind: 'failure', reason: 'timeout' });
    expect(await exchange()).toMatchObject({ kind: 'response' });
    expect(group.status()).toMatchObject([{ state: 'up', failures: 0 }]);
  });

  test('lack of own sockets says nothing about the upstream', async () => {
    const { exchange, group } = groupOf(Array(9).fill('overloaded'));
    for (let query = 0; query < 9; query++) await exchange();
    expect(group.status()).toMatchObject([{ state: 'up', failures: 0 }]);
  });

  test('SERVFAIL and malformed answers are signs of life', async () => {
    const { exchange, group } = groupOf([...Array(5).fill(RCODE.SERVFAIL), ...Array(5).fill('malformed')]);
    for (let query = 0; query < 10; query++) await exchange();
    expect(group.status()).toMatchObject([{ state: 'up', failures: 0, smoothedMs: 10 }]);
  });
});

describe('permits', () => {
  test('a permit used twice is a bug and throws', async () => {
    const { group } = groupOf([RCODE.NOERROR]);
    const permit = permitFor('www.example.com');
    await group.exchange(permit);
    expect(() => group.exchange(permit)).toThrow('used twice');
  });

  test('a permit that the charge step did not make throws, and nothing is sent', () => {
    const { group, upstreams } = groupOf([RCODE.NOERROR]);
    expect(() => group.exchange({ ...permitFor('www.example.com') })).toThrow('without a decision');
    expect(asked(upstreams)).toEqual([0]);
  });
});

test('every attempt is reported with its upstream, outcome and latency', async () => {
  const { reports, exchange } = groupOf(['timeout'], [RCODE.SERVFAIL], [RCODE.NOERROR]);
  await exchange();
  expect(reports).toEqual([
    { upstream: 'udp://192.0.2.1:53', outcome: 'timeout', rcode: null, latencyMs: 1500 },
    { upstream: 'udp://192.0.2.2:53', outcome: 'answered', rcode: 'SERVFAIL', latencyMs: 10 },
    { upstream: 'udp://192.0.2.3:53', outcome: 'answered', rcode: 'NOERROR', latencyMs: 10 },
  ]);
});

test('closing the group closes its upstreams', () => {
  const { group, upstreams } = groupOf([], []);
  group.close();
  expect(upstreams.every(({ closed }) => closed)).toBe(true);
});

test('a group without upstreams, or with an id that would blur cache keys, is refused', () => {
  const clock = new FakeClock();
  expect(() => createUpstreamGroup({ id: 'empty', upstreams: [], clock })).toThrow('no upstream');
  expect(() => createUpstreamGroup({ id: 'a\0b', upstreams: [new ScriptedUpstream('udp://192.0.2.1:53', clock, [])], clock })).toThrow(
    'NUL',
  );
});
