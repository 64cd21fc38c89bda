/**
 * Share of the names below this parent that nobody asked for again: once / (once + repeated + 8). `once`: not asked again for ten
 * minutes; `repeated`: asked again 30 s later or more (a stub resolver's own retries come sooner). Younger names count as neither.
 * A tunnel never says the same twice; what people and programs ask comes back (unique domain responses: PowerDNS UDR).
 * Counted by names, so that repeating one name a thousand times moves nothing. Blind to whatever is over in ten minutes. Evaded by
 * asking for every name twice. Names made for one use (shards of a video service, unique hosts of mail checks) look the same.
 */
import type { Observation } from '../observation.ts';

/** Few names say little: eight names asked once count as half. */
const EMPTY_NAMES = 8;

/** 0 to 64/72. */
export function neverRepeatedShare({ counts }: Observation): number {
  return counts.askedOnceNames / (counts.askedOnceNames + counts.repeatedNames + EMPTY_NAMES);
}
