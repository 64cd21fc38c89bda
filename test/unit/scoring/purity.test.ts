/** The scoring library is pure: it imports nothing but itself and reads no clock and no randomness. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const FOLDER = new URL('../../../scoring/', import.meta.url).pathname;

function sources(): [name: string, text: string][] {
  return readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')]);
}

describe('the scoring library', () => {
  test.each(sources())('%s imports only scoring files and reads no clock, randomness or environment', (_, text) => {
    for (const [, from] of text.matchAll(/from '([^']+)'/g)) expect(from).toMatch(/^\.\.?\/(?!\.\.\/src)/);
    expect(text).not.toMatch(/\b(Date\.now|new Date|Math\.random|performance\.now|process\.|setTimeout|import\()/);
  });
});
