/** Ages from what is known, look-ups in the background: never waiting, never more than the limits. */
import { describe, expect, test } from 'vitest';
import type { AgeStore, KnownAge } from '../../../src/pipeline/ports.ts';
import { type AgeLimits, type BackgroundDomainAges, createDomainAges } from '../../../src/reputation/domain-ages.ts';
import type { Registration, RegistrationSource } from '../../../src/reputation/registration.ts';
import { TurningClock } from '../quarantine/turning-clock.ts';

const DAY_MS = 86_400_000;

class MemoryAges implements AgeStore {
  readonly ages = new Map<string, KnownAge>();
  failure: string | null = null;

  get(domain: string): KnownAge | null {
    if (this.failure !== null) throw new Error(this.failure);
    return this.ages.get(domain) ?? null;
  }

  put(age: KnownAge): void {
    if (this.failure !== null) throw new Error(this.failure);
    this.ages.set(age.domain, age);
  }

  lookedUpSince(sinceMs: number): readonly number[] {
    return [...this.ages.values()]
      .map((age) => age.lookedUpAtMs)
      .filter((atMs) => atMs >= sinceMs)
      .sort((a, b) => a - b);
  }
}

/** A registry that says what it is told to, and what it was asked. */
class FakeSource implements RegistrationSource {
  readonly asked: string[] = [];
  answer: Registration;

  constructor(answer: Registration) {
    this.answer = answer;
  }

  lookUp(domain: string): Promise<Registration> {
    this.asked.push(domain);
    return Promise.resolve(this.answer);
  }
}

interface Kit {
  readonly ages: BackgroundDomainAges;
  readonly clock: TurningClock;
  readonly store: MemoryAges;
  readonly rdap: FakeSource;
  readonly whois: FakeSource;
  restart(): BackgroundDomainAges;
}

function kit(limits: Partial<AgeLimits> = {}): Kit {
  const clock = new TurningClock();
  const store = new MemoryAges();
  const rdap = new FakeSource({ kind: 'registered', atMs: clock.wallMs() - 10 * DAY_MS });
  const whois = new FakeSource({ kind: 'failed', detail: 'asked without need' });
  const start = (): BackgroundDomainAges => createDomainAges({ store, rdap, whois, clock, limits });
  return { ages: start(), clock, store, rdap, whois, restart: start };
}

describe('domain ages', () => {
  test('are unknown at first and known after the look-up, without the query waiting', async () => {
    const { ages, rdap, whois } = kit();
    expect(ages.ageDays('example.com')).toBe('unknown');
    expect(ages.ageDays('example.com')).toBe('unknown');
    expect(rdap.asked).toEqual([]);
    expect(await ages.lookUpNext()).toBe(true);
    expect(ages.ageDays('example.com')).toBe(10);
    expect(rdap.asked).toEqual(['example.com']);
    expect(whois.asked).toEqual([]);
  });

  test('grow with the clock, and are asked for again after 30 days while the known one still holds', async () => {
    const { ages, clock, rdap } = kit();
    ages.ageDays('example.com');
    await ages.lookUpNext();
    clock.pass(29 * DAY_MS);
    expect(ages.ageDays('example.com')).toBe(39);
    expect(ages.queued).toBe(0);
    clock.pass(DAY_MS);
    expect(ages.ageDays('example.com')).toBe(40);
    expect(ages.queued).toBe(1);
    rdap.answer = { kind: 'failed', detail: 'down' };
    await ages.lookUpNext();
    expect(ages.ageDays('example.com')).toBe(40);
    expect(ages.queued).toBe(0);
  });

  test('can be read without starting a look-up', () => {
    const { ages } = kit();
    expect(ages.knownAgeDays('example.com')).toBe('unknown');
    expect(ages.queued).toBe(0);
  });

  test('come from WHOIS where RDAP has no server or fails, and not where RDAP says that there is no date', async () => {
    const { ages, clock, rdap, whois } = kit();
    whois.answer = { kind: 'registered', atMs: clock.wallMs() - 3 * DAY_MS };
    for (const [domain, answer, age] of [
      ['example.com', { kind: 'unsupported' }, 3],
      ['example.org', { kind: 'failed', detail: 'down' }, 3],
      ['example.net', { kind: 'no-date' }, 'no-date'],
    ] as const) {
      rdap.answer = answer;
      ages.ageDays(domain);
      await ages.lookUpNext();
      clock.pass(1_000);
      expect(ages.ageDays(domain)).toBe(age);
    }
    expect(whois.asked).toEqual(['example.com', 'example.org']);
  });

  test.each<readonly [string, Registration, Registration]>([
    ['look-ups are off, or no registry serves the top-level domain', { kind: 'unsupported' }, { kind: 'unsupported' }],
    ['no registry answers', { kind: 'failed', detail: 'down' }, { kind: 'failed', detail: 'down' }],
    ['the domain does not exist yet', { kind: 'unregistered' }, { kind: 'failed', detail: 'asked without need' }],
  ])('stay unknown, not without a date, where %s', async (_what, byRdap, byWhois) => {
    const { ages, rdap, whois } = kit();
    rdap.answer = byRdap;
    whois.answer = byWhois;
    ages.ageDays('example.com');
    await ages.lookUpNext();
    expect(ages.knownAgeDays('example.com')).toBe('unknown');
    expect(whois.asked.length).toBe(byRdap.kind === 'unregistered' ? 0 : 1);
  });

  test('stay unknown for a session that has used up its look-ups', async () => {
    const { ages } = kit({ perSessionPerDay: 1 });
    ages.ageDays('example.com', 's');
    ages.ageDays('example.net', 's');
    await ages.lookUpNext();
    expect(ages.queued).toBe(0);
    expect(ages.knownAgeDays('example.net')).toBe('unknown');
  });

  test('that could not be found are asked for again after a day, and no sooner', async () => {
    const { ages, clock, rdap } = kit();
    rdap.answer = { kind: 'failed', detail: 'down' };
    ages.ageDays('example.com');
    await ages.lookUpNext();
    clock.pass(DAY_MS - 1);
    expect(ages.ageDays('example.com')).toBe('unknown');
    expect(ages.queued).toBe(0);
    clock.pass(1);
    ages.ageDays('example.com');
    expect(ages.queued).toBe(1);
  });

  test('survive a restart', async () => {
    const { ages, restart } = kit();
    ages.ageDays('example.com');
    await ages.lookUpNext();
    const after = restart();
    expect(after.ageDays('example.com')).toBe(10);
    expect(after.queued).toBe(0);
  });

  test('are never asked for names that are not registrable domains', async () => {
    const { ages, rdap } = kit();
    for (const name of ['secret.example.com', 'secret.duckdns.org', 'com', 'printer.corp', 'a b.com']) {
      expect(ages.ageDays(name)).toBe('unknown');
    }
    expect(await ages.lookUpNext()).toBe(false);
    expect(rdap.asked).toEqual([]);
  });
});

describe('look-ups', () => {
  test('are at most one a second, one at a time', async () => {
    const { ages, clock, rdap } = kit();
    for (const domain of ['a.com', 'b.com', 'c.com']) ages.ageDays(domain);
    const first = ages.lookUpNext();
    expect(await ages.lookUpNext()).toBe(false);
    expect(await first).toBe(true);
    clock.pass(999);
    expect(await ages.lookUpNext()).toBe(false);
    clock.pass(1);
    expect(await ages.lookUpNext()).toBe(true);
    expect(rdap.asked).toEqual(['a.com', 'b.com']);
  });

  test('are at most so many in any 24 hours, restarts included', async () => {
    const { ages, clock, rdap, restart } = kit({ perDay: 3 });
    for (let n = 0; n < 10; n++) ages.ageDays(`d${n}.com`);
    for (let n = 0; n < 10; n++) {
      await ages.lookUpNext();
      clock.pass(1_000);
    }
    expect(rdap.asked).toHaveLength(3);
    const after = restart();
    after.ageDays('other.com');
    expect(await after.lookUpNext()).toBe(false);
    clock.pass(DAY_MS);
    expect(await after.lookUpNext()).toBe(true);
  });

  test('are limited per session, so that one cannot take them all', () => {
    const { ages } = kit({ perSessionPerDay: 5 });
    for (let n = 0; n < 20; n++) ages.ageDays(`d${n}.com`, 'greedy');
    expect(ages.queued).toBe(5);
    ages.ageDays('modest.com', 'modest');
    expect(ages.queued).toBe(6);
  });

  test('wait in a bounded queue that drops the newest', () => {
    const { ages } = kit({ queue: 4 });
    for (let n = 0; n < 20; n++) ages.ageDays(`d${n}.com`);
    expect(ages.queued).toBe(4);
  });

  test('whose results cannot be kept raise an alarm and fail no query', async () => {
    const { ages, store } = kit();
    store.failure = 'no space';
    expect(ages.ageDays('example.com')).toBe('unknown');
    expect(await ages.lookUpNext()).toBe(true);
    expect(ages.ageDays('example.com')).toBe(10);
    expect(ages.alarms()).toEqual(['domain ages are not kept: no space']);
  });
});
