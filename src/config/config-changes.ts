/**
 * What a reload looks at: the files that a config names, and what differs between two configs by key, for telling an operator what was
 * changed and which changes need a restart. Pure; holds no values, only the names of keys.
 */
import type { Config } from './config.ts';

/**
 * What the running parts are built on. `state` holds every database, and a session's key and the owner of its budgets follow from
 * the prefix lengths: changed under a quarantine, they would take it off whom it is on.
 */
const FIXED: Readonly<Record<string, (config: Config) => unknown>> = {
  state: (config) => config.state,
  'listen.control': (config) => config.listen.control,
  'sessions.prefixLengths': (config) => config.sessions.prefixLengths,
};

/** Files whose content takes effect with a reload of the config that names them. Hosts files are looked after elsewhere. */
export function filesReadWith({ forwarding, serverCookies, secrets, lists }: Config): readonly string[] {
  const ofLists = lists.map(({ source }) => (source.kind === 'file' ? source.path : null));
  return [forwarding.caFile, serverCookies.secretFile, ...secrets.map(({ file }) => file), ...ofLists].filter((path) => path !== null);
}

/** The keys that differ and only take effect with a restart. */
export function keysForRestart(before: Config, now: Config): readonly string[] {
  return Object.keys(FIXED).filter((key) => !isSame(FIXED[key]?.(before), FIXED[key]?.(now)));
}

/** The keys that differ: `policies`, `cache.maxEntries`, `listen.dns`; in the order of the config. */
export function changedKeys(before: Config, now: Config): readonly string[] {
  const written: Record<string, unknown> = { ...before };
  return Object.entries(now).flatMap(([key, value]) => changedWithin(key, written[key], value));
}

function changedWithin(key: string, before: unknown, now: unknown): string[] {
  if (isSame(before, now)) return [];
  if (!isSection(before) || !isSection(now)) return [key];
  const inner = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...inner].filter((part) => !isSame(before[part], now[part])).map((part) => `${key}.${part}`);
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Both come from the same code, so their keys stand in the same order. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
