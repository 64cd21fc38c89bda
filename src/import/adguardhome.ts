/**
 * AdGuardHome.yaml into a Kennel config: schema versions 20 to 29, where the rewrites, the filtering settings and the query log moved from
 * `dns` to sections of their own. Users' passwords, keys and certificates are never copied.
 */
import { DEFAULT_QTYPES } from '../config/policy-section.ts';
import { canonicalAddress, isPrivate } from '../policy/address-set.ts';
import { bracketed } from '../wire/address.ts';
import { Draft, type ImportResult, quoted } from './draft.ts';
import { readYamlSource, type Source } from './source.ts';
import { durationText, prefixOf, secondsOf } from './spellings.ts';

const OLDEST_SCHEMA = 20;
const NEWEST_SCHEMA = 29;
const MEGABYTE = 1024 * 1024;

/** `text`: the file. Never throws; what is no AdGuardHome.yaml is a failure. */
export function importAdGuardHome(text: string): ImportResult {
  const read = readYamlSource(text);
  if (read.kind === 'failed') return { kind: 'failed', message: `not readable as YAML: ${read.message}` };
  const { source } = read;
  if (source.at('dns').isAbsent) return { kind: 'failed', message: 'this is no AdGuardHome.yaml: it has no dns section' };
  const draft = new Draft('an AdGuardHome.yaml');
  noteSchema(draft, source.at('schema_version').number());
  const dns = source.at('dns');
  readListeners(draft, dns);
  readUpstreams(draft, dns);
  readClientsServed(draft, dns);
  readLimits(draft, dns);
  readCache(draft, dns);
  readClientIds(draft, source.at('clients'));
  readFiltering(draft, source);
  readRewrites(draft, source);
  readClients(draft, source.at('clients'));
  readQueryLog(draft, source);
  readHostsFile(draft, dns);
  noteLeftOut(draft, source);
  draft.noteUnread(source);
  return draft.finish();
}

function noteSchema(draft: Draft, version: number | null): void {
  if (version !== null && version >= OLDEST_SCHEMA && version <= NEWEST_SCHEMA) return;
  draft.note(
    'schema_version',
    `${version ?? 'none'}: the versions known here are ${OLDEST_SCHEMA} to ${NEWEST_SCHEMA}; look the result over with more care`,
  );
}

function readListeners(draft: Draft, dns: Source): void {
  const port = dns.at('port').number() ?? 53;
  const hosts = dns.at('bind_hosts').texts();
  const dnsListeners = hosts.flatMap(({ text, path }) => {
    const address = canonicalAddress(text);
    if (address !== null) return [`${bracketed(address)}:${port}`];
    draft.note(path, 'is left out: Kennel listens on IP addresses');
    return [];
  });
  if (dnsListeners.length > 0) draft.config.listen = { dns: [...new Set(dnsListeners)] };
}

/** `[/a.example/b.example/]upstream…`: servers of their own for some domains. */
const PER_DOMAIN = /^\[\/(.*)\/\](.*)$/;

function readUpstreams(draft: Draft, dns: Source): void {
  const general: { text: string; path: string }[] = [];
  for (const line of dns.at('upstream_dns').texts()) {
    const text = line.text.trim();
    if (text === '' || text.startsWith('#')) continue;
    const perDomain = PER_DOMAIN.exec(text);
    if (perDomain === null) general.push({ ...line, text });
    else readPerDomain(draft, perDomain[1] ?? '', (perDomain[2] ?? '').trim(), line.path);
  }
  const upstreams = draft.upstreams(general);
  if (upstreams.length > 0) draft.config.upstreams = upstreams;
  const bootstrap = draft.upstreams(dns.at('bootstrap_dns').texts());
  const strategy = readStrategy(draft, dns);
  if (bootstrap.length > 0 || strategy !== null) {
    draft.config.forwarding = { ...(strategy === null ? {} : { strategy }), ...(bootstrap.length === 0 ? {} : { bootstrap }) };
  }
  readFallback(draft, dns, strategy);
  readLan(draft, dns);
}

function readPerDomain(draft: Draft, domains: string, servers: string, path: string): void {
  if (servers === '#') {
    draft.note(
      path,
      `${domains} asked at the upstreams of all names: an exception from a zone has no counterpart; write the zones below it that need one`,
    );
    return;
  }
  const upstreams = draft.upstreams(
    servers
      .split(/\s+/)
      .filter((text) => text !== '')
      .map((text) => ({ text, path })),
  );
  for (const domain of domains.split('/')) {
    // `[//]upstream`: names without a dot.
    if (domain === '') draft.serversOfUnqualified(upstreams, path);
    else if (domain.startsWith('*.')) {
      draft.note(path, `${domain}: a zone holds its own name too`);
      draft.zone(domain.slice(2), upstreams, path);
    } else draft.zone(domain, upstreams, path);
  }
}

function readStrategy(draft: Draft, dns: Source): 'fastest' | null {
  const mode = dns.at('upstream_mode').text();
  const all = dns.at('all_servers').boolean() === true;
  const fastestAddress = dns.at('fastest_addr').boolean() === true || mode === 'fastest_addr';
  dns.ignore('fastest_timeout');
  if (fastestAddress)
    draft.note(dns.at('upstream_mode').path, 'fastest_addr probes the addresses in answers; Kennel asks the fastest server instead');
  else if (all || mode === 'parallel')
    draft.note(
      dns.at('upstream_mode').path,
      'each name would be told to all servers; Kennel asks the fastest one and the next when it fails',
    );
  return mode !== null || all || fastestAddress ? 'fastest' : null;
}

function readFallback(draft: Draft, dns: Source, strategy: 'fastest' | null): void {
  const fallback = draft.upstreams(dns.at('fallback_dns').texts());
  if (fallback.length === 0) return;
  if (strategy === null) draft.config.upstreams = [...new Set([...(draft.config.upstreams ?? []), ...fallback])];
  const what =
    strategy === null
      ? 'stand behind the other upstreams, in order'
      : 'are left out: with the strategy fastest they would be asked like all others. With forwarding.strategy: ordered they can stand last under upstreams';
  draft.note('dns.fallback_dns', `${fallback.join(', ')} ${what}`);
}

function readLan(draft: Draft, dns: Source): void {
  const wanted = dns.at('use_private_ptr_resolvers').boolean() !== false;
  const servers = dns.at('local_ptr_upstreams').texts();
  if (!wanted) return;
  const plain = servers.flatMap(({ text, path }) => {
    const perDomain = PER_DOMAIN.exec(text.trim());
    if (perDomain === null) return [{ text, path }];
    readPerDomain(draft, perDomain[1] ?? '', (perDomain[2] ?? '').trim(), path);
    return [];
  });
  const upstreams = draft.upstreams(plain);
  if (upstreams.length > 0) draft.config.lanUpstreams = [...new Set([...(draft.config.lanUpstreams ?? []), ...upstreams])];
}

function readClientsServed(draft: Draft, dns: Source): void {
  const allowed = dns.at('allowed_clients').texts();
  if (allowed.length > 0) draft.config.clients = { allow: prefixes(draft, allowed) };
  for (const { text, path } of dns.at('disallowed_clients').texts()) {
    draft.note(path, `${text} is not shut out: Kennel has a list of who is served (clients.allow) and none of exceptions`);
  }
  for (const { text, path } of dns.at('blocked_hosts').texts()) {
    // Of the class CHAOS, which Kennel never answers.
    if (!['version.bind', 'id.server', 'hostname.bind'].includes(text)) draft.rule(text, path);
  }
}

function prefixes(draft: Draft, written: readonly { readonly text: string; readonly path: string }[]): string[] {
  return written.flatMap(({ text, path }) => {
    const prefix = prefixOf(text);
    if (prefix === null) draft.note(path, `${quoted(text)} is left out: Kennel knows clients by IP address`);
    return prefix ?? [];
  });
}

function readLimits(draft: Draft, dns: Source): void {
  const rate = dns.at('ratelimit').number();
  dns.ignore('ratelimit_subnet_len_ipv4', 'ratelimit_subnet_len_ipv6');
  if (rate === 0) draft.config.limits = 'off';
  else if (rate !== null && rate > 0) {
    draft.config.limits = { queriesPerSecond: Math.min(1_000_000, Math.max(1, Math.round(rate))) };
    draft.note('dns.ratelimit', `${rate} a second counts for each address; in AdGuard Home it counted for a subnet`);
  }
  for (const { text, path } of dns.at('ratelimit_whitelist').texts()) draft.note(path, `${text} is limited like all others`);
  if (dns.at('refuse_any').boolean() === false) draft.note('dns.refuse_any', 'ANY is answered with one HINFO always (RFC 8482)');
  if (dns.at('aaaa_disabled').boolean() === true) draft.qtypes = DEFAULT_QTYPES.filter((type) => type !== 'AAAA');
  dns.ignore(
    'max_goroutines',
    'upstream_timeout',
    'trusted_proxies',
    'bootstrap_prefer_ipv6',
    'serve_plain_dns',
    'handle_ddr',
    'pending_requests',
  );
}

function readCache(draft: Draft, dns: Source): void {
  const octets = dns.at('cache_size').number();
  const least = dns.at('cache_ttl_min').number() ?? 0;
  const most = dns.at('cache_ttl_max').number() ?? 0;
  const optimistic = dns.at('cache_optimistic').boolean();
  if (octets === 0 || dns.at('cache_enabled').boolean() === false)
    draft.note('dns.cache_size', 'Kennel always has a cache: without one every repeat of a name could carry something out');
  draft.config.cache = {
    ...(octets === null || octets <= 0 ? {} : { maxMegabytes: Math.min(65_536, Math.max(1, Math.ceil(octets / MEGABYTE))) }),
    ...(least > 0 ? { minTtl: durationText(least) } : {}),
    ...(most > 0 ? { maxTtl: durationText(most) } : {}),
    ...(optimistic === false ? { serveStale: 'off' as const } : {}),
  };
  if (Object.keys(draft.config.cache).length === 0) delete draft.config.cache;
  if (optimistic === true)
    draft.note('dns.cache_optimistic', 'old answers are served while upstreams fail (cache.serveStale), not before they are asked');
}

/** Older versions keep these settings under `dns`. */
function settings(source: Source, key: string): Source {
  const own = source.at('filtering', key);
  const older = source.at('dns', key);
  return own.isAbsent ? older : own;
}

function readFiltering(draft: Draft, source: Source): void {
  const on = settings(source, 'protection_enabled').boolean() !== false && settings(source, 'filtering_enabled').boolean() !== false;
  const hours = settings(source, 'filters_update_interval').number();
  if (hours === 0) draft.note('filtering.filters_update_interval', 'lists are fetched once a day: they cannot be left to grow old');
  const refreshSeconds = hours === null || hours <= 0 ? undefined : hours * 3600;
  readLists(draft, source.at('filters'), 'block', refreshSeconds);
  readLists(draft, source.at('whitelist_filters'), 'allow', refreshSeconds);
  for (const { text, path } of source.at('user_rules').texts()) draft.rule(text, path);
  if (!on) draft.switchOff('filtering.protection_enabled');
  const mode = settings(source, 'blocking_mode').text();
  if (mode !== null && mode !== 'nxdomain')
    draft.note('filtering.blocking_mode', `${mode}: Kennel answers NXDOMAIN, which clients take as final`);
  for (const key of [
    'blocking_ipv4',
    'blocking_ipv6',
    'blocked_response_ttl',
    'cache_time',
    'safebrowsing_cache_size',
    'safesearch_cache_size',
    'parental_cache_size',
    'parental_block_host',
    'safebrowsing_block_host',
    'protection_disabled_until',
    'safe_fs_patterns',
    'rewrites_enabled',
  ]) {
    source.at('filtering').ignore(key);
    source.at('dns').ignore(key);
  }
}

function readLists(draft: Draft, lists: Source, kind: 'block' | 'allow', refreshSeconds: number | undefined): void {
  for (const list of lists.list()) {
    const url = list.at('url').text();
    const name = list.at('name').text() ?? '';
    list.ignore('id');
    if (list.at('enabled').boolean() === false) draft.note(list.path, `the list ${quoted(name)} was switched off and is left out`);
    else if (url !== null) draft.list(kind, name, url, list.path, refreshSeconds);
  }
}

function readRewrites(draft: Draft, source: Source): void {
  for (const rewrite of [...source.at('dns', 'rewrites').list(), ...source.at('filtering', 'rewrites').list()]) {
    const domain = rewrite.at('domain').text() ?? '';
    const answer = rewrite.at('answer').text() ?? '';
    if (rewrite.at('enabled').boolean() === false) {
      draft.note(rewrite.path, `the rewrite of ${domain} was switched off and is left out`);
      continue;
    }
    const address = canonicalAddress(answer);
    if (address !== null) draft.address(domain, address, rewrite.path);
    else if (answer === domain || answer === 'A' || answer === 'AAAA') {
      draft.note(rewrite.path, `${domain} is excepted from another rewrite, which has no counterpart: write its records instead`);
    } else draft.record({ name: domain, type: 'CNAME', value: answer }, rewrite.path);
  }
}

/** Whom the rules for some clients mean by a name. */
function readClientIds(draft: Draft, clients: Source): void {
  for (const client of [...clients.at('persistent').list(), ...clients.list()]) {
    const name = client.at('name').text();
    const ids = client.at('ids').texts();
    if (name !== null)
      draft.client(
        name,
        ids.map(({ text }) => text),
      );
  }
}

function readClients(draft: Draft, clients: Source): void {
  clients.ignore('runtime_sources');
  // Before schema 14 the list stood here itself.
  for (const client of [...clients.at('persistent').list(), ...clients.list()]) {
    const name = client.at('name').text() ?? 'client';
    const ownSettings = client.at('use_global_settings').boolean() === false;
    const filtering = client.at('filtering_enabled').boolean();
    const ids = client.at('ids').texts();
    client.ignore(
      'uid',
      'upstreams_cache_size',
      'upstreams_cache_enabled',
      'use_global_blocked_services',
      'ignore_statistics',
      'ignore_querylog',
    );
    if (client.at('upstreams').texts().length > 0)
      draft.note(client.at('upstreams').path, `${name} has upstreams of its own, which have no counterpart: zones are the same for all`);
    for (const key of ['blocked_services', 'safe_search', 'safebrowsing_enabled', 'parental_enabled', 'safesearch_enabled', 'tags']) {
      const says = client.at(key);
      if (says.unread().length > 0 && key !== 'tags') draft.note(says.path, `${name}: has no counterpart`);
      client.ignore(key);
    }
    if (!ownSettings || filtering !== false) continue;
    const cidr = prefixes(draft, ids);
    if (cidr.length > 0) draft.policy({ name, cidr, lists: [], rules: false }, client.path);
  }
}

const SECONDS_PER_DAY = 86_400;

function readQueryLog(draft: Draft, source: Source): void {
  const log = source.at('querylog');
  const dns = source.at('dns');
  const enabled = (log.at('enabled').boolean() ?? dns.at('querylog_enabled').boolean()) !== false;
  const interval = log.at('interval').text() ?? dns.at('querylog_interval').text();
  // A bare number is days (up to schema 12); later a Go duration.
  const seconds = interval === null ? null : /^\d+$/.test(interval) ? Number(interval) * SECONDS_PER_DAY : secondsOf(interval);
  log.ignore('size_memory', 'file_enabled', 'dir_path', 'ignored');
  dns.ignore('querylog_size_memory', 'querylog_file_enabled');
  if (log.at('ignored').list().length > 0) draft.note('querylog.ignored', 'no name is kept out of the records');
  draft.config.retention = {
    decisions: enabled ? 'all' : 'evidence',
    ...(seconds === null || seconds <= 0 ? {} : { days: Math.min(3650, Math.max(1, Math.ceil(seconds / SECONDS_PER_DAY))) }),
  };
  if (dns.at('anonymize_client_ip').boolean() === true)
    draft.note(
      'dns.anonymize_client_ip',
      'who asked is kept whole, since budgets and quarantines are per address; retention.privacy hides names instead',
    );
}

function readHostsFile(draft: Draft, dns: Source): void {
  if (dns.at('hostsfile_enabled').boolean() === true) draft.config.hostsFiles = ['/etc/hosts'];
}

function noteLeftOut(draft: Draft, source: Source): void {
  if (source.at('users').list().length > 0)
    draft.note('users', 'names and passwords of the web interface are left out; the control API has a token of its own');
  if (source.at('tls', 'enabled').boolean() === true) draft.note('tls', 'certificate and key are left out: Kennel answers plain DNS');
  if (source.at('dhcp', 'enabled').boolean() === true)
    draft.note('dhcp', 'Kennel gives out no addresses: keep a DHCP server, and name its hosts file under hostsFiles');
  if (source.at('dns', 'enable_dnssec').boolean() === true)
    draft.note('dns.enable_dnssec', 'Kennel does not validate: name an upstream that does');
  if (source.at('dns', 'edns_client_subnet', 'enabled').boolean() === true)
    draft.note('dns.edns_client_subnet', 'the addresses of clients are never told to upstreams');
  if (source.at('dns', 'use_dns64').boolean() === true) draft.note('dns.use_dns64', 'there is no DNS64: name an upstream that does it');
  for (const { text, path } of source.at('dns', 'private_networks').texts()) {
    const prefix = prefixOf(text);
    const isOwn = prefix !== null && isPrivate(prefix.split('/')[0] ?? '');
    if (!isOwn) draft.note(path, `${text} is not treated as private: write its reverse zone under zones`);
  }
  source.ignore(
    'http',
    'users',
    'tls',
    'dhcp',
    'statistics',
    'log',
    'os',
    'language',
    'theme',
    'auth_attempts',
    'block_auth_min',
    'bind_host',
    'bind_port',
    'beta_bind_port',
    'debug_pprof',
    'web_session_ttl',
    'http_proxy',
    'rlimit_nofile',
    'verbose',
    'log_file',
    'log_max_size',
    'log_max_age',
    'log_max_backups',
    'log_compress',
    'log_localtime',
  );
  source
    .at('dns')
    .ignore('edns_client_subnet', 'statistics_interval', 'use_http3_upstreams', 'serve_http3', 'dns64_prefixes', 'ipset_file');
}
