/**
 * The secrets and canaries of one running Kennel: those of the config, which live in memory alone, and those added while it runs, which
 * are kept in the state folder. Owns who is registered; finding them in names is `scoring/secrets/`.
 */
import { SecretMatcher } from '../../scoring/secrets/secret-matcher.ts';
import { type SecretKind, type WatchedSecret, watchSecret } from '../../scoring/secrets/watch-secret.ts';
import type { HashKey } from '../../scoring/sketch/keyed-hash.ts';
import { readSecretFile, type StoredSecret, writeSecretFile } from './secret-file.ts';

/** A secret to register. `value`: an octet string (one char per octet); surrounding white space does not belong to it. */
export interface NewSecret {
  readonly name: string;
  readonly kind: SecretKind;
  readonly value: string;
}

export interface RegisteredSecret {
  readonly name: string;
  readonly kind: SecretKind;
  readonly from: 'config' | 'state';
  /** Wall time; of those in the config, when they were read. */
  readonly addedAtMs: number;
  readonly actor: string;
}

export type SecretChange =
  | { readonly kind: 'done'; readonly secret: RegisteredSecret }
  /** The secret cannot be watched, or its name is none. */
  | { readonly kind: 'invalid'; readonly detail: string }
  /** The name is taken, too much is registered already, or it belongs to the config. */
  | { readonly kind: 'conflict'; readonly detail: string }
  | { readonly kind: 'not-found' }
  /** It could not be written: nothing has changed. */
  | { readonly kind: 'failed'; readonly detail: string };

export interface RegisteredSecrets {
  readonly matcher: SecretMatcher;
  list(): readonly RegisteredSecret[];
  /** On disk when it returns `done`. */
  add(secret: NewSecret, actor: string): SecretChange;
  remove(name: string, actor: string): SecretChange;
  /** Hashes what another config names, to be watched for in place of what the present one names; changes nothing yet. */
  prepareConfigured(fromConfig: readonly NewSecret[]): PreparedSecrets;
}

export type PreparedSecrets =
  /** `commit` watches for the new ones from then on, and cannot fail. */
  { readonly kind: 'prepared'; readonly commit: () => void } | { readonly kind: 'error'; readonly message: string };

export interface RegisteredSecretsOptions {
  /** `secrets.json` of the state folder. */
  readonly file: string;
  readonly key: HashKey;
  readonly fromConfig: readonly NewSecret[];
  readonly wallMs: () => number;
  readonly onChange?: (change: { readonly secret: string; readonly change: 'added' | 'removed'; readonly actor: string }) => void;
}

export type OpenSecrets =
  | { readonly kind: 'open'; readonly secrets: RegisteredSecrets }
  | { readonly kind: 'error'; readonly message: string };

const MAX_SECRETS = 1_000;
/** All hashes together: about 25 MB of tables. A random secret of 40 characters has some 450. */
const MAX_SHINGLES = 1_000_000;
/** Who registered what the config names. */
const CONFIG_ACTOR = 'config';
const NAME_FORM = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** The rule for names, in words. */
export const SECRET_NAME_RULE = 'letters, digits, dots, dashes and underscores, 63 at most, a letter or digit first';

export function isSecretName(name: string): boolean {
  return NAME_FORM.test(name);
}

/** Watches for what the config names and for nothing else, under a key of this process: for runs that keep no state. */
export function watchConfigured(fromConfig: readonly NewSecret[], key: HashKey): SecretMatcher | { readonly problem: string } {
  const watched: WatchedSecret[] = [];
  for (const { name, kind, value } of fromConfig) {
    const watching = watchSecret(name, kind, trimmed(value), key);
    if (watching.kind === 'refused') return { problem: `the secret ${name} ${watching.problem}` };
    watched.push(watching.secret);
  }
  const matcher = new SecretMatcher(key);
  matcher.watch(watched);
  return matcher;
}

/** Hashes what the config names and reads what is kept; the values are forgotten on return. */
export function openRegisteredSecrets(options: RegisteredSecretsOptions): OpenSecrets {
  const { file, key, fromConfig } = options;
  const configured = hashConfigured(fromConfig, options);
  if ('problem' in configured) return { kind: 'error', message: configured.problem };
  const read = readSecretFile(file, key);
  if (read.kind === 'unusable') return { kind: 'error', message: read.message };
  const tooMuch = objection([...configured, ...read.secrets]);
  if (tooMuch !== null) return { kind: 'error', message: tooMuch };
  return { kind: 'open', secrets: new SecretRegister(options, configured, read.secrets) };
}

function hashConfigured(
  fromConfig: readonly NewSecret[],
  { key, wallMs }: Pick<RegisteredSecretsOptions, 'key' | 'wallMs'>,
): readonly StoredSecret[] | { readonly problem: string } {
  const configured: StoredSecret[] = [];
  for (const { name, kind, value } of fromConfig) {
    const watching = watchSecret(name, kind, trimmed(value), key);
    if (watching.kind === 'refused') return { problem: `the secret ${name} ${watching.problem}` };
    configured.push({ secret: watching.secret, addedAtMs: wallMs(), actor: CONFIG_ACTOR });
  }
  return configured;
}

class SecretRegister implements RegisteredSecrets {
  readonly matcher: SecretMatcher;
  readonly #options: RegisteredSecretsOptions;
  #configured: readonly StoredSecret[];
  #stored: readonly StoredSecret[];

  constructor(options: RegisteredSecretsOptions, configured: readonly StoredSecret[], stored: readonly StoredSecret[]) {
    this.matcher = new SecretMatcher(options.key);
    this.#options = { ...options, fromConfig: [] };
    this.#configured = configured;
    this.#stored = stored;
    this.#watch();
  }

  list(): readonly RegisteredSecret[] {
    return [...this.#configured.map((one) => registered(one, 'config')), ...this.#stored.map((one) => registered(one, 'state'))];
  }

  add({ name, kind, value }: NewSecret, actor: string): SecretChange {
    if (!isSecretName(name)) return { kind: 'invalid', detail: `the name of a secret is ${SECRET_NAME_RULE}` };
    if (this.list().some((known) => known.name === name)) {
      return { kind: 'conflict', detail: `there is a secret ${name} already: remove it first, or choose another name` };
    }
    const watching = watchSecret(name, kind, trimmed(value), this.#options.key);
    if (watching.kind === 'refused') return { kind: 'invalid', detail: `the secret ${watching.problem}` };
    const added: StoredSecret = { secret: watching.secret, addedAtMs: this.#options.wallMs(), actor };
    const stored = [...this.#stored, added];
    const tooMuch = objection([...this.#configured, ...stored]);
    if (tooMuch !== null) return { kind: 'conflict', detail: tooMuch };
    return this.#keep(stored, added, 'added', actor);
  }

  remove(name: string, actor: string): SecretChange {
    const removed = this.#stored.find(({ secret }) => secret.name === name);
    if (removed !== undefined) {
      return this.#keep(
        this.#stored.filter((one) => one !== removed),
        removed,
        'removed',
        actor,
      );
    }
    const inConfig = this.#configured.some(({ secret }) => secret.name === name);
    return inConfig ? { kind: 'conflict', detail: `${name} stands in the config: remove it there and reload` } : { kind: 'not-found' };
  }

  prepareConfigured(fromConfig: readonly NewSecret[]): PreparedSecrets {
    const configured = hashConfigured(fromConfig, this.#options);
    if ('problem' in configured) return { kind: 'error', message: configured.problem };
    const tooMuch = objection([...configured, ...this.#stored]);
    if (tooMuch !== null) return { kind: 'error', message: tooMuch };
    const commit = (): void => {
      this.#configured = configured;
      this.#watch();
    };
    return { kind: 'prepared', commit };
  }

  #keep(stored: readonly StoredSecret[], changed: StoredSecret, change: 'added' | 'removed', actor: string): SecretChange {
    try {
      writeSecretFile(this.#options.file, this.#options.key, stored);
    } catch (error) {
      return { kind: 'failed', detail: error instanceof Error ? error.message : String(error) };
    }
    this.#stored = stored;
    this.#watch();
    this.#options.onChange?.({ secret: changed.secret.name, change, actor });
    return { kind: 'done', secret: registered(changed, 'state') };
  }

  #watch(): void {
    this.matcher.watch([...this.#configured, ...this.#stored].map(({ secret }) => secret));
  }
}

function registered({ secret, addedAtMs, actor }: StoredSecret, from: RegisteredSecret['from']): RegisteredSecret {
  return { name: secret.name, kind: secret.kind, from, addedAtMs, actor };
}

/** Why so many cannot be watched, or null. */
function objection(all: readonly { readonly secret: WatchedSecret }[]): string | null {
  if (all.length > MAX_SECRETS) return `more than ${MAX_SECRETS} secrets cannot be watched`;
  const shingles = all.reduce((sum, { secret }) => sum + secret.hashes.length / 2, 0);
  return shingles > MAX_SHINGLES ? 'the secrets are too long to be watched together: register a part of the longest' : null;
}

function trimmed(value: string): string {
  return value.replace(/^[\s\0]+|[\s\0]+$/g, '');
}
