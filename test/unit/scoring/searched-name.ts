/**
 * A session's searches without a pipeline: names below a parent of two labels, asked one after the other.
 */
import { NameTrail } from '../../../scoring/secrets/name-trail.ts';
import type { SearchedName, SecretMatcher, SecretSearch } from '../../../scoring/secrets/secret-matcher.ts';

/** Labels (octet strings) below `parent`, as the pipeline would pass them. */
export function nameBelow(parent: string, labels: readonly string[]): SearchedName {
  return { parent, labels, allLabels: [...labels, ...parent.split('.')] };
}

export class Asker {
  readonly trail = new NameTrail();
  readonly #matcher: SecretMatcher;

  constructor(matcher: SecretMatcher) {
    this.#matcher = matcher;
  }

  /** Asks a name, in lower case as names arrive here. */
  ask(parent: string, labels: readonly string[]): SecretSearch {
    const name = nameBelow(
      parent,
      labels.map((label) => label.toLowerCase()),
    );
    const search = this.#matcher.search(name, this.trail);
    this.trail.record(name.parent, name.labels, search);
    return search;
  }
}

/** A text cut into labels of `length` octets. */
export function cut(text: string, length: number): string[] {
  return text.match(new RegExp(`.{1,${length}}`, 'gs')) ?? [];
}

/** RFC 4648 §6, lower case, without padding. */
export function base32(octets: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const octet of octets) {
    held = (held << 8) | octet;
    for (bits += 8; bits >= 5; bits -= 5) text += 'abcdefghijklmnopqrstuvwxyz234567'.charAt((held >> (bits - 5)) & 31);
    held &= 0xff;
  }
  return bits === 0 ? text : text + 'abcdefghijklmnopqrstuvwxyz234567'.charAt((held << (5 - bits)) & 31);
}

export const ENCODERS: Readonly<Record<string, (octets: Buffer) => string>> = {
  'as it is': (octets) => octets.toString('latin1'),
  hex: (octets) => octets.toString('hex'),
  base32,
  base64: (octets) => octets.toString('base64').replaceAll('=', ''),
  base64url: (octets) => octets.toString('base64url'),
};
