/**
 * What RDAP and WHOIS have said about registrable domains (`domain-ages.sqlite`), failures included. A cache: bounded, oldest out.
 * When to ask and how long an answer holds is `reputation/`.
 */
import { openDatabase } from './database.ts';

/** `registered`: a date is known. `no-date`: the registry answered without one. `failed`: nobody answered. */
export type AgeOutcome = 'registered' | 'no-date' | 'failed';

export interface StoredAge {
  readonly domain: string;
  readonly outcome: AgeOutcome;
  /** Wall milliseconds; null unless `registered`. */
  readonly registeredAtMs: number | null;
  readonly lookedUpAtMs: number;
}

export interface DomainAgeStore {
  get(domain: string): StoredAge | null;
  /** Throws when it cannot be written. */
  put(age: StoredAge): void;
  /** Look-ups made since then: the daily limit outlives a restart. */
  countSince(sinceMs: number): number;
}

export interface DomainAgeFile extends DomainAgeStore {
  close(): void;
}

export type OpenDomainAges = { readonly kind: 'ok'; readonly ages: DomainAgeFile } | { readonly kind: 'error'; readonly message: string };

const MIGRATIONS = [
  `CREATE TABLE domain_ages (
     domain TEXT PRIMARY KEY, outcome TEXT NOT NULL, registered_at_ms INTEGER, looked_up_at_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX domain_ages_by_time ON domain_ages (looked_up_at_ms);`,
];

/** Opens or creates the file; keeps at most `limit` domains. */
export function openDomainAges(file: string, limit = 50_000): OpenDomainAges {
  const opened = openDatabase(file, { migrations: MIGRATIONS, synchronous: 'NORMAL', busyMs: 250 });
  if (opened.kind === 'error') return { kind: 'error', message: opened.message };
  const database = opened.database;
  const select = database.prepare<[string], StoredAge>(
    'SELECT domain, outcome, registered_at_ms AS registeredAtMs, looked_up_at_ms AS lookedUpAtMs FROM domain_ages WHERE domain = ?',
  );
  const upsert = database.prepare<[string, AgeOutcome, number | null, number]>(
    `INSERT INTO domain_ages (domain, outcome, registered_at_ms, looked_up_at_ms) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET outcome = excluded.outcome, registered_at_ms = excluded.registered_at_ms,
       looked_up_at_ms = excluded.looked_up_at_ms`,
  );
  const count = database.prepare<[], number>('SELECT count(*) FROM domain_ages').pluck();
  const countSince = database.prepare<[number], number>('SELECT count(*) FROM domain_ages WHERE looked_up_at_ms >= ?').pluck();
  const removeOldest = database.prepare<[number]>(
    'DELETE FROM domain_ages WHERE domain IN (SELECT domain FROM domain_ages ORDER BY looked_up_at_ms LIMIT ?)',
  );
  const ages: DomainAgeFile = {
    get: (domain) => select.get(domain) ?? null,
    put: (age) => {
      upsert.run(
        age.domain,
        age.outcome,
        age.registeredAtMs === null ? null : Math.round(age.registeredAtMs),
        Math.round(age.lookedUpAtMs),
      );
      const surplus = Number(count.get() ?? 0) - limit;
      if (surplus > 0) removeOldest.run(surplus);
    },
    countSince: (sinceMs) => Number(countSince.get(sinceMs) ?? 0),
    close: () => {
      database.close();
    },
  };
  return { kind: 'ok', ages };
}
