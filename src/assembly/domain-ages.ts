/**
 * Domain-age look-ups of a config: which registries are asked, and that their hosts are found through our own upstreams.
 */
import type { Config } from '../config/config.ts';
import { lookUpOwnHost } from '../pipeline/own-look-up.ts';
import type { AgeStore, Clock } from '../pipeline/ports.ts';
import { DEFAULT_GROUP } from '../policy/classify-name.ts';
import { type BackgroundDomainAges, createDomainAges } from '../reputation/domain-ages.ts';
import { createRdap } from '../reputation/rdap.ts';
import type { RegistrationSource } from '../reputation/registration.ts';
import { createWhois } from '../reputation/whois.ts';
import type { ForwardingGroup } from '../upstream/group.ts';

/** Domain ages are asked for in the background, through the default upstreams, never through our own listeners. */
export function openDomainAges(
  { reputation }: Config,
  store: AgeStore,
  groups: ReadonlyMap<string, ForwardingGroup>,
  clock: Clock,
): BackgroundDomainAges {
  const group = groups.get(DEFAULT_GROUP);
  if (group === undefined) throw new Error('there is no default upstream group');
  const resolveAddress = (host: string): Promise<string | null> => lookUpOwnHost(group, host);
  const { rdap, whois } = reputation;
  return createDomainAges({
    store,
    clock,
    rdap:
      rdap === null
        ? NO_REGISTRY
        : createRdap({ resolveAddress, wallMs: clock.wallMs, ...(rdap.baseUrl === null ? {} : { baseUrl: rdap.baseUrl }) }),
    whois:
      whois === null
        ? NO_REGISTRY
        : createWhois({ resolveAddress, wallMs: clock.wallMs, ...(whois.server === null ? {} : { server: { host: whois.server } }) }),
  });
}

/** `reputation: off`, or one of the two ways. */
const NO_REGISTRY: RegistrationSource = { lookUp: async () => ({ kind: 'unsupported' }) };
