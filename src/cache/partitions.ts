/**
 * Who shares cached answers and queries under way with whom: everybody, or, where `cache.isolate` says so, the sessions of one policy
 * (threat 24, docs/threats.md). The one place that decides; all keys of cache and joined queries are made of what it says.
 */
export interface CachePartitions {
  /** What cache and joined queries know an upstream group by, for sessions of this policy. */
  of(policy: string, group: string): string;
  isIsolated(policy: string): boolean;
}

/** What a config says of it: for all policies, or for single ones. */
export interface Isolation {
  readonly cache: { readonly isolate: boolean };
  readonly policies: readonly { readonly name: string; readonly isolateCache: boolean }[];
}

/** `of` gives the same text for the same policy and group each time: it is asked with every query. */
export function cachePartitions(config: Isolation): CachePartitions {
  const isolated = new Map<string, Map<string, string>>();
  for (const { name, isolateCache } of config.policies) {
    if (config.cache.isolate || isolateCache) isolated.set(name, new Map());
  }
  return {
    of(policy, group) {
      const ofPolicy = isolated.size === 0 ? undefined : isolated.get(policy);
      if (ofPolicy === undefined) return group;
      let partition = ofPolicy.get(group);
      if (partition === undefined) {
        // Neither the id of a group nor the name of a policy holds a space.
        partition = `${group} ${policy}`;
        ofPolicy.set(group, partition);
      }
      return partition;
    },
    isIsolated: (policy) => isolated.has(policy),
  };
}
