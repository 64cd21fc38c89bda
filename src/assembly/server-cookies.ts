/**
 * The secrets of server cookies: those of the config's file, or Kennel's own, which follow from a key in the state folder and change
 * every day without anything being written. What cookies prove is `pipeline/source-proof.ts`.
 */
import { hkdfSync } from 'node:crypto';
import type { ServerCookiesConfig } from '../config/config.ts';
import type { CookieSecrets } from '../pipeline/source-proof.ts';
import { readSecret } from '../secrets/read-secret.ts';
import { SIP_KEY_OCTETS, type SipKey, sipKey } from '../wire/siphash.ts';

/** RFC 7873 §7.1 asks for less than 36 days. A cookie lives for an hour, so the secret of the day before is enough beside today's. */
const OWN_SECRET_SECONDS = 86_400;

/** The one in use, and as many more as a rollover over several machines takes (RFC 9018 §5). */
const MAX_SECRETS_IN_FILE = 3;

type Secrets = readonly [SipKey, ...SipKey[]];

export class ServerCookieSecrets {
  readonly #ownKey: Uint8Array;
  /** Read once for a config that is loaded, and again with the next one: a change of the file takes effect with a reload. */
  readonly #read = new WeakMap<ServerCookiesConfig, CookieSecrets>();

  /** `ownKey`: at least 16 random octets that outlive a restart. */
  constructor(ownKey: Uint8Array) {
    this.#ownKey = ownKey;
  }

  /** Null where cookies are off. Throws when the file cannot be read: `secretFileProblem` tells before. */
  of(config: ServerCookiesConfig): CookieSecrets | null {
    if (!config.enabled) return null;
    const known = this.#read.get(config);
    if (known !== undefined) return known;
    const secrets = config.secretFile === null ? ownSecrets(this.#ownKey) : secretsOfFile(config.secretFile);
    this.#read.set(config, secrets);
    return secrets;
  }
}

/** What is wrong with the file a config names; null when nothing is, or it names none. */
export function secretFileProblem({ enabled, secretFile }: ServerCookiesConfig): string | null {
  if (!enabled || secretFile === null) return null;
  const read = readSecretFile(secretFile);
  return 'problem' in read ? `serverCookies: ${read.problem}` : null;
}

function secretsOfFile(path: string): CookieSecrets {
  const read = readSecretFile(path);
  if ('problem' in read) throw new Error(read.problem);
  return () => read.secrets;
}

/** A line per secret: the one that makes cookies, then others that are accepted. */
function readSecretFile(path: string): { readonly secrets: Secrets } | { readonly problem: string } {
  const read = readSecret(path);
  if ('problem' in read) return read;
  const lines = read.value.trim().split(/\s*\n\s*/);
  const shape = new RegExp(`^[0-9a-f]{${SIP_KEY_OCTETS * 2}}$`, 'i');
  const [first, ...others] = lines.map((line) => (shape.test(line) ? sipKey(Buffer.from(line, 'hex')) : null));
  if (first === null || first === undefined || others.includes(null) || lines.length > MAX_SECRETS_IN_FILE) {
    return { problem: `${path} must hold one to ${MAX_SECRETS_IN_FILE} lines of ${SIP_KEY_OCTETS * 2} hexadecimal digits each` };
  }
  return { secrets: [first, ...others.filter((secret) => secret !== null)] };
}

function ownSecrets(key: Uint8Array): CookieSecrets {
  let period = Number.NaN;
  let secrets: Secrets | null = null;
  return (nowSeconds) => {
    const now = Math.floor(nowSeconds / OWN_SECRET_SECONDS);
    if (secrets === null || now !== period) {
      secrets = [secretOfPeriod(key, now), secretOfPeriod(key, now - 1)];
      period = now;
    }
    return secrets;
  };
}

function secretOfPeriod(key: Uint8Array, period: number): SipKey {
  return sipKey(new Uint8Array(hkdfSync('sha256', key, '', `kennel server cookie ${period}`, SIP_KEY_OCTETS)));
}
