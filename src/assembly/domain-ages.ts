/**
 * Domain-age look-ups of a config: which registries are asked, and that their hosts are found through our own upstreams.
 */
import type { Config } from '../config/config.ts';
import type { ResolveAddress } from '../outbound/own-requests.ts';
import { lookUpOwnHost } from '../pipeline/own-look-up.ts';
import type { AgeStore, Clock } from '../pipeline/ports.ts';
import { DEFAULT_GROUP } from '../policy/classify-name.ts';
import { type BackgroundDomainAges, createDomainAges } from '../reputation/domain-ages.ts';
import { createRdap } from '../reputation/rdap.ts';
import type { RegistrationSource } from '../reputation/registration.ts';
import { createWhois } from '../reputation/whois.ts';
import type { ForwardingGroup } from '../upstream/group.ts';

export interface ConfiguredDomainAges {
  readonly ages: BackgroundDomainAges;
  /** Asks by another config from the next look-up on. What is known, queued and counted stays: the limits are for a day. */
  reconfigure(config: Config): void;
}

/**
 * Domain ages are asked for in the background, through the default upstreams, never through our own listeners. `groups`: those in use,
 * at any time.
 */
export function openDomainAges(
  config: Config,
  store: AgeStore,
  groups: () => ReadonlyMap<string, ForwardingGroup>,
  clock: Clock,
): ConfiguredDomainAges {
  const resolveAddress: ResolveAddress = async (host) => {
    const group = groups().get(DEFAULT_GROUP);
    if (group === undefined) throw new Error('there is no default upstream group');
    return (await lookUpOwnHost(group, host))?.addresses[0] ?? null;
  };
  let registries = openRegistries(config, resolveAddress, clock);
  const ages = createDomainAges({
    store,
    clock,
    rdap: { lookUp: (domain) => registries.rdap.lookUp(domain) },
    whois: { lookUp: (domain) => registries.whois.lookUp(domain) },
  });
  const reconfigure = (changed: Config): void => {
    registries = openRegistries(changed, resolveAddress, clock);
  };
  return { ages, reconfigure };
}

interface Registries {
  readonly rdap: RegistrationSource;
  readonly whois: RegistrationSource;
}

function openRegistries({ reputation: { rdap, whois } }: Config, resolveAddress: ResolveAddress, clock: Clock): Registries {
  return {
    rdap:
      rdap === null
        ? NO_REGISTRY
        : createRdap({ resolveAddress, wallMs: clock.wallMs, ...(rdap.baseUrl === null ? {} : { baseUrl: rdap.baseUrl }) }),
    whois:
      whois === null
        ? NO_REGISTRY
        : createWhois({ resolveAddress, wallMs: clock.wallMs, ...(whois.server === null ? {} : { server: { host: whois.server } }) }),
  };
}

/** `reputation: off`, or one of the two ways. */
const NO_REGISTRY: RegistrationSource = { lookUp: async () => ({ kind: 'unsupported' }) };
