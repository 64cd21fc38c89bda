/**
 * The thread that compiles one list and ends: a million lines take seconds, in which queries go on being answered. What the list
 * holds is hostile, so the thread's memory and time are bounded by who starts it (`refresh-compile.ts`).
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { ListFormat } from '../config/config.ts';
import { compileList } from './compile-list.ts';
import { encodeCompiled } from './compiled-file.ts';
import { NameHasher } from './list-hash.ts';
import type { ListKind } from './list-rule.ts';

/** What the thread is started with. */
export interface CompileOrder {
  readonly seed: Uint8Array;
  readonly octets: Uint8Array;
  readonly kind: ListKind;
  readonly format: ListFormat;
}

/** What it sends back, once. */
export type CompileReport =
  /** The compiled form as it is stored and read back. */
  { readonly kind: 'compiled'; readonly encoded: Uint8Array<ArrayBuffer> } | { readonly kind: 'refused'; readonly problem: string };

const port = parentPort;
if (port === null) throw new Error('this file runs as a worker thread only');
const { seed, octets, kind, format } = workerData as CompileOrder;
const result = compileList(octets, { kind, format, hasher: new NameHasher(seed) });
if (result.kind === 'refused') {
  port.postMessage(result satisfies CompileReport);
} else {
  const encoded = encodeCompiled(result.list.parts);
  port.postMessage({ kind: 'compiled', encoded } satisfies CompileReport, [encoded.buffer]);
}
