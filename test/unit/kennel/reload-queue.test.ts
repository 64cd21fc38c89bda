import { expect, test } from 'vitest';
import { type ReloadOutcome, ReloadQueue, type ReloadTrigger } from '../../../src/assembly/reload-queue.ts';

const DONE: ReloadOutcome = { kind: 'reloaded', from: 'a', to: 'b', changed: [], warnings: [] };
const FAILED: ReloadOutcome = { kind: 'failed', messages: ['broken'] };

/** A reload that ends when the test says so. */
function slowReloads(): { queue: ReloadQueue; begun: ReloadTrigger[]; end: (outcome: ReloadOutcome) => void } {
  const begun: ReloadTrigger[] = [];
  let running: PromiseWithResolvers<ReloadOutcome> = Promise.withResolvers();
  const queue = new ReloadQueue((trigger) => {
    begun.push(trigger);
    running = Promise.withResolvers();
    return running.promise;
  });
  return { queue, begun, end: (outcome) => running.resolve(outcome) };
}

test('a hundred requests while one runs are one more', async () => {
  const { queue, begun, end } = slowReloads();
  const first = queue.request('api');
  const others = Array.from({ length: 100 }, () => queue.request('signal'));
  expect(begun).toEqual(['api']);
  end(FAILED);
  expect(await first).toBe(FAILED);
  expect(queue.failure).toEqual(['broken']);
  await expect.poll(() => begun).toEqual(['api', 'signal']);
  end(DONE);
  expect(new Set(await Promise.all(others))).toEqual(new Set([DONE]));
  expect(begun).toHaveLength(2);
  expect(queue.failure).toBeNull();
});

test('one asked for after another has ended begins at once', async () => {
  const { queue, begun, end } = slowReloads();
  const first = queue.request('file');
  end(DONE);
  await first;
  const second = queue.request('api');
  expect(begun).toEqual(['file', 'api']);
  end(DONE);
  expect(await second).toBe(DONE);
});

test('stopping waits for the one that runs, and the ones that wait are told', async () => {
  const { queue, begun, end } = slowReloads();
  const first = queue.request('api');
  const waiting = queue.request('api');
  let stopped = false;
  const stopping = queue.stop().then(() => {
    stopped = true;
  });
  await Promise.resolve();
  expect(stopped).toBe(false);
  end(DONE);
  await stopping;
  expect(await first).toBe(DONE);
  expect(await waiting).toEqual({ kind: 'failed', messages: ['Kennel is closing'] });
  expect(begun).toEqual(['api']);
});
