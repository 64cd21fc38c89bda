/**
 * Keyed hashes of a name and of all its parents in one pass: simple tabulation, one table of random words for each position counted
 * from the end. Linear probing on it takes a constant number of steps on average for any set of names chosen without the key
 * (Pătraşcu and Thorup, "The Power of Simple Tabulation Hashing", 2012), so no list can be written that makes look-ups slow.
 */
import { createHash } from 'node:crypto';
import { MAX_NAME_OCTETS, type QName } from '../wire/name.ts';

const OCTET_VALUES = 256;

/** RFC 1035 §2.3.4: 127 labels of one octet and the root. */
const MAX_LABELS = 128;

/** A name taken apart for look-ups. Reused: it holds until the next `probe` of the same hasher. */
export interface NameProbe {
  readonly name: QName;
  /** Labels without the root. */
  readonly labels: number;
  /** Where the suffix without its first `i` labels starts. */
  readonly starts: Uint8Array;
  /** The hash of that suffix, 32 bits. */
  readonly hashes: Int32Array;
}

interface OwnProbe extends NameProbe {
  name: QName;
  labels: number;
}

export class NameHasher {
  /** Tells one seed from another without telling the seed: 16 octets in hexadecimal. */
  readonly mark: string;
  readonly #words: Int32Array;
  readonly #probe: OwnProbe = { name: '\0' as QName, labels: 0, starts: new Uint8Array(MAX_LABELS), hashes: new Int32Array(MAX_LABELS) };

  /** `seed`: at least 16 octets of secret randomness. Lists compiled with one seed can only be asked, and read back, with the same. */
  constructor(seed: Uint8Array) {
    if (seed.length < 16) throw new Error('a seed has at least 16 octets');
    this.mark = createHash('sha256').update('mark of a list hash\0').update(seed).digest('hex').slice(0, 32);
    const octets = createHash('shake256', { outputLength: 4 * OCTET_VALUES * MAX_NAME_OCTETS })
      .update(seed)
      .digest();
    this.#words = new Int32Array(octets.buffer.slice(octets.byteOffset, octets.byteOffset + octets.length));
  }

  /** The hashes of the name and its parents, one for each label: none for the root. */
  probe(name: QName): NameProbe {
    const probe = this.#probe;
    const { starts, hashes } = probe;
    let labels = 0;
    for (let at = 0, length = name.charCodeAt(0); length > 0; length = name.charCodeAt(at)) {
      starts[labels++] = at;
      at += 1 + length;
    }
    probe.name = name;
    probe.labels = labels;
    const words = this.#words;
    let hash = 0;
    let label = labels - 1;
    let row = 0;
    // The root octet is the same for all names; it is left out.
    for (let at = name.length - 2; at >= 0; at--) {
      hash ^= words[row + name.charCodeAt(at)] ?? 0;
      row += OCTET_VALUES;
      if (at === starts[label]) hashes[label--] = hash;
    }
    return probe;
  }
}
