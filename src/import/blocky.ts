/**
 * Blocky's config.yml into a Kennel config, with the older names of its keys (`upstream`, `blackLists`, `whiteLists`, `hostsFile.filePath`).
 * Addresses and passwords of databases are never copied.
 */
import { RECORD_TYPES } from '../config/config.ts';
import { DEFAULT_QTYPES } from '../config/policy-section.ts';
import { canonicalAddress } from '../policy/address-set.ts';
import { bracketed } from '../wire/address.ts';
import { Draft, type ImportResult, quoted } from './draft.ts';
import { readYamlSource, type Source } from './source.ts';
import { durationText, prefixOf, secondsOf } from './spellings.ts';

/** `text`: the file. Never throws; what is no config of Blocky is a failure. */
export function importBlocky(text: string): ImportResult {
  const read = readYamlSource(text);
  if (read.kind === 'failed') return { kind: 'failed', message: `not readable as YAML: ${read.message}` };
  const { source } = read;
  if (['upstreams', 'upstream', 'blocking', 'customDNS', 'conditional', 'ports', 'port'].every((key) => source.at(key).isAbsent)) {
    return { kind: 'failed', message: 'this is no config of Blocky: it has no upstreams, blocking, customDNS, conditional or ports' };
  }
  const draft = new Draft('a config of Blocky');
  readListeners(draft, source);
  readUpstreams(draft, source);
  readCustom(draft, source.at('customDNS'));
  readConditional(draft, source.at('conditional'));
  readBlocking(draft, source);
  readCaching(draft, source.at('caching'));
  readQueryTypes(draft, source);
  readHostsFile(draft, source.at('hostsFile'));
  readQueryLog(draft, source.at('queryLog'));
  noteLeftOut(draft, source);
  draft.noteUnread(source);
  return draft.finish();
}

/** `53`, `:53`, `127.0.0.1:5353,[::1]:5353`, or a list of these. */
function readListeners(draft: Draft, source: Source): void {
  const ports = [...source.at('ports', 'dns').texts(), ...source.at('port').texts()];
  const listeners = ports.flatMap(({ text, path }) =>
    text.split(',').flatMap((one) => {
      const [, host = '', port = ''] = /^(?:(.*):)?(\d{1,5})$/.exec(one.trim()) ?? [];
      if (port === '') draft.note(path, `${quoted(one)} is left out: it is no port or address with a port`);
      if (port === '') return [];
      if (host === '') return [`0.0.0.0:${port}`, `[::]:${port}`];
      const address = canonicalAddress(host.replace(/^\[|\]$/g, ''));
      if (address === null) draft.note(path, `${quoted(one)} is left out: Kennel listens on IP addresses`);
      return address === null ? [] : [`${bracketed(address)}:${port}`];
    }),
  );
  if (listeners.length > 0) draft.config.listen = { dns: [...new Set(listeners)] };
}

function readUpstreams(draft: Draft, source: Source): void {
  const newer = source.at('upstreams', 'groups');
  for (const [group, servers] of [...newer.entries(), ...source.at('upstream').entries()]) {
    const upstreams = draft.upstreams(servers.texts());
    if (group !== 'default')
      draft.note(servers.path, `upstreams of their own for clients (${group}) have no counterpart: zones are the same for all`);
    else if (upstreams.length > 0) draft.config.upstreams = upstreams;
  }
  const strategy = source.at('upstreams', 'strategy').text();
  if (strategy === 'random') draft.note('upstreams.strategy', 'random: Kennel asks the fastest server, and others now and then');
  if (strategy === null || strategy === 'parallel_best')
    draft.note(
      'upstreams.strategy',
      'parallel_best told each name to two servers; Kennel asks the fastest one, and the next when it fails',
    );
  source.at('upstreams').ignore('timeout', 'init', 'userAgent');
  source.ignore('upstreamTimeout', 'startVerifyUpstream');

  const bootstrap = source.at('bootstrapDns');
  const written = [
    ...bootstrap.texts(),
    ...bootstrap.at('upstream').texts(),
    ...bootstrap.list().flatMap((one) => one.at('upstream').texts()),
  ];
  if (bootstrap.list().some((one) => one.at('ips').texts().length > 0) || bootstrap.at('ips').texts().length > 0) {
    draft.note('bootstrapDns', 'ips are written behind the name here: https://dns.example/dns-query@192.0.2.1');
  }
  const servers = draft.upstreams(written);
  draft.config.forwarding = {
    strategy: strategy === 'strict' ? 'ordered' : 'fastest',
    ...(servers.length === 0 ? {} : { bootstrap: servers }),
  };
}

function readCustom(draft: Draft, custom: Source): void {
  const ttlText = custom.at('customTTL').text();
  const ttlSeconds = (ttlText === null ? null : secondsOf(ttlText)) ?? undefined;
  for (const [name, addresses] of custom.at('mapping').entries()) {
    for (const { text, path } of addresses.texts()) {
      for (const one of text.split(',')) readMapped(draft, name, one.trim(), path, ttlSeconds);
    }
  }
  for (const [from, to] of custom.at('rewrite').entries()) {
    const target = to.text();
    if (target === null) continue;
    draft.record({ name: from, type: 'CNAME', value: target }, to.path);
    draft.note(to.path, `${from} is an alias of ${target} now; names below it are not rewritten: write each as a record`);
  }
  readZoneFile(draft, custom.at('zone'));
  if (custom.at('filterUnmappedTypes').boolean() === false) {
    draft.note('customDNS.filterUnmappedTypes', 'a name with records is answered here for all types');
  }
}

/** In Blocky a name stands for all below it as well. */
function readMapped(draft: Draft, name: string, written: string, path: string, ttlSeconds: number | undefined): void {
  const address = canonicalAddress(written);
  if (address === null) draft.note(path, `${quoted(written)} is left out: it is no address`);
  else for (const owner of [name, `*.${name}`]) draft.address(owner, address, path, ttlSeconds);
}

/** The simple lines of a zone file: one record each, with `$ORIGIN` and `$TTL`. */
function readZoneFile(draft: Draft, zone: Source): void {
  let origin = '';
  let ttlSeconds: number | undefined;
  for (const [index, written] of (zone.text() ?? '').split('\n').entries()) {
    const place = `${zone.path} line ${index + 1}`;
    const line = written.replace(/;.*$/, '').trimEnd();
    const words = line.trim().split(/\s+/);
    if (line.trim() === '') continue;
    if (words[0] === '$ORIGIN') origin = (words[1] ?? '').replace(/\.$/, '');
    else if (words[0] === '$TTL') ttlSeconds = secondsOf((words[1] ?? '').toLowerCase()) ?? undefined;
    else if (!readZoneLine(draft, words, origin, ttlSeconds, place))
      draft.note(place, `${quoted(line)} is left out: write it under records`);
  }
}

function readZoneLine(draft: Draft, words: readonly string[], origin: string, ttlSeconds: number | undefined, place: string): boolean {
  const typeAt = words.findIndex((word, index) => index > 0 && (RECORD_TYPES as readonly string[]).includes(word.toUpperCase()));
  const type = RECORD_TYPES.find((known) => known === words[typeAt]?.toUpperCase());
  const data = words.slice(typeAt + 1);
  const between = words.slice(1, typeAt).filter((word) => word.toUpperCase() !== 'IN');
  const ownTtl = between.length === 1 ? secondsOf((between[0] ?? '').toLowerCase()) : null;
  if (type === undefined || data.length === 0 || between.length > 1 || (between.length === 1 && ownTtl === null)) return false;
  const absolute = (name: string): string => {
    if (name === '@') return origin;
    return name.endsWith('.') || origin === '' ? name.replace(/\.$/, '') : `${name}.${origin}`;
  };
  const named = type === 'CNAME' || type === 'PTR' || type === 'MX' || type === 'SRV';
  const value =
    type === 'TXT'
      ? data.join(' ').replace(/^"|"$/g, '')
      : [...data.slice(0, -1), named ? absolute(data.at(-1) ?? '') : data.at(-1)].join(' ');
  const ttl = ownTtl ?? ttlSeconds;
  draft.record({ name: absolute(words[0] ?? ''), type, value, ...(ttl === undefined ? {} : { ttlSeconds: ttl }) }, place);
  return true;
}

function readConditional(draft: Draft, conditional: Source): void {
  for (const [name, servers] of conditional.at('mapping').entries()) {
    const written = servers.texts().flatMap(({ text, path }) => text.split(',').map((one) => ({ text: one.trim(), path })));
    const upstreams = draft.upstreams(written);
    if (name !== '.') draft.zone(name, upstreams, servers.path);
    else if (upstreams.length > 0) draft.serversOfUnqualified(upstreams, servers.path);
  }
  for (const [from, to] of conditional.at('rewrite').entries()) {
    draft.note(to.path, `names below ${from} are not rewritten to ${to.text() ?? ''}: write those that are needed as CNAME records`);
  }
  if (conditional.at('fallbackUpstream').boolean() === true)
    draft.note('conditional.fallbackUpstream', 'a name of a zone is asked at that zone alone');
}

function readBlocking(draft: Draft, source: Source): void {
  const blocking = source.at('blocking');
  const refresh = blocking.at('loading', 'refreshPeriod').text() ?? blocking.at('refreshPeriod').text();
  const refreshSeconds = refresh === null ? undefined : (secondsOf(refresh) ?? undefined);
  const groups = new Map<string, string[]>();
  const blocked = [...blocking.at('denylists').entries(), ...blocking.at('blackLists').entries()];
  const allowed = [...blocking.at('allowlists').entries(), ...blocking.at('whiteLists').entries()];
  for (const [group, lists] of blocked) readGroup(draft, 'block', group, lists, refreshSeconds, groups);
  for (const [group, lists] of allowed) {
    readGroup(draft, 'allow', group, lists, refreshSeconds, groups);
    if (!blocked.some(([name]) => name === group)) {
      draft.note(
        lists.path,
        `a group with allow lists alone let nothing else pass in Blocky; here it only permits: write default: deny into the policy for that`,
      );
    }
  }
  readClientGroups(draft, source, groups);
  const type = blocking.at('blockType').text();
  if (type?.toLowerCase() !== 'nxdomain')
    draft.note('blocking.blockType', `${type ?? 'zeroIp'}: Kennel answers NXDOMAIN, which clients take as final`);
  blocking.ignore(
    'blockTTL',
    'loading',
    'refreshPeriod',
    'downloadTimeout',
    'downloadAttempts',
    'downloadCooldown',
    'startStrategy',
    'maxErrorsPerFile',
    'failStartOnListError',
    'processingConcurrency',
  );
}

function readGroup(
  draft: Draft,
  kind: 'block' | 'allow',
  group: string,
  lists: Source,
  refreshSeconds: number | undefined,
  groups: Map<string, string[]>,
): void {
  const names = groups.get(group) ?? [];
  groups.set(group, names);
  for (const { text, path } of lists.texts()) {
    if (text.includes('\n')) readInline(draft, kind, group, text, path);
    else {
      const name = draft.list(kind, kind === 'allow' ? `${group}-allow` : group, text.trim(), path, refreshSeconds);
      if (name !== null) names.push(name);
    }
  }
}

/** Names written into the config itself. They apply to everybody here, whatever their group. */
function readInline(draft: Draft, kind: 'block' | 'allow', group: string, text: string, path: string): void {
  for (const [index, line] of text.split('\n').entries()) {
    const rule = line.replace(/#.*$/, '').trim();
    if (rule !== '') draft.rule(kind === 'allow' && !rule.startsWith('@@') ? `@@${rule}` : rule, `${path} line ${index + 1}`);
  }
  draft.note(path, `the names written here apply to everybody, not to the clients of ${group} alone`);
}

function readClientGroups(draft: Draft, source: Source, groups: ReadonlyMap<string, readonly string[]>): void {
  const addresses = new Map(
    source
      .at('clientLookup', 'clients')
      .entries()
      .map(([name, ips]) => [name, ips.texts().map(({ text }) => text)]),
  );
  source.at('clientLookup').ignore('upstream', 'singleNameOrder');
  const groupsBlock = source.at('blocking', 'clientGroupsBlock');
  let forAll: string[] = [];
  for (const [client, used] of groupsBlock.entries()) {
    const wanted = [...used.texts().map(({ text }) => text), ...used.list().flatMap((one) => one.at('list').text() ?? [])];
    const lists = wanted.flatMap((group) => groups.get(group) ?? []);
    if (client === 'default') forAll = lists;
    else {
      const cidr = client
        .split(',')
        .flatMap((one) => addresses.get(one.trim()) ?? [one.trim()])
        .flatMap((one) => prefixOf(one) ?? []);
      if (cidr.length > 0) draft.policy({ name: client, cidr, lists, rules: true }, used.path);
      else
        draft.note(
          used.path,
          `${quoted(client)} is left out: Kennel knows clients by IP address; write a policy with match.cidr and these lists`,
        );
    }
  }
  const all = [...groups.values()].flat();
  const usedByAll = all.every((name) => forAll.includes(name));
  if (!usedByAll) draft.everyonesLists = forAll;
}

function readCaching(draft: Draft, caching: Source): void {
  const seconds = (key: string): number | null => {
    const text = caching.at(key).text();
    return text === null ? null : secondsOf(text);
  };
  const least = seconds('minTime');
  const most = seconds('maxTime');
  const negative = seconds('cacheTimeNegative');
  const entries = caching.at('maxItemsCount').number();
  const prefetch = caching.at('prefetching').boolean();
  if (caching.at('maxTime').text()?.startsWith('-') === true)
    draft.note('caching.maxTime', 'Kennel always has a cache: without one every repeat of a name could carry something out');
  const cache = {
    ...(entries === null || entries <= 0 ? {} : { maxEntries: Math.min(10_000_000, Math.max(1, Math.round(entries))) }),
    ...(least === null || least <= 0 ? {} : { minTtl: durationText(least) }),
    ...(most === null || most <= 0 ? {} : { maxTtl: durationText(most) }),
    ...(negative === null || negative <= 0 ? {} : { negativeMaxTtl: durationText(negative) }),
    ...(prefetch === null ? {} : { prefetch }),
  };
  if (Object.keys(cache).length > 0) draft.config.cache = cache;
  if (caching.at('exclude').list().length > 0) draft.note('caching.exclude', 'no name is kept out of the cache');
  caching.ignore('prefetchExpires', 'prefetchThreshold', 'prefetchMaxItemsCount', 'exclude');
}

function readQueryTypes(draft: Draft, source: Source): void {
  const left = new Set(
    source
      .at('filtering', 'queryTypes')
      .texts()
      .map(({ text }) => text.toUpperCase()),
  );
  if (left.size > 0) draft.qtypes = DEFAULT_QTYPES.filter((type) => !left.has(type));
  if (source.at('fqdnOnly', 'enable').boolean() === true)
    draft.note('fqdnOnly', 'names without a dot are asked at lanUpstreams or not at all, which is the same without them');
}

function readHostsFile(draft: Draft, hosts: Source): void {
  const written = [...hosts.at('sources').texts(), ...hosts.at('filePath').texts()];
  const files = written.flatMap(({ text, path }) => {
    if (text.startsWith('/')) return [text];
    draft.note(path, `${quoted(text)} is left out: hosts files are named by an absolute path; write single names under records`);
    return [];
  });
  if (files.length > 0) draft.config.hostsFiles = [...new Set(files)].slice(0, 16);
  hosts.ignore('hostsTTL', 'refreshPeriod', 'filterLoopback', 'loading');
}

function readQueryLog(draft: Draft, log: Source): void {
  const type = log.at('type').text();
  const days = log.at('logRetentionDays').number();
  log.ignore('target', 'creationAttempts', 'creationCooldown', 'flushInterval');
  if (log.isAbsent || type === 'none') return;
  draft.config.retention = {
    decisions: 'all',
    ...(days === null || days <= 0 ? {} : { days: Math.min(3650, Math.round(days)) }),
  };
  draft.note(
    'queryLog',
    `${type ?? 'console'}: Kennel keeps its decisions in its own state folder; the target, and a password in it, is left out`,
  );
  if (log.at('fields').list().length > 0) draft.note('queryLog.fields', 'every decision is kept whole; retention.privacy hides names');
  log.ignore('fields', 'ignore');
}

function noteLeftOut(draft: Draft, source: Source): void {
  const notes: Readonly<Record<string, string>> = {
    certFile: 'Kennel answers plain DNS: certificate and key are left out',
    redis: 'instances share nothing; the address and its password are left out',
    ecs: 'the addresses of clients are never told to upstreams',
    minTlsServeVersion: 'Kennel answers plain DNS',
    connectIPVersion: 'upstreams are asked at the addresses that are written',
  };
  for (const [key, message] of Object.entries(notes)) if (!source.at(key).isAbsent) draft.note(key, message);
  for (const key of ['tls', 'https', 'http']) {
    if (!source.at('ports', key).isAbsent)
      draft.note(`ports.${key}`, key === 'http' ? 'metrics and API are at listen.control' : 'Kennel answers plain DNS');
  }
  if (source.at('dnssec', 'validate').boolean() === true) draft.note('dnssec', 'Kennel does not validate: name an upstream that does');
  source.ignore(
    'certFile',
    'keyFile',
    'redis',
    'ecs',
    'minTlsServeVersion',
    'connectIPVersion',
    'log',
    'prometheus',
    'ede',
    'ports',
    'port',
    'specialUseDomains',
    'dnssec',
    'fqdnOnly',
    'httpPort',
    'httpsPort',
    'tlsPort',
    'logLevel',
    'logFormat',
    'logTimestamp',
    'logPrivacy',
  );
}
