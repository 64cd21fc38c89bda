/**
 * 1 for the name of a known resolver over HTTPS, TLS or QUIC: whoever reaches it can ask around this one (RFC 8484).
 * Source: the list of such names that the policy uses. Blind to resolvers on no list and to those reached by address.
 */
import type { Observation } from '../observation.ts';

export function dohEndpointNamed({ dohEndpoint }: Observation): number {
  return dohEndpoint ? 1 : 0;
}
