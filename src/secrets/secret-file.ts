/**
 * `secrets.json` in the state folder: the secrets that were registered with the running server, as keyed hashes. Readable by its owner
 * alone, replaced as a whole, so that a crash leaves the old one or the new one.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SecretKind, WatchedSecret } from '../../scoring/secrets/watch-secret.ts';
import { type HashKey, keyedHash } from '../../scoring/sketch/keyed-hash.ts';

export interface StoredSecret {
  readonly secret: WatchedSecret;
  /** Wall time. */
  readonly addedAtMs: number;
  readonly actor: string;
}

export type ReadSecrets =
  | { readonly kind: 'read'; readonly secrets: readonly StoredSecret[] }
  | { readonly kind: 'unusable'; readonly message: string };

const FORM = 1;

/** What is stored; an absent file holds nothing, a damaged one is never taken for an empty one. */
export function readSecretFile(path: string, key: HashKey): ReadSecrets {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { kind: 'read', secrets: [] };
    return unusable(path, error instanceof Error ? error.message : String(error));
  }
  let written: unknown;
  try {
    written = JSON.parse(text);
  } catch {
    return unusable(path, 'it is damaged');
  }
  if (!isRecord(written) || written['form'] !== FORM || !Array.isArray(written['secrets'])) return unusable(path, 'it is damaged');
  if (written['key'] !== keyMark(key)) return unusable(path, 'its hashes were made with the key of another state folder');
  const secrets = written['secrets'].map(storedSecret);
  const whole = secrets.filter((secret) => secret !== null);
  return whole.length === secrets.length ? { kind: 'read', secrets: whole } : unusable(path, 'it is damaged');
}

/** Returns when the file is on disk; throws when it cannot be written, and then the old one stands. */
export function writeSecretFile(path: string, key: HashKey, secrets: readonly StoredSecret[]): void {
  const written = secrets.map(({ secret, addedAtMs, actor }) => ({
    name: secret.name,
    kind: secret.kind,
    addedAt: new Date(addedAtMs).toISOString(),
    actor,
    neededBits: secret.neededBits,
    hashes: Buffer.from(secret.hashes.buffer, secret.hashes.byteOffset, secret.hashes.byteLength).toString('base64'),
  }));
  const partial = `${path}.${process.pid}`;
  try {
    rmSync(partial, { force: true });
    const file = openSync(partial, 'wx', 0o600);
    try {
      // Not `writeSync`, which may write a part on a disk that is nearly full and say nothing.
      writeFileSync(file, `${JSON.stringify({ form: FORM, key: keyMark(key), secrets: written })}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(partial, path);
    syncFolder(dirname(path));
  } finally {
    rmSync(partial, { force: true });
  }
}

/** The new name is on disk only when its folder is. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Tells one key from another without telling the key. */
function keyMark(key: HashKey): string {
  const { low, high } = keyedHash('secrets of this state folder', key);
  return low.toString(16).padStart(8, '0') + high.toString(16).padStart(8, '0');
}

function storedSecret(written: unknown): StoredSecret | null {
  if (!isRecord(written)) return null;
  const { name, kind, addedAt, actor, neededBits, hashes } = written;
  if (typeof name !== 'string' || typeof actor !== 'string' || typeof addedAt !== 'string' || typeof hashes !== 'string') return null;
  const octets = Buffer.from(hashes, 'base64');
  const addedAtMs = Date.parse(addedAt);
  if (!isKind(kind) || typeof neededBits !== 'number' || !(neededBits > 0) || Number.isNaN(addedAtMs)) return null;
  if (octets.length === 0 || octets.length % 8 !== 0) return null;
  const words = Uint32Array.from({ length: octets.length / 4 }, (_, index) => octets.readUInt32LE(index * 4));
  return { secret: { name, kind, neededBits, hashes: words }, addedAtMs, actor };
}

function isKind(kind: unknown): kind is SecretKind {
  return kind === 'secret' || kind === 'canary';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unusable(path: string, why: string): ReadSecrets {
  return { kind: 'unusable', message: `${path} cannot be used: ${why}. Remove it, start again, and register its secrets anew.` };
}
