/**
 * The thread that writes evidence. Gathers what arrives within a few milliseconds into one transaction, waits for the disk once,
 * then acknowledges all of it (group commit). Holds no state of its own: what was not acknowledged did not happen.
 */
import { workerData } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import { failureText } from './database.ts';
import { EVIDENCE_MIGRATIONS, type EvidenceWrite, quarantineRow } from './evidence-schema.ts';
import { reserveRoom } from './reserved-room.ts';
import { type StartedWorker, startWorker } from './worker-start.ts';
import type { ToWriter } from './writer-thread.ts';

/** What the evidence worker is started with. */
export interface EvidenceWorkerOptions {
  readonly file: string;
  /** How long the first write of a group waits for others. */
  readonly gatherMs: number;
  /** Room for evidence that a full disk cannot take; 0: none. */
  readonly reservedOctets: number;
  readonly maxPages?: number;
}

/** A group larger than this goes in several transactions, so that the first of it is not held by the last. */
const GROUP_LIMIT = 2_000;

interface PendingWrite {
  readonly id: number;
  readonly body: EvidenceWrite;
}

const options = workerData as EvidenceWorkerOptions;
const started = startWorker(options.file, {
  migrations: EVIDENCE_MIGRATIONS,
  synchronous: 'FULL',
  ...(options.maxPages === undefined ? {} : { maxPages: options.maxPages }),
});
if (started !== null) {
  if (options.reservedOctets > 0) reserveRoom(started.database, options.reservedOctets);
  run(started, options.gatherMs);
}

function run({ database, port, tell }: StartedWorker, gatherMs: number): void {
  const write = createWriter(database);
  let pending: PendingWrite[] = [];
  let gathering = false;

  const flush = (): void => {
    gathering = false;
    const group = pending;
    pending = [];
    for (let start = 0; start < group.length; start += GROUP_LIMIT) commit(group.slice(start, start + GROUP_LIMIT));
  };
  const commit = (group: readonly PendingWrite[]): void => {
    const ids = group.map((entry) => entry.id);
    try {
      write(group);
      tell({ kind: 'done', ids });
    } catch (error) {
      tell({ kind: 'failed', ids, message: failureText(error) });
    }
  };
  port.on('message', (message: ToWriter<EvidenceWrite>) => {
    if (message.kind === 'close') {
      flush();
      database.close();
      port.close();
      return;
    }
    pending.push({ id: message.id, body: message.body });
    if (gathering) return;
    gathering = true;
    setTimeout(flush, gatherMs);
  });
  tell({ kind: 'ready' });
}

function createWriter(database: Database.Database): (group: readonly PendingWrite[]) => void {
  const upsert = database.prepare(
    `INSERT INTO quarantines (id, session, state, epoch, at_ms, expires_at_ms, policy, parent, qname, qtype, score, signals, leak_bits, reason)
     VALUES (@id, @session, @state, @epoch, @at_ms, @expires_at_ms, @policy, @parent, @qname, @qtype, @score, @signals, @leak_bits, @reason)
     ON CONFLICT (id) DO UPDATE SET state = excluded.state, epoch = excluded.epoch, expires_at_ms = excluded.expires_at_ms,
       policy = excluded.policy, parent = excluded.parent, qname = excluded.qname, qtype = excluded.qtype, score = excluded.score,
       signals = excluded.signals, leak_bits = excluded.leak_bits, reason = excluded.reason`,
  );
  const insertChange = database.prepare(
    'INSERT INTO quarantine_changes (id, at_ms, from_state, to_state, actor, reason) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const deleteRecord = database.prepare('DELETE FROM quarantines WHERE id = ?');
  const deleteChanges = database.prepare('DELETE FROM quarantine_changes WHERE id = ?');

  const writeOne = (body: EvidenceWrite): void => {
    switch (body.kind) {
      case 'quarantine': {
        const { change } = body;
        upsert.run(quarantineRow(body.record));
        insertChange.run(change.id, Math.round(change.atMs), change.from, change.to, change.actor, change.reason);
        return;
      }
      case 'forget':
        for (const id of body.ids) {
          deleteRecord.run(id);
          deleteChanges.run(id);
        }
    }
  };
  const writeGroup = database.transaction((group: readonly PendingWrite[]) => {
    for (const entry of group) writeOne(entry.body);
  });
  return (group) => {
    writeGroup.immediate(group);
  };
}
