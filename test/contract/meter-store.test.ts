/** What every meter store promises (ports.ts, `MeterStore`). */
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ALL, type MeterStore, type SessionCounters, type StoredMeter } from '../../src/pipeline/ports.ts';
import { openMeters } from '../../src/storage/meters.ts';
import { MemoryMeterStore } from '../unit/session/memory-meter-store.ts';
import { temporaryFolder } from '../unit/storage/temporary-folder.ts';

function onDisk(): MeterStore {
  const opened = openMeters(join(temporaryFolder(), 'meters.sqlite'));
  if (opened.kind === 'error') throw new Error(opened.message);
  onTestFinished(opened.meters.close);
  return opened.meters;
}

const STORES: readonly (readonly [string, () => MeterStore])[] = [
  ['SQLite', onDisk],
  ['memory', () => new MemoryMeterStore()],
];

function counters(session: string, changes: Partial<SessionCounters> = {}): SessionCounters {
  return { session, epoch: 0, score: 10, firstSeenMs: 1_000, lastSeenMs: 2_000, ...changes };
}

function meter(session: string, parent: string, leasedBits: number, changes: Partial<StoredMeter> = {}): StoredMeter {
  return { session, parent, epoch: 0, leasedBits, atMs: 1_000, ...changes };
}

describe.each(STORES)('a meter store (%s)', (_, open) => {
  test('knows nothing of a session or scope at first', () => {
    const store = open();
    expect(store.loadSession('10.0.0.5')).toBeNull();
    expect(store.loadMeter({ session: '10.0.0.5', parent: 'a.example' })).toBeNull();
    expect(store.listMeters('10.0.0.5', 10)).toEqual([]);
    expect(store.listSessions(10)).toEqual([]);
  });

  test('gives back the latest write of each scope', () => {
    const store = open();
    store.saveMeters([meter('s', 'a.example', 64), meter('s', ALL, 64), meter(ALL, 'a.example', 64)]);
    store.saveMeters([meter('s', 'a.example', 128, { atMs: 5_000 })]);
    expect(store.loadMeter({ session: 's', parent: 'a.example' })).toEqual(meter('s', 'a.example', 128, { atMs: 5_000 }));
    expect(store.loadMeter({ session: 's', parent: ALL })).toEqual(meter('s', ALL, 64));
    expect(store.loadMeter({ session: ALL, parent: 'a.example' })).toEqual(meter(ALL, 'a.example', 64));
    expect(store.loadMeter({ session: 't', parent: 'a.example' })).toBeNull();
  });

  test('lists a session’s meters, most bits first, up to a limit', () => {
    const store = open();
    store.saveMeters([
      meter('s', 'a.example', 64),
      meter('s', 'b.example', 256),
      meter('s', 'c.example', 128),
      meter('t', 'd.example', 999),
    ]);
    expect(store.listMeters('s', 2).map((row) => row.parent)).toEqual(['b.example', 'c.example']);
  });

  test('lists sessions, the last seen first', () => {
    const store = open();
    for (const [session, lastSeenMs] of [
      ['a', 1],
      ['b', 3],
      ['c', 2],
    ] as const)
      store.saveCounters(counters(session, { lastSeenMs }));
    store.saveCounters(counters('a', { lastSeenMs: 4 }));
    expect(store.listSessions(2).map((row) => row.session)).toEqual(['a', 'b']);
    expect(store.loadSession('c')).toEqual(counters('c', { lastSeenMs: 2 }));
  });

  test('starts the named meters and the session’s own at 0 in a new epoch, and leaves the others', () => {
    const store = open();
    store.saveCounters(counters('s', { score: 90 }));
    store.saveMeters([meter('s', 'a.example', 768), meter('s', 'b.example', 64), meter('s', ALL, 832), meter(ALL, 'a.example', 768)]);
    store.openSessionEpoch(counters('s', { epoch: 1, score: 0 }), [{ session: 's', parent: 'a.example' }]);
    expect(store.loadSession('s')).toMatchObject({ epoch: 1, score: 0 });
    expect(store.loadMeter({ session: 's', parent: 'a.example' })?.leasedBits ?? 0).toBe(0);
    expect(store.loadMeter({ session: 's', parent: ALL })?.leasedBits ?? 0).toBe(0);
    expect(store.loadMeter({ session: 's', parent: 'b.example' })?.leasedBits).toBe(64);
    expect(store.loadMeter({ session: ALL, parent: 'a.example' })?.leasedBits).toBe(768);
  });

  test('keeps the time of the first send below a parent, and only the first', () => {
    const store = open();
    expect(store.firstSentMs('a.example')).toBeNull();
    store.saveMeters([meter('s', 'a.example', 64)], { parent: 'a.example', atMs: 5_000 });
    store.saveMeters([], { parent: 'a.example', atMs: 4_000 });
    expect(store.firstSentMs('a.example')).toBe(5_000);
    expect(store.firstSentMs('b.example')).toBeNull();
    store.openMeterEpoch();
    expect(store.firstSentMs('a.example')).toBe(5_000);
  });

  test('starts every meter and score at 0 in a new meter epoch, and still knows the sessions', () => {
    const store = open();
    store.saveCounters(counters('s', { score: 90 }));
    store.saveMeters([meter('s', 'a.example', 768), meter(ALL, 'a.example', 768)]);
    store.openMeterEpoch();
    expect(store.loadMeter({ session: 's', parent: 'a.example' })?.leasedBits ?? 0).toBe(0);
    expect(store.loadMeter({ session: ALL, parent: 'a.example' })?.leasedBits ?? 0).toBe(0);
    expect(store.loadSession('s')).toMatchObject({ score: 0, firstSeenMs: 1_000 });
  });
});
