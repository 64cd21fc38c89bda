/**
 * The main thread's side of a worker that writes: numbers each write, keeps the promise until the worker answers, restarts a
 * crashed worker once. Knows nothing of what is written. A promise resolves only on the worker's word; everything else rejects it.
 */
import { Worker } from 'node:worker_threads';

export type ToWriter<Body> = { readonly kind: 'write'; readonly id: number; readonly body: Body } | { readonly kind: 'close' };

export type FromWriter =
  | { readonly kind: 'ready' }
  /** The database can't be opened: the worker ends. */
  | { readonly kind: 'unusable'; readonly message: string }
  | { readonly kind: 'done'; readonly ids: readonly number[]; readonly result?: unknown }
  | { readonly kind: 'failed'; readonly ids: readonly number[]; readonly message: string };

/** What was to be written is not known to be on disk. */
export class NotDurableError extends Error {
  readonly code = 'not-durable';
}

export interface WriterThreadOptions {
  /** The worker's file beside the caller's, without extension; `.ts` in a checkout, `.js` in the package. */
  readonly script: URL;
  readonly workerData: unknown;
  /** Writes without an answer yet; further ones reject at once. */
  readonly pendingLimit: number;
  /** How long a write may stay unanswered before its promise rejects (the write may still happen). */
  readonly patienceMs: number;
}

export interface WriterThread<Body> {
  /** Resolves with the worker's result once the write is done; rejects with `NotDurableError` when that is not known. */
  write(body: Body): Promise<unknown>;
  /** Why writes fail now, or null. */
  trouble(): string | null;
  /** Resolves when the worker is ready, or with the reason why it can't be. */
  readonly started: Promise<string | null>;
  /** Lets the worker finish what it has, then ends it. */
  close(): Promise<void>;
}

/** The worker's URL: same folder and extension as the module that asks (a package ships JavaScript). */
export function workerUrl(importMetaUrl: string, name: string): URL {
  const extension = /\.[cm]?[jt]s$/.exec(new URL(importMetaUrl).pathname)?.[0] ?? '.js';
  return new URL(`./${name}${extension}`, importMetaUrl);
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: NotDurableError) => void;
  readonly deadlineMs: number;
}

const RESTARTS = 1;

/**
 * A writing thread holds one batch of at most a few megabytes at a time. Without a limit V8 lets the garbage of batches pile up in
 * proportion to the machine's memory.
 */
const HEAP_LIMITS = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 16 };

export function startWriterThread<Body>(options: WriterThreadOptions): WriterThread<Body> {
  const pending = new Map<number, Pending>();
  let nextId = 1;
  let restartsLeft = RESTARTS;
  let worker: Worker | null = null;
  let trouble: string | null = null;
  let closing = false;
  let ended: Promise<void> = Promise.resolve();
  let reportStart: (problem: string | null) => void = () => undefined;
  const started = new Promise<string | null>((resolve) => {
    reportStart = resolve;
  });

  const settle = (ids: readonly number[], act: (entry: Pending) => void): void => {
    for (const id of ids) {
      const entry = pending.get(id);
      if (entry === undefined) continue;
      pending.delete(id);
      act(entry);
    }
  };
  const onMessage = (message: FromWriter): void => {
    switch (message.kind) {
      case 'ready':
        reportStart(null);
        return;
      case 'unusable':
        restartsLeft = 0;
        trouble = message.message;
        reportStart(message.message);
        return;
      case 'done':
        trouble = null;
        settle(message.ids, (entry) => entry.resolve(message.result));
        return;
      case 'failed':
        trouble = message.message;
        settle(message.ids, (entry) => entry.reject(new NotDurableError(message.message)));
    }
  };
  const onEnd = (cause: string): void => {
    worker = null;
    settle([...pending.keys()], (entry) => entry.reject(new NotDurableError(cause)));
    if (closing) return;
    trouble ??= cause;
    reportStart(trouble);
    if (restartsLeft > 0) {
      restartsLeft -= 1;
      start();
    }
  };
  const start = (): void => {
    // No flags of the parent: a loader or an inspector there is none of the worker's business.
    const current = new Worker(options.script, { workerData: options.workerData, execArgv: [], resourceLimits: HEAP_LIMITS });
    let crash: string | null = null;
    current.on('message', onMessage);
    current.on('error', (error) => {
      crash = `the writing thread failed: ${error instanceof Error ? error.message : String(error)}`;
    });
    ended = new Promise((resolve) => {
      current.on('exit', () => {
        onEnd(crash ?? 'the writing thread ended');
        resolve();
      });
    });
    worker = current;
  };
  start();

  // One timer for all pending writes: a thread stuck in a dead disk never answers at all.
  const watch = setInterval(
    () => {
      const nowMs = performance.now();
      for (const [id, entry] of pending) {
        if (entry.deadlineMs > nowMs) break;
        pending.delete(id);
        trouble = 'the disk does not answer';
        entry.reject(new NotDurableError(`not on disk after ${options.patienceMs} ms`));
      }
    },
    Math.min(1_000, options.patienceMs),
  );
  watch.unref();

  return {
    started,
    trouble: () => trouble,
    write: (body) => {
      if (worker === null || closing) return Promise.reject(new NotDurableError(trouble ?? 'the writing thread has ended'));
      if (pending.size >= options.pendingLimit) return Promise.reject(new NotDurableError('too many writes are waiting for the disk'));
      const id = nextId++;
      const target = worker;
      return new Promise((resolve, reject) => {
        const message: ToWriter<Body> = { kind: 'write', id, body };
        // First, because it throws for what can't be copied to a thread; the answer comes in a later turn.
        target.postMessage(message);
        pending.set(id, { resolve, reject, deadlineMs: performance.now() + options.patienceMs });
      });
    },
    close: async () => {
      if (!closing) {
        closing = true;
        clearInterval(watch);
        const message: ToWriter<Body> = { kind: 'close' };
        worker?.postMessage(message);
      }
      await ended;
    },
  };
}
