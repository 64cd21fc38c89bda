/**
 * Which sessions are quarantined, since when and why: the states normal → watch → quarantined → released / confirmed. Denying
 * happens in memory and at once; putting it on disk is the ledger's, and what the ledger could not take is tried again.
 *
 * Times: a quarantine turns into `watch` when `expiresAtMs` is over, and its session is `normal` again a day of watch later. Nothing
 * but a person releases (score and meters start anew) or confirms (no expiry). One record tells one episode of a session: crossing
 * the threshold again, from quarantine or from watch, adds to that record. Who calls it quarantine is `scoring/decide.ts`.
 */
import type { Clock, QuarantineChange, QuarantineLedger, QuarantineRecord } from '../pipeline/ports.ts';
import { quarantineId } from './quarantine-id.ts';
import { SteadyClock } from './steady-clock.ts';

/** In `watch` a session is served, and a caller may hold it to stricter thresholds. */
export type SessionState = 'normal' | 'watch' | 'quarantined';

/** What crossed the threshold. `forMs`: how long until `watch`. */
export interface QuarantineEvidence extends Omit<QuarantineRecord, 'id' | 'state' | 'atMs' | 'expiresAtMs'> {
  readonly forMs: number;
}

export interface Review {
  readonly actor: string;
  /** Required: a review without a reason is refused. */
  readonly reason: string;
}

export interface QuarantineByHand extends Review {
  readonly epoch: number;
  readonly policy?: string;
  readonly forMs?: number;
}

export type ReviewResult =
  | { readonly kind: 'ok'; readonly record: QuarantineRecord }
  | { readonly kind: 'error'; readonly code: 'unknown-id' | 'already-settled' | 'no-reason' | 'not-durable'; readonly message: string };

export interface QuarantineLimits {
  /** Records kept in memory and in the ledger; beyond it the oldest that are over are forgotten. */
  readonly maxRecords: number;
  /** Sessions denied in memory while the ledger can't take them. */
  readonly maxUnwritten: number;
  /** Records started per second; a flood beyond it is denied in memory and written later. */
  readonly newPerSecond: number;
  /** From the end of a quarantine to `normal`. */
  readonly watchMs: number;
  /** Evidence added to a quarantine that is already written is written at most this often. */
  readonly extendEveryMs: number;
}

export const QUARANTINE_LIMITS: QuarantineLimits = {
  maxRecords: 10_000,
  maxUnwritten: 50_000,
  newPerSecond: 100,
  watchMs: 24 * 3_600_000,
  extendEveryMs: 60_000,
};

/** How long a quarantine lasts when nobody says otherwise. */
export const DEFAULT_QUARANTINE_MS = 3_600_000;

export interface QuarantinesOptions {
  readonly ledger: QuarantineLedger;
  readonly clock: Clock;
  readonly randomOctets: (count: number) => Uint8Array;
  /** Told of every change once it holds: for events, metrics, and the session's new epoch after a release. */
  readonly onChange?: (record: QuarantineRecord, change: QuarantineChange) => void;
  readonly limits?: Partial<QuarantineLimits>;
}

export interface Quarantines {
  /** Recalls what the ledger holds. Call once, before the first query. */
  load(): void;
  /** One Map look-up. */
  stateOf(session: string): SessionState;
  /**
   * Whether the session's quarantine is on disk. Before that it is denied all the same, but nobody may be told of a quarantine
   * that a crash could still take back.
   */
  isOnDisk(session: string): boolean;
  /**
   * Denies the session from this call on. `durable` resolves when the evidence is on disk, which the answer announcing it must wait
   * for; it rejects when that is not to be expected soon (the session stays denied, and the write is tried again by `sweep`).
   */
  quarantine(evidence: QuarantineEvidence): { readonly record: QuarantineRecord; readonly durable: Promise<void> };
  /** Ends it: the session is `normal` and its score and meters start at 0 in the next epoch. Holds once it is on disk. */
  release(id: string, review: Review): Promise<ReviewResult>;
  /** Makes it last until it is released. Holds once it is on disk. */
  confirm(id: string, review: Review): Promise<ReviewResult>;
  /** Quarantines by hand: denied at once, and the result tells whether it is on disk. */
  add(session: string, byHand: QuarantineByHand): Promise<ReviewResult>;
  /** The record as it stands now, with its history, oldest change first. */
  show(id: string): { readonly record: QuarantineRecord; readonly history: readonly QuarantineChange[] } | null;
  /** Newest first. */
  list(filter?: { readonly state?: QuarantineRecord['state']; readonly limit?: number }): readonly QuarantineRecord[];
  /** The least epoch a session is in: one more than that of a released quarantine. A session found below it opens that epoch. */
  epochOf(session: string): number;
  /** Once a second: expiries, writes that are due again, clock steps, bounds. */
  sweep(): void;
  /** What an operator must know: empty while every quarantine is on disk. */
  alarms(): readonly string[];
}

/** Quarantines denied in memory whose write isn't to be waited for. */
export class NotRecordedError extends Error {
  readonly code = 'not-recorded';
}

/** Actor of what happens without a person. */
const KENNEL = 'kennel';

/** A wall clock ahead by less than this drifts; by more it was set. */
const CLOCK_STEP_MS = 5_000;

/** A table in which nothing can be forgotten is looked through again after this long. */
const FULL_RECHECK_MS = 1_000;

export function createQuarantines(options: QuarantinesOptions): Quarantines {
  return new QuarantineTable(options);
}

interface Entry {
  record: QuarantineRecord;
  /** Settles with the write that made or renewed this quarantine. */
  durable: Promise<void>;
  /** What the ledger doesn't have yet. */
  unwritten: QuarantineChange | null;
  /** A person's change is on its way to the disk: nothing else may be written over it. */
  underReview: boolean;
  /** The latest commit of this quarantine; null when none counts. An older one says nothing about the present state. */
  latestWrite: Promise<void> | null;
  /** The latest commit has been acknowledged. */
  onDisk: boolean;
  /** Null until the ledger was given it. */
  writtenAtMs: number | null;
}

class QuarantineTable implements Quarantines {
  readonly #ledger: QuarantineLedger;
  readonly #clock: Clock;
  readonly #steady: SteadyClock;
  readonly #randomOctets: (count: number) => Uint8Array;
  readonly #onChange: (record: QuarantineRecord, change: QuarantineChange) => void;
  readonly #limits: QuarantineLimits;
  /** In order of time, so that the oldest come first. */
  readonly #byId = new Map<string, Entry>();
  /** The latest quarantine of each session. */
  readonly #bySession = new Map<string, Entry>();
  readonly #unwritten = new Set<Entry>();
  /** Entries the ledger was given. */
  #recorded = 0;
  #fullUntilMs = 0;
  #writeTokens: number;
  #tokensAtMs: number;
  #ledgerTrouble: string | null = null;
  #overflowing = false;

  constructor(options: QuarantinesOptions) {
    this.#ledger = options.ledger;
    this.#clock = options.clock;
    this.#steady = new SteadyClock(options.clock);
    this.#randomOctets = options.randomOctets;
    this.#onChange = options.onChange ?? (() => undefined);
    this.#limits = { ...QUARANTINE_LIMITS, ...options.limits };
    this.#writeTokens = this.#limits.newPerSecond;
    this.#tokensAtMs = options.clock.monotonicMs();
  }

  load(): void {
    for (const record of this.#ledger.load()) {
      this.#steady.notBefore(record.atMs);
      this.#keep({
        record,
        durable: Promise.resolve(),
        unwritten: null,
        underReview: false,
        latestWrite: null,
        onDisk: true,
        writtenAtMs: record.atMs,
      });
      this.#recorded += 1;
    }
  }

  stateOf(session: string): SessionState {
    const entry = this.#bySession.get(session);
    return entry === undefined ? 'normal' : sessionState(entry.record, this.#steady.nowMs(), this.#limits.watchMs);
  }

  isOnDisk(session: string): boolean {
    return this.#bySession.get(session)?.onDisk ?? false;
  }

  quarantine(evidence: QuarantineEvidence): { readonly record: QuarantineRecord; readonly durable: Promise<void> } {
    const { entry } = this.#deny(evidence, KENNEL, evidence.reason, false);
    return { record: entry.record, durable: entry.durable };
  }

  async add(session: string, byHand: QuarantineByHand): Promise<ReviewResult> {
    const reason = byHand.reason.trim();
    if (reason === '') return noReason();
    const forMs = byHand.forMs ?? DEFAULT_QUARANTINE_MS;
    const evidence: QuarantineEvidence = {
      session,
      epoch: byHand.epoch,
      policy: byHand.policy ?? '',
      parent: '',
      qname: '',
      qtype: '',
      score: 0,
      signals: [],
      leakBits: 0,
      reason,
      forMs,
    };
    const { entry, written } = this.#deny(evidence, byHand.actor, reason, true);
    try {
      await written;
      return { kind: 'ok', record: entry.record };
    } catch (error) {
      return notDurable(error);
    }
  }

  release(id: string, review: Review): Promise<ReviewResult> {
    return this.#review(id, review, 'released');
  }

  confirm(id: string, review: Review): Promise<ReviewResult> {
    return this.#review(id, review, 'confirmed');
  }

  show(id: string): { readonly record: QuarantineRecord; readonly history: readonly QuarantineChange[] } | null {
    const entry = this.#byId.get(id);
    if (entry === undefined) return null;
    const history = this.#ledger.history(id);
    return { record: this.#current(entry), history: entry.unwritten === null ? history : [...history, entry.unwritten] };
  }

  list(filter: { readonly state?: QuarantineRecord['state']; readonly limit?: number } = {}): readonly QuarantineRecord[] {
    const records = [...this.#byId.values()].reverse().map((entry) => this.#current(entry));
    const wanted = filter.state === undefined ? records : records.filter((record) => record.state === filter.state);
    return filter.limit === undefined ? wanted : wanted.slice(0, filter.limit);
  }

  epochOf(session: string): number {
    const record = this.#bySession.get(session)?.record;
    if (record === undefined) return 0;
    return record.state === 'released' ? record.epoch + 1 : record.epoch;
  }

  sweep(): void {
    this.#followClock();
    const nowMs = this.#steady.nowMs();
    for (const entry of this.#byId.values()) {
      const { record } = entry;
      if (record.state !== 'quarantined' || record.expiresAtMs === null || nowMs < record.expiresAtMs || entry.underReview) continue;
      void this.#change(entry, 'quarantined', { ...record, state: 'watch' }, KENNEL, 'its time is over');
    }
    for (const entry of [...this.#unwritten]) {
      if (entry.underReview || !this.#hasRoom(entry)) continue;
      if (!this.#takeToken()) break;
      void this.#write(entry);
    }
    this.#overflowing &&= this.#unwritten.size >= this.#limits.maxUnwritten;
  }

  alarms(): readonly string[] {
    const found: string[] = [];
    if (this.#ledgerTrouble !== null) found.push(`quarantines hold in memory but are not on disk: ${this.#ledgerTrouble}`);
    if (this.#unwritten.size > 0) found.push(`${this.#unwritten.size} quarantines wait to be written`);
    if (this.#overflowing) found.push('more sessions crossed the threshold than can be kept: the newest are refused query by query');
    return found;
  }

  /** Denies in memory; `written` is the write of this very call (already settled where an earlier one covers it). */
  #deny(
    evidence: QuarantineEvidence,
    actor: string,
    reason: string,
    always: boolean,
  ): { readonly entry: Entry; readonly written: Promise<void> } {
    const nowMs = this.#steady.nowMs();
    const known = this.#bySession.get(evidence.session);
    const state = known === undefined ? 'normal' : sessionState(known.record, nowMs, this.#limits.watchMs);
    if (known === undefined || state === 'normal') return this.#start(evidence, actor, reason, nowMs);
    // A person has already said that it lasts, or is just saying what becomes of it.
    if (known.record.state === 'confirmed' || known.underReview) return { entry: known, written: known.durable };

    const extended = extend(known.record, evidence, nowMs);
    if (state === 'quarantined' && !always && nowMs - (known.writtenAtMs ?? nowMs) < this.#limits.extendEveryMs) {
      known.record = extended;
      return { entry: known, written: known.durable };
    }
    // From watch it is a new announcement: what is on disk says that this one is over.
    if (state === 'watch') {
      known.onDisk = false;
      known.latestWrite = null;
    }
    const written = this.#change(known, state, extended, actor, reason);
    if (state === 'watch') known.durable = written;
    return { entry: known, written };
  }

  #start(
    evidence: QuarantineEvidence,
    actor: string,
    reason: string,
    nowMs: number,
  ): { readonly entry: Entry; readonly written: Promise<void> } {
    const { forMs, ...rest } = evidence;
    const record: QuarantineRecord = { ...rest, id: this.#freeId(nowMs), state: 'quarantined', atMs: nowMs, expiresAtMs: nowMs + forMs };
    const change: QuarantineChange = { id: record.id, atMs: nowMs, from: 'normal', to: 'quarantined', actor, reason };
    const entry: Entry = {
      record,
      durable: notRecorded(),
      unwritten: change,
      underReview: false,
      latestWrite: null,
      onDisk: false,
      writtenAtMs: null,
    };
    if (this.#unwritten.size >= this.#limits.maxUnwritten) {
      // Not kept: the session's lasting score is over the threshold, so its next query comes here again and is refused again.
      this.#overflowing = true;
      return { entry, written: entry.durable };
    }
    this.#keep(entry);
    this.#unwritten.add(entry);
    if (this.#hasRoom(entry) && this.#takeToken()) entry.durable = this.#write(entry);
    this.#onChange(record, change);
    return { entry, written: entry.durable };
  }

  async #review(id: string, review: Review, to: 'released' | 'confirmed'): Promise<ReviewResult> {
    const reason = review.reason.trim();
    if (reason === '') return noReason();
    const entry = this.#byId.get(id);
    if (entry === undefined) return { kind: 'error', code: 'unknown-id', message: `there is no quarantine ${id}` };
    const current = this.#current(entry);
    if (entry.underReview || current.state === 'released' || current.state === to) {
      const message = entry.underReview ? `${id} is being reviewed right now` : `${id} is already ${current.state}`;
      return { kind: 'error', code: 'already-settled', message };
    }
    const record: QuarantineRecord = { ...current, state: to, expiresAtMs: null };
    const change: QuarantineChange = { id, atMs: this.#steady.nowMs(), from: current.state, to, actor: review.actor, reason };
    entry.underReview = true;
    try {
      await this.#ledger.commit(record, change);
    } catch (error) {
      this.#ledgerTrouble = messageOf(error);
      return notDurable(error);
    } finally {
      entry.underReview = false;
    }
    entry.record = record;
    this.#unwritten.delete(entry);
    entry.unwritten = null;
    this.#onChange(record, change);
    return { kind: 'ok', record };
  }

  /** A change that holds in memory at once and is written now, or by `sweep` when the ledger can't take it. */
  #change(entry: Entry, from: QuarantineRecord['state'], record: QuarantineRecord, actor: string, reason: string): Promise<void> {
    const change: QuarantineChange = { id: record.id, atMs: this.#steady.nowMs(), from, to: record.state, actor, reason };
    entry.record = record;
    // The first change that is not on disk is the one to tell: it says what the session came from.
    entry.unwritten ??= change;
    this.#unwritten.add(entry);
    const written = this.#hasRoom(entry) && this.#takeToken() ? this.#write(entry) : notRecorded();
    this.#onChange(record, change);
    return written;
  }

  #write(entry: Entry): Promise<void> {
    const change = entry.unwritten;
    if (change === null) return Promise.resolve();
    this.#unwritten.delete(entry);
    entry.unwritten = null;
    const isFirst = entry.writtenAtMs === null;
    if (isFirst) this.#recorded += 1;
    entry.writtenAtMs = this.#steady.nowMs();
    const written = this.#ledger.commit(entry.record, { ...change, to: entry.record.state });
    entry.latestWrite = written;
    written.then(
      () => {
        this.#ledgerTrouble = null;
        if (entry.latestWrite === written) entry.onDisk = true;
      },
      (error: unknown) => {
        this.#ledgerTrouble = messageOf(error);
        if (this.#byId.get(entry.record.id) !== entry) return;
        if (isFirst) {
          this.#recorded -= 1;
          entry.writtenAtMs = null;
        }
        entry.unwritten ??= change;
        this.#unwritten.add(entry);
      },
    );
    return written;
  }

  #keep(entry: Entry): void {
    this.#byId.set(entry.record.id, entry);
    this.#bySession.set(entry.record.session, entry);
  }

  /** The record with the state it has by now: expiry is a matter of time, not of `sweep`. */
  #current(entry: Entry): QuarantineRecord {
    const { record } = entry;
    const isOver = record.state === 'quarantined' && record.expiresAtMs !== null && this.#steady.nowMs() >= record.expiresAtMs;
    return isOver ? { ...record, state: 'watch' } : record;
  }

  /** A wall clock set forward takes the open expiries along; otherwise a restart would find them over. */
  #followClock(): void {
    const stepMs = this.#steady.wallAheadMs();
    if (stepMs < CLOCK_STEP_MS) return;
    const open = [...this.#byId.values()].filter((entry) => !entry.underReview && !this.#isOver(entry));
    const asTheyStand = open.map((entry) => this.#current(entry));
    this.#steady.moveForward(stepMs);
    const reason = `the clock was set forward by ${Math.round(stepMs / 1000)} s`;
    for (const [index, entry] of open.entries()) {
      const record = asTheyStand[index];
      if (record === undefined || record.expiresAtMs === null) continue;
      void this.#change(entry, record.state, { ...record, expiresAtMs: record.expiresAtMs + stepMs }, KENNEL, reason);
    }
  }

  #isOver(entry: Entry): boolean {
    return sessionState(entry.record, this.#steady.nowMs(), this.#limits.watchMs) === 'normal';
  }

  /** Whether the ledger may be given this entry: it has it already, or the bound leaves room, made if need be. */
  #hasRoom(entry: Entry): boolean {
    if (entry.writtenAtMs !== null || this.#recorded < this.#limits.maxRecords) return true;
    // Looking through a full table for every new quarantine of a flood would cost more than the flood.
    const nowMs = this.#steady.nowMs();
    if (nowMs < this.#fullUntilMs) return false;
    if (this.#forgetOldest()) return true;
    this.#fullUntilMs = nowMs + FULL_RECHECK_MS;
    return false;
  }

  /** Makes room for one more record; false when every one is still in force. */
  #forgetOldest(): boolean {
    for (const entry of this.#byId.values()) {
      if (entry.writtenAtMs === null || entry.unwritten !== null || entry.underReview || !this.#isOver(entry)) continue;
      const { id, session } = entry.record;
      this.#byId.delete(id);
      if (this.#bySession.get(session) === entry) this.#bySession.delete(session);
      this.#recorded -= 1;
      this.#ledger.forget([id]).catch((error: unknown) => {
        this.#ledgerTrouble = messageOf(error);
      });
      return true;
    }
    return false;
  }

  /** Token bucket of writes, so that a flood of new sessions can't keep the disk from everything else. */
  #takeToken(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const earned = ((nowMs - this.#tokensAtMs) / 1000) * this.#limits.newPerSecond;
    this.#writeTokens = Math.min(this.#limits.newPerSecond, this.#writeTokens + earned);
    this.#tokensAtMs = nowMs;
    if (this.#writeTokens < 1) return false;
    this.#writeTokens -= 1;
    return true;
  }

  #freeId(nowMs: number): string {
    // A few of a million are taken at most: not to find a free one means that the randomness isn't random.
    for (let attempt = 0; attempt < 100; attempt++) {
      const id = quarantineId(nowMs, this.#randomOctets);
      if (!this.#byId.has(id)) return id;
    }
    throw new Error('no free quarantine identifier');
  }
}

function sessionState(record: QuarantineRecord, nowMs: number, watchMs: number): SessionState {
  if (record.state === 'released') return 'normal';
  if (record.state === 'confirmed' || record.expiresAtMs === null) return 'quarantined';
  if (record.state === 'quarantined' && nowMs < record.expiresAtMs) return 'quarantined';
  return nowMs < record.expiresAtMs + watchMs ? 'watch' : 'normal';
}

/** The higher score tells more; the time starts again. */
function extend(record: QuarantineRecord, evidence: QuarantineEvidence, nowMs: number): QuarantineRecord {
  const { forMs, ...rest } = evidence;
  const expiresAtMs = Math.max(record.expiresAtMs ?? 0, nowMs + forMs);
  const told = evidence.score > record.score ? rest : {};
  return { ...record, ...told, epoch: Math.max(record.epoch, evidence.epoch), state: 'quarantined', expiresAtMs };
}

/** A promise that has failed already, and whose failure is known: nobody has to handle it. */
function notRecorded(): Promise<never> {
  const promise = Promise.reject(new NotRecordedError('the quarantine holds in memory and is written later'));
  promise.catch(() => undefined);
  return promise;
}

function noReason(): ReviewResult {
  return { kind: 'error', code: 'no-reason', message: 'a review needs a reason' };
}

function notDurable(error: unknown): ReviewResult {
  return { kind: 'error', code: 'not-durable', message: `it could not be put on disk: ${messageOf(error)}` };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
