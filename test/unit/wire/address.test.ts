import { expect, test } from 'vitest';
import { addressAndPort, bracketed } from '../../../src/wire/address.ts';

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '[::1]'],
])('%s stands as %s in a URL and before a port', (address, shown) => {
  expect(bracketed(address)).toBe(shown);
  expect(addressAndPort({ address, port: 53 })).toBe(`${shown}:53`);
});
