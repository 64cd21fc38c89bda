/** Turns an upstream's URL into the upstream over its transport. Opens no socket: that happens with the first question. */
import type { Clock } from '../pipeline/ports.ts';
import type { Random16 } from './random16.ts';
import { createTcpUpstream } from './tcp-upstream.ts';
import { createUdpUpstream } from './udp-upstream.ts';
import type { Upstream } from './upstream.ts';
import { pinned, type UpstreamUrl } from './upstream-url.ts';

export function openUpstream(url: UpstreamUrl, clock: Clock, random16: Random16): Upstream {
  const reachable = pinned(url);
  return url.transport === 'udp' ? createUdpUpstream(reachable, clock, random16) : createTcpUpstream(reachable, random16);
}
