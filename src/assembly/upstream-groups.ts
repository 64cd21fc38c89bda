/**
 * The upstream groups of a config, opened: one for the default, one for each zone, one for the LAN, and the bootstrap upstreams.
 * Over a reload a group that means the same is kept, with its health and its connections. Which group a name goes to is `policy/`.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Config, UpstreamStrategy } from '../config/config.ts';
import { lookUpOwnHost } from '../pipeline/own-look-up.ts';
import type { Clock } from '../pipeline/ports.ts';
import { isLoopback } from '../policy/address-set.ts';
import { upstreamGroups } from '../policy/classify-name.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createBootstrappedUpstream, type LookUpHost } from '../upstream/bootstrap.ts';
import { createUpstreamGroup, type ForwardingGroup } from '../upstream/group.ts';
import { openUpstream, type UpstreamOptions } from '../upstream/open-upstream.ts';
import { createRandom16 } from '../upstream/random16.ts';
import type { Upstream } from '../upstream/upstream.ts';
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
  const options = upstreamOptions(config);
  if ('problem' in options) return { kind: 'error', message: options.problem };
  const random16 = createRandom16();
  const groups = new Map<string, ForwardingGroup>();
  const openedWith = new Map<string, string>();

  const lookUpHost: LookUpHost = async (host) => {
    const bootstrap = groups.get(BOOTSTRAP_GROUP);
    if (bootstrap === undefined) throw new Error(`nobody can be asked for the address of ${host}`);
    return lookUpOwnHost(bootstrap, host);
  };
  const openOne = (url: UpstreamUrl): Upstream =>
    url.address === null
      ? createBootstrappedUpstream(url, lookUpHost, (pinnedUrl) => openUpstream(pinnedUrl, clock, random16, options), clock)
      : openUpstream(url, clock, random16, options);
  const openGroup = ({ id, upstreams, strategy }: PlannedGroup): ForwardingGroup =>
    createUpstreamGroup({
      id,
      clock,
      strategy,
      upstreams: upstreams.map(openOne),
      onAttempt: ({ upstream, outcome, latencyMs }) => {
        if (outcome === 'answered') metrics.upstreamAnswered(upstream, latencyMs);
        else metrics.upstreamFailed(upstream, outcome);
      },
    });

  for (const planned of plannedGroups(config)) {
    const settings = settingsText(planned, options, config.forwarding.bootstrap);
    const kept = previous?.openedWith.get(planned.id) === settings ? previous.groups.get(planned.id) : undefined;
    openedWith.set(planned.id, settings);
    groups.set(planned.id, kept ?? openGroup(planned));
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

/** Asked for the addresses of other upstreams alone: no name of a client is routed to it. */
const BOOTSTRAP_GROUP = 'bootstrap';

function plannedGroups(config: Config): PlannedGroup[] {
  const zoneStrategies = new Map(config.zones.map(({ upstreams, strategy }) => [upstreams, strategy]));
  const planned = [...upstreamGroups(config)].map(([id, upstreams]) => ({
    id,
    upstreams,
    strategy: zoneStrategies.get(upstreams) ?? config.forwarding.strategy,
  }));
  const { bootstrap } = config.forwarding;
  if (!planned.some(needsBootstrap)) return planned;
  if (bootstrap.length === 0) throw new Error('an upstream without an address and no bootstrap: the config should not have passed');
  return [...planned, { id: BOOTSTRAP_GROUP, upstreams: bootstrap, strategy: 'ordered' }];
}

function needsBootstrap({ upstreams }: PlannedGroup): boolean {
  return upstreams.some(({ address }) => address === null);
}

/** Groups with the same text ask the same servers in the same way. */
function settingsText(planned: PlannedGroup, { randomCase, cookies, ca }: UpstreamOptions, bootstrap: readonly UpstreamUrl[]): string {
  const caHash = ca === null ? null : createHash('sha256').update(ca).digest('hex');
  return JSON.stringify([planned.upstreams, planned.strategy, randomCase, cookies, caHash, needsBootstrap(planned) ? bootstrap : null]);
}

/** Far more than all authorities of the public web together (Mozilla's list is about 250 kB). */
const MAX_CA_OCTETS = 4 * 1024 * 1024;

/** What is wrong with the file of `forwarding.caFile`, or null. */
export function caFileProblem(config: Config): string | null {
  const options = upstreamOptions(config);
  return 'problem' in options ? options.problem : null;
}

function upstreamOptions({ forwarding }: Config): UpstreamOptions | { readonly problem: string } {
  const { randomCase, cookies, caFile } = forwarding;
  const ca = caFile === null ? null : readAuthorities(caFile);
  return ca === null || 'text' in ca ? { randomCase, cookies, ca: ca?.text ?? null } : ca;
}

/** The PEM text of a file in which every certificate can be read, at least one. */
function readAuthorities(path: string): { readonly text: string } | { readonly problem: string } {
  const problem = (why: string) => ({ problem: `forwarding.caFile ${path} ${why}` });
  let text: string;
  try {
    if (statSync(path).size > MAX_CA_OCTETS) return problem('is larger than 4 MB');
    text = readFileSync(path, 'latin1');
  } catch (cause) {
    return problem(`cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0) return problem('holds no certificate (PEM, BEGIN CERTIFICATE)');
  const broken = certificates.findIndex((certificate) => !isCertificate(certificate));
  return broken < 0 ? { text: certificates.join('\n') } : problem(`holds a certificate that cannot be read, number ${broken + 1}`);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== '';
  } catch {
    return false;
  }
}

/**
 * Groups whose AD flag is passed on: nobody on the way can have set it (RFC 6840 §5.8), and the operator trusts who did. That is so
 * for upstreams on this machine, and with `forwarding.trustAd` for those proven by a certificate (RFC 4035 §4.9.3), in any mixture.
 */
export function groupsTrustedForAd(config: Config): ReadonlySet<string> {
  const { trustAd } = config.forwarding;
  const isTrusted = ({ address, serverName }: UpstreamUrl): boolean =>
    (address !== null && isLoopback(address)) || (trustAd && serverName !== null);
  const trusted = [...upstreamGroups(config)].filter(([, upstreams]) => upstreams.every(isTrusted));
  return new Set(trusted.map(([id]) => id));
}
