/**
 * The leak meters around a session: one code per session and parent, one per session over all unlisted parents, one per parent over the
 * fleet. The addresses of an IPv6 network that one host may pick from share the first two. Owns weights, refills and leases; the code
 * itself is `scoring/meter/leak-meter.ts`.
 *
 * Bits are leased: the store is told a block is spent before a bit of it is spent, so a crash can only over-count.
 */
import { LeakMeter, type Sent } from '../../scoring/meter/leak-meter.ts';
import type { Budgets } from '../../scoring/observation.ts';
import { ALL, type FirstSend, type MeterScope, type MeterStore, type StoredMeter } from '../pipeline/ports.ts';
import { fromPresentation, labelCount, labelsOf, type QName, ROOT } from '../wire/name.ts';
import { HOST_NETWORK_BITS, networkOfKey, type SessionKey } from './identify.ts';

/** Size of one lease: small enough that a crash costs a session little, large enough that most sends write nothing. */
export const LEASE_BITS = 64;

const MS_PER_DAY = 86_400_000;

/** Weighted bits a send would charge to each scope; 0 to one that it doesn't concern. */
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

/** Weighted bits that have left below one parent and over all unlisted parents. */
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
  /** The whole name in wire form, which tells it from all others. */
  readonly key: QName;
  readonly qtype: number;
  /** Whether the name counts towards the session's bits over all unlisted parents. */
  readonly unlisted: boolean;
  /**
   * Refill of the budget below the parent, under the policy that decides. Fleet bits are counted apart for each rate: bits that a policy
   * without refill has let out must not be refilled by another.
   */
  readonly refillBitsPerDay: number;
  /** Weight of the name's standing; 0 for exactly allowlisted names and trusted zones. The bound becomes budget / weight. */
  readonly weight: number;
}

/** One budget's bits: what was spent (weighted), and what the store believes was spent. */
class Account {
  readonly scope: MeterScope;
  readonly refillBitsPerDay: number;
  spentBits: number;
  leasedBits: number;
  #refilledAtMs: number;

  constructor(scope: MeterScope, refillBitsPerDay: number, stored: StoredMeter | null, nowMs: number) {
    this.scope = scope;
    this.refillBitsPerDay = refillBitsPerDay;
    // After a crash the open lease counts as used.
    this.spentBits = stored?.leasedBits ?? 0;
    this.leasedBits = this.spentBits;
    this.#refilledAtMs = stored?.atMs ?? nowMs;
  }

  /** Gives back what the time since the last call is worth at this rate. */
  refill(bitsPerDay: number, nowMs: number): void {
    // A clock set back refills nothing and is not waited for. Time without a rate is not made up for later.
    const elapsedMs = Math.max(0, nowMs - this.#refilledAtMs);
    this.#refilledAtMs = nowMs;
    if (bitsPerDay === 0 || elapsedMs === 0) return;
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

  /** Spends bits that `leasedBits`, written by now, cover. */
  spend(bits: number, leasedBits: number): void {
    this.spentBits += bits;
    this.leasedBits = leasedBits;
  }
}

/** One scope: its code, and the bits it has charged. A fleet meter has an account per refill rate, any other meter one. */
class Meter {
  readonly key: string;
  readonly accounts: Account[] = [];
  code = new LeakMeter();
  /** Estimated heap octets of its code, as last counted. */
  octets = 0;
  /** In its bounded table, not only looked at; among the codes that have learned something. */
  isKept = false;
  isCounted = false;
  /** Charged since it was put at the end of its table, or of the codes that have learned. */
  chargedSinceKept = false;
  chargedSinceCounted = false;

  constructor(key: string) {
    this.key = key;
  }

  get spentBits(): number {
    return this.accounts[0]?.spentBits ?? 0;
  }
}

/** The meters that one query concerns. */
interface Scopes {
  readonly meters: SessionMeters;
  readonly parentName: string;
  readonly parent: Meter;
  readonly total: Meter;
  readonly fleet: Meter;
}

/** What a session holds itself: in whose name it spends, and its meter over all parents. */
export class SessionMeters {
  readonly session: SessionKey;
  /** An IPv6 host has a /64 to pick addresses from, so the whole /64 spends one budget below a parent, and one over all of them. */
  readonly owner: string;
  /** Written by `Meters` alone. Of no use any more where it is shared and no longer kept. */
  total: Meter | null = null;

  /** `ipv6NetworkBits`: `sessions.prefixLengths.ipv6Budgets`. */
  constructor(session: SessionKey, ipv6NetworkBits: number = HOST_NETWORK_BITS) {
    this.session = session;
    this.owner = networkOfKey(session, ipv6NetworkBits);
  }

  /** Other sessions may spend from the same budgets. */
  get isShared(): boolean {
    return this.owner !== this.session;
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

/** How many meters charged lately are passed over before one of them goes all the same: what one charge may cost is bounded. */
const MAX_CHANCES = 64;

/** The store cannot take a lease (a full disk, a lock): bits that a crash would forget are not spent. */
export class LeaseNotWritten extends Error {}

/** All meters of one Kennel. */
export class Meters {
  readonly #store: MeterStore;
  readonly #limits: MeterLimits;
  readonly #sessionParents = new Map<string, Meter>();
  readonly #fleet = new Map<string, Meter>();
  /** Over all parents, of networks whose sessions share one; any other session holds its own. */
  readonly #sharedTotals = new Map<string, Meter>();
  /** Meters without a charge since they were read: kept apart, so that names which are refused push nobody's meter out. */
  readonly #glanced = new Map<string, Meter>();
  /** Meters whose code has learned something. */
  readonly #learned = new Set<Meter>();
  #learnedOctets = 0;
  /** What the store says of parents looked at lately; the one looked up first goes first. */
  readonly #firstSent = new Map<string, number | null>();
  /** One query asks for the same meters up to six times. */
  #last: Scopes | null = null;
  #trouble: string | null = null;

  constructor(store: MeterStore, limits: MeterLimits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** What sending this name now would cost each scope. Changes nothing that a later price depends on. */
  price(meters: SessionMeters, name: MeteredName, nowMs: number): Price {
    if (name.weight === 0) return { parentBits: 0, sessionBits: 0, fleetBits: 0 };
    const { parent, total, fleet } = this.#scopes(meters, name.parent, nowMs);
    const below = sentBelow(name);
    const parentBits = name.weight * parent.code.price(below);
    const fleetBits = name.weight * fleet.code.price(below);
    return { parentBits, sessionBits: name.unlisted ? name.weight * total.code.price(sentWhole(name)) : 0, fleetBits };
  }

  /** True when this session has already sent the name, with whatever type. */
  knows(meters: SessionMeters, name: MeteredName, nowMs: number): boolean {
    return this.#scopes(meters, name.parent, nowMs).parent.code.knows(name.labels, name.key);
  }

  /** True when this session has already sent this very name and type. */
  knowsPair(meters: SessionMeters, name: MeteredName, nowMs: number): boolean {
    return this.#scopes(meters, name.parent, nowMs).parent.code.knowsPair(name.labels, name.qtype, name.key);
  }

  /**
   * What was sent in a scope and is remembered there, of its first `limitNames` names, in order of first sending. Labels are those below
   * the parent, and the whole name's for the session over all unlisted parents. From memory alone: empty after a restart or an eviction.
   */
  knownPairs(
    meters: SessionMeters,
    parentName: string,
    limitNames: number,
    scope: 'parent' | 'session' | 'fleet' = 'parent',
  ): readonly Sent[] {
    const ofScope = {
      parent: () => this.#sessionParents.get(keyOf(meters.owner, parentName)),
      session: () => this.#totalInMemory(meters),
      fleet: () => this.#fleet.get(keyOf(ALL, parentName)),
    };
    const labelsAbove = scope === 'session' ? 0 : labelCount(fromPresentation(parentName) ?? ROOT);
    const pairs = ofScope[scope]()?.code.knownPairs(limitNames) ?? [];
    return pairs.map(({ key, qtype }) => {
      const labels = labelsOf(key as QName);
      return { labels: labels.slice(0, labels.length - labelsAbove), qtype };
    });
  }

  /**
   * What has been spent and what is left under `budgets`, refilled up to `nowMs` (wall clock). A session that comes under policies of
   * different rates has one account: its bound is that of the most generous one.
   */
  read(meters: SessionMeters, parentName: string, budgets: Budgets, nowMs: number): MeterReading {
    const { parent, total, fleet } = this.#scopes(meters, parentName, nowMs);
    const ofParent = accountOf(parent);
    const ofSession = accountOf(total);
    const ofFleet = this.#fleetAccount(fleet, parentName, budgets.parentRefillBitsPerDay, nowMs);
    ofParent.refill(budgets.parentRefillBitsPerDay, nowMs);
    ofSession.refill(budgets.sessionRefillBitsPerDay, nowMs);
    ofFleet.refill(budgets.parentRefillBitsPerDay, nowMs);
    return {
      spent: { parentBits: ofParent.spentBits, sessionBits: ofSession.spentBits },
      remaining: {
        parentBits: left(budgets.parentBits, ofParent),
        sessionBits: left(budgets.sessionBits, ofSession),
        fleetBits: left(budgets.fleetParentBits, ofFleet),
      },
    };
  }

  /** Wall time of the fleet's first charged send below this parent, across restarts; null when there was none or it was pruned. */
  firstSentMs(parentName: string): number | null {
    const known = this.#firstSent.get(parentName);
    if (known !== undefined) return known;
    const firstSentMs = this.#store.firstSentMs(parentName);
    this.#noteFirstSent(parentName, firstSentMs);
    return firstSentMs;
  }

  /** Bits spent below one parent and over all of them, as last read or charged. */
  spent(meters: SessionMeters, parentName: string, nowMs: number): Spent {
    const { parent, total } = this.#scopes(meters, parentName, nowMs);
    return { parentBits: parent.spentBits, sessionBits: total.spentBits };
  }

  /**
   * Charges a send to every scope it concerns, in the tick of the send. Throws `LeaseNotWritten` when it cannot be; then nothing is
   * charged and nothing may be sent. `price` is what `price` said in this tick. Returns what was paid.
   */
  charge(meters: SessionMeters, epoch: number, name: MeteredName, nowMs: number, price: Price = this.price(meters, name, nowMs)): Price {
    if (name.weight === 0) return price;
    const { parent, total, fleet } = this.#scopes(meters, name.parent, nowMs);
    const ofFleet = this.#fleetAccount(fleet, name.parent, name.refillBitsPerDay, nowMs);
    const isFirst = this.firstSentMs(name.parent) === null;
    const ofParent = accountOf(parent);
    const ofTotal = accountOf(total);
    const leases: StoredMeter[] = [];
    const lease = (account: Account, cost: number): number => {
      const leasedBits = account.leaseFor(cost);
      if (leasedBits !== null) leases.push({ ...account.scope, epoch, leasedBits, atMs: nowMs });
      return leasedBits ?? account.leasedBits;
    };
    const parentLease = lease(ofParent, price.parentBits);
    const fleetLease = lease(ofFleet, price.fleetBits);
    const totalLease = name.unlisted ? lease(ofTotal, price.sessionBits) : ofTotal.leasedBits;
    if (leases.length > 0 || isFirst) this.#save(leases, isFirst ? { parent: name.parent, atMs: nowMs } : null);

    if (isFirst) this.#noteFirstSent(name.parent, nowMs);
    ofParent.spend(price.parentBits, parentLease);
    ofFleet.spend(price.fleetBits, fleetLease);
    const below = sentBelow(name);
    parent.code.charge(below, price.parentBits / name.weight);
    fleet.code.charge(below, price.fleetBits / name.weight);
    this.#keep(this.#sessionParents, parent, this.#limits.sessionParents);
    this.#keep(this.#fleet, fleet, this.#limits.fleetParents);
    this.#noteLearned(parent);
    this.#noteLearned(fleet);
    if (name.unlisted) {
      ofTotal.spend(price.sessionBits, totalLease);
      total.code.charge(sentWhole(name), price.sessionBits / name.weight);
      if (meters.isShared) this.#keep(this.#sharedTotals, total, this.#limits.sessionParents);
      this.#noteLearned(total);
    }
    return price;
  }

  /** Estimated heap octets of what all codes have learned. */
  get learnedOctets(): number {
    return this.#learnedOctets;
  }

  #save(leases: readonly StoredMeter[], first: FirstSend | null): void {
    try {
      this.#store.saveMeters(leases, first);
      this.#trouble = null;
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error);
      throw new LeaseNotWritten(this.#trouble, { cause: error });
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
    const below = sentBelow(name);
    parent.code.noteExpiry(below, expiresAtMs);
    fleet.code.noteExpiry(below, expiresAtMs);
    if (name.unlisted) total.code.noteExpiry(sentWhole(name), expiresAtMs);
  }

  /** Bits spent below a parent if its meter is in memory; for showing, recalls nothing. */
  spentInMemory(meters: SessionMeters, parentName: string): number | null {
    return this.#sessionParents.get(keyOf(meters.owner, parentName))?.spentBits ?? null;
  }

  /** Bits spent over all unlisted parents if that meter is in memory; for showing, recalls nothing. */
  totalSpentInMemory(meters: SessionMeters): number | null {
    return this.#totalInMemory(meters)?.spentBits ?? null;
  }

  /** Bits that all sessions under policies of this refill rate have spent below a parent, as last read or charged; for showing. */
  fleetSpent(parentName: string, refillBitsPerDay: number): number {
    const account = this.#fleet.get(keyOf(ALL, parentName))?.accounts.find((one) => one.refillBitsPerDay === refillBitsPerDay);
    return account?.spentBits ?? this.#store.loadMeter({ session: fleetOf(refillBitsPerDay), parent: parentName })?.leasedBits ?? 0;
  }

  /**
   * A release, after the store has opened the epoch: the session's meters start anew from the store, the fleet's stay. What is shared
   * starts anew for all who share it.
   */
  openEpoch(meters: SessionMeters, parents: readonly string[]): void {
    for (const parent of parents) {
      const key = keyOf(meters.owner, parent);
      this.#drop(this.#sessionParents, key);
      this.#glanced.delete(key);
    }
    if (meters.isShared) this.#drop(this.#sharedTotals, keyOf(meters.owner, ALL));
    else if (meters.total !== null) this.#forgetLearned(meters.total);
    meters.total = null;
    this.#last = null;
  }

  /** After the store has opened a meter epoch: every meter starts at 0, those of `sessions` (all in memory) too. First sends stay known. */
  openMeterEpoch(sessions: Iterable<SessionMeters>): void {
    for (const table of [this.#sessionParents, this.#fleet, this.#sharedTotals, this.#glanced]) table.clear();
    for (const meters of sessions) meters.total = null;
    this.#learned.clear();
    this.#learnedOctets = 0;
    this.#last = null;
  }

  #scopes(meters: SessionMeters, parentName: string, nowMs: number): Scopes {
    if (this.#last?.meters === meters && this.#last.parentName === parentName) return this.#last;
    const total = this.#totalOf(meters, nowMs);
    this.#last = {
      meters,
      parentName,
      parent: this.#find(this.#sessionParents, { session: meters.owner, parent: parentName }, nowMs),
      total,
      fleet: this.#find(this.#fleet, { session: ALL, parent: parentName }, nowMs),
    };
    return this.#last;
  }

  #totalInMemory(meters: SessionMeters): Meter | null {
    return meters.isShared ? (this.#sharedTotals.get(keyOf(meters.owner, ALL)) ?? null) : meters.total;
  }

  /** A shared one is kept from the first look, or else two sessions would each open their own. */
  #totalOf(meters: SessionMeters, nowMs: number): Meter {
    if (meters.total !== null && (meters.total.isKept || !meters.isShared)) return meters.total;
    const known = this.#totalInMemory(meters);
    const total = known ?? this.#open({ session: meters.owner, parent: ALL }, nowMs);
    if (meters.isShared && known === null) this.#keep(this.#sharedTotals, total, this.#limits.sessionParents);
    meters.total = total;
    return total;
  }

  /** The meter of a scope without changing what is kept: from its table, from those looked at lately, or from the store. */
  #find(table: ReadonlyMap<string, Meter>, scope: MeterScope, nowMs: number): Meter {
    const key = keyOf(scope.session, scope.parent);
    const known = table.get(key) ?? this.#glanced.get(key);
    if (known !== undefined) return known;
    const meter = scope.session === ALL ? new Meter(key) : this.#open(scope, nowMs);
    this.#glanced.set(key, meter);
    if (this.#glanced.size > MAX_GLANCED) dropOldest(this.#glanced);
    return meter;
  }

  #fleetAccount(fleet: Meter, parentName: string, refillBitsPerDay: number, nowMs: number): Account {
    for (const account of fleet.accounts) if (account.refillBitsPerDay === refillBitsPerDay) return account;
    const scope = { session: fleetOf(refillBitsPerDay), parent: parentName };
    const account = new Account(scope, refillBitsPerDay, this.#store.loadMeter(scope), nowMs);
    fleet.accounts.push(account);
    return account;
  }

  /** Keeps a charged meter in its bounded table; one not charged for long goes, and is in the store with every bit it has spent. */
  #keep(table: Map<string, Meter>, meter: Meter, limit: number): void {
    meter.chargedSinceKept = true;
    if (meter.isKept) return;
    meter.isKept = true;
    this.#glanced.delete(meter.key);
    table.set(meter.key, meter);
    if (table.size <= limit) return;
    let chances = MAX_CHANCES;
    for (const [key, oldest] of table) {
      if (!oldest.chargedSinceKept || chances-- === 0) {
        this.#drop(table, key);
        return;
      }
      oldest.chargedSinceKept = false;
      table.delete(key);
      table.set(key, oldest);
    }
  }

  #drop(table: Map<string, Meter>, key: string): void {
    const meter = table.get(key);
    if (meter === undefined) return;
    table.delete(key);
    meter.isKept = false;
    this.#forgetLearned(meter);
    this.#last = null;
  }

  #noteFirstSent(parentName: string, firstSentMs: number | null): void {
    this.#firstSent.set(parentName, firstSentMs);
    if (this.#firstSent.size > this.#limits.fleetParents) dropOldest(this.#firstSent);
  }

  /** Beyond the bound, codes not charged for long start anew: what they knew costs as new again, what was spent stays spent. */
  #noteLearned(meter: Meter): void {
    const { octets } = meter.code;
    this.#learnedOctets += octets - meter.octets;
    meter.octets = octets;
    meter.chargedSinceCounted = true;
    if (!meter.isCounted) this.#learned.add(meter);
    meter.isCounted = true;
    if (this.#learnedOctets <= this.#limits.codeOctets) return;
    let chances = MAX_CHANCES;
    for (const oldest of this.#learned) {
      this.#learned.delete(oldest);
      if (oldest.chargedSinceCounted && chances-- > 0) {
        oldest.chargedSinceCounted = false;
        this.#learned.add(oldest);
        continue;
      }
      this.#forgetLearned(oldest);
      oldest.code = new LeakMeter();
      if (this.#learnedOctets <= this.#limits.codeOctets) return;
    }
  }

  #forgetLearned(meter: Meter): void {
    this.#learned.delete(meter);
    meter.isCounted = false;
    this.#learnedOctets -= meter.octets;
    meter.octets = 0;
  }

  #open(scope: MeterScope, nowMs: number): Meter {
    const meter = new Meter(keyOf(scope.session, scope.parent));
    meter.accounts.push(new Account(scope, 0, this.#store.loadMeter(scope), nowMs));
    return meter;
  }
}

/** In place of a session in the store: the fleet as far as it comes under policies of this refill rate. */
function fleetOf(refillBitsPerDay: number): string {
  return refillBitsPerDay === 0 ? ALL : `${ALL} ${refillBitsPerDay}`;
}

function accountOf(meter: Meter): Account {
  const account = meter.accounts[0];
  if (account === undefined) throw new Error(`the meter ${meter.key} has no account`);
  return account;
}

function sentBelow({ labels, qtype, key }: MeteredName): Sent {
  return { labels, qtype, key };
}

function sentWhole({ allLabels, qtype, key }: MeteredName): Sent {
  return { labels: allLabels, qtype, key };
}

function left(budgetBits: number | null, account: Account): number | null {
  return budgetBits === null ? null : Math.max(0, budgetBits - account.spentBits);
}

/** A session key holds no space. */
function keyOf(session: string, parent: string): string {
  return `${session} ${parent}`;
}

function dropOldest(table: Map<string, unknown>): void {
  const oldest = table.keys().next();
  if (!oldest.done) table.delete(oldest.value);
}
