/**
 * What RDAP and WHOIS have said about registrable domains (`domain-ages.sqlite`), failures included. A cache: bounded, oldest out.
 * When to ask and how long an answer holds is `reputation/`.
 */
import type { AgeStore, KnownAge } from '../pipeline/ports.ts';
import { openDatabase } from './database.ts';

export interface DomainAgeFile extends AgeStore {
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
  const select = database.prepare<[string], KnownAge>(
    'SELECT domain, outcome, registered_at_ms AS registeredAtMs, looked_up_at_ms AS lookedUpAtMs FROM domain_ages WHERE domain = ?',
  );
  const upsert = database.prepare<[string, KnownAge['outcome'], number | null, number]>(
    `INSERT INTO domain_ages (domain, outcome, registered_at_ms, looked_up_at_ms) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET outcome = excluded.outcome, registered_at_ms = excluded.registered_at_ms,
       looked_up_at_ms = excluded.looked_up_at_ms`,
  );
  const count = database.prepare<[], number>('SELECT count(*) FROM domain_ages').pluck();
  const timesSince = database
    .prepare<[number], number>('SELECT looked_up_at_ms FROM domain_ages WHERE looked_up_at_ms >= ? ORDER BY looked_up_at_ms')
    .pluck();
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
    lookedUpSince: (sinceMs) => timesSince.all(sinceMs),
    close: () => {
      database.close();
    },
  };
  return { kind: 'ok', ages };
}
