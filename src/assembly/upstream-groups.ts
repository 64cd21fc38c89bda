/**
 * The upstream groups of a config, opened: one for the default, one for each zone, one for the LAN, and the bootstrap upstreams.
 * Over a reload a group that means the same is kept, with its health and its connections. Which group a name goes to is `policy/`.
 */
import type { Config, UpstreamStrategy } from '../config/config.ts';
import type { Clock } from '../pipeline/ports.ts';
import { isLoopback } from '../policy/address-set.ts';
import { upstreamGroups } from '../policy/classify-name.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createUpstreamGroup, type ForwardingGroup } from '../upstream/group.ts';
import { openUpstream } from '../upstream/open-upstream.ts';
import { createRandom16 } from '../upstream/random16.ts';
import type { UpstreamUrl } from '../upstream/upstream-url.ts';

export interface GroupDependencies {
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** What one config has opened; the whole of it is what the next `openUpstreamGroups` wants as `previous`. */
export interface OpenedGroups {
  readonly kind: 'ok';
  readonly groups: ReadonlyMap<string, ForwardingGroup>;
  /** By group id, what the group was opened with: groups with the same text mean the same. */
  readonly openedWith: ReadonlyMap<string, string>;
  /** Groups of `previous` that this config does not use: to be retired once no query can choose them any more. */
  readonly retired: readonly ForwardingGroup[];
}

/**
 * Opens the groups of a config; no socket opens before the first question. Groups of `previous` with the same id, upstreams and
 * options are taken over as they are, the others are listed under `retired`. The order for a reload: open, swap the pipeline, then
 * `for (const group of opened.retired) group.retire()`: each closes when nothing waits on it, at the latest after its patience.
 * On an error nothing was opened and `previous` stays in use as it is.
 */
export function openUpstreamGroups(
  config: Config,
  { metrics, clock }: GroupDependencies,
  previous?: OpenedGroups,
): OpenedGroups | { readonly kind: 'error'; readonly message: string } {
  const random16 = createRandom16();
  const groups = new Map<string, ForwardingGroup>();
  const openedWith = new Map<string, string>();

  for (const { id, upstreams, strategy } of plannedGroups(config)) {
    const settings = JSON.stringify([upstreams, strategy]);
    const kept = previous?.openedWith.get(id) === settings ? previous.groups.get(id) : undefined;
    openedWith.set(id, settings);
    if (kept !== undefined) groups.set(id, kept);
    else {
      const group = createUpstreamGroup({
        id,
        clock,
        strategy,
        upstreams: upstreams.map((upstream) => openUpstream(upstream, clock, random16)),
        onAttempt: ({ upstream, outcome, latencyMs }) => {
          if (outcome === 'answered') metrics.upstreamAnswered(upstream, latencyMs);
          else metrics.upstreamFailed(upstream, outcome);
        },
      });
      groups.set(id, group);
    }
  }
  const inUse = new Set(groups.values());
  const retired = [...(previous?.groups.values() ?? [])].filter((group) => !inUse.has(group));
  return { kind: 'ok', groups, openedWith, retired };
}

interface PlannedGroup {
  readonly id: string;
  readonly upstreams: readonly UpstreamUrl[];
  readonly strategy: UpstreamStrategy;
}

function plannedGroups(config: Config): PlannedGroup[] {
  const zoneStrategies = new Map(config.zones.map(({ upstreams, strategy }) => [upstreams, strategy]));
  return [...upstreamGroups(config)].map(([id, upstreams]) => ({
    id,
    upstreams,
    strategy: zoneStrategies.get(upstreams) ?? config.forwarding.strategy,
  }));
}

/** Groups whose upstreams are all on this machine: nobody on the way can have set their AD flag (RFC 6840 §5.8). */
export function groupsOnThisMachine(config: Config): ReadonlySet<string> {
  const local = plannedGroups(config).filter(({ upstreams }) => upstreams.every(({ address }) => address !== null && isLoopback(address)));
  return new Set(local.map(({ id }) => id));
}
