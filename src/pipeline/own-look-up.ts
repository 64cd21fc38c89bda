/**
 * Kennel's own look-ups: the host names of RDAP and WHOIS servers, taken from fixed tables, and of upstreams and list publishers, taken
 * from the config (a publisher may send on to another host), never from a session's names. They go straight to an upstream, not through
 * the listeners, and cost no session anything.
 */
import { RCODE, RRTYPE } from '../wire/codes.ts';
import { fromPresentation } from '../wire/name.ts';
import { addressesOf } from '../wire/rdata.ts';
import { grantSend } from './permit.ts';
import type { UpstreamGroup } from './ports.ts';

/** What was found of a host: addresses of one family, at least one. */
export interface OwnHost {
  readonly addresses: readonly string[];
  /** Of the record that ends first, aliases included. */
  readonly ttlSeconds: number;
}

/** The IPv4 addresses of `host`, else its IPv6 ones, else null. Never rejects for network reasons. */
export async function lookUpOwnHost(group: UpstreamGroup, host: string): Promise<OwnHost | null> {
  const qname = fromPresentation(host);
  if (qname === null) return null;
  for (const qtype of [RRTYPE.A, RRTYPE.AAAA]) {
    const result = await group.exchange(grantSend(qname, qtype, 0));
    if (result.kind !== 'response' || result.response.rcode !== RCODE.NOERROR) continue;
    const { answers } = result.response;
    const addresses = answers.filter((record) => record.type === qtype).flatMap(addressesOf);
    if (addresses.length > 0) return { addresses, ttlSeconds: Math.min(...answers.map((record) => record.ttlSeconds)) };
  }
  return null;
}
