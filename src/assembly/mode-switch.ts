/**
 * Switching from observe to enforce, at a start or by a reload: whether a config does, and what enforcing would have lost on the day
 * before. Who is told, and that every meter starts at 0, is `kennel.ts`; what a mode means is `pipeline/apply-mode.ts`.
 */
import type { Config } from '../config/config.ts';
import type { Clock, Mode } from '../pipeline/ports.ts';
import type { WouldBlockGroup } from '../storage/decisions-schema.ts';
import type { Storage } from '../storage/storage.ts';

const DAY_MS = 86_400_000;
/** For a person to read. */
const SHOWN_GROUPS = 20;

/** The mode of each policy by its name. */
export function modesOf(config: Config): ReadonlyMap<string, Mode> {
  return new Map(config.policies.map((policy) => [policy.name, policy.mode]));
}

/** What the last 24 hours would have lost where this config starts to enforce upon somebody; else null. */
export async function lossByEnforcing(
  before: ReadonlyMap<string, Mode> | null,
  config: Config,
  { decisions }: Pick<Storage, 'decisions'>,
  clock: Clock,
): Promise<readonly WouldBlockGroup[] | null> {
  return startsEnforcing(before, modesOf(config)) ? decisions.wouldBlockSince(clock.wallMs() - DAY_MS, SHOWN_GROUPS) : null;
}

/**
 * Whether a policy enforces now for sessions that were only observed: policies may go over one by one, and each time somebody whose
 * meters ran without a budget would be refused everything. A policy that is new among enforcing ones changes nothing for anybody.
 */
export function startsEnforcing(before: ReadonlyMap<string, Mode> | null, now: ReadonlyMap<string, Mode>): boolean {
  if (before === null || ![...before.values()].includes('observe')) return false;
  return [...now].some(([policy, mode]) => mode === 'enforce' && before.get(policy) !== 'enforce');
}
