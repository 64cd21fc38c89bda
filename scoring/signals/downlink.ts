/**
 * What came back below this parent: the most bits that new RDATA can have carried (8 × octets not seen before), and how dense the
 * free-form part of it was: Σ n H(record) / (Σ n + 64), in bits per octet, H as in `label-entropy` over each record's octets.
 * Answers carry tunnels too (downstream of iodine, dnscat2, dns2tcp; Nadler et al. 2019 measure answers as well).
 * A bound rather than an estimate, because four octets of an address have no statistics. The density leaves A and AAAA out.
 * Blind to the little that fits into a few records; keys in TXT (DKIM) and rotating addresses look the same, so the points are few.
 */
import type { Observation } from '../observation.ts';

/** A short record says little about density; 64 octets at 8 bits count as 4. */
const EMPTY_OCTETS = 64;

/** Null where no answer was ever recorded. */
export function downlinkBits({ counts: { answers } }: Observation): number | null {
  return answers === null ? null : 8 * answers.newOctets;
}

/** 0 to just below 8; null where no answer was ever recorded. */
export function downlinkEntropyBits({ counts: { answers } }: Observation): number | null {
  return answers === null ? null : answers.freeFormBits / (answers.freeFormOctets + EMPTY_OCTETS);
}
