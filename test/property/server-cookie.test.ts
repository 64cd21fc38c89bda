/** Server cookies over arbitrary clients, addresses, secrets and forgeries. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { octetsToAddress } from '../../src/wire/address.ts';
import { decodeQuery } from '../../src/wire/query-decode.ts';
import { checkServerCookie, encodeCookieOption, makeServerCookie, readCookie } from '../../src/wire/server-cookie.ts';
import { sipKey } from '../../src/wire/siphash.ts';
import { header, message, name, opt, question } from '../packet-parts.ts';

const HOUR = 3_600;

const client = fc.uint8Array({ minLength: 8, maxLength: 8 });
const address = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map((octets) => octetsToAddress(octets));
const secret = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(sipKey);
const moment = fc.integer({ min: 0, max: 2 ** 33 });

test('a cookie is good where and for whom it was made, for an hour, and comes through an answer and a query unchanged', () => {
  fc.assert(
    fc.property(client, address, moment, secret, fc.integer({ min: 0, max: HOUR }), (theirs, host, madeAt, key, age) => {
      const made = makeServerCookie(theirs, host, madeAt, key);
      const options = encodeCookieOption(theirs, made);
      const decoded = decodeQuery(message(header({ additional: 1 }), question(name('a')), opt({ options })));
      const cookie = decoded.kind === 'query' ? decoded.query.edns?.cookie : null;
      expect(cookie).toEqual({ client: theirs, server: made });
      expect(checkServerCookie({ client: theirs, server: made }, host, madeAt + age, [key])).not.toBe('invalid');
      expect(checkServerCookie({ client: theirs, server: made }, host, madeAt + HOUR + 1, [key])).toBe('invalid');
    }),
  );
});

test('what was not made for a client proves nothing: other octets, another address, another secret', () => {
  fc.assert(
    fc.property(
      client,
      address,
      address,
      secret,
      secret,
      fc.uint8Array({ minLength: 8, maxLength: 32 }),
      (theirs, host, other, key, wrong, guess) => {
        const made = { client: theirs, server: makeServerCookie(theirs, host, 1_000, key) };
        fc.pre(other !== host && wrong.join() !== key.join());
        expect(checkServerCookie(made, other, 1_000, [key])).toBe('invalid');
        expect(checkServerCookie(made, host, 1_000, [wrong])).toBe('invalid');
        expect(checkServerCookie({ client: theirs, server: guess }, host, 1_000, [key])).toBe('invalid');
      },
    ),
  );
});

test('a cookie option is read where its length allows one, and nowhere else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (value) => {
      const wellFormed = value.length === 8 || (value.length >= 16 && value.length <= 40);
      expect(readCookie(value) !== null).toBe(wellFormed);
    }),
  );
});
