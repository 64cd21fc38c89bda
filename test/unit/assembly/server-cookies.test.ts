/** Where the secrets of server cookies come from, and that they change. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ServerCookieSecrets, secretFileProblem } from '../../../src/assembly/server-cookies.ts';
import { checkServerCookie, makeServerCookie } from '../../../src/wire/server-cookie.ts';
import { sipKey } from '../../../src/wire/siphash.ts';
import { temporaryFolder } from '../storage/temporary-folder.ts';

const DAY = 86_400;
const OWN_KEY = new Uint8Array(32).fill(7);
const OWN = { enabled: true, secretFile: null };
const A = '000102030405060708090a0b0c0d0e0f';
const B = 'ffeeddccbbaa99887766554433221100';
const keyOf = (hex: string) => sipKey(Buffer.from(hex, 'hex'));

function file(content: string): { enabled: boolean; secretFile: string } {
  const path = join(temporaryFolder(), 'secret');
  writeFileSync(path, content);
  return { enabled: true, secretFile: path };
}

test('cookies that are off have no secret', () => {
  expect(new ServerCookieSecrets(OWN_KEY).of({ enabled: false, secretFile: null })).toBeNull();
});

test('its own secret changes every day, and a cookie made before midnight is accepted after it', () => {
  const secretsAt = new ServerCookieSecrets(OWN_KEY).of(OWN);
  if (secretsAt === null) throw new Error('cookies are on');
  const client = new Uint8Array(8).fill(1);
  const made = makeServerCookie(client, '192.0.2.1', DAY - 60, secretsAt(DAY - 60)[0]);
  const check = (nowSeconds: number) => checkServerCookie({ client, server: made }, '192.0.2.1', nowSeconds, secretsAt(nowSeconds));
  expect(check(DAY - 1)).toBe('valid');
  expect(check(DAY + 60)).toBe('renew');
  expect(secretsAt(DAY)[0]).not.toEqual(secretsAt(DAY - 1)[0]);
  expect(secretsAt(DAY)[1]).toEqual(secretsAt(DAY - 1)[0]);
});

test('its own secret outlives a restart and is that of its state folder alone', () => {
  const at = (key: Uint8Array) => new ServerCookieSecrets(key).of(OWN)?.(5 * DAY);
  expect(at(OWN_KEY)).toEqual(at(OWN_KEY));
  expect(at(OWN_KEY)).not.toEqual(at(new Uint8Array(32).fill(8)));
});

test('the secrets of a file are used as they stand, the first one to make cookies', () => {
  const config = file(`${A}\n${B}\n`);
  expect(secretFileProblem(config)).toBeNull();
  expect(new ServerCookieSecrets(OWN_KEY).of(config)?.(0)).toEqual([keyOf(A), keyOf(B)]);
});

test('a file is read with the config that names it: a changed one counts from the next load', () => {
  const secrets = new ServerCookieSecrets(OWN_KEY);
  const config = file(A);
  expect(secrets.of(config)?.(0)).toEqual([keyOf(A)]);
  writeFileSync(config.secretFile, `${B}\n${A}`);
  expect(secrets.of(config)?.(0)).toEqual([keyOf(A)]);
  expect(secrets.of({ ...config })?.(0)).toEqual([keyOf(B), keyOf(A)]);
});

test.each([
  ['nothing', ''],
  ['too few digits', A.slice(1)],
  ['too many digits', `${A}0`],
  ['no hexadecimal digits', 'g'.repeat(32)],
  ['something else on its second line', `${A}\nx`],
  ['four secrets', `${A}\n${B}\n${A}\n${B}`],
])('a file with %s is told, without its content', (_, content) => {
  const problem = secretFileProblem(file(content));
  expect(problem).toContain('must hold one to 3 lines of 32 hexadecimal digits');
  if (content !== '') expect(problem).not.toContain(content.slice(0, 8));
});

test('a file that is not there is told', () => {
  expect(secretFileProblem({ enabled: true, secretFile: '/nowhere/secret' })).toContain('/nowhere/secret cannot be read');
  expect(() => new ServerCookieSecrets(OWN_KEY).of({ enabled: true, secretFile: '/nowhere/secret' })).toThrow();
});
