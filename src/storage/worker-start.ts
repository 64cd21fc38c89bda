/**
 * How a thread that writes begins: it opens its database, or tells the main thread why it cannot and ends.
 * What it then does with the database is the worker's; the main thread's side is `writer-thread.ts`.
 */
import { type MessagePort, parentPort } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import { type DatabaseOptions, openDatabase } from './database.ts';
import type { FromWriter } from './writer-thread.ts';

export interface StartedWorker {
  readonly database: Database.Database;
  readonly port: MessagePort;
  readonly tell: (message: FromWriter) => void;
}

/** Null when the file cannot be opened: then nothing is left to do. Throws outside of a worker thread. */
export function startWorker(file: string, options: DatabaseOptions): StartedWorker | null {
  const port = parentPort;
  if (port === null) throw new Error('this file runs as a worker thread only');
  const tell = (message: FromWriter): void => port.postMessage(message);
  const opened = openDatabase(file, options);
  if (opened.kind === 'ok') return { database: opened.database, port, tell };
  tell({ kind: 'unusable', message: opened.message });
  port.close();
  return null;
}
