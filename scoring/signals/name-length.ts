/**
 * Length of the name in three measures: octets of the whole name in wire form, octets of the longest label, number of labels
 * (Farnham 2013, "Detecting DNS tunneling": total > 52; Zeek and Elastic rules use the same). Blind to short chunks.
 * The labels are those below the registrable domain.
 */
import type { Observation } from '../observation.ts';
import { shapeOf } from './name-shape.ts';

export function nameLengthOctets({ nameOctets }: Observation): number {
  return nameOctets;
}

export function longestLabelOctets({ labels }: Observation): number {
  return shapeOf(labels).longestLabelOctets;
}

export function labelCount({ labels }: Observation): number {
  return labels.length;
}
