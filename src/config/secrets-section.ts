/**
 * The `secrets` of a config file: which files hold something that must not leave in a name. Each is read once to see that it can be
 * watched; what it holds goes into no config, no message and no hash of the config.
 */
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { watchSecret } from '../../scoring/secrets/watch-secret.ts';
import type { SecretConfig } from './config.ts';
import type { Problems } from './problems.ts';
import type { secretSchema } from './schema.ts';
import type { Reading } from './values.ts';

/** Any key will do: the hashes are not kept. */
const NO_KEY = { low: 0, high: 0 };

/** `fileName`: the config file, beside which relative paths are looked for. `read` gives octet strings; null: nothing is read. */
export function readSecrets(
  written: readonly { index: number; value: z.infer<typeof secretSchema> }[],
  fileName: string,
  read: ((path: string) => Reading<string>) | null,
  problems: Problems,
): SecretConfig[] {
  const names = new Set<string>();
  return written.map(({ index, value: { name, kind = 'secret', file } }) => {
    const path = resolve(dirname(fileName), file);
    if (names.has(name)) problems.add(['secrets', index, 'name'], `the secret ${name} is written twice`);
    names.add(name);
    const found = read?.(path);
    if (found !== undefined && 'problem' in found) problems.add(['secrets', index, 'file'], found.problem);
    else if (found !== undefined) {
      const watching = watchSecret(name, kind, found.value.trim(), NO_KEY);
      if (watching.kind === 'refused') problems.add(['secrets', index, 'file'], `the secret in ${path} ${watching.problem}`);
    }
    return { name, kind, file: path };
  });
}
