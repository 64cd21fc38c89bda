/**
 * The leak meters around a session: one code per session and parent, one per session over all parents that are not trusted,
 * one per parent over the fleet. Owns weights, refills and leases; the code itself is `scoring/meter/leak-meter.ts`.
 *
 * Bits are leased: the store is told a block is spent before a bit of it is spent, so a crash can only over-count.
 */
import { LeakMeter, type Sent } from '../../scoring/meter/leak-meter.ts';
import type { Budgets } from '../../scoring/observation.ts';
import { ALL, type MeterScope, type MeterStore, type StoredMeter } from '../pipeline/ports.ts';
import { networkOfKey, type SessionKey } from './identify.ts';

/** Size of one lease: small enough that a crash costs a session little, large enough that most sends write nothing. */
export const LEASE_BITS = 64;

const MS_PER_DAY = 86_400_000;

/** Weighted bits a send would charge to each scope it concerns. */
export interface Price {
  readonly parentBits: number;
  readonly sessionBits: number;
  readonly fleetBits: number;
}

/** Bits left in each scope; null where there is no budget. */
export interface Remaining {
  readonly parentBits: number | null;
  readonly sessionBits: number | null;
  readonly fleetBits: number | null;
}

/** Weighted bits that have left below one parent and over all parents that are not trusted. */
export interface Spent {
  readonly parentBits: number;
  readonly sessionBits: number;
}

/** How the meters stand that a query concerns. */
export interface MeterReading {
  readonly spent: Spent;
  readonly remaining: Remaining;
}

/** What is metered of one query. */
export interface MeteredName {
  /** Registrable domain in presentation form. */
  readonly parent: string;
  /** Labels below the parent, leftmost first. */
  readonly labels: readonly string[];
  /** Labels of the whole name, leftmost first: what the session-wide code sees, so that the choice of parent is paid for too. */
  readonly allLabels: readonly string[];
  readonly qtype: number;
  /** Whether the name counts towards the session's bits over all unlisted parents. */
  readonly unlisted: boolean;
  /** Weight of the name's standing; 0 for exactly allowlisted names and trusted zones. The bound becomes budget / weight. */
  readonly weight: number;
}

/** One scope: its code, what it has spent (weighted) and what the store believes it has spent. */
class Meter {
  readonly scope: MeterScope;
  code = new LeakMeter();
  spentBits: number;
  leasedBits: number;
  #refilledAtMs: number;

  constructor(scope: MeterScope, stored: StoredMeter | null, nowMs: number) {
    this.scope = scope;
    // After a crash the open lease counts as used.
    this.spentBits = stored?.leasedBits ?? 0;
    this.leasedBits = this.spentBits;
    this.#refilledAtMs = stored?.atMs ?? nowMs;
  }

  refill(bitsPerDay: number, nowMs: number): void {
    if (bitsPerDay === 0) return;
    // A clock set back refills nothing and is not waited for.
    const elapsedMs = Math.max(0, nowMs - this.#refilledAtMs);
    this.#refilledAtMs = nowMs;
    const refilledBits = (bitsPerDay * elapsedMs) / MS_PER_DAY;
    this.spentBits = Math.max(0, this.spentBits - refilledBits);
    // The stored lease refills too when it is read back, from the time it was written. What is spent of a refill needs a new lease,
    // or else a meter that is evicted or restarted would get the same days back a second time.
    this.leasedBits = Math.max(0, this.leasedBits - refilledBits);
  }

  /** The lease that covers `bits` more, or null when the open one does. */
  leaseFor(bits: number): number | null {
    const needed = this.spentBits + bits;
    return needed <= this.leasedBits ? null : Math.ceil(needed / LEASE_BITS) * LEASE_BITS;
  }
}

/** What a session holds itself: its meter over all parents, and in whose name it spends below each of them. */
export class SessionMeters {
  readonly session: SessionKey;
  /** An IPv6 host has a /64 to pick addresses from, so below a parent the whole /64 spends one budget. */
  readonly parentOwner: string;
  total: Meter | null = null;

  constructor(session: SessionKey) {
    this.session = session;
    this.parentOwner = networkOfKey(session);
  }
}

/** Meters kept in memory; the least recently used beyond that is dropped to the store, from where it comes back with its bits. */
export interface MeterLimits {
  /** Of sessions below parents, over all sessions. */
  readonly sessionParents: number;
  readonly fleetParents: number;
  /** Estimated heap octets of what all codes have learned: without budgets (observing) one parent alone can teach a code megabytes. */
  readonly codeOctets: number;
}

/** Meters that were only asked about: enough that a name asked again is not read from the store each time. */
const MAX_GLANCED = 1_024;

/** All meters of one Kennel. */
export class Meters {
  readonly #store: MeterStore;
  readonly #limits: MeterLimits;
  readonly #sessionParents = new Map<string, Meter>();
  readonly #fleet = new Map<string, Meter>();
  /** Meters without a charge since they were read: kept apart, so that names which are refused push nobody's meter out. */
  readonly #glanced = new Map<string, Meter>();
  /** Meters whose code has learned something, by what it takes; the least recently charged first. */
  readonly #learned = new Map<Meter, number>();
  #learnedOctets = 0;
  #trouble: string | null = null;

  constructor(store: MeterStore, limits: MeterLimits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** What sending this name now would cost each scope. Changes nothing that a later price depends on. */
  price(meters: SessionMeters, name: MeteredName, nowMs: number): Price {
    if (name.weight === 0) return { parentBits: 0, sessionBits: 0, fleetBits: 0 };
    const { parent, total, fleet } = this.#scopes(meters, name.parent, nowMs);
    const below: Sent = { labels: name.labels, qtype: name.qtype };
    const whole: Sent = { labels: name.allLabels, qtype: name.qtype };
    return {
      parentBits: name.weight * parent.code.price(below),
      sessionBits: name.weight * total.code.price(whole),
      fleetBits: name.weight * fleet.code.price(below),
    };
  }

  /** True when this session has already sent the name, with whatever type. */
  knows(meters: SessionMeters, name: MeteredName, nowMs: number): boolean {
    return this.#scopes(meters, name.parent, nowMs).parent.code.knows(name.labels);
  }

  /** True when this session has already sent this very name and type. */
  knowsPair(meters: SessionMeters, name: MeteredName, nowMs: number): boolean {
    return this.#scopes(meters, name.parent, nowMs).parent.code.knowsPair(name.labels, name.qtype);
  }

  /**
   * What was sent in a scope and its meter remembers, of the first `limitNames` names, in order of first sending. Scopes: the session
   * below the parent, the session over all parents, the fleet below the parent. Labels are those below the parent, or of the whole name
   * for the session over all parents. From memory alone: empty after a restart or an eviction.
   */
  knownPairs(
    meters: SessionMeters,
    parentName: string,
    limitNames: number,
    scope: 'parent' | 'session' | 'fleet' = 'parent',
  ): readonly Sent[] {
    const meter = {
      parent: this.#sessionParents.get(keyOf({ session: meters.parentOwner, parent: parentName })),
      session: meters.total,
      fleet: this.#fleet.get(keyOf({ session: ALL, parent: parentName })),
    }[scope];
    return meter?.code.knownPairs(limitNames) ?? [];
  }

  /** What has been spent and what is left under `budgets`, refilled up to `nowMs` (wall clock). */
  read(meters: SessionMeters, parentName: string, budgets: Budgets, nowMs: number): MeterReading {
    const { parent, total, fleet } = this.#scopes(meters, parentName, nowMs);
    parent.refill(budgets.parentRefillBitsPerDay, nowMs);
    total.refill(budgets.sessionRefillBitsPerDay, nowMs);
    fleet.refill(budgets.parentRefillBitsPerDay, nowMs);
    return {
      spent: { parentBits: parent.spentBits, sessionBits: total.spentBits },
      remaining: {
        parentBits: left(budgets.parentBits, parent),
        sessionBits: left(budgets.sessionBits, total),
        fleetBits: left(budgets.fleetParentBits, fleet),
      },
    };
  }

  /** Wall time at which the fleet first sent a name below this parent; null when it never did. */
  firstSentMs(parentName: string): number | null {
    void parentName;
    return null;
  }

  /** Bits spent below one parent and over all of them, as last read or charged. */
  spent(meters: SessionMeters, parentName: string, nowMs: number): Spent {
    const { parent, total } = this.#scopes(meters, parentName, nowMs);
    return { parentBits: parent.spentBits, sessionBits: total.spentBits };
  }

  /**
   * Charges a send to every scope it concerns, in the tick of the send. Throws when a lease cannot be written; then nothing is
   * charged and nothing may be sent. `price` is what `price` said in this tick. Returns what was paid.
   */
  charge(meters: SessionMeters, epoch: number, name: MeteredName, nowMs: number, price: Price = this.price(meters, name, nowMs)): Price {
    if (name.weight === 0) return price;
    const { parent, total, fleet } = this.#scopes(meters, name.parent, nowMs);
    const bits: readonly (readonly [Meter, number])[] = [
      [parent, price.parentBits],
      [total, price.sessionBits],
      [fleet, price.fleetBits],
    ];

    const leases: StoredMeter[] = [];
    for (const [meter, cost] of bits) {
      const leasedBits = meter.leaseFor(cost);
      if (leasedBits !== null) leases.push({ ...meter.scope, epoch, leasedBits, atMs: nowMs });
    }
    if (leases.length > 0) this.#save(leases);

    for (const [meter, cost] of bits) {
      meter.leasedBits = meter.leaseFor(cost) ?? meter.leasedBits;
      meter.spentBits += cost;
    }
    parent.code.charge({ labels: name.labels, qtype: name.qtype }, price.parentBits / name.weight);
    total.code.charge({ labels: name.allLabels, qtype: name.qtype }, price.sessionBits / name.weight);
    fleet.code.charge({ labels: name.labels, qtype: name.qtype }, price.fleetBits / name.weight);
    this.#keep(this.#sessionParents, parent, this.#limits.sessionParents);
    this.#keep(this.#fleet, fleet, this.#limits.fleetParents);
    for (const meter of [parent, total, fleet]) this.#noteLearned(meter);
    return price;
  }

  #save(leases: readonly StoredMeter[]): void {
    try {
      this.#store.saveMeters(leases);
      this.#trouble = null;
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  /** What an operator must know: empty while leases can be written. */
  alarms(): readonly string[] {
    return this.#trouble === null ? [] : [`names that need a new lease are refused, because it cannot be written: ${this.#trouble}`];
  }

  /** Tells the codes when the answer to a charged send expires, so that its refresh is predicted and cheap. */
  noteExpiry(meters: SessionMeters, name: MeteredName, expiresAtMs: number, nowMs: number): void {
    if (name.weight === 0) return;
    const { parent, total, fleet } = this.#scopes(meters, name.parent, nowMs);
    parent.code.noteExpiry({ labels: name.labels, qtype: name.qtype }, expiresAtMs);
    total.code.noteExpiry({ labels: name.allLabels, qtype: name.qtype }, expiresAtMs);
    fleet.code.noteExpiry({ labels: name.labels, qtype: name.qtype }, expiresAtMs);
  }

  /** Bits spent below a parent if its meter is in memory; for showing, recalls nothing. */
  spentInMemory(meters: SessionMeters, parentName: string): number | null {
    return this.#sessionParents.get(keyOf({ session: meters.parentOwner, parent: parentName }))?.spentBits ?? null;
  }

  /** A release, after the store has opened the epoch: the session's meters start anew from the store, the fleet's stay. */
  openEpoch(meters: SessionMeters, parents: readonly string[]): void {
    for (const parent of parents) {
      const key = keyOf({ session: meters.parentOwner, parent });
      this.#drop(this.#sessionParents, key);
      this.#glanced.delete(key);
    }
    if (meters.total !== null) this.#forgetLearned(meters.total);
    meters.total = null;
  }

  #scopes(meters: SessionMeters, parentName: string, nowMs: number): { parent: Meter; total: Meter; fleet: Meter } {
    meters.total ??= this.#open({ session: meters.session, parent: ALL }, nowMs);
    return {
      parent: this.#find(this.#sessionParents, { session: meters.parentOwner, parent: parentName }, nowMs),
      total: meters.total,
      fleet: this.#find(this.#fleet, { session: ALL, parent: parentName }, nowMs),
    };
  }

  /** The meter of a scope without changing what is kept: from its table, from those looked at lately, or from the store. */
  #find(table: ReadonlyMap<string, Meter>, scope: MeterScope, nowMs: number): Meter {
    const key = keyOf(scope);
    const known = table.get(key) ?? this.#glanced.get(key);
    if (known !== undefined) return known;
    const meter = this.#open(scope, nowMs);
    this.#glanced.set(key, meter);
    if (this.#glanced.size > MAX_GLANCED) dropOldest(this.#glanced);
    return meter;
  }

  /** Puts a charged meter last in its bounded table; the first goes, and is in the store with every bit it has spent. */
  #keep(table: Map<string, Meter>, meter: Meter, limit: number): void {
    const key = keyOf(meter.scope);
    this.#glanced.delete(key);
    table.delete(key);
    table.set(key, meter);
    const oldest = table.keys().next();
    if (table.size > limit && !oldest.done) this.#drop(table, oldest.value);
  }

  #drop(table: Map<string, Meter>, key: string): void {
    const meter = table.get(key);
    if (meter === undefined) return;
    table.delete(key);
    this.#forgetLearned(meter);
  }

  /** Beyond the bound the codes charged longest ago start anew: what they knew costs as new again, what was spent stays spent. */
  #noteLearned(meter: Meter): void {
    this.#forgetLearned(meter);
    const octets = meter.code.octets;
    this.#learned.set(meter, octets);
    this.#learnedOctets += octets;
    for (const oldest of this.#learned.keys()) {
      if (this.#learnedOctets <= this.#limits.codeOctets) return;
      this.#forgetLearned(oldest);
      oldest.code = new LeakMeter();
    }
  }

  #forgetLearned(meter: Meter): void {
    this.#learnedOctets -= this.#learned.get(meter) ?? 0;
    this.#learned.delete(meter);
  }

  #open(scope: MeterScope, nowMs: number): Meter {
    return new Meter(scope, this.#store.loadMeter(scope), nowMs);
  }
}

function left(budgetBits: number | null, meter: Meter): number | null {
  return budgetBits === null ? null : Math.max(0, budgetBits - meter.spentBits);
}

/** A session key holds no space. */
function keyOf({ session, parent }: MeterScope): string {
  return `${session} ${parent}`;
}

function dropOldest(table: Map<string, unknown>): void {
  const oldest = table.keys().next();
  if (!oldest.done) table.delete(oldest.value);
}
