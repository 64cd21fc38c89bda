/**
 * Rules of AdGuard Home for some clients only (`||a.b^$client=192.168.1.70`): reading the modifier, and gathering what is said of each
 * client or network. What a rule without the modifier means is `spellings.ts`.
 */
import { addressSet } from '../policy/address-set.ts';
import { prefixOf } from './spellings.ts';

export type ClientModifier =
  | { readonly kind: 'none' }
  /** `rule` without the modifier, for these names, addresses and networks as written. */
  | { readonly kind: 'clients'; readonly rule: string; readonly clients: readonly string[] }
  | { readonly kind: 'other'; readonly problem: string };

/** Longer is no rule about a name. */
const MAX_RULE_LENGTH = 1000;

/** Reads `$client=a|'b c'|…` off a rule. */
export function clientModifier(text: string): ClientModifier {
  if (text.length > MAX_RULE_LENGTH) return { kind: 'none' };
  const at = text.lastIndexOf('$');
  const modifiers = at < 0 ? [] : text.slice(at + 1).split(',');
  const written = modifiers.find((modifier) => modifier.startsWith('client='))?.slice('client='.length);
  if (written === undefined) return { kind: 'none' };
  const clients = written.split('|').map((client) => client.trim().replace(/^(['"])(.*)\1$/, '$2'));
  if (clients.some((client) => client === '' || /[~\\]/.test(client)))
    return { kind: 'other', problem: 'it is for all clients but some: write a policy for those before the others' };
  const others = modifiers.filter((modifier) => !modifier.startsWith('client='));
  return { kind: 'clients', rule: text.slice(0, at) + (others.length === 0 ? '' : `$${others.join(',')}`), clients };
}

/** Whether a rule is about every name there is, as `||*^` is. */
export function blocksEverything(rule: string): boolean {
  return /^(?:\|\|?)?\*\^?$/.test(rule) || rule === '/.*/';
}

export interface RulesOfClient {
  /** A prefix in canonical form. */
  readonly prefix: string;
  readonly name: string;
  readonly block: ReadonlySet<string>;
  readonly allow: ReadonlySet<string>;
  /** Only what is allowed. */
  readonly denies: boolean;
}

interface Gathered {
  readonly name: string;
  readonly block: Set<string>;
  readonly allow: Set<string>;
  denies: boolean;
}

/** Clients that have a name in the source, and their prefixes. */
export class NamedClients {
  readonly #prefixes = new Map<string, readonly string[]>();
  readonly #names = new Map<string, string>();

  set(name: string, prefixes: readonly string[]): void {
    this.#prefixes.set(name, prefixes);
    for (const prefix of prefixes) this.#names.set(prefix, name);
  }

  /** Who is meant by a name, an address or a network; without prefixes when nobody knows. */
  find(client: string): { readonly name: string; readonly prefixes: readonly string[] } {
    const ofName = this.#prefixes.get(client);
    if (ofName !== undefined) return { name: client, prefixes: ofName };
    const prefix = prefixOf(client);
    return prefix === null ? { name: client, prefixes: [] } : { name: this.#names.get(prefix) ?? client, prefixes: [prefix] };
  }
}

/** More would be read by nobody, and each stands in the policies of all narrower networks again. */
const MAX_CLIENTS = 200;
const MAX_PATTERNS = 2000;

type Meant = { readonly kind: 'everything' } | { readonly kind: 'block' | 'allow'; readonly patterns: readonly string[] };

export class ClientRules {
  readonly #byPrefix = new Map<string, Gathered>();
  #patterns = 0;

  /** `name`: what the policy of this prefix is to be called. False when there are too many. */
  add(prefix: string, name: string, rule: Meant): boolean {
    const known = this.#byPrefix.get(prefix);
    if (this.#patterns >= MAX_PATTERNS || (known === undefined && this.#byPrefix.size >= MAX_CLIENTS)) return false;
    const own = known ?? { name, block: new Set<string>(), allow: new Set<string>(), denies: false };
    this.#byPrefix.set(prefix, own);
    this.#patterns += 1;
    if (rule.kind === 'everything') own.denies = true;
    else for (const pattern of rule.patterns) own[rule.kind].add(pattern);
    return true;
  }

  /** The narrowest first, each with what is said of the networks it is in: the first policy that matches is the only one. */
  policies(): RulesOfClient[] {
    const bitsOf = (prefix: string) => Number(prefix.split('/')[1]);
    const prefixes = [...this.#byPrefix].sort(([one], [other]) => bitsOf(other) - bitsOf(one));
    return prefixes.map(([prefix, { name }]) => {
      const address = prefix.split('/')[0] ?? '';
      const around = prefixes.filter(([wider]) => bitsOf(wider) <= bitsOf(prefix) && addressSet([wider]).contains(address));
      const all = around.map(([, rules]) => rules);
      return {
        prefix,
        name,
        block: new Set(all.flatMap(({ block }) => [...block])),
        allow: new Set(all.flatMap(({ allow }) => [...allow])),
        denies: all.some(({ denies }) => denies),
      };
    });
  }
}
