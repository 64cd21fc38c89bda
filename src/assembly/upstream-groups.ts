/**
 * The upstream groups of a config, opened: one for the default, one for each zone. Which group a name goes to is `policy/`.
 */
import type { Config } from '../config/config.ts';
import type { Clock } from '../pipeline/ports.ts';
import { isLoopback } from '../policy/address-set.ts';
import { upstreamGroups } from '../policy/classify-name.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createUpstreamGroup, type ForwardingGroup } from '../upstream/group.ts';
import { openUpstream } from '../upstream/open-upstream.ts';
import { createRandom16 } from '../upstream/random16.ts';

/** Opens no socket: that happens with the first question. */
export function openUpstreamGroups(config: Config, metrics: Metrics, clock: Clock): ReadonlyMap<string, ForwardingGroup> {
  const random16 = createRandom16();
  const groups = new Map<string, ForwardingGroup>();
  for (const [id, upstreams] of upstreamGroups(config)) {
    const group = createUpstreamGroup({
      id,
      clock,
      upstreams: upstreams.map((upstream) => openUpstream(upstream, clock, random16)),
      onAttempt: ({ upstream, outcome, latencyMs }) => {
        if (outcome === 'answered') metrics.upstreamAnswered(upstream, latencyMs);
        else metrics.upstreamFailed(upstream, outcome);
      },
    });
    groups.set(id, group);
  }
  return groups;
}

/** Groups whose upstreams are all on this machine: nobody on the way can have set their AD flag (RFC 6840 §5.8). */
export function groupsOnThisMachine(config: Config): ReadonlySet<string> {
  const local = [...upstreamGroups(config)].filter(([, upstreams]) =>
    upstreams.every(({ address }) => address !== null && isLoopback(address)),
  );
  return new Set(local.map(([id]) => id));
}
