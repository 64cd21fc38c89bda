/**
 * The main thread's side of compiling: starts a thread for one list, waits for what it says, ends it when it takes too long.
 */
import { Worker } from 'node:worker_threads';
import type { ListConfig } from '../config/config.ts';
import { type CompileResult, compileList } from './compile-list.ts';
import { decodeCompiled, encodeCompiled } from './compiled-file.ts';
import type { CompiledList } from './compiled-list.ts';
import type { NameHasher } from './list-hash.ts';
import type { CompileOrder, CompileReport } from './refresh-worker.ts';

/** Compiles the octets of a list off the main thread. Never rejects: a thread that dies is a refusal, as no list is. `signal` ends it. */
export type CompileInBackground = (list: ListConfig, octets: Uint8Array, signal: AbortSignal) => Promise<CompiledCopy>;

export type CompiledCopy =
  /** `encoded`: the same as it is stored; the list lies over it. */
  | { readonly kind: 'compiled'; readonly list: CompiledList; readonly encoded: Uint8Array }
  | { readonly kind: 'refused'; readonly problem: string };

export interface ThreadBounds {
  readonly patienceMs: number;
  /** Lists up to this size are compiled at once, without a thread, which takes longer to start than they take. */
  readonly withoutThreadOctets: number;
  /** What is looked up while a list is built; its arrays are outside and bounded by the form of lists. */
  readonly heap: { readonly maxOldGenerationSizeMb: number; readonly maxYoungGenerationSizeMb: number };
}

/** A million lines take about two seconds; a thread that works as long as this has met something else. */
const BOUNDS: ThreadBounds = {
  patienceMs: 120_000,
  withoutThreadOctets: 128 * 1024,
  heap: { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 32 },
};

/** `worker`: the URL of `refresh-worker`; `seed`: that of `hasher`, which will ask the lists. */
export function compileInThread(worker: URL, seed: Uint8Array, hasher: NameHasher, bounds: ThreadBounds = BOUNDS): CompileInBackground {
  const { patienceMs, withoutThreadOctets, heap } = bounds;
  return async ({ kind, format }, octets, signal) => {
    if (octets.length <= withoutThreadOctets) return compiledHere(compileList(octets, { kind, format, hasher }));
    return new Promise((resolve) => {
      const order: CompileOrder = { seed, octets, kind, format };
      // No flags of the parent: a loader or an inspector there is none of the thread's business.
      const thread = new Worker(worker, { workerData: order, execArgv: [], resourceLimits: heap });
      const end = (result: CompiledCopy): void => {
        clearTimeout(deadline);
        signal.removeEventListener('abort', giveUp);
        resolve(result);
      };
      const giveUp = (): void => {
        end({ kind: 'refused', problem: 'Kennel is closing' });
        void thread.terminate();
      };
      signal.addEventListener('abort', giveUp);
      if (signal.aborted) giveUp();
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
  };
}

function compiledHere(result: CompileResult): CompiledCopy {
  return result.kind === 'compiled' ? { ...result, encoded: encodeCompiled(result.list.parts) } : result;
}

function decoded(encoded: Uint8Array, hasher: NameHasher): CompiledCopy {
  const read = decodeCompiled(encoded, hasher);
  return read.kind === 'list' ? { kind: 'compiled', list: read.list, encoded } : { kind: 'refused', problem: read.why };
}
