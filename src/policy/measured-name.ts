/**
 * What the name alone says, kept with the name: its labels, its features for the score and its keyed hash. A query for a name seen
 * before measures nothing again. Bounded; a full memo starts over.
 */
import { measureName, type NameFeatures } from '../../scoring/signals/name-features.ts';
import { type Hash64, type HashKey, keyedHash } from '../../scoring/sketch/keyed-hash.ts';
import { labelsOf, type QName } from '../wire/name.ts';
import type { RegistrableDomain } from './registrable-domain.ts';

export interface MeasuredName {
  /** All labels, leftmost first, as octet strings. */
  readonly allLabels: readonly string[];
  /** No label holds an octet above 126. */
  readonly labelsAllowed: boolean;
  readonly features: NameFeatures;
  readonly hash: Hash64;
}

/** The highest octet of a name that is forwarded: iodine's handshake and its Base128 codec show themselves above it. */
const HIGHEST_LABEL_OCTET = 126;

const REMEMBERED_NAMES = 4096;

interface Remembered extends MeasuredName {
  readonly parent: string;
  readonly hashKey: HashKey;
}

const remembered = new Map<QName, Remembered>();

/** Measures a name that is cut as `domain` says; `hashKey` is the one of the session's profile. */
export function measuredName(qname: QName, domain: RegistrableDomain, hashKey: HashKey): MeasuredName {
  const known = remembered.get(qname);
  if (known !== undefined && known.parent === domain.parent && known.hashKey === hashKey) return known;
  const allLabels = labelsOf(qname);
  const measured: Remembered = {
    allLabels,
    labelsAllowed: !hasHighOctet(allLabels),
    features: measureName(domain.labels, qname.length),
    hash: keyedHash(qname, hashKey),
    parent: domain.parent,
    hashKey,
  };
  if (remembered.size >= REMEMBERED_NAMES) remembered.clear();
  remembered.set(qname, measured);
  return measured;
}

function hasHighOctet(labels: readonly string[]): boolean {
  for (const label of labels) {
    for (let i = 0; i < label.length; i++) if (label.charCodeAt(i) > HIGHEST_LABEL_OCTET) return true;
  }
  return false;
}
