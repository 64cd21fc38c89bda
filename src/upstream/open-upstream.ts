/** Turns an upstream's URL into the upstream over its transport. Opens no socket: that happens with the first question. */
import type { Clock } from '../pipeline/ports.ts';
import { createForgeryGuards } from './forgery-guards.ts';
import { createHttpsUpstream } from './https-upstream.ts';
import type { Random16 } from './random16.ts';
import { createTcpUpstream } from './tcp-upstream.ts';
import { createTlsUpstream } from './tls-upstream.ts';
import { createUdpUpstream } from './udp-upstream.ts';
import type { Upstream } from './upstream.ts';
import { pinned, type UpstreamUrl } from './upstream-url.ts';

/** How questions are put, the same for every upstream of a config. */
export interface UpstreamOptions {
  /** Random letter case in questions over UDP and TCP (draft-vixie-dnsext-dns0x20). */
  readonly randomCase: boolean;
  /** DNS cookies over UDP and TCP (RFC 7873). */
  readonly cookies: boolean;
  /** PEM text of further authorities for TLS and HTTPS, beside the built-in ones; null: none. */
  readonly ca: string | null;
}

/** Plain questions: what the zero of every option means. */
export const PLAIN_OPTIONS: UpstreamOptions = { randomCase: false, cookies: false, ca: null };

/** Throws for an upstream without an address: that is found out by `bootstrap.ts`, which opens what it finds by this function. */
export function openUpstream(url: UpstreamUrl, clock: Clock, random16: Random16, options: UpstreamOptions = PLAIN_OPTIONS): Upstream {
  const reachable = pinned(url);
  switch (reachable.transport) {
    case 'udp':
      return createUdpUpstream(reachable, random16, createForgeryGuards(options, random16, clock));
    case 'tcp':
      return createTcpUpstream(reachable, random16, createForgeryGuards(options, random16, clock));
    case 'tls':
      return createTlsUpstream(reachable, clock, random16, options.ca);
    case 'https':
      return createHttpsUpstream(reachable, clock, options.ca);
  }
}
