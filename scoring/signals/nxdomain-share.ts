/**
 * Share of the answered names below this parent that don't exist: NXDOMAIN / (answered + 4), by names and not by answers.
 * Generated names mostly don't exist (Antonakakis et al., USENIX Security 2012), and a nameserver that only listens denies them all.
 * Evaded by answering anything at all, which costs an attacker nothing; block lists and search suffixes look the same. Hence few points.
 */
import type { Observation } from '../observation.ts';

const EMPTY_NAMES = 4;

/** 0 to just below 1; null where no answer was ever recorded. */
export function nxdomainShare({ counts: { answers } }: Observation): number | null {
  return answers === null ? null : answers.nxdomainNames / (answers.answeredNames + EMPTY_NAMES);
}
