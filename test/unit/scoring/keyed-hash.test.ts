/** HalfSipHash against the reference implementation's published vectors. */
import { describe, expect, test } from 'vitest';
import { keyedHash } from '../../../scoring/sketch/keyed-hash.ts';

/** Key 00 01 … 07. */
const REFERENCE_KEY = { low: 0x03020100, high: 0x07060504 };

describe('the keyed hash', () => {
  test('gives the reference value of the empty input', () => {
    expect(keyedHash('', REFERENCE_KEY)).toEqual({ low: 0x591f8d21, high: 0xc83cb8b9 });
  });

  test('changes with the key, with the length and with every octet', () => {
    const inputs = ['', '\0', '\0\0', '\0\0\0\0', 'www', 'wwx', 'www.example', 'www.exampld', 'a'.repeat(255), 'a'.repeat(254)];
    const hashes = new Set<string>();
    for (const key of [REFERENCE_KEY, { low: 1, high: 2 }]) {
      for (const text of inputs) hashes.add(JSON.stringify(keyedHash(text, key)));
    }
    expect(hashes.size).toBe(2 * inputs.length);
  });
});
