/** Where state lies without a config: the XDG state folder (XDG Base Directory Specification; an empty variable counts as unset). */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** `$XDG_STATE_HOME/kennel`, else `~/.local/state/kennel`. */
export function defaultStateFolder(env: Readonly<Record<string, string | undefined>>): string {
  const stateHome = env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local', 'state');
  return join(stateHome, 'kennel');
}
