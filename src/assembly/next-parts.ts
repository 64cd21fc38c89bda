/**
 * What a reload reads and opens for the next config while nothing has changed yet. Owns every reason not to take a config on that can be
 * known before its listeners are bound; binding them, and the swap, is `kennel.ts`.
 */
import type { Config } from '../config/config.ts';
import { keysForRestart } from '../config/config-changes.ts';
import type { Clock } from '../pipeline/ports.ts';
import type { PreparedSecrets, RegisteredSecrets } from '../secrets/registered-secrets.ts';
import type { WouldBlockGroup } from '../storage/decisions-schema.ts';
import type { Storage } from '../storage/storage.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { lossByEnforcing, modesOf } from './mode-switch.ts';
import { prepareSecrets } from './secrets.ts';
import { secretFileProblem } from './server-cookies.ts';
import { type OpenedGroups, openUpstreamGroups } from './upstream-groups.ts';

export interface NextParts {
  readonly kind: 'prepared';
  readonly groups: OpenedGroups;
  readonly secrets: Extract<PreparedSecrets, { kind: 'prepared' }>;
  /** Null unless this config begins to enforce upon somebody. */
  readonly wouldHaveLost: readonly WouldBlockGroup[] | null;
  /** Closes what was opened for a config that is not used after all. */
  abandon(): void;
}

/** One message for each thing that is wrong; nothing was opened. */
export interface NotPrepared {
  readonly kind: 'failed';
  readonly messages: readonly string[];
}

/** What the parts of the next config are made with. */
export interface PreparedWith {
  readonly secrets: RegisteredSecrets;
  readonly storage: Storage;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** Reads and opens what `config` needs, in place of `before`; on a failure `before` stays as it is. */
export async function prepareNext(
  config: Config,
  before: { readonly config: Config; readonly groups: OpenedGroups },
  { secrets: registered, storage, metrics, clock }: PreparedWith,
): Promise<NextParts | NotPrepared> {
  const fixed = keysForRestart(before.config, config);
  if (fixed.length > 0) return failed(...fixed.map((key) => `${key}: a change needs a restart; nothing has been changed`));
  const secrets = prepareSecrets(registered, config);
  if (secrets.kind === 'error') return failed(secrets.message);
  const cookieProblem = secretFileProblem(config.serverCookies);
  if (cookieProblem !== null) return failed(cookieProblem);
  const wouldHaveLost = await lossByEnforcing(modesOf(before.config), config, storage, clock);
  const groups = openUpstreamGroups(config, { metrics, clock }, before.groups);
  if (groups.kind === 'error') return failed(groups.message);
  const inUse = new Set(before.groups.groups.values());
  const abandon = (): void => {
    for (const group of groups.groups.values()) if (!inUse.has(group)) group.close();
  };
  return { kind: 'prepared', groups, secrets, wouldHaveLost, abandon };
}

function failed(...messages: readonly string[]): NotPrepared {
  return { kind: 'failed', messages };
}
