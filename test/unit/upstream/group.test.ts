import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SendPermit } from '../../../src/pipeline/permit.ts';
import { type AttemptReport, createUpstreamGroup } from '../../../src/upstream/group.ts';
import type { Strategy } from '../../../src/upstream/strategy.ts';
import type { Attempt, AttemptFailure, Upstream } from '../../../src/upstream/upstream.ts';
import { RCODE, rcodeName } from '../../../src/wire/codes.ts';
import { FakeClock } from '../../lab/clocks.ts';
import { permitFor } from '../../lab/permits.ts';

function answered(rcode: number): Attempt {
  return { kind: 'response', response: { id: 1, truncated: false, authenticData: false, rcode, answers: [], authority: [], cookie: null } };
}

/** Answers as scripted, letting time pass as it would; throws when asked more often than the script says. */
class ScriptedUpstream implements Upstream {
  readonly losesDatagrams = true;
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
    ['BADVERS', RCODE.BADVERS],
    ['BADCOOKIE', RCODE.BADCOOKIE],
  ])('%s is one opinion: the second upstream is asked', async (_name, rcode) => {
    const { exchange } = groupOf([rcode], [RCODE.NOERROR]);
    expect(await exchange()).toMatchObject({ kind: 'response', upstream: 'udp://192.0.2.2:53', response: { rcode: RCODE.NOERROR } });
  });

  test.each([RCODE.FORMERR, RCODE.NOTIMP, RCODE.BADVERS, RCODE.BADCOOKIE])(
    'RCODE %i is between the upstream and us: a client is told SERVFAIL',
    async (rcode) => {
      const { exchange, reports } = groupOf([rcode]);
      expect(await exchange()).toMatchObject({ kind: 'response', response: { rcode: RCODE.SERVFAIL } });
      expect(reports).toMatchObject([{ outcome: 'answered', rcode: rcodeName(rcode) }]);
    },
  );

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

/** Answers each question after so many milliseconds; `silent` never does. Needs fake timers. */
class TimedUpstream implements Upstream {
  losesDatagrams = true;
  readonly url: string;
  readonly strayMessages = 0;
  readonly askedAtMs: number[] = [];
  readonly permits: SendPermit[] = [];
  answersAfter: number | 'silent' | 'refused';
  rcode: number = RCODE.NOERROR;
  closed = false;

  constructor(url: string, answersAfter: number | 'silent' | 'refused') {
    this.url = url;
    this.answersAfter = answersAfter;
  }

  ask(permit: SendPermit, timeoutMs: number): Promise<Attempt> {
    this.permits.push(permit);
    this.askedAtMs.push(performance.now());
    const { answersAfter, rcode } = this;
    return new Promise((resolve) => {
      if (answersAfter === 'refused') resolve({ kind: 'failure', reason: 'unreachable', detail: 'refused' });
      else if (answersAfter === 'silent' || answersAfter > timeoutMs)
        setTimeout(() => resolve({ kind: 'failure', reason: 'timeout', detail: 'silent' }), timeoutMs);
      else {
        setTimeout(() => resolve(answered(rcode)), answersAfter);
      }
    });
  }

  close(): void {
    this.closed = true;
  }
}

describe('in time', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const clock = { wallMs: () => performance.now(), monotonicMs: () => performance.now() };

  function timedGroup(answers: (number | 'silent' | 'refused')[], strategy: Strategy = 'ordered', random = () => 0) {
    const upstreams = answers.map((answersAfter, index) => new TimedUpstream(`udp://192.0.2.${index + 1}:53`, answersAfter));
    const group = createUpstreamGroup({ id: 'default', upstreams, strategy, clock, random });
    return { upstreams, group };
  }

  /** The result, and how long it took. */
  async function timed(group: ReturnType<typeof createUpstreamGroup>) {
    const startedMs = performance.now();
    const exchange = group.exchange(permitFor('www.example.com')).then((result) => ({ result, tookMs: performance.now() - startedMs }));
    await vi.advanceTimersByTimeAsync(5000);
    return exchange;
  }

  /** Questions at a steady pace; how long each took, in order. */
  async function steadily(group: ReturnType<typeof createUpstreamGroup>, questions: number, everyMs: number): Promise<number[]> {
    const took: Promise<number>[] = [];
    for (let question = 0; question < questions; question++) {
      const startedMs = performance.now();
      took.push(
        group
          .exchange(permitFor(`${question}.example.com`))
          .then((result) => (result.kind === 'response' ? performance.now() - startedMs : Number.POSITIVE_INFINITY)),
      );
      await vi.advanceTimersByTimeAsync(everyMs);
    }
    await vi.advanceTimersByTimeAsync(5000);
    return Promise.all(took);
  }

  describe('over streams', () => {
    function streams(answers: (number | 'silent')[]) {
      const lab = timedGroup(answers);
      for (const upstream of lab.upstreams) upstream.losesDatagrams = false;
      return lab;
    }

    test('a slow answer is waited for: nothing was lost', async () => {
      const { group, upstreams } = streams([1_400]);
      expect(await timed(group)).toMatchObject({ tookMs: 1_400, result: { kind: 'response' } });
      expect(upstreams[0]?.askedAtMs).toHaveLength(1);
    });

    test('silence is met once more, when the first question has run out of its time', async () => {
      const { group, upstreams } = streams(['silent']);
      const startedMs = performance.now();
      expect(await timed(group)).toMatchObject({ tookMs: 4_500, result: { kind: 'failure', reason: 'timeout' } });
      expect(upstreams[0]?.askedAtMs.map((askedAtMs) => askedAtMs - startedMs)).toEqual([0, 1_500]);
    });

    test('the next upstream is asked as soon as over UDP', async () => {
      const { group, upstreams } = streams(['silent', 10]);
      expect(await timed(group)).toMatchObject({ tookMs: 410, result: { upstream: 'udp://192.0.2.2:53' } });
      expect(upstreams.map(({ askedAtMs }) => askedAtMs.length)).toEqual([1, 1]);
    });

    test('with a failure in hand, who is slow gets as long as with a repeat', async () => {
      const { group, upstreams } = streams([10, 1_000]);
      if (upstreams[0]) upstreams[0].rcode = RCODE.SERVFAIL;
      expect(await timed(group)).toMatchObject({ tookMs: 1_010, result: { kind: 'response', upstream: 'udp://192.0.2.2:53' } });
      if (upstreams[1]) upstreams[1].answersAfter = 'silent';
      expect((await timed(group)).result).toMatchObject({ kind: 'response', response: { rcode: RCODE.SERVFAIL } });
    });
  });

  test('a silent upstream costs 400 ms before anything is known of it: the next is asked beside it', async () => {
    const { group, upstreams } = timedGroup(['silent', 10]);
    expect(await timed(group)).toMatchObject({ tookMs: 410, result: { kind: 'response', upstream: 'udp://192.0.2.2:53' } });
    expect(upstreams[0]?.permits[0]).toBe(upstreams[1]?.permits[0]);
  });

  test('an answer that comes after the next was asked is as good', async () => {
    const { group } = timedGroup([450, 1000]);
    expect(await timed(group)).toMatchObject({ tookMs: 450, result: { upstream: 'udp://192.0.2.1:53' } });
  });

  test('once its answers are known to be fast, silence costs 200 ms', async () => {
    const { group, upstreams } = timedGroup([10, 10]);
    await steadily(group, 30, 50);
    if (upstreams[0]) upstreams[0].answersAfter = 'silent';
    expect(await timed(group)).toMatchObject({ tookMs: 210 });
  });

  test('when one of two dies, only who asks in its first 200 ms waits, and never longer than that', async () => {
    const { group, upstreams } = timedGroup([10, 10]);
    await steadily(group, 30, 50);
    if (upstreams[0]) upstreams[0].answersAfter = 'silent';
    const took = await steadily(group, 400, 20);
    expect(Math.max(...took)).toBeLessThanOrEqual(211);
    expect(took.filter((ms) => ms > 20).length).toBeLessThanOrEqual(11);
    expect(took.slice(11).every((ms) => ms <= 20)).toBe(true);
    expect(group.status()[0]?.state).toBe('down');
  });

  test('a dead upstream that comes back is used again within its back-off, and nobody waits for that', async () => {
    const { group, upstreams } = timedGroup([10, 10]);
    if (upstreams[0]) upstreams[0].answersAfter = 'silent';
    await steadily(group, 500, 20);
    if (upstreams[0]) upstreams[0].answersAfter = 5;
    const took = await steadily(group, 800, 20);
    expect(Math.max(...took)).toBeLessThanOrEqual(11);
    expect(group.status()[0]).toMatchObject({ state: 'up', failures: 0 });
    expect(took.slice(-10)).toEqual(Array(10).fill(5));
  });

  test('a name that takes 3 s is answered, although it is asked for at most three times', async () => {
    const { group, upstreams } = timedGroup([3000]);
    const { result, tookMs } = await timed(group);
    expect(result).toMatchObject({ kind: 'response' });
    expect(tookMs).toBeLessThanOrEqual(4500);
    expect(upstreams[0]?.askedAtMs.length).toBeLessThanOrEqual(3);
  });

  test('of a silent pair each is asked at most three times and both at most four (RFC 9520 §3.1), in ever longer waits', async () => {
    const { group, upstreams } = timedGroup(['silent', 'silent']);
    const { result, tookMs } = await timed(group);
    expect(result).toMatchObject({ kind: 'failure', reason: 'timeout' });
    expect(tookMs).toBeLessThanOrEqual(4500);
    expect(upstreams.map(({ askedAtMs }) => askedAtMs.length)).toEqual([2, 2]);
  });

  test('with a failure in hand nobody waits for a silent upstream longer than usual', async () => {
    const { group, upstreams } = timedGroup([10, 'silent']);
    if (upstreams[0]) upstreams[0].rcode = RCODE.SERVFAIL;
    const { result, tookMs } = await timed(group);
    expect(result).toMatchObject({ kind: 'response', response: { rcode: RCODE.SERVFAIL } });
    expect(tookMs).toBeLessThanOrEqual(1300);
  });

  test('the fastest of three is found and asked; the others see a question now and then', async () => {
    const { group, upstreams } = timedGroup([80, 40, 15], 'fastest');
    const took = await steadily(group, 3000, 20);
    expect(took.slice(100).filter((ms) => ms > 15).length).toBeLessThan(10);
    const [first = 0, second = 0, third = 0] = upstreams.map(({ askedAtMs }) => askedAtMs.length);
    expect(third).toBeGreaterThan(2900);
    // 60 s, one question in 5 s at most, and the first few.
    for (const others of [first, second]) {
      expect(others).toBeGreaterThan(5);
      expect(others).toBeLessThan(30);
    }
  });

  test('when the fastest becomes slow, another takes over', async () => {
    const { group, upstreams } = timedGroup([30, 10], 'fastest');
    await steadily(group, 200, 50);
    if (upstreams[1]) upstreams[1].answersAfter = 120;
    const took = await steadily(group, 300, 50);
    expect(took.slice(-200).filter((ms) => ms > 30).length).toBeLessThan(5);
  });

  test('an upstream that refuses everything at once is not the fastest', async () => {
    const { group, upstreams } = timedGroup([20, 1], 'fastest');
    if (upstreams[1]) upstreams[1].rcode = RCODE.REFUSED;
    const took = await steadily(group, 1000, 20);
    expect(took.every((ms) => ms <= 21)).toBe(true);
    expect(upstreams[1]?.askedAtMs.length).toBeLessThan(20);
  });

  test('in order, no latency changes who is asked', async () => {
    const { group, upstreams } = timedGroup([100, 1]);
    await steadily(group, 100, 100);
    expect(upstreams.map(({ askedAtMs }) => askedAtMs.length)).toEqual([100, 0]);
  });

  test('every question sent, to whomever, is that of a permit of its own exchange', async () => {
    const { group, upstreams } = timedGroup([20, 'silent', 5], 'fastest', Math.random);
    const permits = Array.from({ length: 200 }, (_, index) => permitFor(`${index}.example.com`));
    for (const permit of permits) {
      void group.exchange(permit);
      await vi.advanceTimersByTimeAsync(30);
    }
    const known = new Set(permits);
    expect(upstreams.flatMap((upstream) => upstream.permits).every((permit) => known.has(permit))).toBe(true);
    for (const upstream of upstreams) {
      for (const permit of permits) expect(upstream.permits.filter((asked) => asked === permit).length).toBeLessThanOrEqual(3);
    }
  });

  test('property: whatever upstreams do, an exchange ends in its patience, asks nobody a fourth time, and finds the one that answers', async () => {
    const behaviour = fc.record({
      answersAfter: fc.oneof(fc.integer({ min: 0, max: 6000 }), fc.constantFrom('silent' as const, 'refused' as const)),
      rcode: fc.constantFrom(RCODE.NOERROR, RCODE.NXDOMAIN, RCODE.SERVFAIL, RCODE.REFUSED),
    });
    const drawn = fc.tuple(fc.constantFrom<Strategy>('ordered', 'fastest'), fc.array(behaviour, { minLength: 1, maxLength: 4 }));
    await fc.assert(
      fc.asyncProperty(drawn, async ([strategy, behaviours]) => {
        const { group, upstreams } = timedGroup(
          behaviours.map(({ answersAfter }) => answersAfter),
          strategy,
        );
        for (const [index, { rcode }] of behaviours.entries()) if (upstreams[index]) upstreams[index].rcode = rcode;
        const { result, tookMs } = await timed(group);
        expect(tookMs).toBeLessThanOrEqual(4501);
        for (const { askedAtMs } of upstreams) expect(askedAtMs.length).toBeLessThanOrEqual(3);
        const good = behaviours.some(
          ({ answersAfter, rcode }) =>
            typeof answersAfter === 'number' && answersAfter <= 1000 && (rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN),
        );
        if (good) expect([RCODE.NOERROR, RCODE.NXDOMAIN]).toContain(result.kind === 'response' ? result.response.rcode : result.reason);
      }),
    );
  });

  test('a retired group ends what is under way and then closes', async () => {
    const { group, upstreams } = timedGroup([100]);
    const exchange = group.exchange(permitFor('www.example.com'));
    group.retire();
    expect(upstreams[0]?.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(100);
    expect(await exchange).toMatchObject({ kind: 'response' });
    await vi.advanceTimersByTimeAsync(0);
    expect(upstreams[0]?.closed).toBe(true);
    expect(await group.exchange(permitFor('late.example.com'))).toMatchObject({ kind: 'failure', reason: 'unreachable' });
  });

  test('a retired group on which nothing waits closes at once, one that is kept busy after its patience', async () => {
    const idle = timedGroup([10]);
    idle.group.retire();
    expect(idle.upstreams[0]?.closed).toBe(true);
    const busy = timedGroup(['silent']);
    void busy.group.exchange(permitFor('www.example.com'));
    busy.group.retire();
    for (let second = 0; second < 4; second++) {
      void busy.group.exchange(permitFor(`${second}.example.com`));
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(busy.upstreams[0]?.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(500);
    expect(busy.upstreams[0]?.closed).toBe(true);
  });
});
