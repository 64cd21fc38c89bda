/**
 * Reads the files that the config names under `secrets`. A value goes from here into its hashes and nowhere else: no message holds any
 * of it.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { MAX_SECRET_OCTETS } from '../../scoring/secrets/watch-secret.ts';
import type { NewSecret } from './registered-secrets.ts';

/** White space around the value is allowed for. */
const MAX_FILE_OCTETS = MAX_SECRET_OCTETS + 256;

/** The secrets whose files a config names, or what is wrong with the first that cannot be read. */
export function readConfigured(
  secrets: readonly (Pick<NewSecret, 'name' | 'kind'> & { readonly file: string })[],
): readonly NewSecret[] | { readonly problem: string } {
  const read: NewSecret[] = [];
  for (const { name, kind, file } of secrets) {
    const secret = readSecret(file);
    if ('problem' in secret) return { problem: `the secret ${name}: ${secret.problem}` };
    read.push({ name, kind, value: secret.value });
  }
  return read;
}

/** The file's octets as a string of one char each, or what is wrong. */
export function readSecret(path: string): { readonly value: string } | { readonly problem: string } {
  try {
    const file = openSync(path, 'r');
    try {
      if (!fstatSync(file).isFile()) return { problem: `${path} is not a file` };
      const octets = Buffer.alloc(MAX_FILE_OCTETS + 1);
      const length = readSync(file, octets);
      if (length > MAX_FILE_OCTETS)
        return { problem: `${path} is longer than ${MAX_SECRET_OCTETS} octets: name a file that holds the secret alone` };
      return { value: octets.toString('latin1', 0, length) };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return { problem: `${path} cannot be read (${code})` };
  }
}
