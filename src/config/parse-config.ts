/**
 * One YAML text into the normalised config, or every error in it at once with path and line. Decides nothing about exiting,
 * reads no file and no environment: what the machine adds comes as `SystemFacts`.
 *
 * Each section is read on its own, so that a mistake in one does not hide the mistakes in another.
 */
import { dirname, isAbsolute, resolve } from 'node:path';
import type { z } from 'zod';
import type { Mode } from '../pipeline/ports.ts';
import { PRIVATE_PREFIXES } from '../policy/address-set.ts';
import type { UpstreamUrl } from '../upstream/upstream-url.ts';
import { bracketed } from '../wire/address.ts';
import type {
  CacheConfig,
  Config,
  Endpoint,
  ForwardingConfig,
  LimitsConfig,
  PolicyConfig,
  ReputationConfig,
  RetentionConfig,
  ServerCookiesConfig,
  SessionsConfig,
} from './config.ts';
import { publicListeners } from './listen-addresses.ts';
import { checkListNames, readLists } from './lists-section.ts';
import { checkPolicies, defaultPolicy, readPatterns, readPolicy, readPrefixes } from './policy-section.ts';
import { type ConfigError, Problems } from './problems.ts';
import { readRecords } from './record-section.ts';
import type { ResolvConf } from './resolv-conf.ts';
import { salvage } from './salvage.ts';
import { configSchema, knownKeys, listSchema, policySchema, recordSchema, secretSchema } from './schema.ts';
import { readSecrets } from './secrets-section.ts';
import { shapeProblems } from './shape-problems.ts';
import { WrittenUpstreams } from './upstreams-section.ts';
import { DEFAULT_CONTROL, parseControlEndpoint, parseDuration, parseEndpoint, parseName, type Reading } from './values.ts';
import { type Path, readYaml } from './yaml-source.ts';

/** What the machine adds to a config. */
export interface SystemFacts {
  /** Used where the config names no `upstreams`; null: the system has no readable resolv.conf. */
  readonly resolvConf: ResolvConf | null;
  /** The folder for state where the config names none, absolute (XDG). */
  readonly stateFolder: string;
  /** Reads a file named under `secrets`, as an octet string; without it the files are not looked at. */
  readonly readSecret?: (path: string) => Reading<string>;
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly ConfigError[] }
  | { readonly ok: false; readonly errors: readonly ConfigError[] };

const DEFAULT_LISTEN: Endpoint = { address: '127.0.0.1', port: 5300 };

/** `fileName` stands in the errors as given. */
export function parseConfig(text: string, fileName: string, facts: SystemFacts): ParsedConfig {
  const yaml = readYaml(text);
  if ('problems' in yaml) {
    const problems = new Problems(fileName, () => ({ line: 1, column: 1 }));
    for (const { path, message, line, column } of yaml.problems) problems.add(path, message, { line, column });
    return { ok: false, errors: problems.errors };
  }
  const { source } = yaml;
  const problems = new Problems(fileName, source.positionOf);
  if (!isMapping(source.value)) {
    const what = source.value === null || source.value === undefined ? 'the file is empty' : 'the file is not a mapping of keys';
    problems.add([], `${what}; it must say at least "mode: observe" or "mode: enforce"`);
    return { ok: false, errors: problems.errors };
  }
  const shape = configSchema.safeParse(source.value);
  if (!shape.success) {
    for (const { path, message, atKey } of shapeProblems(shape.error.issues, source.value, knownKeys)) {
      problems.add(path, message, atKey ? source.positionOfKey(path) : source.positionOf(path));
    }
  }
  const config = new ConfigReader(source.value, fileName, facts, problems).read();
  return problems.errors.length > 0 ? { ok: false, errors: problems.errors } : { ok: true, config, warnings: problems.warnings };
}

/** The config without a file: observe, loopback, the system's upstreams. */
export function defaultConfig(facts: SystemFacts): ParsedConfig {
  const problems = new Problems('no config file', () => ({ line: 0, column: 0 }));
  const config = new ConfigReader({ mode: 'observe' }, 'no config file', facts, problems).read();
  return problems.errors.length > 0 ? { ok: false, errors: problems.errors } : { ok: true, config, warnings: problems.warnings };
}

type WrittenConfig = z.output<typeof configSchema>;

class ConfigReader {
  readonly #raw: Readonly<Record<string, unknown>>;
  readonly #fileName: string;
  readonly #facts: SystemFacts;
  readonly #problems: Problems;
  readonly #written: WrittenUpstreams;

  constructor(raw: Readonly<Record<string, unknown>>, fileName: string, facts: SystemFacts, problems: Problems) {
    this.#raw = raw;
    this.#fileName = fileName;
    this.#facts = facts;
    this.#problems = problems;
    this.#written = new WrittenUpstreams(problems);
  }

  /** Only meaningful when no problem was noted: what cannot be read is replaced by its default on the way. */
  read(): Config {
    const mode = this.#section('mode') ?? 'enforce';
    const config: Config = {
      mode,
      listen: this.#listen(),
      state: this.#state(),
      limits: this.#limits(),
      clients: { allow: this.#prefixes('clients', this.#section('clients')?.allow, 'allow') ?? PRIVATE_PREFIXES },
      sessions: this.#sessions(),
      searchSuffixes: this.#searchSuffixes(),
      cache: this.#cache(),
      rebinding: { allow: readPatterns(this.#section('rebinding')?.allow ?? [], ['rebinding', 'allow'], this.#problems) },
      contact: this.#section('contact') ?? null,
      upstreams: this.#upstreams(),
      forwarding: this.#forwarding(),
      lanUpstreams: this.#written.readLan(this.#section('lanUpstreams') ?? []),
      zones: this.#written.readZones(this.#raw['zones'], this.#section('forwarding')?.strategy ?? 'ordered'),
      records: readRecords(this.#list('records', recordSchema), this.#problems),
      hostsFiles: (this.#section('hostsFiles') ?? []).map((path) => this.#besideConfig(path)),
      lists: readLists(this.#list('lists', listSchema), this.#fileName, this.#problems),
      serverCookies: this.#serverCookies(),
      proxyProtocol: { from: this.#prefixes('proxyProtocol', this.#section('proxyProtocol')?.from, 'from') ?? [] },
      policies: this.#policies(mode),
      secrets: readSecrets(this.#list('secrets', secretSchema), this.#fileName, this.#facts.readSecret ?? null, this.#problems),
      reputation: this.#reputation(),
      retention: this.#retention(),
    };
    checkListNames(config.policies, config.lists, this.#problems);
    this.#written.check(config);
    this.#warnOpenListeners(config);
    return config;
  }

  /** A top-level value whose shape is right; undefined when it is absent or was reported. */
  #section<Key extends keyof WrittenConfig>(key: Key): WrittenConfig[Key] | undefined {
    const schema: z.ZodType = configSchema.shape[key];
    return salvage(schema, this.#raw[key]) as WrittenConfig[Key] | undefined;
  }

  /** The well-shaped elements of a top-level list with their index. */
  #list<T>(key: 'records' | 'policies' | 'secrets' | 'lists', schema: z.ZodType<T>): { index: number; value: T }[] {
    const raw = this.#raw[key];
    if (!Array.isArray(raw)) return [];
    return raw.flatMap((element: unknown, index) => {
      const value = salvage(schema, element);
      return value === undefined ? [] : [{ index, value }];
    });
  }

  #take<T, Otherwise extends T | null>(reading: Reading<T>, path: Path, otherwise: Otherwise): T | Otherwise {
    return this.#problems.take(reading, path)[0] ?? otherwise;
  }

  #prefixes(section: string, texts: readonly string[] | undefined, key: string): string[] | undefined {
    return texts === undefined ? undefined : readPrefixes(texts, [section, key], this.#problems);
  }

  #seconds(text: string | undefined, path: Path, otherwise: number): number {
    return text === undefined ? otherwise : this.#take(parseDuration(text), path, otherwise);
  }

  #listen(): Config['listen'] {
    const listen = this.#section('listen');
    const dns = listen?.dns?.flatMap((text, i) => this.#problems.take(parseEndpoint(text), ['listen', 'dns', i]));
    for (const [i, one] of (dns ?? []).entries()) {
      const earlier = dns?.findIndex((other) => other.address === one.address && other.port === one.port);
      if (earlier !== i) this.#problems.add(['listen', 'dns', i], `${listen?.dns?.[i] ?? ''} is listed twice`);
    }
    const control =
      listen?.control === undefined
        ? DEFAULT_CONTROL
        : this.#take(parseControlEndpoint(listen.control), ['listen', 'control'], DEFAULT_CONTROL);
    return { dns: dns ?? [DEFAULT_LISTEN], control };
  }

  #state(): string {
    const state = this.#section('state') ?? this.#facts.stateFolder;
    if (!isAbsolute(state)) this.#problems.add(['state'], `"${state}" must be an absolute path`);
    return state;
  }

  #limits(): LimitsConfig {
    const written = this.#section('limits');
    const limits = written === 'off' ? {} : (written ?? {});
    const tcp = limits.tcp ?? {};
    const queriesPerSecond = limits.queriesPerSecond ?? 500;
    return {
      queriesPerSecond: written === 'off' ? null : queriesPerSecond,
      burst: limits.burst ?? queriesPerSecond * 4,
      slip: limits.slip ?? 1,
      pendingQueries: limits.pendingQueries ?? 10_000,
      tcp: {
        maxConnections: tcp.maxConnections ?? 1000,
        maxConnectionsPerClient: tcp.maxConnectionsPerClient ?? 20,
        maxOutstanding: tcp.maxOutstanding ?? 100,
        idleSeconds: this.#seconds(tcp.idle, ['limits', 'tcp', 'idle'], 10),
      },
    };
  }

  #sessions(): SessionsConfig {
    const sessions = this.#section('sessions');
    return {
      verified: this.#prefixes('sessions', sessions?.verified, 'verified') ?? PRIVATE_PREFIXES,
      shared: this.#prefixes('sessions', sessions?.shared, 'shared') ?? [],
      prefixLengths: {
        ipv4: sessions?.prefixLengths?.ipv4 ?? 32,
        ipv6: sessions?.prefixLengths?.ipv6 ?? 128,
        ipv6Budgets: sessions?.prefixLengths?.ipv6Budgets ?? 64,
      },
    };
  }

  #searchSuffixes(): string[] {
    const written = this.#section('searchSuffixes')?.flatMap((text, i) => this.#problems.take(parseName(text), ['searchSuffixes', i]));
    return [...new Set(written ?? this.#facts.resolvConf?.search ?? [])];
  }

  #cache(): CacheConfig {
    const cache = this.#section('cache') ?? {};
    return {
      maxEntries: cache.maxEntries ?? 100_000,
      maxOctets: (cache.maxMegabytes ?? 64) * 1024 * 1024,
      minTtlSeconds: this.#seconds(cache.minTtl, ['cache', 'minTtl'], 0),
      maxTtlSeconds: this.#seconds(cache.maxTtl, ['cache', 'maxTtl'], 86_400),
      negativeMaxTtlSeconds: this.#seconds(cache.negativeMaxTtl, ['cache', 'negativeMaxTtl'], 3600),
      prefetch: isOn(cache.prefetch ?? 'on'),
      serveStaleSeconds: cache.serveStale === 'off' ? null : this.#seconds(cache.serveStale, ['cache', 'serveStale'], 86_400),
      isolate: cache.isolate ?? false,
    };
  }

  #forwarding(): ForwardingConfig {
    const written = this.#section('forwarding') ?? {};
    return {
      strategy: written.strategy ?? 'ordered',
      randomCase: isOn(written.randomCase ?? 'off'),
      cookies: isOn(written.cookies ?? 'on'),
      bootstrap: this.#written.read(written.bootstrap ?? [], ['forwarding', 'bootstrap']),
      caFile: written.caFile === undefined ? null : this.#besideConfig(written.caFile),
      trustAd: isOn(written.trustAd ?? 'off'),
    };
  }

  #serverCookies(): ServerCookiesConfig {
    const written = this.#section('serverCookies') ?? 'on';
    if (typeof written !== 'object') return { enabled: isOn(written), secretFile: null };
    return { enabled: true, secretFile: this.#besideConfig(written.secretFile) };
  }

  /** Paths are relative to the config file. */
  #besideConfig(path: string): string {
    return resolve(dirname(this.#fileName), path);
  }

  #upstreams(): UpstreamUrl[] {
    if (Object.hasOwn(this.#raw, 'upstreams')) return this.#written.read(this.#section('upstreams') ?? [], ['upstreams']);
    const system = this.#facts.resolvConf;
    if (system === null || system.nameservers.length === 0) {
      const why = system === null ? 'resolv.conf cannot be read' : 'resolv.conf names no nameserver';
      this.#problems.add(['upstreams'], `nobody to ask: no upstreams are written and the system's ${why}`);
      return [];
    }
    return this.#written.read(
      system.nameservers.map((address) => `udp://${bracketed(address)}`),
      ['upstreams'],
    );
  }

  #policies(mode: Mode): PolicyConfig[] {
    if (!Object.hasOwn(this.#raw, 'policies')) return [defaultPolicy(mode)];
    const written = this.#list('policies', policySchema);
    const policies = written.map(({ index, value }) => readPolicy(value, ['policies', index], mode, this.#problems));
    // With a part of one unread, what holds between them is not known.
    if (configSchema.shape.policies.safeParse(this.#raw['policies']).success) checkPolicies(policies, this.#problems);
    return policies;
  }

  #reputation(): ReputationConfig {
    const written = this.#section('reputation');
    if (written === 'off') return { rdap: null, whois: null };
    const { rdap = 'on', rdapBaseUrl, whois = 'on', whoisServer } = written ?? {};
    if (rdapBaseUrl !== undefined && !isHttpUrl(rdapBaseUrl)) {
      this.#problems.add(
        ['reputation', 'rdapBaseUrl'],
        `"${rdapBaseUrl}" is not an http:// or https:// URL without user, query or fragment`,
      );
    }
    return {
      rdap: isOn(rdap) ? { baseUrl: rdapBaseUrl ?? null } : null,
      whois: isOn(whois)
        ? { server: whoisServer === undefined ? null : this.#take(parseName(whoisServer), ['reputation', 'whoisServer'], null) }
        : null,
    };
  }

  #retention(): RetentionConfig {
    const { decisions = 'evidence', days = 30, maxMegabytes = 1024, privacy = 'full', sampleAllows = 1 } = this.#section('retention') ?? {};
    return { decisions, days, maxOctets: maxMegabytes * 1024 * 1024, privacy, sampleAllows };
  }

  #warnOpenListeners(config: Config): void {
    const open = publicListeners(config.listen.dns);
    if (open.length === 0 || this.#section('clients')?.allow !== undefined) return;
    const addresses = open.map(({ address }) => address).join(', ');
    this.#problems.warn(
      ['listen', 'dns'],
      `${addresses} may be reached from outside; only private addresses are served until clients.allow says whom`,
    );
  }
}

function isOn(toggle: 'on' | 'off' | boolean): boolean {
  return toggle === 'on' || toggle === true;
}

function isHttpUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '' && url.hash === '';
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
