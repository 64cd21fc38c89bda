import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAuthorised, loadOrCreateToken, readToken, tokenPath } from '../../../src/control/token.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kennel-token-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const octets = (fill: number) => (count: number) => new Uint8Array(count).fill(fill);

describe('the control token', () => {
  test('is made at the first start, for its owner alone, and nothing else is left in the folder', () => {
    const made = loadOrCreateToken(folder, octets(7));
    expect(made).toMatchObject({ kind: 'token', path: tokenPath(folder), readableByOthers: false });
    expect(statSync(tokenPath(folder)).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['control-token']);
  });

  test('stays the same at the next start', () => {
    const first = loadOrCreateToken(folder, octets(7));
    const second = loadOrCreateToken(folder, octets(9));
    expect(second).toEqual(first);
  });

  test('is made although an earlier start died half-way', () => {
    writeFileSync(`${tokenPath(folder)}.${process.pid}`, 'half');
    expect(loadOrCreateToken(folder, octets(7))).toMatchObject({ kind: 'token' });
  });

  test('says when others may read it', () => {
    loadOrCreateToken(folder, octets(7));
    chmodSync(tokenPath(folder), 0o640);
    expect(loadOrCreateToken(folder, octets(9))).toMatchObject({ kind: 'token', readableByOthers: true });
  });

  test.each([
    ['empty', ''],
    ['blank', ' \n'],
    ['cut short', 'abc'],
    ['binary', '\u0000'.repeat(40)],
  ])('an %s file is an error and is not replaced', (_what, content) => {
    writeFileSync(tokenPath(folder), content);
    expect(loadOrCreateToken(folder, octets(7))).toMatchObject({ kind: 'token-error' });
    expect(readFileSync(tokenPath(folder), 'utf8')).toBe(content);
  });

  test('a folder that is not there is an error that names the file', () => {
    const missing = join(folder, 'missing');
    const result = loadOrCreateToken(missing, octets(7));
    expect(result.kind === 'token-error' && result.message).toContain(tokenPath(missing));
    expect(existsSync(missing)).toBe(false);
    expect(readToken(tokenPath(missing))).toMatchObject({ kind: 'token-error' });
  });
});

describe('isAuthorised', () => {
  const token = 'a'.repeat(43);
  test.each([
    ['Bearer with the token', `Bearer ${token}`, true],
    ['the scheme in any case (RFC 9110 §11.1)', `bearer ${token}`, true],
    ['no header', undefined, false],
    ['an empty token', 'Bearer ', false],
    ['another token of the same length', `Bearer ${'b'.repeat(43)}`, false],
    ['a prefix of the token', `Bearer ${'a'.repeat(42)}`, false],
    ['the token and more', `Bearer ${token} ${token}`, false],
    ['another scheme', `Basic ${token}`, false],
  ])('%s', (_what, header, expected) => {
    expect(isAuthorised(header, token)).toBe(expected);
  });

  test('an empty header never matches an empty token', () => {
    expect(isAuthorised('Bearer ', '')).toBe(false);
  });
});
