/**
 * The thread for everything that may wait: writes decisions in batches and answers questions about them, checkpoints the files the
 * packet thread writes, prunes. Evidence has a thread of its own, so nothing here can hold up a quarantine.
 */
import { workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import type { DecisionRecord } from '../pipeline/ports.ts';
import { failureText } from './database.ts';
import { createDecisionTable, DECISION_MIGRATIONS, type DecisionQuestion, type DecisionRetention } from './decisions-schema.ts';
import { checkpoint, isLogUrgent, type MeterBounds, prepareForUpkeep, pruneMeters } from './meters-upkeep.ts';
import { reserveRoom } from './reserved-room.ts';
import { type StartedWorker, startWorker } from './worker-start.ts';
import type { ToWriter } from './writer-thread.ts';

/** What the background worker is started with. */
export interface BackgroundWorkerOptions {
  readonly decisionsFile: string;
  readonly retention: DecisionRetention;
  /** Files written elsewhere whose logs this thread checkpoints. */
  readonly checkpointFiles: readonly string[];
  readonly metersFile: string | null;
  readonly meterBounds: MeterBounds;
  /** Between two rounds of checkpoints and pruning. Each file costs about three fsyncs a round. */
  readonly upkeepMs: number;
  /** Room for meters that a full disk cannot take; 0: none. */
  readonly reservedOctets: number;
  readonly maxPages?: number;
}

export type BackgroundWork =
  | { readonly kind: 'decisions'; readonly batch: readonly DecisionRecord[] }
  | { readonly kind: 'question'; readonly question: DecisionQuestion }
  | { readonly kind: 'retention'; readonly retention: DecisionRetention }
  | { readonly kind: 'upkeep' };

/** How often the logs' sizes are looked at. */
const URGENCY_CHECK_MS = 1_000;

const workerOptions = workerData as BackgroundWorkerOptions;
const started = startWorker(workerOptions.decisionsFile, {
  migrations: DECISION_MIGRATIONS,
  synchronous: 'NORMAL',
  ...(workerOptions.maxPages === undefined ? {} : { maxPages: workerOptions.maxPages }),
});
if (started !== null) run(started, workerOptions);

function run({ database: decisions, port, tell }: StartedWorker, options: BackgroundWorkerOptions): void {
  prepareForUpkeep(decisions);
  const table = createDecisionTable(decisions);
  const others = options.checkpointFiles.map((file) => openForUpkeep(file));
  const meters = options.metersFile === null ? null : openForUpkeep(options.metersFile);
  if (meters !== null && options.reservedOctets > 0) reserveRoom(meters, options.reservedOctets);
  let { retention } = options;
  let upkeepTrouble: string | null = null;

  const upkeep = (): void => {
    try {
      while (table.prune(retention, Date.now()));
      checkpoint(decisions);
      if (meters !== null) {
        pruneMeters(meters, options.meterBounds);
        checkpoint(meters);
      }
      for (const database of others) checkpoint(database);
      upkeepTrouble = null;
    } catch (error) {
      // Tried again at the next round; until then the logs grow, which the operator must know.
      upkeepTrouble = failureText(error);
      tell({ kind: 'failed', ids: [], message: `upkeep: ${upkeepTrouble}` });
    }
  };
  const work = (body: BackgroundWork): unknown => {
    switch (body.kind) {
      case 'decisions':
        table.insert(body.batch);
        return null;
      case 'question':
        return table.answer(body.question);
      case 'retention':
        retention = body.retention;
        return null;
      case 'upkeep':
        upkeep();
        if (upkeepTrouble !== null) throw new Error(upkeepTrouble);
        return null;
    }
  };
  const all = [decisions, ...(meters === null ? [] : [meters]), ...others];
  const timer = setInterval(upkeep, options.upkeepMs);
  const urgencyTimer = setInterval(() => {
    if (all.some(isLogUrgent)) upkeep();
  }, URGENCY_CHECK_MS);
  port.on('message', (message: ToWriter<BackgroundWork>) => {
    if (message.kind === 'close') {
      clearInterval(timer);
      clearInterval(urgencyTimer);
      for (const database of all) database.close();
      port.close();
      return;
    }
    try {
      tell({ kind: 'done', ids: [message.id], result: work(message.body) });
    } catch (error) {
      tell({ kind: 'failed', ids: [message.id], message: failureText(error) });
    }
  });
  tell({ kind: 'ready' });
}

/** The main thread has checked and migrated these files before this thread starts. */
function openForUpkeep(file: string): Database.Database {
  const database = new Database(file, { fileMustExist: true, timeout: 1_000 });
  prepareForUpkeep(database);
  return database;
}
