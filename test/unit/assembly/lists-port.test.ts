/** How long the control port waits for lists that are looked at. */
import { afterEach, expect, test, vi } from 'vitest';
import type { OpenedLists } from '../../../src/assembly/lists.ts';
import { listsPortOf } from '../../../src/assembly/lists-port.ts';
import type { ListStatus } from '../../../src/lists/subscription.ts';

afterEach(() => void vi.useRealTimers());

const SLOW: ListStatus = {
  name: 'slow',
  kind: 'block',
  source: 'url',
  state: 'absent',
  format: null,
  entries: 0,
  ignored: 0,
  fetchedAtMs: null,
  checkedAtMs: null,
  error: null,
  failures: 0,
};

test('a list that takes long is told as under way, before the control API gives the connection up after 10 s', async () => {
  vi.useFakeTimers();
  const update = (): Promise<void> => new Promise(() => undefined);
  const lists: Pick<OpenedLists, 'status' | 'update'> = { status: () => [SLOW], update };
  const answer = listsPortOf(lists).updateLists(null, false);
  await vi.advanceTimersByTimeAsync(9_000);
  const late = Promise.resolve('no answer yet');
  expect(await Promise.race([answer, late])).toMatchObject({ kind: 'updated', underWay: ['slow'] });
});
