/**
 * What sessions have spent, kept in memory for as long as a replay or a score lasts: nothing is written, nothing is left behind.
 * Holds every scope that was ever charged (some 200 octets each), because a meter that is evicted must come back with its bits.
 */
import { ALL, type MeterScope, type MeterStore, type SessionCounters, type StoredMeter } from '../pipeline/ports.ts';

/** An empty store. */
export function memoryMeterStore(): MeterStore {
  const meters = new Map<string, StoredMeter>();
  const counters = new Map<string, SessionCounters>();
  const firstSends = new Map<string, number>();
  return {
    loadSession: (session) => counters.get(session) ?? null,
    loadMeter: (scope) => meters.get(keyOf(scope)) ?? null,
    listMeters: (session, limit) => [...meters.values()].filter((meter) => meter.session === session).slice(0, limit),
    saveMeters(saved, first = null) {
      for (const meter of saved) meters.set(keyOf(meter), meter);
      if (first !== null && !firstSends.has(first.parent)) firstSends.set(first.parent, first.atMs);
    },
    firstSentMs: (parent) => firstSends.get(parent) ?? null,
    saveCounters(saved) {
      counters.set(saved.session, saved);
    },
    openSessionEpoch(opened, scopes) {
      counters.set(opened.session, opened);
      for (const scope of [...scopes, { session: opened.session, parent: ALL }]) meters.delete(keyOf(scope));
    },
    openMeterEpoch: () => meters.clear(),
    listSessions: (limit) => [...counters.values()].slice(0, limit),
  };
}

/** A session key holds no space. */
function keyOf({ session, parent }: MeterScope): string {
  return `${session} ${parent}`;
}
