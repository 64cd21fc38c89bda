/** Imports a fixture or a text and checks what holds for every result: Kennel accepts it, it observes, and it holds no secret. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/parse-config.ts';
import type { Imported, ImportResult } from '../../../src/import/draft.ts';

export function fixture(name: string): string {
  return readFileSync(new URL(`../../../fixtures/import/${name}`, import.meta.url), 'utf8');
}

type Checked = Imported & { readonly parsed: Config; noteAt(path: string): string | undefined };

/** Fails the test unless the result is a config. */
export function accepted(result: ImportResult): Checked {
  if (result.kind === 'failed') expect.fail(result.message);
  const parsed = parseConfig(result.yaml, 'imported.yaml', { resolvConf: { nameservers: ['192.0.2.1'], search: [] }, stateFolder: '/s' });
  if (!parsed.ok) expect.fail(JSON.stringify(parsed.errors));
  expect(parsed.config.mode).toBe('observe');
  return { ...result, parsed: parsed.config, noteAt: (path) => result.notes.find((note) => note.path === path)?.message };
}

/** Of a file in which every secret says `never-copied`. */
export function imported(result: ImportResult): Checked {
  expect(JSON.stringify(result)).not.toContain('never-copied');
  return accepted(result);
}
