/** The forms of well-known keys: found in every encoding before they leave, and not in names that look a little like them. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { SecretMatcher } from '../../../scoring/secrets/secret-matcher.ts';
import { seededRandom } from '../../lab/seeded-random.ts';
import { Asker, cut, ENCODERS } from './searched-name.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const random = seededRandom(7);

function characters(count: number, alphabet = LETTERS): string {
  return Array.from({ length: count }, () => alphabet.charAt(random.below(alphabet.length))).join('');
}

/** Made up, in the form their issuers document. */
const KEYS: readonly (readonly [shape: string, key: string])[] = [
  ['github-token', `ghp_${characters(32)}`],
  ['github-token', `github_pat_${characters(22)}_${characters(59)}`],
  ['aws-access-key', `AKIA${characters(16, BASE32)}`],
  ['aws-access-key', `ASIA${characters(16, BASE32)}:${characters(40)}`],
  ['gitlab-token', `glpat-${characters(20)}`],
  ['slack-token', `xoxb-${characters(12, '0123456789')}-${characters(13, '0123456789')}-${characters(24)}`],
  ['openai-key', `sk-proj-${characters(48)}`],
  ['openai-key', `sk-${characters(20)}T3BlbkFJ${characters(20)}`],
  ['anthropic-key', `sk-ant-api03-${characters(40)}`],
  ['google-api-key', `AIza${characters(35)}`],
  ['npm-token', `npm_${characters(36)}`],
  ['hugging-face-token', `hf_${characters(34)}`],
  ['stripe-key', `sk_live_${characters(24)}`],
  ['jwt', `eyJhbGciOiJIUzI1NiJ9${characters(20)}`],
];

describe.each(KEYS)('%s: %s', (shape, key) => {
  test.each(Object.keys(ENCODERS))('%s in one query', (encoding) => {
    const text = ENCODERS[encoding]?.(Buffer.from(key)) ?? '';
    expect(new Asker(new SecretMatcher()).ask('notes.example', cut(text, 63)).found).toEqual({ kind: 'key-shape', name: shape });
  });

  test.each(['hex', 'base32', 'base64'])('%s behind any number of other octets', (encoding) => {
    for (let before = 0; before < 6; before++) {
      const text = ENCODERS[encoding]?.(Buffer.from(`${'x='.repeat(5).slice(0, before)}${key}`)) ?? '';
      expect(new Asker(new SecretMatcher()).ask('notes.example', cut(text, 40)).found, `after ${before}`).toEqual({
        kind: 'key-shape',
        name: shape,
      });
    }
  });
});

describe('a key cut over consecutive names', () => {
  const KEY = `ghp_${characters(36)}`;
  const chunks = (encoding: string): string[] => cut(ENCODERS[encoding]?.(Buffer.from(KEY)) ?? '', 8);

  test.each(['as it is', 'hex', 'base32', 'base64'])('%s: is found before half of it is asked for', (encoding) => {
    const asker = new Asker(new SecretMatcher());
    const pieces = chunks(encoding);
    const at = pieces.findIndex((piece) => asker.ask('notes.example', [piece]).found !== null);
    expect(at).toBeGreaterThanOrEqual(0);
    expect((at + 1) / pieces.length).toBeLessThanOrEqual(0.7);
  });

  test('with a counter before or behind every piece, and AAAA after each A', () => {
    for (const labelsOf of [(piece: string, n: number) => [piece, `${n}`], (piece: string, n: number) => [`${n}`, piece]]) {
      const asker = new Asker(new SecretMatcher());
      const found = chunks('hex').some((piece, n) => {
        asker.ask('notes.example', labelsOf(piece, n));
        return asker.ask('notes.example', labelsOf(piece, n)).found !== null;
      });
      expect(found).toBe(true);
    }
  });
});

describe('what only looks a little like a key', () => {
  test.each([
    ['slovakiatravelinformation'],
    ['asiapacifictourismboard'],
    ['www', 'asiacontemporaryarts'],
    ['asia2025conferenceonline'],
    ['sk-project-landing-page'],
    ['npm', 'registry'],
    ['ghp', 'pages'],
    ['aizawa-photography-studio'],
  ])('%s', (...labels) => {
    expect(new Asker(new SecretMatcher()).ask('notes.example', labels).found).toBeNull();
  });
});

test('no popular domain and no host below one has the form of a key', () => {
  const list = new URL('../../../blocklists/popular-domains.txt.gz', import.meta.url);
  const names = gunzipSync(readFileSync(list))
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(names.length).toBeGreaterThan(10_000);
  const asker = new Asker(new SecretMatcher());
  const hits = names.filter((name) => {
    const labels = name.split('.');
    return asker.ask(labels.slice(-1).join('.'), labels.slice(0, -1)).found !== null;
  });
  expect(hits).toEqual([]);
});
