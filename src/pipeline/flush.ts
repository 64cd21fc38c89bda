/**
 * Forgetting answers on an operator's word: the cache, the queries under way, and what Kennel asks by itself. Nothing that was asked
 * before a flush is kept after it, and nobody joins it.
 */
import { isAtOrBelow, type QName } from '../wire/name.ts';
import type { Pipeline } from './pipeline.ts';

/** What to forget: everything, one name, or a name and all below it. */
export type Flushed = 'all' | { readonly qname: QName; readonly below: boolean };

/** Returns how many answers were forgotten. Charges nothing: what is asked again is paid for by who asks. */
export function flush(k: Pipeline, what: Flushed): number {
  const count = what === 'all' ? k.cache.flushAll() : k.cache.flush(what.qname, what);
  k.inFlight.closeAll();
  // Their answers are gone before their time, and no client can bring them back. An operator's word tells nothing of what clients ask.
  k.kept.askSoon(({ qname }) => isFlushed(qname, what), k.clock.monotonicMs());
  return count;
}

function isFlushed(qname: QName, what: Flushed): boolean {
  if (what === 'all') return true;
  return what.below ? isAtOrBelow(qname, what.qname) : qname === what.qname;
}
