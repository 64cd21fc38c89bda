/**
 * An answer past its end in place of one that is not to be had (RFC 8767). Whoever comes here has been judged, and charged if something
 * was sent, as without it: it only changes what he is told. Owns when that is; how long answers are kept is the cache's.
 */
import { RCODE } from '../wire/codes.ts';
import type { ResourceRecord } from '../wire/record.ts';
import type { Judgement } from './judge.ts';
import type { Pipeline, QueryContext, UpstreamTrouble } from './pipeline.ts';
import type { CachedAnswer } from './ports.ts';

/** RFC 8767 §5, client response timer: less than the two seconds after which stubs begin to ask again. */
const CLIENT_PATIENCE_MS = 1_800;

/** RFC 8767 §4: the TTL of stale records. */
const STALE_TTL_SECONDS = 30;

/**
 * What comes of asking; an answer past its end where there is one and a newer one fails or takes too long, while the asking goes on.
 * `sent`: whether the question has gone to an upstream for this query.
 */
export function orStale(
  k: Pipeline,
  { policy }: QueryContext,
  { routed, qname, qtype }: Judgement,
  asking: Promise<CachedAnswer | UpstreamTrouble>,
  sent: boolean,
): Promise<CachedAnswer | UpstreamTrouble> {
  const partition = k.partitions.of(policy.name, routed.group);
  const expired = k.cache.peekExpired(partition, qname, qtype, k.clock.monotonicMs());
  if (expired === null) return asking;
  return new Promise((resolve, reject) => {
    const cancel = k.after(CLIENT_PATIENCE_MS, () => resolve(stale(k, expired, sent)));
    asking.finally(cancel).then((result) => {
      if (isFailure(result)) resolve(stale(k, expired, sent && (!('trouble' in result) || result.sent)));
      else resolve(result);
    }, reject);
  });
}

/** A failure to refresh (RFC 8767 §5): no answer, or one that says nothing about the name. */
function isFailure(result: CachedAnswer | UpstreamTrouble): boolean {
  return 'trouble' in result || (result.rcode !== RCODE.NOERROR && result.rcode !== RCODE.NXDOMAIN);
}

/** Signatures may have expired as well, so nobody vouches for it any more. */
function stale(k: Pipeline, { rcode, answers, authority }: CachedAnswer, sent: boolean): CachedAnswer {
  const nowMs = k.clock.monotonicMs();
  return {
    rcode,
    answers: answers.map(withStaleTtl),
    authority: authority.map(withStaleTtl),
    authenticData: false,
    storedAtMs: nowMs,
    expiresAtMs: nowMs,
    stale: { sent },
  };
}

function withStaleTtl(record: ResourceRecord): ResourceRecord {
  return { ...record, ttlSeconds: STALE_TTL_SECONDS };
}
