/**
 * Kennel's own look-ups: the host names of RDAP and WHOIS servers, taken from fixed tables and never from a session's names. They go
 * straight to an upstream, not through the listeners, and cost no session anything.
 */
import { RCODE, RRTYPE } from '../wire/codes.ts';
import { fromPresentation } from '../wire/name.ts';
import { addressesOf } from '../wire/rdata.ts';
import { grantSend } from './permit.ts';
import type { UpstreamGroup } from './ports.ts';

/** An IPv4 address of `host`, else an IPv6 one, else null. Never rejects for network reasons. */
export async function lookUpOwnHost(group: UpstreamGroup, host: string): Promise<string | null> {
  const qname = fromPresentation(host);
  if (qname === null) return null;
  for (const qtype of [RRTYPE.A, RRTYPE.AAAA]) {
    const result = await group.exchange(grantSend(qname, qtype, 0));
    if (result.kind !== 'response' || result.response.rcode !== RCODE.NOERROR) continue;
    const address = result.response.answers.filter((record) => record.type === qtype).flatMap(addressesOf)[0];
    if (address !== undefined) return address;
  }
  return null;
}
