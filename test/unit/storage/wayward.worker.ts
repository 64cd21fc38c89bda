/** A worker that does what it is told: answers, fails, crashes or hangs. */
import { parentPort } from 'node:worker_threads';
import type { FromWriter, ToWriter } from '../../../src/storage/writer-thread.ts';

export type Order = 'answer' | 'fail' | 'crash' | 'hang';

const tell = (message: FromWriter): void => parentPort?.postMessage(message);

parentPort?.on('message', (message: ToWriter<Order>) => {
  if (message.kind === 'close') {
    parentPort?.close();
    return;
  }
  switch (message.body) {
    case 'answer':
      tell({ kind: 'done', ids: [message.id], result: 'written' });
      return;
    case 'fail':
      tell({ kind: 'failed', ids: [message.id], message: 'no space' });
      return;
    case 'crash':
      throw new Error('out of order');
    case 'hang':
  }
});
tell({ kind: 'ready' });
