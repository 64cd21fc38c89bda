/**
 * The control port's part about list subscriptions, of a running Kennel: waits for an update as long as a caller does. Looks at nothing
 * itself.
 */
import type { ListSummary, ListsPort } from '../control/lists-port.ts';
import type { OpenedLists } from './lists.ts';

/** Below the patience of the verbs, and the 10 s after which the control API closes a connection on which nothing happens. */
const ANSWER_WITHIN_MS = 8_000;

/** `lists` of the running Kennel, as the control API sees them. */
export function listsPortOf(lists: Pick<OpenedLists, 'status' | 'update'>): ListsPort {
  const summaries = (): readonly ListSummary[] => lists.status().map(({ failures: _failures, ...status }) => status);
  return {
    lists: summaries,
    updateLists: async (names, force) => {
      const known = new Set(summaries().map(({ name }) => name));
      const unknown = names?.find((name) => !known.has(name));
      if (unknown !== undefined) return { kind: 'not-found', name: unknown };
      const underWay = new Set(names ?? known);
      const all = Promise.all([...underWay].map((name) => lists.update([name], force).then(() => underWay.delete(name))));
      let deadline: NodeJS.Timeout | undefined;
      await Promise.race([
        all,
        new Promise((resolve) => {
          deadline = setTimeout(resolve, ANSWER_WITHIN_MS);
        }),
      ]);
      clearTimeout(deadline);
      const asked = new Set(names ?? known);
      return { kind: 'updated', lists: summaries().filter(({ name }) => asked.has(name)), underWay: [...underWay] };
    },
  };
}
