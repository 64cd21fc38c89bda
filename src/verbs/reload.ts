/**
 * `kennel reload`: lets the running server take on its config file as it is now. Only asks and prints; what is wrong with the config
 * is the server's to say.
 */
import type { ReloadView } from '../control/views.ts';
import { plainText } from '../telemetry/plain-text.ts';
import { askControl, CONTROL_OPTIONS, CONTROL_USAGE, print } from './control-verb.ts';
import { parseVerb, type VerbIo, wrongUsage } from './verb.ts';

export const usage = `kennel reload

Reads the config file again, and the files it names, and puts all of it in force at once, without losing a query. The options of
the command line stay in force. When anything is wrong, nothing changes: exit code 2, and every error on stderr.
The same happens by itself when the file changes, and on SIGHUP. state, listen.control and sessions.prefixLengths need a restart.

${CONTROL_USAGE}`;

/** Runs the verb; returns the exit code. */
export async function run(args: readonly string[], io: VerbIo): Promise<number> {
  const parsed = parseVerb(args, CONTROL_OPTIONS);
  if (parsed.kind === 'wrong') return wrongUsage(io, usage, parsed.message);
  if (parsed.positionals.length > 0) return wrongUsage(io, usage, 'reload takes options only');
  const asked = await askControl<ReloadView>(io, parsed.values, { method: 'POST', path: '/v1/reload' });
  if (asked.kind === 'exit') return asked.code;
  for (const warning of asked.body.warnings) io.stderr.write(`warning: ${plainText(warning)}\n`);
  print(io, parsed.values.json, asked.body, reloadText);
  return 0;
}

function reloadText({ from, to, changed }: ReloadView): string {
  if (changed.length === 0) return `reloaded: the config is the same (${shortHash(to)}); the files it names were read again\n`;
  return `reloaded: ${shortHash(from)} → ${shortHash(to)}\nchanged: ${changed.join(', ')}\n`;
}

/** Enough to tell configs apart; the whole is in `--json` and the status. */
function shortHash(hash: string): string {
  return hash.slice(0, 12);
}
