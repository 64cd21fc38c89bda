/** A MeterStore in memory that also counts its writes, for tests of what is written when. */
import {
  ALL,
  type FirstSend,
  type MeterScope,
  type MeterStore,
  type SessionCounters,
  type StoredMeter,
} from '../../../src/pipeline/ports.ts';

export class MemoryMeterStore implements MeterStore {
  readonly meters = new Map<string, StoredMeter>();
  readonly counters = new Map<string, SessionCounters>();
  readonly firstSends = new Map<string, number>();
  meterWrites = 0;
  counterWrites = 0;
  /** Set to make every write fail, as a full disk does. */
  full = false;

  loadSession(session: string): SessionCounters | null {
    return this.counters.get(session) ?? null;
  }

  loadMeter(scope: MeterScope): StoredMeter | null {
    return this.meters.get(keyOf(scope)) ?? null;
  }

  listMeters(session: string, limit: number): readonly StoredMeter[] {
    const own = [...this.meters.values()].filter((meter) => meter.session === session);
    return own.sort((one, other) => other.leasedBits - one.leasedBits).slice(0, limit);
  }

  firstSentMs(parent: string): number | null {
    return this.firstSends.get(parent) ?? null;
  }

  saveMeters(meters: readonly StoredMeter[], first: FirstSend | null = null): void {
    if (this.full) throw new Error('database or disk is full');
    this.meterWrites += 1;
    for (const meter of meters) this.meters.set(keyOf(meter), meter);
    if (first !== null && !this.firstSends.has(first.parent)) this.firstSends.set(first.parent, first.atMs);
  }

  saveCounters(counters: SessionCounters): void {
    if (this.full) throw new Error('database or disk is full');
    this.counterWrites += 1;
    this.counters.set(counters.session, counters);
  }

  openSessionEpoch(counters: SessionCounters, scopes: readonly MeterScope[]): void {
    this.saveCounters(counters);
    for (const scope of [...scopes, { session: counters.session, parent: ALL }]) this.meters.delete(keyOf(scope));
  }

  openMeterEpoch(): void {
    this.meters.clear();
    for (const counters of this.counters.values())
      this.counters.set(counters.session, { ...counters, score: 0, epoch: counters.epoch + 1 });
  }

  listSessions(limit: number): readonly SessionCounters[] {
    return [...this.counters.values()].sort((one, other) => other.lastSeenMs - one.lastSeenMs).slice(0, limit);
  }
}

function keyOf({ session, parent }: MeterScope): string {
  return `${session} ${parent}`;
}
