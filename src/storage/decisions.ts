/**
 * The decisions worth keeping, from the query path's side: a bounded queue that never waits and never throws. Batches go to the
 * background worker at most once a second; under pressure plain decisions are dropped before evidence, and both are counted.
 */
import type { DecisionRecord, DecisionSink } from '../pipeline/ports.ts';
import type { BackgroundWork, BackgroundWorkerOptions } from './background-worker.ts';
import type { DecisionQuestion, DecisionRetention, RecentFilter, WouldBlockGroup } from './decisions-schema.ts';
import type { MeterBounds } from './meters-upkeep.ts';
import { startWriterThread, workerUrl } from './writer-thread.ts';

export interface DecisionOptions {
  readonly retention?: DecisionRetention;
  /** Decisions waiting to be written. */
  readonly queueLimit?: number;
  readonly batchMs?: number;
  readonly upkeepMs?: number;
  readonly maxPages?: number;
  /** Files whose logs the background thread also looks after. */
  readonly metersFile?: string;
  readonly meterBounds?: MeterBounds;
  readonly checkpointFiles?: readonly string[];
  /** Room kept for meters on a disk that fills up, in octets. */
  readonly reservedOctets?: number;
}

export interface Decisions extends DecisionSink {
  /** Newest first. */
  recent(filter: RecentFilter): Promise<readonly DecisionRecord[]>;
  byId(id: string): Promise<DecisionRecord | null>;
  /** What enforcing would have refused since then (wall clock), most queries first. */
  wouldBlockSince(sinceMs: number, limit?: number): Promise<readonly WouldBlockGroup[]>;
  /** Decisions that were not kept. */
  readonly dropped: number;
  /** What an operator must know: empty while decisions are kept. */
  alarms(): readonly string[];
  /** From the next round of pruning on. */
  setRetention(retention: DecisionRetention): void;
  /** Hands over what waits; resolves when it is written or given up. */
  flush(): Promise<void>;
  /** One round of checkpoints and pruning now. */
  upkeep(): Promise<void>;
  close(): Promise<void>;
}

export type OpenDecisions = { readonly kind: 'ok'; readonly decisions: Decisions } | { readonly kind: 'error'; readonly message: string };

/** Rows in one message to the worker: large enough to be cheap, small enough not to hold up a question. */
const BATCH_ROWS = 1_000;

const DEFAULT_RETENTION: DecisionRetention = { days: 7, rows: 1_000_000, octets: 1024 * 1024 * 1024 };
const DEFAULT_METER_BOUNDS: MeterBounds = { meters: 500_000, sessions: 200_000, parents: 500_000 };

/** Opens or creates `decisions.sqlite` in the background worker; resolves once that is ready. */
export async function openDecisions(file: string, options: DecisionOptions = {}): Promise<OpenDecisions> {
  const workerData: BackgroundWorkerOptions = {
    decisionsFile: file,
    retention: options.retention ?? DEFAULT_RETENTION,
    checkpointFiles: options.checkpointFiles ?? [],
    metersFile: options.metersFile ?? null,
    meterBounds: options.meterBounds ?? DEFAULT_METER_BOUNDS,
    reservedOctets: options.reservedOctets ?? 0,
    upkeepMs: options.upkeepMs ?? 60_000,
    ...(options.maxPages === undefined ? {} : { maxPages: options.maxPages }),
  };
  const writer = startWriterThread<BackgroundWork>({
    script: workerUrl(import.meta.url, 'background-worker'),
    workerData,
    pendingLimit: 256,
    patienceMs: 30_000,
  });
  const problem = await writer.started;
  if (problem !== null) return { kind: 'error', message: problem };

  const queue = new DecisionQueue(options.queueLimit ?? 10_000);
  let writing: Promise<void> | null = null;

  const writeOut = async (): Promise<void> => {
    while (queue.size > 0) {
      const batch = queue.take(BATCH_ROWS);
      try {
        await writer.write({ kind: 'decisions', batch });
      } catch {
        // The reason stays in `trouble()`, which `alarms` reports. Evidence waits for the next second, the rest is given up.
        queue.giveBack(batch);
        return;
      }
    }
  };
  // One batch is on its way at a time: a worker stuck in a slow disk must not collect messages without bound.
  const flush = (): Promise<void> => {
    writing ??= writeOut().finally(() => {
      writing = null;
    });
    return writing;
  };
  const timer = setInterval(() => void flush(), options.batchMs ?? 1_000);
  timer.unref();

  const ask = async (question: DecisionQuestion): Promise<unknown> => {
    await flush();
    return writer.write({ kind: 'question', question });
  };
  const decisions: Decisions = {
    record: (decision) => {
      queue.add(decision);
    },
    recent: async (filter) => (await ask({ kind: 'recent', filter })) as readonly DecisionRecord[],
    byId: async (id) => ((await ask({ kind: 'by-id', id })) as readonly DecisionRecord[])[0] ?? null,
    wouldBlockSince: async (sinceMs, limit = 1_000) => (await ask({ kind: 'would-block', sinceMs, limit })) as readonly WouldBlockGroup[],
    get dropped() {
      return queue.dropped;
    },
    alarms: () => {
      const trouble = writer.trouble();
      const found: string[] = [];
      if (trouble !== null) found.push(`decisions cannot be written: ${trouble}`);
      if (queue.dropped > 0) found.push(`${queue.dropped} decisions were not kept`);
      return found;
    },
    flush,
    setRetention: (retention) => {
      // Not taken: the alarm of a thread that takes nothing tells the operator.
      writer.write({ kind: 'retention', retention }).catch(() => undefined);
    },
    upkeep: async () => {
      await writer.write({ kind: 'upkeep' });
    },
    close: async () => {
      clearInterval(timer);
      await flush();
      await writer.close();
    },
  };
  return { kind: 'ok', decisions };
}

/** Bounded, in order within its two classes. */
class DecisionQueue {
  dropped = 0;
  readonly #limit: number;
  #plain: DecisionRecord[] = [];
  #evidence: DecisionRecord[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#plain.length + this.#evidence.length;
  }

  add(decision: DecisionRecord): void {
    if (this.size >= this.#limit) {
      this.dropped += 1;
      // Evidence takes the place of a plain decision while there is one.
      if (!isEvidence(decision) || this.#plain.pop() === undefined) return;
    }
    (isEvidence(decision) ? this.#evidence : this.#plain).push(decision);
  }

  /** The oldest entries in order of time. */
  take(count: number): readonly DecisionRecord[] {
    const evidence = this.#evidence.splice(0, count);
    const plain = this.#plain.splice(0, count - evidence.length);
    return [...evidence, ...plain].sort((a, b) => a.atMs - b.atMs);
  }

  giveBack(batch: readonly DecisionRecord[]): void {
    const evidence = batch.filter(isEvidence);
    const room = Math.max(0, this.#limit - this.size);
    this.#evidence.unshift(...evidence.slice(0, room));
    this.dropped += batch.length - Math.min(evidence.length, room);
  }
}

function isEvidence(decision: DecisionRecord): boolean {
  return decision.verdict !== 'allow' || decision.wouldVerdict !== 'allow';
}
