/** The lists of a config as they are on this machine, for verbs that judge names without a server; what is missing is told on stderr. */
import type { Config } from '../config/config.ts';
import { type NameLists, NO_LISTS } from '../policy/name-lists.ts';
import { plainText } from '../telemetry/plain-text.ts';
import type { VerbIo } from './verb.ts';

/** Stored copies and files; nothing is fetched. */
export async function offlineLists(config: Config, io: VerbIo): Promise<NameLists> {
  if (config.lists.length === 0) return NO_LISTS;
  const { openListsOffline } = await import('../assembly/lists.ts');
  const { lists, absent } = await openListsOffline(config);
  for (const list of absent) io.stderr.write(`warning: without the list ${plainText(list)}\n`);
  return lists;
}
