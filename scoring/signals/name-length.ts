/**
 * Length of the name in three measures: octets of the whole name in wire form, octets of the longest label, number of labels
 * (Farnham 2013, "Detecting DNS tunneling": total > 52; Zeek and Elastic rules use the same). Blind to short chunks.
 * The labels are those below the registrable domain.
 */
import type { Observation } from '../observation.ts';

export function nameLengthOctets({ name }: Observation): number {
  return name.nameOctets;
}

export function longestLabelOctets({ name }: Observation): number {
  return name.longestLabelOctets;
}

export function labelCount({ name }: Observation): number {
  return name.labelCount;
}
