/**
 * How old registrable domains are. Answers from what is known and never waits: an unknown domain is queued, asked for in the
 * background by RDAP and then WHOIS, and remembered, failures too. Rates are bounded for all and for each session, because the
 * choice of domain is a session's (threat 18, docs/threats.md). The protocols are `rdap.ts` and `whois.ts`, the file is `storage/`'s.
 */
import type { AgeStore, Clock, DomainAges, KnownAge } from '../pipeline/ports.ts';
import { isAskable } from './askable-domain.ts';
import type { Registration, RegistrationSource } from './registration.ts';

export interface AgeLimits {
  readonly perDay: number;
  readonly minIntervalMs: number;
  readonly perSessionPerDay: number;
  readonly queue: number;
  /** Sessions counted at once; further ones start no look-ups. */
  readonly sessions: number;
  /** Domains kept in memory. */
  readonly memory: number;
}

/** At most one a second and 500 a day: what a registry takes without blocking, and all that a choice of domains can tell it. */
export const AGE_LIMITS: AgeLimits = {
  perDay: 500,
  minIntervalMs: 1_000,
  perSessionPerDay: 60,
  queue: 1_000,
  sessions: 10_000,
  memory: 10_000,
};

export interface DomainAgesOptions {
  readonly store: AgeStore;
  readonly rdap: RegistrationSource;
  readonly whois: RegistrationSource;
  readonly clock: Clock;
  readonly limits?: Partial<AgeLimits>;
}

type DomainAge = ReturnType<DomainAges['knownAgeDays']>;

export interface BackgroundDomainAges extends DomainAges {
  /** Makes the next look-up if one is queued and allowed now; tells whether it did. `start` calls it every second. */
  lookUpNext(): Promise<boolean>;
  start(): void;
  close(): void;
  readonly queued: number;
  /** Why results can't be kept, if so. */
  alarms(): readonly string[];
}

const MS_PER_DAY = 86_400_000;

/** How long an outcome holds. A registration date only changes when the domain lapses and is taken again. */
const HOLDS_MS = { registered: 30 * MS_PER_DAY, 'no-date': 7 * MS_PER_DAY, failed: MS_PER_DAY } as const;

export function createDomainAges(options: DomainAgesOptions): BackgroundDomainAges {
  return new QueuedDomainAges(options);
}

class QueuedDomainAges implements BackgroundDomainAges {
  readonly #store: AgeStore;
  readonly #rdap: RegistrationSource;
  readonly #whois: RegistrationSource;
  readonly #clock: Clock;
  readonly #limits: AgeLimits;
  readonly #known = new Map<string, KnownAge>();
  /** In order of arrival; the one being looked up stays in until it is done. */
  readonly #queue = new Set<string>();
  /** Wall times of the last `perDay` look-ups. */
  readonly #lookedUpAtMs: number[];
  readonly #perSession = new Map<string, number>();
  #perSessionSinceMs: number;
  #lastStartMs = Number.NEGATIVE_INFINITY;
  #isLookingUp = false;
  #trouble: string | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: DomainAgesOptions) {
    this.#store = options.store;
    this.#rdap = options.rdap;
    this.#whois = options.whois;
    this.#clock = options.clock;
    this.#limits = { ...AGE_LIMITS, ...options.limits };
    this.#lookedUpAtMs = options.store.lookedUpSince(options.clock.wallMs() - MS_PER_DAY).slice(-this.#limits.perDay);
    this.#perSessionSinceMs = options.clock.monotonicMs();
  }

  get queued(): number {
    return this.#queue.size;
  }

  ageDays(icannDomain: string, session?: string): DomainAge {
    if (this.#queue.has(icannDomain)) return this.#ageOf(this.#known.get(icannDomain) ?? null);
    const known = this.#recall(icannDomain);
    const isFresh = known !== null && this.#clock.wallMs() - known.lookedUpAtMs < HOLDS_MS[known.outcome];
    if (!isFresh) this.#enqueue(icannDomain, session);
    return this.#ageOf(known);
  }

  knownAgeDays(icannDomain: string): DomainAge {
    return this.#ageOf(this.#recall(icannDomain));
  }

  async lookUpNext(): Promise<boolean> {
    const domain = this.#queue.values().next().value;
    if (domain === undefined || this.#isLookingUp || !this.#mayLookUp()) return false;
    this.#isLookingUp = true;
    this.#lastStartMs = this.#clock.monotonicMs();
    this.#lookedUpAtMs.push(this.#clock.wallMs());
    if (this.#lookedUpAtMs.length > this.#limits.perDay) this.#lookedUpAtMs.shift();
    try {
      this.#learn(domain, await this.#ask(domain));
    } finally {
      this.#queue.delete(domain);
      this.#isLookingUp = false;
    }
    return true;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.lookUpNext().catch((error: unknown) => {
        this.#trouble = messageOf(error);
      });
    }, this.#limits.minIntervalMs).unref();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  alarms(): readonly string[] {
    return this.#trouble === null ? [] : [`domain ages are not kept: ${this.#trouble}`];
  }

  #ageOf(known: KnownAge | null): DomainAge {
    if (known?.outcome === 'no-date') return 'no-date';
    if (known === null || known.registeredAtMs === null) return 'unknown';
    return Math.max(0, Math.floor((this.#clock.wallMs() - known.registeredAtMs) / MS_PER_DAY));
  }

  #recall(domain: string): KnownAge | null {
    const inMemory = this.#known.get(domain);
    if (inMemory !== undefined) return inMemory;
    try {
      const stored = this.#store.get(domain);
      if (stored !== null) this.#remember(stored);
      return stored;
    } catch (error) {
      // A cache that can't be read makes an age unknown; it must not make a query fail.
      this.#trouble = messageOf(error);
      return null;
    }
  }

  #remember(age: KnownAge): void {
    this.#known.delete(age.domain);
    this.#known.set(age.domain, age);
    if (this.#known.size <= this.#limits.memory) return;
    const oldest = this.#known.keys().next();
    if (!oldest.done) this.#known.delete(oldest.value);
  }

  #enqueue(domain: string, session: string | undefined): void {
    if (this.#queue.size >= this.#limits.queue || !isAskable(domain)) return;
    if (session !== undefined && !this.#takeFromSession(session)) return;
    this.#queue.add(domain);
  }

  #takeFromSession(session: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#perSessionSinceMs >= MS_PER_DAY) {
      this.#perSession.clear();
      this.#perSessionSinceMs = nowMs;
    }
    const used = this.#perSession.get(session);
    if (used === undefined && this.#perSession.size >= this.#limits.sessions) return false;
    if ((used ?? 0) >= this.#limits.perSessionPerDay) return false;
    this.#perSession.set(session, (used ?? 0) + 1);
    return true;
  }

  #mayLookUp(): boolean {
    if (this.#clock.monotonicMs() - this.#lastStartMs < this.#limits.minIntervalMs) return false;
    const oldest = this.#lookedUpAtMs[0];
    return this.#lookedUpAtMs.length < this.#limits.perDay || oldest === undefined || this.#clock.wallMs() - oldest >= MS_PER_DAY;
  }

  async #ask(domain: string): Promise<Registration> {
    const byRdap = await this.#rdap.lookUp(domain);
    return byRdap.kind === 'unsupported' || byRdap.kind === 'failed' ? this.#whois.lookUp(domain) : byRdap;
  }

  #learn(domain: string, registration: Registration): void {
    // Where nobody was asked (look-ups switched off, no server for the top-level domain) or the domain does not exist yet, nothing has
    // been learned: that must not end a first contact.
    const outcome = registration.kind === 'registered' || registration.kind === 'no-date' ? registration.kind : 'failed';
    const registeredAtMs = registration.kind === 'registered' ? registration.atMs : null;
    const before = this.#known.get(domain);
    const lookedUpAtMs = this.#clock.wallMs();
    // A failed refresh doesn't take away what was known; it is tried again after the time a failure holds.
    const age: KnownAge =
      outcome === 'failed' && before?.outcome === 'registered'
        ? { ...before, lookedUpAtMs: lookedUpAtMs - HOLDS_MS.registered + HOLDS_MS.failed }
        : { domain, outcome, registeredAtMs, lookedUpAtMs };
    this.#remember(age);
    try {
      this.#store.put(age);
      this.#trouble = null;
    } catch (error) {
      this.#trouble = messageOf(error);
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
