/**
 * The `lists` of a config file, normalised: where each list comes from and how often it is fetched. What lists hold is `lists/`.
 */
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { isPrivate } from '../policy/address-set.ts';
import type { ListConfig, PolicyConfig } from './config.ts';
import type { Problems } from './problems.ts';
import type { listSchema } from './schema.ts';
import { parseDuration } from './values.ts';
import type { Path } from './yaml-source.ts';

type WrittenList = z.infer<typeof listSchema>;

const DEFAULT_REFRESH_SECONDS = 86_400;
/** Publishers ask for no more than an hourly look. */
const SHORTEST_REFRESH_SECONDS = 600;
const DEFAULT_MAX_MEGABYTES = 64;

/** `index`: where each stands in the file's list; `configFile`: what paths are relative to. */
export function readLists(written: readonly { index: number; value: WrittenList }[], configFile: string, problems: Problems): ListConfig[] {
  const names = new Set<string>();
  return written.flatMap(({ index, value }) => {
    const path: Path = ['lists', index];
    if (names.has(value.name)) problems.add([...path, 'name'], `another list is called ${value.name} already`);
    names.add(value.name);
    const source = readSource(value, path, configFile, problems);
    if (source === null) return [];
    return [
      {
        name: value.name,
        kind: value.kind ?? 'block',
        source,
        format: value.format ?? 'auto',
        refreshSeconds: readRefresh(value.refresh, path, problems),
        maxOctets: (value.maxMegabytes ?? DEFAULT_MAX_MEGABYTES) * 1024 * 1024,
      },
    ];
  });
}

/** Every list that a policy names is there. */
export function checkListNames(policies: readonly PolicyConfig[], lists: readonly ListConfig[], problems: Problems): void {
  const known = new Set(lists.map(({ name }) => name));
  for (const [policy, { lists: named }] of policies.entries()) {
    for (const [index, name] of (named ?? []).entries()) {
      if (!known.has(name))
        problems.add(['policies', policy, 'lists', index], `no list is called "${name}"; lists stand under lists: at the top`);
    }
  }
}

function readSource(
  { url, file, kind = 'block' }: WrittenList,
  path: Path,
  configFile: string,
  problems: Problems,
): ListConfig['source'] | null {
  if (url !== undefined && file === undefined) {
    const parsed = URL.parse(url);
    if (parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === '' && parsed.password === '') {
      if (parsed.protocol === 'http:' && !isPrivate(parsed.hostname.replace(/^\[|\]$/g, ''))) {
        problems.warn(
          [...path, 'url'],
          `fetched without encryption: whoever is on the way can change what it ${kind}s; write https:// if it has that`,
        );
      }
      return { kind: 'url', url: parsed.href };
    }
    // Not quoted: a password or key may stand in it, and what is wrong with a config is logged.
    problems.add([...path, 'url'], 'must be an http:// or https:// URL without user and password');
    return null;
  }
  if (file !== undefined && url === undefined) return { kind: 'file', path: resolve(dirname(configFile), file) };
  problems.add(path, 'a list has either a url or a file');
  return null;
}

function readRefresh(text: string | undefined, path: Path, problems: Problems): number {
  if (text === undefined) return DEFAULT_REFRESH_SECONDS;
  const [seconds = DEFAULT_REFRESH_SECONDS] = problems.take(parseDuration(text), [...path, 'refresh']);
  if (seconds < SHORTEST_REFRESH_SECONDS) problems.add([...path, 'refresh'], 'a list is fetched every 10m at most');
  return seconds;
}
