/** Registered secrets: any way to cut an encoding of one into a name is found; names of other random octets never are. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SecretMatcher } from '../../scoring/secrets/secret-matcher.ts';
import { watchSecret } from '../../scoring/secrets/watch-secret.ts';
import { Asker, ENCODERS } from '../unit/scoring/searched-name.ts';

const KEY = { low: 0x0dd0_ba11, high: 0x5eed_5eed };
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Letters and digits by a hash of what fast-check draws: it likes equal octets and small ones, and those are no random secret. */
const randomText = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.tuple(fc.uint8Array({ minLength: maxLength, maxLength }), fc.integer({ min: minLength, max: maxLength })).map(([octets, length]) => {
    const random = createHash('sha512').update(octets).digest();
    return Array.from({ length }, (_unused, at) => ALPHABET.charAt((random[at] ?? 0) % ALPHABET.length)).join('');
  });

function watching(secrets: readonly string[]): SecretMatcher {
  const matcher = new SecretMatcher(KEY);
  matcher.watch(
    secrets.flatMap((value, index) => {
      const watched = watchSecret(`s${index}`, 'secret', value, KEY);
      return watched.kind === 'watched' ? [watched.secret] : [];
    }),
  );
  return matcher;
}

/** Labels of the given lengths in turn. */
function cutBy(text: string, lengths: readonly number[]): string[] {
  const labels: string[] = [];
  for (let at = 0, turn = 0; at < text.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 63;
    labels.push(text.slice(at, at + length));
    at += length;
  }
  return labels;
}

const encodings = fc.constantFrom(...Object.keys(ENCODERS));
const lengths = fc.array(fc.integer({ min: 1, max: 63 }), { minLength: 1, maxLength: 5 });

describe('a registered secret', () => {
  test('is found in one name, however it is encoded, wrapped and cut', () => {
    fc.assert(
      fc.property(randomText(20, 40), encodings, lengths, randomText(0, 7), randomText(0, 7), (secret, encoding, cuts, before, after) => {
        const text = ENCODERS[encoding]?.(Buffer.from(before + secret + after)) ?? '';
        const search = new Asker(watching([secret])).ask('notes.example', cutBy(text, cuts));
        expect(search.found).toEqual({ kind: 'secret', name: 's0' });
      }),
      { numRuns: 500 },
    );
  });

  test('is found over consecutive names of one parent, one label of any length each', () => {
    fc.assert(
      fc.property(randomText(24, 40), encodings, lengths, (secret, encoding, cuts) => {
        const text = ENCODERS[encoding]?.(Buffer.from(secret)) ?? '';
        const asker = new Asker(watching([secret]));
        const labels = cutBy(text, cuts);
        // The same name twice in a row is answered from the cache: the attacker does not see it either.
        fc.pre(labels.every((label, at) => label !== labels[at - 1]));
        const found = labels.some((label) => asker.ask('notes.example', [label]).found !== null);
        expect(found).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('is not found in other random names, encoded or not', () => {
    const secrets = fc.sample(randomText(20, 40), { numRuns: 200, seed: 1 });
    const matcher = watching(secrets);
    fc.assert(
      fc.property(fc.array(fc.tuple(randomText(8, 60), encodings, lengths), { maxLength: 30 }), (names) => {
        const asker = new Asker(matcher);
        for (const [text, encoding, cuts] of names) {
          const labels = cutBy(ENCODERS[encoding]?.(Buffer.from(`other ${text}`)) ?? '', cuts);
          const { found } = asker.ask('notes.example', labels);
          // Random base64 in lower case looks like some issuer's key once in ten thousand times; it never is a registered one.
          expect(found?.kind).not.toBe('secret');
        }
      }),
      { numRuns: 200 },
    );
  });
});

test('any octets in any labels are searched without a failure', () => {
  const matcher = watching(['q7Vd0xKp3ZrT9mWc2LfY8bNh5GjS1aEu']);
  const label = fc.uint8Array({ minLength: 1, maxLength: 63 }).map((octets) => String.fromCharCode(...octets));
  fc.assert(
    fc.property(fc.array(fc.array(label, { maxLength: 4 }), { maxLength: 20 }), (names) => {
      const asker = new Asker(matcher);
      for (const labels of names) asker.ask('notes.example', labels);
    }),
  );
});
