/** The states of a quarantine under a clock that is turned by hand. */
import { describe, expect, test } from 'vitest';
import type { QuarantineChange } from '../../../src/pipeline/ports.ts';
import {
  createQuarantines,
  NotRecordedError,
  type QuarantineEvidence,
  type QuarantineLimits,
  type Quarantines,
} from '../../../src/quarantine/quarantine.ts';
import { MemoryLedger } from './memory-ledger.ts';
import { TurningClock } from './turning-clock.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ANN = { actor: 'ann', reason: 'a test of ours' };

function evidence(session: string, changes: Partial<QuarantineEvidence> = {}): QuarantineEvidence {
  return {
    session,
    epoch: 0,
    policy: 'everyone',
    parent: 'attacker.example',
    qname: 'aa.attacker.example',
    qtype: 'TXT',
    score: 80,
    signals: [{ name: 'entropy', value: 4, contribution: 80 }],
    leakBits: 700,
    reason: 'score',
    forMs: HOUR_MS,
    ...changes,
  };
}

interface Kit {
  readonly quarantines: Quarantines;
  readonly ledger: MemoryLedger;
  readonly clock: TurningClock;
  readonly changes: QuarantineChange[];
  /** Another process over the same ledger and clock. */
  restart(): Quarantines;
}

function kit(limits: Partial<QuarantineLimits> = {}): Kit {
  const ledger = new MemoryLedger();
  const clock = new TurningClock();
  const changes: QuarantineChange[] = [];
  let drawn = 0;
  const randomOctets = (count: number): Uint8Array => {
    drawn += 1;
    return Uint8Array.from({ length: count }, (_, place) => Math.floor(drawn / 32 ** place) % 32);
  };
  const start = (): Quarantines => {
    const quarantines = createQuarantines({ ledger, clock, randomOctets, limits, onChange: (_, change) => changes.push(change) });
    quarantines.load();
    return quarantines;
  };
  return { quarantines: start(), ledger, clock, changes, restart: start };
}

function statesOf(changes: readonly QuarantineChange[]): string[] {
  return changes.map((change) => `${change.from} → ${change.to}`);
}

describe('a quarantine', () => {
  test('denies from the moment it is made, and is durable when the ledger has it', async () => {
    const { quarantines, ledger } = kit();
    expect(quarantines.stateOf('s')).toBe('normal');
    const { record, durable } = quarantines.quarantine(evidence('s'));
    expect(quarantines.stateOf('s')).toBe('quarantined');
    expect(quarantines.stateOf('t')).toBe('normal');
    expect(ledger.load()).toEqual([]);
    await durable;
    expect(ledger.load()).toEqual([record]);
    expect(record).toMatchObject({ state: 'quarantined', score: 80, parent: 'attacker.example', expiresAtMs: record.atMs + HOUR_MS });
    expect(statesOf(ledger.history(record.id))).toEqual(['normal → quarantined']);
  });

  test('turns into watch when its time is over, and into normal a day later', async () => {
    const { quarantines, clock, ledger } = kit();
    const { record, durable } = quarantines.quarantine(evidence('s'));
    await durable;
    clock.pass(HOUR_MS - 1);
    expect(quarantines.stateOf('s')).toBe('quarantined');
    clock.pass(1);
    expect(quarantines.stateOf('s')).toBe('watch');
    expect(quarantines.show(record.id)?.record.state).toBe('watch');
    quarantines.sweep();
    await Promise.resolve();
    expect(statesOf(ledger.history(record.id))).toEqual(['normal → quarantined', 'quarantined → watch']);
    clock.pass(DAY_MS - 1);
    expect(quarantines.stateOf('s')).toBe('watch');
    clock.pass(1);
    expect(quarantines.stateOf('s')).toBe('normal');
  });

  test('is one record for an episode: crossing again from quarantine or watch adds to it', async () => {
    const { quarantines, clock, ledger } = kit();
    const first = quarantines.quarantine(evidence('s', { score: 70 }));
    await first.durable;
    const again = quarantines.quarantine(evidence('s', { score: 95, parent: 'worse.example' }));
    expect(again.record.id).toBe(first.record.id);
    expect(again.record).toMatchObject({ score: 95, parent: 'worse.example' });
    quarantines.quarantine(evidence('s', { score: 60, parent: 'milder.example' }));
    expect(quarantines.list()).toMatchObject([{ score: 95, parent: 'worse.example' }]);

    clock.pass(HOUR_MS);
    expect(quarantines.stateOf('s')).toBe('watch');
    const fromWatch = quarantines.quarantine(evidence('s'));
    await fromWatch.durable;
    expect(fromWatch.record.id).toBe(first.record.id);
    expect(quarantines.stateOf('s')).toBe('quarantined');
    expect(statesOf(ledger.history(first.record.id)).at(-1)).toBe('watch → quarantined');
    expect(quarantines.list()).toHaveLength(1);
  });

  test('starts its time again when its session goes on', () => {
    const { quarantines, clock } = kit();
    quarantines.quarantine(evidence('s'));
    clock.pass(HOUR_MS / 2);
    quarantines.quarantine(evidence('s'));
    clock.pass(HOUR_MS / 2 + 1);
    expect(quarantines.stateOf('s')).toBe('quarantined');
  });

  test('that goes on is written at most once a minute', async () => {
    const { quarantines, clock, ledger } = kit();
    await quarantines.quarantine(evidence('s')).durable;
    for (let n = 0; n < 100; n++) await quarantines.quarantine(evidence('s', { score: 81 + n / 100 })).durable;
    expect(ledger.commits).toBe(1);
    clock.pass(60_000);
    await quarantines.quarantine(evidence('s')).durable;
    await Promise.resolve();
    expect(ledger.commits).toBe(2);
    expect(ledger.load()[0]?.score).toBeCloseTo(81.99);
  });

  test('of a normal session again is a record of its own', () => {
    const { quarantines, clock } = kit();
    const first = quarantines.quarantine(evidence('s')).record;
    clock.pass(HOUR_MS + DAY_MS);
    const second = quarantines.quarantine(evidence('s')).record;
    expect(second.id).not.toBe(first.id);
    expect(quarantines.list().map((record) => record.id)).toEqual([second.id, first.id]);
  });

  test('has a short identifier that sorts by time', () => {
    const { quarantines, clock } = kit();
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) {
      ids.push(quarantines.quarantine(evidence(`s${n}`)).record.id);
      clock.pass(1_000);
    }
    for (const id of ids) expect(id).toMatch(/^q-[0-9a-hjkmnp-tv-z]{10}$/);
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(5);
  });
});

describe('a review', () => {
  test('releases: the session is normal in a new epoch, and the history stays', async () => {
    const { quarantines, ledger, changes } = kit();
    const { record, durable } = quarantines.quarantine(evidence('s', { epoch: 4 }));
    await durable;
    expect(quarantines.epochOf('s')).toBe(4);
    const result = await quarantines.release(record.id, ANN);
    expect(result).toMatchObject({ kind: 'ok', record: { state: 'released', expiresAtMs: null } });
    expect(quarantines.stateOf('s')).toBe('normal');
    expect(quarantines.epochOf('s')).toBe(5);
    expect(ledger.history(record.id)).toMatchObject([{ to: 'quarantined' }, { to: 'released', actor: 'ann', reason: 'a test of ours' }]);
    expect(statesOf(changes)).toEqual(['normal → quarantined', 'quarantined → released']);
  });

  test('confirms: the quarantine lasts until it is released', async () => {
    const { quarantines, clock } = kit();
    const { record } = quarantines.quarantine(evidence('s'));
    expect(await quarantines.confirm(record.id, ANN)).toMatchObject({ kind: 'ok', record: { state: 'confirmed', expiresAtMs: null } });
    clock.pass(400 * DAY_MS);
    quarantines.sweep();
    expect(quarantines.stateOf('s')).toBe('quarantined');
    quarantines.quarantine(evidence('s'));
    expect(quarantines.show(record.id)?.record).toMatchObject({ state: 'confirmed', expiresAtMs: null });
    await quarantines.release(record.id, ANN);
    expect(quarantines.stateOf('s')).toBe('normal');
  });

  test('needs a reason and an open quarantine', async () => {
    const { quarantines } = kit();
    const { record } = quarantines.quarantine(evidence('s'));
    expect(await quarantines.release(record.id, { actor: 'ann', reason: '  ' })).toMatchObject({ code: 'no-reason' });
    expect(await quarantines.release('q-none', ANN)).toMatchObject({ code: 'unknown-id' });
    await quarantines.release(record.id, ANN);
    expect(await quarantines.release(record.id, ANN)).toMatchObject({ code: 'already-settled' });
    expect(await quarantines.confirm(record.id, ANN)).toMatchObject({ code: 'already-settled' });
  });

  test('holds only once it is on disk', async () => {
    const { quarantines, ledger } = kit();
    const { record, durable } = quarantines.quarantine(evidence('s'));
    await durable;
    ledger.failure = 'no space';
    expect(await quarantines.release(record.id, ANN)).toMatchObject({ code: 'not-durable', message: expect.stringContaining('no space') });
    expect(quarantines.stateOf('s')).toBe('quarantined');
    ledger.failure = null;
    expect(await quarantines.release(record.id, ANN)).toMatchObject({ kind: 'ok' });
  });

  test('is not written over by what the session does meanwhile', async () => {
    const { quarantines, ledger, clock } = kit();
    const { record, durable } = quarantines.quarantine(evidence('s'));
    await durable;
    clock.pass(HOUR_MS);
    const review = quarantines.release(record.id, ANN);
    quarantines.quarantine(evidence('s', { score: 99 }));
    quarantines.sweep();
    expect(await quarantines.confirm(record.id, ANN)).toMatchObject({ code: 'already-settled' });
    await review;
    await Promise.resolve();
    expect(ledger.load()[0]?.state).toBe('released');
    expect(quarantines.stateOf('s')).toBe('normal');
  });

  test('quarantines by hand, with a reason', async () => {
    const { quarantines, ledger } = kit();
    expect(await quarantines.add('s', { ...ANN, epoch: 0, reason: '' })).toMatchObject({ code: 'no-reason' });
    expect(quarantines.stateOf('s')).toBe('normal');
    const adding = quarantines.add('s', { ...ANN, epoch: 2, forMs: 10 * HOUR_MS });
    expect(quarantines.stateOf('s')).toBe('quarantined');
    expect(await adding).toMatchObject({ kind: 'ok', record: { session: 's', epoch: 2, reason: 'a test of ours' } });
    expect(ledger.changes).toMatchObject([{ actor: 'ann', from: 'normal', to: 'quarantined' }]);
  });
});

describe('a restart', () => {
  test('finds every state again', async () => {
    const { quarantines, clock, restart } = kit();
    const records = ['open', 'confirmed', 'released'].map((session) => quarantines.quarantine(evidence(session)));
    await Promise.all(records.map(({ durable }) => durable));
    await quarantines.confirm(records[1]?.record.id ?? '', ANN);
    await quarantines.release(records[2]?.record.id ?? '', ANN);
    clock.pass(HOUR_MS / 2);
    const after = restart();
    expect(['open', 'confirmed', 'released', 'other'].map((session) => after.stateOf(session))).toEqual([
      'quarantined',
      'quarantined',
      'normal',
      'normal',
    ]);
    expect(after.epochOf('released')).toBe(1);
    clock.pass(HOUR_MS / 2);
    expect(after.stateOf('open')).toBe('watch');
  });
});

describe('a clock that is set', () => {
  test('forward releases nobody, now or after a restart', async () => {
    const { quarantines, clock, restart } = kit();
    const { record, durable } = quarantines.quarantine(evidence('s'));
    await durable;
    clock.setWall(30 * DAY_MS);
    expect(quarantines.stateOf('s')).toBe('quarantined');
    quarantines.sweep();
    await Promise.resolve();
    expect(quarantines.show(record.id)?.history.at(-1)?.reason).toBe('the clock was set forward by 2592000 s');
    const after = restart();
    expect(after.stateOf('s')).toBe('quarantined');
    clock.pass(HOUR_MS);
    expect(after.stateOf('s')).toBe('watch');
    expect(quarantines.stateOf('s')).toBe('watch');
  });

  test('backward releases nobody early, and nobody has to wait for it to catch up', async () => {
    const { quarantines, clock, restart } = kit();
    await quarantines.quarantine(evidence('s')).durable;
    clock.setWall(-30 * DAY_MS);
    quarantines.sweep();
    expect(quarantines.stateOf('s')).toBe('quarantined');
    const after = restart();
    expect(after.stateOf('s')).toBe('quarantined');
    clock.pass(HOUR_MS);
    expect(quarantines.stateOf('s')).toBe('watch');
    expect(after.stateOf('s')).toBe('watch');
  });
});

describe('a ledger that fails', () => {
  test('leaves the session denied, raises an alarm, and is tried again', async () => {
    const { quarantines, ledger } = kit();
    ledger.failure = 'no space';
    const { record, durable } = quarantines.quarantine(evidence('s'));
    await expect(durable).rejects.toThrow('no space');
    expect(quarantines.stateOf('s')).toBe('quarantined');
    expect(quarantines.alarms()).toEqual(['quarantines hold in memory but are not on disk: no space', '1 quarantines wait to be written']);
    expect(quarantines.show(record.id)?.history).toHaveLength(1);

    ledger.failure = null;
    quarantines.sweep();
    await Promise.resolve();
    await Promise.resolve();
    expect(ledger.load()).toEqual([record]);
    expect(quarantines.alarms()).toEqual([]);
  });

  test('hears what a quarantine came from, however late it is written', async () => {
    const { quarantines, ledger, clock } = kit();
    ledger.failure = 'no space';
    const { record, durable } = quarantines.quarantine(evidence('s'));
    await expect(durable).rejects.toThrow('no space');
    clock.pass(HOUR_MS);
    ledger.failure = null;
    quarantines.sweep();
    await Promise.resolve();
    expect(statesOf(ledger.history(record.id))).toEqual(['normal → watch']);
  });
});

describe('a flood of quarantines', () => {
  test('denies all at once, writes a hundred a second, and tells the rest that they are not on disk', async () => {
    const { quarantines, ledger, clock } = kit();
    const outcomes = Array.from({ length: 250 }, (_, n) => quarantines.quarantine(evidence(`s${n}`)).durable);
    for (let n = 0; n < 250; n++) expect(quarantines.stateOf(`s${n}`)).toBe('quarantined');
    const settled = await Promise.allSettled(outcomes);
    expect(settled.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(100);
    const rejected = settled.find((outcome) => outcome.status === 'rejected');
    expect(rejected?.reason).toBeInstanceOf(NotRecordedError);
    expect(quarantines.alarms()).toEqual(['150 quarantines wait to be written']);

    for (const written of [200, 250]) {
      clock.pass(1_000);
      quarantines.sweep();
      await Promise.resolve();
      await Promise.resolve();
      expect(ledger.load()).toHaveLength(written);
    }
    expect(quarantines.alarms()).toEqual([]);
  });

  test('forgets the oldest that are over to stay within the bound, and never one in force', async () => {
    const { quarantines, ledger, clock } = kit({ maxRecords: 5, newPerSecond: 1_000 });
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) {
      const { record, durable } = quarantines.quarantine(evidence(`s${n}`));
      await durable;
      ids.push(record.id);
    }
    await quarantines.release(ids[1] ?? '', ANN);
    await quarantines.quarantine(evidence('s5')).durable;
    await Promise.resolve();
    expect(ledger.load().map((record) => record.session)).toEqual(['s0', 's2', 's3', 's4', 's5']);
    expect(quarantines.show(ids[1] ?? '')).toBeNull();

    const full = quarantines.quarantine(evidence('s6'));
    await expect(full.durable).rejects.toBeInstanceOf(NotRecordedError);
    expect(quarantines.stateOf('s6')).toBe('quarantined');
    expect(ledger.load()).toHaveLength(5);

    clock.pass(HOUR_MS + DAY_MS - 1_000);
    quarantines.quarantine(evidence('s0'));
    clock.pass(1_000);
    quarantines.sweep();
    await Promise.resolve();
    expect(quarantines.stateOf('s0')).toBe('quarantined');
    expect(ledger.load().map((record) => record.session)).toContain('s0');
    expect(ledger.load()).toHaveLength(5);
  });

  test('beyond all bounds is still refused query by query, and says so', () => {
    const { quarantines } = kit({ maxUnwritten: 3, newPerSecond: 0 });
    for (let n = 0; n < 10; n++) quarantines.quarantine(evidence(`s${n}`));
    expect(quarantines.list()).toHaveLength(3);
    expect(quarantines.alarms()).toContainEqual(expect.stringContaining('more sessions crossed the threshold than can be kept'));
  });
});
