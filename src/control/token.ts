/**
 * The control API's bearer token: made at the first start, kept in the state folder for its owner alone, compared in constant
 * time. Whoever can read the file may release a quarantine: an agent must not share the folder or the user.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type TokenResult =
  | {
      readonly kind: 'token';
      readonly token: string;
      readonly path: string;
      /** Someone but the owner may read the file: worth a warning (a mounted Kubernetes secret may be meant so). */
      readonly readableByOthers: boolean;
    }
  | { readonly kind: 'token-error'; readonly message: string };

const TOKEN_FILE = 'control-token';
const TOKEN_OCTETS = 32;
/** 128 bits in base64url: less is a truncated or hand-made file. */
const MIN_TOKEN_LENGTH = 22;
const TOKEN_FORM = /^[A-Za-z0-9_\-.~+/=]+$/;

export function tokenPath(stateFolder: string): string {
  return join(stateFolder, TOKEN_FILE);
}

/** The token of a state folder, made (0600) if there is none. An empty or damaged file is an error: it never means "no token". */
export function loadOrCreateToken(stateFolder: string, randomOctets: (count: number) => Uint8Array): TokenResult {
  const path = tokenPath(stateFolder);
  const partial = `${path}.${process.pid}`;
  try {
    rmSync(partial, { force: true });
    // Written aside and linked: a crash leaves no half token, and a token that is already there is never replaced.
    writeFileSync(partial, `${Buffer.from(randomOctets(TOKEN_OCTETS)).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
    linkSync(partial, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') return { kind: 'token-error', message: `cannot write the control token ${path}: ${textOf(error)}` };
  } finally {
    rmSync(partial, { force: true });
  }
  return readToken(path);
}

/** Reads a token file (the API's own, or the one a verb is given). */
export function readToken(path: string): TokenResult {
  try {
    const token = readFileSync(path, 'utf8').trim();
    if (token.length < MIN_TOKEN_LENGTH || !TOKEN_FORM.test(token)) {
      return { kind: 'token-error', message: `${path} holds no usable token: remove it and start Kennel again to get a new one` };
    }
    return { kind: 'token', token, path, readableByOthers: (statSync(path).mode & 0o077) !== 0 };
  } catch (error) {
    return { kind: 'token-error', message: `cannot read the control token ${path}: ${textOf(error)}` };
  }
}

/** Whether an Authorization header carries the token. Takes the same time whatever it holds. */
export function isAuthorised(header: string | undefined, token: string): boolean {
  const given = /^Bearer +(?<token>\S+)$/i.exec(header ?? '')?.groups?.['token'] ?? '';
  // Digests have one length, which is what timingSafeEqual needs; the length of the token shows in nothing else.
  return timingSafeEqual(digest(given), digest(token)) && given !== '';
}

function digest(text: string): Uint8Array {
  return createHash('sha256').update(text).digest();
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : null;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
