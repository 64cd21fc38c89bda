/** The main thread's side of a writing worker: a promise resolves on the worker's word and on nothing else. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { NotDurableError, startWriterThread, type WriterThread, workerUrl } from '../../../src/storage/writer-thread.ts';
import type { Order } from './wayward.worker.ts';

async function start(options: { pendingLimit?: number; patienceMs?: number } = {}): Promise<WriterThread<Order>> {
  const writer = startWriterThread<Order>({
    script: workerUrl(import.meta.url, 'wayward.worker'),
    workerData: null,
    pendingLimit: options.pendingLimit ?? 10,
    patienceMs: options.patienceMs ?? 5_000,
  });
  onTestFinished(writer.close);
  expect(await writer.started).toBeNull();
  return writer;
}

describe('a writing thread', () => {
  test('resolves with the worker’s result', async () => {
    const writer = await start();
    await expect(writer.write('answer')).resolves.toBe('written');
    expect(writer.trouble()).toBeNull();
  });

  test('rejects with the worker’s reason, and is well again after the next success', async () => {
    const writer = await start();
    await expect(writer.write('fail')).rejects.toThrow(new NotDurableError('no space'));
    expect(writer.trouble()).toBe('no space');
    await writer.write('answer');
    expect(writer.trouble()).toBeNull();
  });

  test('rejects everything pending when the worker crashes, and is restarted once', async () => {
    const writer = await start();
    const hanging = writer.write('hang');
    const crashing = writer.write('crash');
    await expect(hanging).rejects.toThrow('the writing thread failed: out of order');
    await expect(crashing).rejects.toBeInstanceOf(NotDurableError);
    await expect(writer.write('answer')).resolves.toBe('written');

    await expect(writer.write('crash')).rejects.toBeInstanceOf(NotDurableError);
    await expect(writer.write('answer')).rejects.toThrow('the writing thread failed: out of order');
    expect(writer.trouble()).toContain('out of order');
  });

  test('rejects what would wait behind too many others', async () => {
    const writer = await start({ pendingLimit: 2 });
    const waiting = [writer.write('hang'), writer.write('hang')];
    await expect(writer.write('answer')).rejects.toThrow('too many writes are waiting for the disk');
    const ended = Promise.allSettled(waiting);
    await writer.close();
    for (const outcome of await ended) expect(outcome.status).toBe('rejected');
  });

  test('rejects what is not answered in time', async () => {
    const writer = await start({ patienceMs: 50 });
    await expect(writer.write('hang')).rejects.toThrow('not on disk after 50 ms');
    expect(writer.trouble()).toBe('the disk does not answer');
  });

  test('rejects what cannot be sent to a thread, and forgets it', async () => {
    const writer = await start({ pendingLimit: 1 });
    await expect(writer.write((() => undefined) as unknown as Order)).rejects.toThrow(/could not be cloned/);
    await expect(writer.write('answer')).resolves.toBe('written');
  });

  test('rejects after it was closed', async () => {
    const writer = await start();
    await writer.close();
    await expect(writer.write('answer')).rejects.toBeInstanceOf(NotDurableError);
  });

  test('starts the worker’s file with the extension of the file that asks', () => {
    expect(workerUrl('file:///app/src/storage/evidence.ts', 'evidence-worker').href).toBe('file:///app/src/storage/evidence-worker.ts');
    expect(workerUrl('file:///app/dist/storage/evidence.js', 'evidence-worker').href).toBe('file:///app/dist/storage/evidence-worker.js');
  });
});
