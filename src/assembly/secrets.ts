/**
 * The registered secrets of a config, opened and prepared for a reload: the files are read, and hashed under a key of the state folder.
 * What a secret is, and how it is kept, is `secrets/`.
 */
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Clock } from '../pipeline/ports.ts';
import { readConfigured } from '../secrets/read-secret.ts';
import { type OpenSecrets, openRegisteredSecrets, type PreparedSecrets, type RegisteredSecrets } from '../secrets/registered-secrets.ts';
import type { Storage } from '../storage/storage.ts';
import { hashKeyOf } from './pipeline.ts';

/** Secrets are hashed under another part of the state folder's key than names are. */
const SECRETS_KEY_OFFSET = 16;

/** Those of the config together with those that were added while running. A file that cannot be read is an error. */
export function openSecrets(config: Config, storage: Storage, log: Logger, clock: Clock): OpenSecrets {
  const fromConfig = readConfigured(config.secrets);
  if ('problem' in fromConfig) return { kind: 'error', message: fromConfig.problem };
  return openRegisteredSecrets({
    file: storage.folder.file('secrets.json'),
    key: hashKeyOf(storage.folder.nameKey().subarray(SECRETS_KEY_OFFSET)),
    fromConfig,
    wallMs: clock.wallMs,
    onChange: ({ secret, change, actor }) => log.info({ secret, actor }, `secret ${change}`),
  });
}

/** Those of the next config, read but not in force before `commit`. */
export function prepareSecrets(secrets: RegisteredSecrets, config: Config): PreparedSecrets {
  const fromConfig = readConfigured(config.secrets);
  return 'problem' in fromConfig ? { kind: 'error', message: fromConfig.problem } : secrets.prepareConfigured(fromConfig);
}
