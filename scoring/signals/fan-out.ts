/**
 * Distinct names this session has asked below one parent, refused ones included (as log2, so that doubling adds the same).
 * Source: distinct subdomains per registrable domain, the base of ibHH (NDSS 2024) and of PowerDNS's UDR.
 * Blind to few long names and to many parents; large for CDNs, which is why it is never conclusive alone.
 */
import type { Observation } from '../observation.ts';
import { doublings } from './doublings.ts';

export function fanOutDoublings({ counts }: Observation): number {
  return doublings(counts.fanOut);
}
