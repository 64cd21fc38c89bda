/**
 * Share of queries below this parent that ask for types whose answers carry free-form data: bulk / (queries + 4).
 * The 4 keeps the first few queries from saying much (Nadler et al. 2019 use the share of non-address types per domain and window).
 * Blind to tunnels over A and AAAA.
 */
import type { Observation } from '../observation.ts';

/** Types that stub resolvers ask for all day; and those that DNSSEC validators need. Everything else counts as bulk. */
// biome-ignore format: a table
const ORDINARY_TYPES: ReadonlySet<number> = new Set([
  1, 28, 65, 64, 12, 2, 6, // A AAAA HTTPS SVCB PTR NS SOA
  43, 48, 46, 47, 50, 51, 257, 52, // DS DNSKEY RRSIG NSEC NSEC3 NSEC3PARAM CAA TLSA
]);

const EMPTY_QUERIES = 4;

/** Whether answers of this type carry data of free form (TXT, NULL, CNAME, MX, SRV, KEY, unknown types, …). */
export function isBulkType(qtype: number): boolean {
  return !ORDINARY_TYPES.has(qtype);
}

/** 0 to just below 1. */
export function bulkTypeShare({ counts }: Observation): number {
  return counts.bulkTypeQueries / (counts.parentQueries + EMPTY_QUERIES);
}
