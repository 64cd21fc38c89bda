/**
 * Domains that are long registered, as a thief may buy or keep them: put into a state folder before Kennel's first start, as if the
 * registry had been asked two days ago. First contact does not protect from these, so they are the harder case.
 */
import { join } from 'node:path';
import { openDomainAges } from '../../src/storage/domain-ages.ts';
import type { PrepareState } from './kennel-process.ts';
import { INTERNET_ADDRESS } from './namespaces.ts';

/** What is remembered is used; nobody answers at this address. */
export const REGISTRY_OUT_OF_REACH = { rdapBaseUrl: `http://${INTERNET_ADDRESS}:1/`, whois: 'off' } as const;

const REGISTERED_AT_MS = Date.UTC(2009, 3, 2);
const TWO_DAYS_MS = 2 * 86_400_000;

export function registeredLongAgo(domains: readonly string[]): PrepareState {
  return (stateFolder) => {
    const opened = openDomainAges(join(stateFolder, 'domain-ages.sqlite'));
    if (opened.kind === 'error') throw new Error(opened.message);
    const age = { outcome: 'registered', registeredAtMs: REGISTERED_AT_MS, lookedUpAtMs: Date.now() - TWO_DAYS_MS } as const;
    for (const domain of domains) opened.ages.put({ domain, ...age });
    opened.ages.close();
  };
}
