/**
 * The main thread's side of compiling: starts a thread for one list, waits for what it says, ends it when it takes too long.
 */
import { Worker } from 'node:worker_threads';
import type { ListConfig } from '../config/config.ts';
import { decodeCompiled } from './compiled-file.ts';
import type { CompiledList } from './compiled-list.ts';
import type { NameHasher } from './list-hash.ts';
import type { CompileOrder, CompileReport } from './refresh-worker.ts';

/** Compiles the octets of a list off the main thread. Never rejects: a thread that dies is a refusal like a list that is none. */
export type CompileInBackground = (list: ListConfig, octets: Uint8Array) => Promise<CompiledCopy>;

export type CompiledCopy =
  /** `encoded`: the same as it is stored; the list lies over it. */
  | { readonly kind: 'compiled'; readonly list: CompiledList; readonly encoded: Uint8Array }
  | { readonly kind: 'refused'; readonly problem: string };

export interface ThreadBounds {
  readonly patienceMs: number;
  /** What is looked up while a list is built; its arrays are outside and bounded by the form of lists. */
  readonly heap: { readonly maxOldGenerationSizeMb: number; readonly maxYoungGenerationSizeMb: number };
}

/** A million lines take about two seconds; a thread that works as long as this has met something else. */
const BOUNDS: ThreadBounds = { patienceMs: 120_000, heap: { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 32 } };

/** `worker`: the URL of `refresh-worker`; `seed`: that of `hasher`, which will ask the lists. */
export function compileInThread(worker: URL, seed: Uint8Array, hasher: NameHasher, bounds: ThreadBounds = BOUNDS): CompileInBackground {
  const { patienceMs, heap } = bounds;
  return ({ kind, format }, octets) =>
    new Promise((resolve) => {
      const order: CompileOrder = { seed, octets, kind, format };
      // No flags of the parent: a loader or an inspector there is none of the thread's business.
      const thread = new Worker(worker, { workerData: order, execArgv: [], resourceLimits: heap });
      const end = (result: CompiledCopy): void => {
        clearTimeout(deadline);
        resolve(result);
      };
      const deadline = setTimeout(() => {
        end({ kind: 'refused', problem: `it was not compiled within ${patienceMs / 1000} s` });
        void thread.terminate();
      }, patienceMs);
      thread.on('message', (report: CompileReport) => {
        end(report.kind === 'compiled' ? decoded(report.encoded, hasher) : report);
      });
      thread.on('error', (error) => {
        const problem =
          error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
            ? 'it needs too much memory'
            : 'compiling it failed';
        end({ kind: 'refused', problem });
      });
      thread.on('exit', () => end({ kind: 'refused', problem: 'compiling it ended without a result' }));
    });
}

function decoded(encoded: Uint8Array, hasher: NameHasher): CompiledCopy {
  const read = decodeCompiled(encoded, hasher);
  return read.kind === 'list' ? { kind: 'compiled', list: read.list, encoded } : { kind: 'refused', problem: read.why };
}
