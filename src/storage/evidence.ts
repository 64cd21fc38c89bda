/**
 * The ledger of quarantines, as the rest of Kennel sees it. Writing goes to the worker, which waits for the
 * disk; reading is this thread's own connection to the same file. Deciding what is a quarantine is `quarantine/`.
 */
import Database from 'better-sqlite3';
import type { QuarantineChange, QuarantineLedger, QuarantineRecord } from '../pipeline/ports.ts';
import { type ChangeRow, type EvidenceWrite, type QuarantineRow, quarantineChange, quarantineRecord } from './evidence-schema.ts';
import type { EvidenceWorkerOptions } from './evidence-worker.ts';
import { startWriterThread, workerUrl } from './writer-thread.ts';

export interface EvidenceOptions {
  /** How long the first write of a group waits for others; the ledger promises 50 ms in all. */
  readonly gatherMs?: number;
  readonly pendingLimit?: number;
  readonly patienceMs?: number;
  readonly maxPages?: number;
  /** Room kept on a disk that fills up, in octets. */
  readonly reservedOctets?: number;
}

export interface Evidence extends QuarantineLedger {
  /** What an operator must know: empty when evidence can be written. */
  alarms(): readonly string[];
  /** Writes what is pending and ends the worker. */
  close(): Promise<void>;
}

export type OpenEvidence = { readonly kind: 'ok'; readonly evidence: Evidence } | { readonly kind: 'error'; readonly message: string };

/** Opens or creates `evidence.sqlite`; resolves once the worker can write. */
export async function openEvidence(file: string, options: EvidenceOptions = {}): Promise<OpenEvidence> {
  const workerData: EvidenceWorkerOptions = {
    file,
    gatherMs: options.gatherMs ?? 5,
    reservedOctets: options.reservedOctets ?? 0,
    ...(options.maxPages === undefined ? {} : { maxPages: options.maxPages }),
  };
  const writer = startWriterThread<EvidenceWrite>({
    script: workerUrl(import.meta.url, 'evidence-worker'),
    workerData,
    pendingLimit: options.pendingLimit ?? 10_000,
    patienceMs: options.patienceMs ?? 5_000,
  });
  const problem = await writer.started;
  if (problem !== null) return { kind: 'error', message: problem };

  const database = new Database(file, { readonly: true, timeout: 1_000 });
  const selectAll = database.prepare<[], QuarantineRow>('SELECT * FROM quarantines ORDER BY seq');
  const selectChanges = database.prepare<[string], ChangeRow>('SELECT * FROM quarantine_changes WHERE id = ? ORDER BY seq');
  const evidence: Evidence = {
    load: () => selectAll.all().map(quarantineRecord),
    history: (id) => selectChanges.all(id).map(quarantineChange),
    commit: async (record: QuarantineRecord, change: QuarantineChange) => {
      await writer.write({ kind: 'quarantine', record, change });
    },
    forget: async (ids) => {
      await writer.write({ kind: 'forget', ids });
    },
    alarms: () => {
      const trouble = writer.trouble();
      return trouble === null ? [] : [`evidence cannot be written: ${trouble}`];
    },
    close: async () => {
      database.close();
      await writer.close();
    },
  };
  return { kind: 'ok', evidence };
}
