/** An upstream opened by its URL, as a config with every guard on opens it; it trusts the lab's authority unless told otherwise. */
import { openUpstream } from '../../src/upstream/open-upstream.ts';
import { createRandom16 } from '../../src/upstream/random16.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { parseUpstreamUrl } from '../../src/upstream/upstream-url.ts';
import { SkippingClock } from './clocks.ts';
import { keepOpen } from './kept-open.ts';
import { TEST_CA } from './tls-servers.ts';

export function upstreamFor(text: string, ca: string | null = TEST_CA, clock = new SkippingClock()): Upstream {
  const url = parseUpstreamUrl(text);
  if (url.kind === 'error') throw new Error(url.message);
  return keepOpen(openUpstream(url.url, clock, createRandom16(), { randomCase: true, cookies: true, ca }));
}
