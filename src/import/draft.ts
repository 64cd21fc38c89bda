/**
 * A Kennel config in the making, with notes on what of the source has no counterpart. Owns the shape of the result and the promise that
 * it is a config: what Kennel would refuse is left out and noted. Where the values come from is each format's file.
 */
import { Document } from 'yaml';
import type { z } from 'zod';
import { parseConfig } from '../config/parse-config.ts';
import type { configSchema } from '../config/schema.ts';
import { plainText } from '../telemetry/plain-text.ts';
import { blocksEverything, ClientRules, clientModifier, NamedClients } from './client-rules.ts';
import type { Source } from './source.ts';
import { durationText, filterRule, prefixOf, upstreamOf } from './spellings.ts';

export type WrittenConfig = z.input<typeof configSchema>;
type WrittenPolicy = NonNullable<WrittenConfig['policies']>[number];
type WrittenRecord = NonNullable<WrittenConfig['records']>[number];
type WrittenList = NonNullable<WrittenConfig['lists']>[number];

/** What has no counterpart, or another meaning. `path` is the place in the source. */
export interface ImportNote {
  readonly path: string;
  readonly message: string;
}

export interface Imported {
  readonly kind: 'imported';
  readonly config: WrittenConfig;
  /** The config as a file, comments included. */
  readonly yaml: string;
  readonly notes: readonly ImportNote[];
}

export type ImportResult = Imported | { readonly kind: 'failed'; readonly message: string };

/** Rules stand in each policy again: with many clients the file would grow beyond what is read. */
const MAX_REPEATED_PATTERNS = 20_000;

/** A client, or network, that other lists apply to. */
export interface ClientPolicy {
  readonly name: string;
  readonly cidr: readonly string[];
  /** Names of lists; null: all. */
  readonly lists: readonly string[] | null;
  /** Whether the rules that were written by hand apply as well. */
  readonly rules: boolean;
}

/** More would be read by nobody; the result is still whole. */
const MAX_NOTES = 1000;
/** Rules that stand in the config itself; more belong into a file that `lists` names. */
const MAX_PATTERNS = 2000;
const MAX_RECORDS = 10_000;
const MAX_LISTS = 500;
const MAX_POLICIES = 200;
const OWNER = 'imported';

export class Draft {
  readonly config: WrittenConfig = { mode: 'observe' };
  readonly #from: string;
  readonly #notes: ImportNote[] = [];
  readonly #block = new Set<string>();
  readonly #allow = new Set<string>();
  readonly #records = new Map<string, WrittenRecord>();
  readonly #lists: WrittenList[] = [];
  readonly #policies: ClientPolicy[] = [];
  readonly #clientRules = new ClientRules();
  readonly #clients = new NamedClients();
  readonly #taken = new Set<string>();
  /** Lists of the policy for everybody; null: all. */
  everyonesLists: readonly string[] | null = null;
  /** Whether what was written by hand applies to everybody. */
  everyonesRules = true;
  /** Record types that nobody gets. */
  qtypes: readonly string[] | null = null;

  /** `from`: what the head of the result calls the source. */
  constructor(from: string) {
    this.#from = from;
  }

  note(path: string, message: string): void {
    if (this.#notes.length > MAX_NOTES) return;
    const text = this.#notes.length < MAX_NOTES ? message : 'there are more notes than these: take care of them and import again';
    this.#notes.push({ path: printable(path, 300), message: printable(text, 500) });
  }

  /** Servers in order; each that Kennel cannot ask is noted. */
  upstreams(written: readonly { readonly text: string; readonly path: string }[]): string[] {
    const found = written.flatMap(({ text, path }) => {
      const read = upstreamOf(text);
      if ('value' in read) return [read.value];
      this.note(path, `${quoted(text)} is left out: ${read.problem}`);
      return [];
    });
    return [...new Set(found)];
  }

  /** Servers for names without a dot. */
  serversOfUnqualified(upstreams: readonly string[], path: string): void {
    if (upstreams.length > 0) this.config.lanUpstreams = [...new Set([...(this.config.lanUpstreams ?? []), ...upstreams])];
    this.note(
      path,
      'servers for names without a dot have become lanUpstreams, which are asked for private reverse names and home.arpa as well',
    );
  }

  zone(name: string, upstreams: readonly string[], path: string): void {
    if (upstreams.length === 0) return;
    const zones = this.config.zones ?? {};
    if (Object.hasOwn(zones, name)) this.note(path, `${name} is written more than once; the first counts`);
    else if (name === '__proto__') this.note(path, 'is no name');
    else this.config.zones = { ...zones, [name]: [...upstreams] };
  }

  record(
    record: { readonly name: string; readonly type: WrittenRecord['type']; readonly value: string; readonly ttlSeconds?: number },
    path: string,
  ): void {
    const { name, type, value, ttlSeconds } = record;
    const key = JSON.stringify([name, type]);
    const known = this.#records.get(key);
    if (known === undefined && this.#records.size >= MAX_RECORDS)
      this.note(path, `is left out: more than ${MAX_RECORDS} records belong into a hosts file (hostsFiles)`);
    else if (known === undefined)
      this.#records.set(key, { name, type, value, ...(ttlSeconds === undefined ? {} : { ttl: durationText(ttlSeconds) }) });
    else if (type === 'CNAME') this.note(path, `${name} is an alias already; the first counts`);
    else if (![known.value].flat().includes(value)) known.value = [...[known.value].flat(), value];
  }

  /** A client that rules may call by its name. */
  client(name: string, ids: readonly string[]): void {
    this.#clients.set(
      name,
      ids.flatMap((id) => prefixOf(id) ?? []),
    );
  }

  /** A rule somebody wrote by hand. */
  rule(text: string, path: string): void {
    const modifier = clientModifier(text.trim());
    if (modifier.kind === 'other') this.note(path, `${quoted(text)} is left out: ${modifier.problem}`);
    else if (modifier.kind === 'clients') this.#ruleOfClients(modifier.rule, modifier.clients, path);
    else this.#ruleOfAll(text, path);
  }

  #ruleOfAll(text: string, path: string): void {
    const rule = filterRule(text);
    if (rule.kind === 'other') this.note(path, `${quoted(text)} is left out: ${rule.problem}`);
    else if (rule.kind === 'block' || rule.kind === 'allow') {
      this.#noteImportant(rule.kind, text, path);
      for (const pattern of rule.patterns) this.pattern(rule.kind, pattern, path);
    } else if (rule.kind === 'records') for (const name of rule.names) this.address(name, rule.address, path);
  }

  #noteImportant(kind: 'block' | 'allow', text: string, path: string): void {
    if (kind === 'block' && text.includes('$important'))
      this.note(path, `${quoted(text)}: an allow entry wins over every block entry here`);
  }

  /** A rule for some clients: it goes into policies of their own. */
  #ruleOfClients(text: string, clients: readonly string[], path: string): void {
    const rule = blocksEverything(text) ? ({ kind: 'everything' } as const) : filterRule(text);
    if (rule.kind === 'other' || rule.kind === 'nothing' || rule.kind === 'records') {
      const problem = rule.kind === 'other' ? rule.problem : 'records are the same for all clients';
      this.note(path, `${quoted(text)} is left out: ${problem}`);
      return;
    }
    if (rule.kind !== 'everything') this.#noteImportant(rule.kind, text, path);
    for (const client of clients) {
      const { name, prefixes } = this.#clients.find(client);
      if (prefixes.length === 0) this.note(path, `${quoted(text)} is left out for ${quoted(client)}: Kennel knows clients by IP address`);
      else if (!prefixes.every((prefix) => this.#clientRules.add(prefix, name, rule)))
        this.note(path, `${quoted(text)} is left out for ${quoted(client)}: there are too many rules for single clients`);
      else if (rule.kind === 'everything')
        this.note(path, `${quoted(client)} gets only what is allowed to it; its policy enforces, and so refuses what is inferred as well`);
    }
  }

  pattern(kind: 'block' | 'allow', pattern: string, path: string): void {
    const patterns = kind === 'block' ? this.#block : this.#allow;
    if (patterns.size < MAX_PATTERNS) patterns.add(pattern);
    else this.note(path, `${quoted(pattern)} is left out: more than ${MAX_PATTERNS} rules belong into a file that lists names`);
  }

  /** An address record, by the form of the address. */
  address(name: string, address: string, path: string, ttlSeconds?: number): void {
    const type = address.includes(':') ? 'AAAA' : 'A';
    this.record({ name, type, value: address, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) }, path);
  }

  /** Returns the name that policies know the list by; null when it is left out. */
  list(kind: 'block' | 'allow', called: string, place: string, path: string, refreshSeconds?: number): string | null {
    const isUrl = /^https?:\/\//i.test(place);
    if (!isUrl && !place.replace(/^file:\/\//, '').startsWith('/')) {
      this.note(path, `${quoted(place)} is left out: it is neither a URL nor an absolute path`);
      return null;
    }
    if (this.#lists.length >= MAX_LISTS) {
      this.note(path, `${quoted(place)} is left out: there are more than ${MAX_LISTS} lists`);
      return null;
    }
    const name = this.#freshName(called, 'list');
    const source = isUrl ? { url: place } : { file: place.replace(/^file:\/\//, '') };
    const refresh = refreshSeconds === undefined ? {} : { refresh: durationText(Math.max(600, refreshSeconds)) };
    this.#lists.push({ name, kind, ...source, ...refresh });
    return name;
  }

  policy(policy: ClientPolicy, path: string): void {
    if (this.#policies.length >= MAX_POLICIES)
      this.note(path, `is left out: there are more than ${MAX_POLICIES} clients with settings of their own`);
    else this.#policies.push({ ...policy, name: this.#freshName(policy.name, 'client') });
  }

  /** Blocking was switched off: the lists are kept and apply to nobody, and what was written by hand is left out. */
  switchOff(path: string): void {
    this.everyonesLists = [];
    this.everyonesRules = false;
    const rules = this.#block.size + this.#allow.size;
    this.note(
      path,
      `blocking was off: ${rules} rules written by hand are left out, and the lists apply to nobody until "lists: []" is taken out of the policy`,
    );
  }

  /** Notes all that nobody has read. */
  noteUnread(source: Source): void {
    for (const path of source.unread()) this.note(path, 'has no counterpart in Kennel and is left out');
  }

  /** Letters, digits, dots, dashes and underscores, and nobody else's. */
  #freshName(called: string, otherwise: string): string {
    const plain =
      called
        .replace(/[^A-Za-z0-9._-]+/g, '-')
        .replace(/^[^A-Za-z0-9]+|-+$/g, '')
        .slice(0, 48) || otherwise;
    let name = plain;
    for (let count = 2; this.#taken.has(name); count++) name = `${plain}-${count}`;
    this.#taken.add(name);
    return name;
  }

  /** The whole as a config that Kennel accepts. */
  finish(): ImportResult {
    const config = visible(this.#assembled());
    if (config.upstreams === undefined)
      this.note('', 'no upstream could be taken over: the ones of the system (resolv.conf) are asked until upstreams says otherwise');
    const refused = leaveOutRefused(config, (path, message) => this.note(path, message));
    if (refused !== null) return { kind: 'failed', message: refused };
    return { kind: 'imported', config, yaml: yamlOf(config, this.#from), notes: this.#notes };
  }

  #assembled(): WrittenConfig {
    const { mode, listen, upstreams, forwarding, lanUpstreams, zones, hostsFiles, clients, limits, cache, rebinding, retention } =
      this.config;
    const set = {
      listen,
      upstreams,
      forwarding,
      lanUpstreams,
      zones,
      records: this.#records.size === 0 ? undefined : [...this.#records.values()],
    };
    const more = { hostsFiles, clients, limits, cache, rebinding, lists: this.#lists.length === 0 ? undefined : this.#lists };
    const all = { ...set, ...more, policies: this.#writtenPolicies(), retention };
    return { mode, ...Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) };
  }

  #writtenPolicies(): WrittenPolicy[] {
    const rules = written(this.#allow, this.#block);
    const common: Partial<WrittenPolicy> = this.qtypes === null ? {} : { qtypes: [...this.qtypes] };
    const everyones = this.everyonesLists === null ? {} : { lists: [...this.everyonesLists] };
    const ofClients = this.everyonesRules ? this.#clientRules.policies() : [];
    const patterns = ofClients.reduce((sum, { allow, block }) => sum + allow.size + block.size, 0);
    if ((this.#policies.length + ofClients.length) * (this.#allow.size + this.#block.size) + patterns > MAX_REPEATED_PATTERNS) {
      this.note(
        '',
        `${this.#policies.length + ofClients.length} clients with settings of their own are left out: put the rules into a file that lists names, then they need not stand in each policy`,
      );
      this.#policies.length = 0;
      ofClients.length = 0;
    }
    return [
      ...this.#policies.map((policy) => ({
        name: policy.name,
        match: { cidr: [...policy.cidr] },
        preset: 'homelab' as const,
        ...common,
        ...(policy.rules ? rules : {}),
        ...(policy.lists === null ? {} : { lists: [...policy.lists] }),
      })),
      ...ofClients.map(({ prefix, name, allow, block, denies }) => ({
        name: this.#freshName(name, 'client'),
        match: { cidr: [prefix] },
        preset: 'homelab' as const,
        ...(denies ? { mode: 'enforce' as const, default: 'deny' as const } : {}),
        ...common,
        ...written(new Set([...this.#allow, ...allow]), new Set([...this.#block, ...block])),
        ...everyones,
      })),
      { name: this.#freshName('everyone', 'everyone'), preset: 'homelab', ...common, ...(this.everyonesRules ? rules : {}), ...everyones },
    ];
  }
}

function written(allow: ReadonlySet<string>, block: ReadonlySet<string>): Partial<WrittenPolicy> {
  return { ...section('allow', allow), ...section('block', block) };
}

function section(kind: 'allow' | 'block', patterns: ReadonlySet<string>): Partial<WrittenPolicy> {
  if (patterns.size === 0) return {};
  return { [kind]: [{ section: `${kind}ed-by-hand`, owner: OWNER, reason: 'rule of the imported config', names: [...patterns] }] };
}

/** A URL may hold a user's password. */
const CREDENTIALS = /\/\/[^/@\s"]*@/g;

function printable(text: string, most: number): string {
  return plainText(text.slice(0, most)).replace(CREDENTIALS, '//…@');
}

/** A text of the source as notes name it. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

/** The result is printed, and YAML writes most characters as they are: none may steer a terminal or hide what stands there. */
function visible(config: WrittenConfig): WrittenConfig {
  const escaped = JSON.stringify(config, (_key, value: unknown) => (typeof value === 'string' ? plainText(value) : value));
  return JSON.parse(escaped) as WrittenConfig;
}

function yamlOf(config: WrittenConfig, from: string): string {
  const document = new Document(config, { aliasDuplicateObjects: false });
  document.commentBefore = [
    ` From ${plainText(from)}, by kennel import.`,
    ' Blocking acts at once; what is inferred from names (scores, budgets) is only observed until mode is enforce:',
    ' the first start or reload with that prints what the last 24 hours would have lost.',
  ].join('\n');
  return document.toString({ lineWidth: 0 });
}

/** Each round leaves out all that is refused; what then stands alone may be refused in the next. */
const MAX_ROUNDS = 8;

/** Leaves out what Kennel refuses, in place, and tells it; the last errors when something is left. */
function leaveOutRefused(config: WrittenConfig, tell: (path: string, message: string) => void): string | null {
  let last = '';
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const parsed = parseConfig(yamlOf(config, ''), 'imported config', {
      resolvConf: { nameservers: ['192.0.2.1'], search: [] },
      stateFolder: '/var/lib/kennel',
    });
    if (parsed.ok) return null;
    last = parsed.errors
      .map(({ path, message }) => `${path}: ${message}`)
      .join('; ')
      .slice(0, 2000);
    // From the end, so that the places of those before stay right.
    for (const { path, message } of parsed.errors.toReversed()) {
      if (leaveOut(config, pathOf(path))) tell(`result: ${path}`, `left out, because Kennel refuses it: ${message}`);
    }
  }
  return last;
}

function pathOf(text: string): (string | number)[] {
  return [...text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\.?([A-Za-z_-][A-Za-z0-9_-]*)/g)].map(([, index, quotedKey, key]) => {
    if (index !== undefined) return Number(index);
    return quotedKey === undefined ? (key ?? '') : (JSON.parse(quotedKey) as string);
  });
}

/** Takes the innermost element of a list on the path away, else the key; what has become empty goes with it. */
function leaveOut(config: object, path: readonly (string | number)[]): boolean {
  const chain: unknown[] = [config];
  for (const part of path) chain.push(childOf(chain.at(-1), part));
  const lastIndex = path.findLastIndex((part) => typeof part === 'number');
  const depth = lastIndex >= 0 ? lastIndex : path.length - 1;
  return depth >= 0 && removeAt(chain, path, depth);
}

function removeAt(chain: readonly unknown[], path: readonly (string | number)[], depth: number): boolean {
  const parent = chain[depth];
  const part = path[depth];
  if (part === undefined || typeof parent !== 'object' || parent === null || childOf(parent, part) === undefined) return false;
  if (Array.isArray(parent) && typeof part === 'number') parent.splice(part, 1);
  else Reflect.deleteProperty(parent, part);
  // An empty list of clients serves nobody, and must not become the default that serves all private ones; the same for a match.
  const isEmpty = Object.keys(parent).length === 0 && depth > 0 && path[0] !== 'clients';
  if (isEmpty) removeAt(chain, path, path[depth - 1] === 'cidr' ? depth - 3 : depth - 1);
  return true;
}

function childOf(value: unknown, part: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
  return (value as Record<string | number, unknown>)[part];
}
