/**
 * Pi-hole's files into a Kennel config: `pihole.toml` (version 6), `setupVars.conf` (version 5), and what stands beside them in a folder
 * or an unpacked teleporter archive: hosts, aliases, lists and rules. Its databases are not opened. Passwords are never copied.
 */
import { canonicalAddress, canonicalPrefix } from '../policy/address-set.ts';
import { Draft, type ImportResult, quoted } from './draft.ts';
import { reverseZones } from './reverse-zones.ts';
import { readJsonSource, readTomlSource, Source } from './source.ts';
import { filterRule } from './spellings.ts';

/** The files that are read in a folder, and in `dnsmasq.d` below it; wildcards are not. */
export const PIHOLE_FILES: readonly string[] = [
  'pihole.toml',
  'setupVars.conf',
  'pihole-FTL.conf',
  'custom.list',
  'hosts/custom.list',
  'adlists.list',
  'adlist.json',
  'whitelist.txt',
  'blacklist.txt',
  'regex.list',
  'whitelist.exact.json',
  'blacklist.exact.json',
  'whitelist.regex.json',
  'blacklist.regex.json',
];
/** Of these, all below `dnsmasq.d`, and the one file for aliases in the archive's root. */
export const PIHOLE_FOLDERS: readonly string[] = ['dnsmasq.d', '.'];

/** `files`: texts by name, relative to the folder; a single file under its own name. */
export function importPihole(files: ReadonlyMap<string, string>): ImportResult {
  if (files.size === 0)
    return { kind: 'failed', message: 'there is no file of Pi-hole here: pihole.toml, setupVars.conf or a folder with them is wanted' };
  const draft = new Draft('a Pi-hole');
  const toml = fileNamed(files, 'pihole.toml') ?? [...files].find(([name]) => name.endsWith('.toml'))?.[1] ?? null;
  if (toml !== null) {
    const read = readTomlSource(toml);
    if (read.kind === 'failed') return { kind: 'failed', message: `pihole.toml: not readable as TOML: ${read.message}` };
    if (read.source.at('dns').isAbsent) return { kind: 'failed', message: 'this is no pihole.toml: it has no [dns]' };
    readToml(draft, read.source);
    draft.noteUnread(read.source);
  }
  const setup = fileNamed(files, 'setupVars.conf');
  // Version 6 leaves the old file behind; what it says has moved.
  if (setup !== null && toml === null) readSetupVars(draft, setup);
  else if (setup !== null) draft.note('setupVars.conf', 'is of version 5 and is left out: pihole.toml is there');
  for (const [name, text] of files) readBeside(draft, name, text);
  if (!draft.everyonesRules) draft.switchOff('blocking');
  const hasLists = ['adlists.list', 'adlist.json'].some((name) => fileNamed(files, name) !== null);
  if (!hasLists) {
    draft.note(
      'gravity.db',
      'lists and rules are in a database that is not opened: sqlite3 gravity.db "SELECT address FROM adlist WHERE enabled" > adlists.list, then import the folder',
    );
  }
  return draft.finish();
}

function fileNamed(files: ReadonlyMap<string, string>, name: string): string | null {
  return files.get(name) ?? null;
}

function readToml(draft: Draft, source: Source): void {
  const dns = source.at('dns');
  setUpstreams(draft, dns.at('upstreams').texts());
  const port = dns.at('port').number() ?? 53;
  readListening(draft, dns.at('listeningMode').text(), dns.at('interface').text(), port, 'dns.listeningMode');
  for (const { text, path } of dns.at('hosts').texts()) readHosts(draft, text, path);
  for (const { text, path } of dns.at('cnameRecords').texts()) readAlias(draft, text.split(','), path);
  for (const { text, path } of dns.at('hostRecord').texts()) readHostRecord(draft, text, path);
  for (const { text, path } of dns.at('revServers').texts()) readRevServer(draft, text.split(','), path);
  readOldRevServer(draft, dns.at('revServer'));
  readCacheSize(draft, dns.at('cache', 'size').number(), 'dns.cache.size');
  const optimizer = dns.at('cache', 'optimizer').number();
  if (optimizer !== null && optimizer > 0)
    draft.note('dns.cache.optimizer', 'old answers are served while upstreams fail (cache.serveStale), not before they are asked');
  readRate(draft, dns.at('rateLimit', 'count').number(), dns.at('rateLimit', 'interval').number(), 'dns.rateLimit');
  readBlocking(draft, dns.at('blocking', 'active').boolean(), dns.at('blocking', 'mode').text(), 'dns.blocking');
  const days = source.at('database', 'maxDBdays').number();
  readLogging(draft, dns.at('queryLogging').boolean(), days);
  if (dns.at('dnssec').boolean() === true) noteDnssec(draft, 'dns.dnssec');
  noteSpecialDomains(draft, dns);
  if (source.at('dhcp', 'active').boolean() === true) noteDhcp(draft, 'dhcp');
  readDnsmasqLines(
    draft,
    source
      .at('misc', 'dnsmasq_lines')
      .texts()
      .map(({ text, path }) => ({ line: text, path })),
  );
  if (source.at('misc', 'privacylevel').number()) draft.note('misc.privacylevel', 'retention.privacy says how names are written down');
  if (!source.at('webserver', 'api', 'pwhash').isAbsent)
    draft.note('webserver.api', 'passwords are left out; the control API has a token of its own');
  source
    .at('dns')
    .ignore(
      'CNAMEdeepInspect',
      'blockESNI',
      'EDNS0ECS',
      'ignoreLocalhost',
      'showDNSSEC',
      'analyzeOnlyAandAAAA',
      'piholePTR',
      'replyWhenBusy',
      'blockTTL',
      'domainNeeded',
      'expandHosts',
      'domain',
      'bogusPriv',
      'reply',
      'localise',
      'cache',
      'rateLimit',
      'blocking',
      'specialDomains',
      'revServer',
    );
  source.ignore('webserver', 'ntp', 'resolver', 'database', 'files', 'misc', 'debug', 'dhcp', 'http', 'api');
}

function noteSpecialDomains(draft: Draft, dns: Source): void {
  if (dns.at('specialDomains', 'mozillaCanary').boolean() === false)
    draft.note('dns.specialDomains.mozillaCanary', 'use-application-dns.net does not exist for clients of Kennel');
  if (dns.at('specialDomains', 'iCloudPrivateRelay').boolean() === true)
    draft.note('dns.specialDomains.iCloudPrivateRelay', 'mask.icloud.com does not exist where a policy says dohEndpoints: refuse');
}

function setUpstreams(draft: Draft, written: readonly { readonly text: string; readonly path: string }[]): void {
  const upstreams = draft.upstreams(written);
  if (upstreams.length > 0) draft.config.upstreams = upstreams;
  draft.config.forwarding = { strategy: 'fastest' };
}

function readListening(draft: Draft, mode: string | null, face: string | null, port: number, path: string): void {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    draft.note(path, 'listens on no port: listen.dns is left as it is by default');
    return;
  }
  draft.config.listen = { dns: [`0.0.0.0:${port}`, `[::]:${port}`] };
  if (face !== null && face !== '')
    draft.note(path, `Kennel listens on addresses, not on ${face}: write that interface's under listen.dns`);
  if (mode?.toUpperCase() === 'ALL')
    draft.note(path, 'everybody was answered; Kennel serves private addresses until clients.allow says whom else');
}

/** `IP NAME [NAME…]`. */
function readHosts(draft: Draft, line: string, path: string): void {
  const [address = '', ...names] = line.replace(/#.*$/, '').trim().split(/\s+/);
  const canonical = canonicalAddress(address);
  if (address === '') return;
  if (canonical === null) draft.note(path, `${quoted(line)} is left out: it does not begin with an address`);
  else for (const name of names) draft.address(name, canonical, path);
}

/** `ALIAS[,ALIAS…],TARGET[,TTL]`. */
function readAlias(draft: Draft, written: readonly string[], path: string): void {
  const parts = written.map((part) => part.trim()).filter((part) => part !== '');
  const ttlSeconds = parts.length > 2 && /^\d{1,9}$/.test(parts.at(-1) ?? '') ? Number(parts.pop()) : undefined;
  const target = parts.pop();
  if (target === undefined || parts.length === 0) {
    draft.note(path, `${quoted(written.join(','))} is left out: it is no alias and target`);
    return;
  }
  for (const name of parts) draft.record({ name, type: 'CNAME', value: target, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) }, path);
}

/** `NAME[,NAME…],IP[,IP][,TTL]`. */
function readHostRecord(draft: Draft, text: string, path: string): void {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const ttl = /^\d{1,9}$/.test(parts.at(-1) ?? '') ? Number(parts.pop()) : undefined;
  const addresses = parts.flatMap((part) => canonicalAddress(part) ?? []);
  for (const name of parts.filter((part) => canonicalAddress(part) === null)) {
    for (const address of addresses) draft.address(name, address, path, ttl);
  }
}

/** `true,192.168.0.0/24,192.168.0.1[#53][,lan]`: who is asked for the names of a network and of its domain. */
function readRevServer(draft: Draft, parts: readonly string[], path: string): void {
  const [active = '', network = '', server = '', domain = ''] = parts.map((part) => part.trim());
  if (active.toLowerCase() !== 'true') {
    draft.note(path, 'was switched off and is left out');
    return;
  }
  readReverse(draft, network, server, domain, path);
}

function readOldRevServer(draft: Draft, server: Source): void {
  if (server.at('active').boolean() !== true) return;
  const part = (key: string): string => server.at(key).text() ?? '';
  readReverse(draft, part('cidr'), part('target'), part('domain'), server.path);
}

function readReverse(draft: Draft, network: string, server: string, domain: string, path: string): void {
  const upstreams = draft.upstreams([{ text: server, path }]);
  if (domain !== '') draft.zone(domain, upstreams, path);
  const prefix = canonicalPrefix(network);
  const meant = 'prefix' in prefix ? prefix.prefix : (/did you mean (\S+)\?$/.exec(prefix.problem)?.[1] ?? null);
  if (meant === null) draft.note(path, `${quoted(network)} is no network`);
  else for (const zone of reverseZones(meant)) draft.zone(zone, upstreams, path);
}

function readCacheSize(draft: Draft, size: number | null, path: string): void {
  if (size === 0) draft.note(path, 'Kennel always has a cache: without one every repeat of a name could carry something out');
  else if (size !== null && size > 0) draft.config.cache = { maxEntries: Math.min(10_000_000, Math.round(size)) };
}

function readRate(draft: Draft, count: number | null, seconds: number | null, path: string): void {
  if (count === null || seconds === null) return;
  if (count <= 0 || seconds <= 0) draft.config.limits = 'off';
  else {
    const rate = Math.min(1_000_000, Math.max(1, Math.ceil(count / seconds)));
    draft.config.limits = { queriesPerSecond: rate, burst: Math.min(10_000_000, Math.max(rate, Math.round(count))) };
    draft.note(path, `${count} queries in ${seconds} s have become ${rate} a second with a burst of ${count}`);
  }
}

function readBlocking(draft: Draft, active: boolean | null, mode: string | null, path: string): void {
  // What it switches off is known when all files have been read.
  if (active === false) draft.everyonesRules = false;
  if (mode !== 'NXDOMAIN') draft.note(path, `${mode ?? 'NULL'}: Kennel answers NXDOMAIN, which clients take as final`);
}

function readLogging(draft: Draft, logging: boolean | null, days: number | null): void {
  draft.config.retention = {
    decisions: logging === false ? 'evidence' : 'all',
    ...(days === null || days < 1 ? {} : { days: Math.min(3650, Math.round(days)) }),
  };
}

function noteDnssec(draft: Draft, path: string): void {
  draft.note(path, 'Kennel does not validate: name an upstream that does');
}

function noteDhcp(draft: Draft, path: string): void {
  draft.note(path, 'Kennel gives out no addresses: keep a DHCP server, and name its hosts file under hostsFiles');
}

/** `KEY=value` lines. */
function readSetupVars(draft: Draft, text: string): void {
  const all = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, key, value] = /^\s*([A-Za-z0-9_]{1,64})=(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined) all.set(key, (value ?? '').replace(/^(["'])(.*)\1$/, '$2'));
  }
  const source = new Source(all);
  const said = (key: string): string | null => source.at(key).text();
  const servers = source.entries().filter(([key]) => /^PIHOLE_DNS_\d+$/.test(key));
  setUpstreams(
    draft,
    servers.flatMap(([, server]) => server.texts()),
  );
  readListening(draft, said('DNSMASQ_LISTENING'), said('PIHOLE_INTERFACE'), 53, 'PIHOLE_INTERFACE');
  if (source.at('REV_SERVER').boolean() === true) {
    readReverse(draft, said('REV_SERVER_CIDR') ?? '', said('REV_SERVER_TARGET') ?? '', said('REV_SERVER_DOMAIN') ?? '', 'REV_SERVER');
  } else if (said('CONDITIONAL_FORWARDING') === 'true') {
    readReverse(
      draft,
      said('CONDITIONAL_FORWARDING_REVERSE') ?? '',
      said('CONDITIONAL_FORWARDING_IP') ?? '',
      said('CONDITIONAL_FORWARDING_DOMAIN') ?? '',
      'CONDITIONAL_FORWARDING',
    );
  }
  readCacheSize(draft, source.at('CACHE_SIZE').number(), 'CACHE_SIZE');
  readBlocking(draft, source.at('BLOCKING_ENABLED').boolean(), 'NULL', 'BLOCKING_ENABLED');
  readLogging(draft, source.at('QUERY_LOGGING').boolean(), null);
  if (source.at('DNSSEC').boolean() === true) noteDnssec(draft, 'DNSSEC');
  if (source.at('DHCP_ACTIVE').boolean() === true) noteDhcp(draft, 'DHCP_ACTIVE');
  if ((said('WEBPASSWORD') ?? '') !== '') draft.note('WEBPASSWORD', 'the password is left out; the control API has a token of its own');
  for (const [key] of source.entries())
    if (/^(DHCP_|REV_SERVER|CONDITIONAL_|WEB|API_|ADMIN|IPV[46]_|INSTALL_|LIGHTTPD|TEMPERATURE|DNS_FQDN|DNS_BOGUS)/.test(key))
      source.ignore(key);
  draft.noteUnread(source);
}

function readBeside(draft: Draft, name: string, text: string): void {
  const lines = (): { line: string; path: string }[] =>
    text.split('\n').map((line, index) => ({ line: line.replace(/\r$/, ''), path: `${name} line ${index + 1}` }));
  switch (name.split('/').at(-1)) {
    case 'custom.list':
      for (const { line, path } of lines()) readHosts(draft, line, path);
      return;
    case 'adlists.list':
      for (const { line, path } of lines()) readAdlist(draft, line.trim(), path);
      return;
    case 'whitelist.txt':
    case 'blacklist.txt':
      for (const { line, path } of lines()) readExact(draft, name.endsWith('whitelist.txt') ? 'allow' : 'block', line.trim(), path);
      return;
    case 'regex.list':
      for (const { line, path } of lines()) if (line.trim() !== '' && !line.startsWith('#')) noteRegex(draft, line, path);
      return;
  }
  if (name.endsWith('.json')) readTable(draft, name, text);
  else if (name.endsWith('.conf') && !/(?:setupVars|pihole-FTL|01-pihole)\.conf$/.test(name)) readDnsmasqLines(draft, lines());
}

function readAdlist(draft: Draft, line: string, path: string): void {
  if (line === '' || line.startsWith('#')) return;
  const host = URL.parse(line)?.hostname ?? 'list';
  draft.list('block', host, line, path, 7 * 86_400);
}

function readExact(draft: Draft, kind: 'block' | 'allow', line: string, path: string): void {
  const rule = filterRule(line);
  if (rule.kind === 'nothing') return;
  if (rule.kind === 'block') for (const pattern of rule.patterns) draft.pattern(kind, pattern, path);
  else draft.note(path, `${quoted(line)} is left out: it is no name`);
}

function noteRegex(draft: Draft, text: string, path: string): void {
  draft.note(path, `${quoted(text)} is left out: a regular expression has no counterpart; name the domains`);
}

/** A table of the teleporter's archive of version 5. */
function readTable(draft: Draft, name: string, text: string): void {
  const read = readJsonSource(text);
  if (read.kind === 'failed') {
    draft.note(name, `not readable as JSON: ${read.message}`);
    return;
  }
  for (const row of read.source.list()) {
    const path = `${name} ${row.path}`;
    const off = row.at('enabled').number() === 0;
    const value = row.at('address').text() ?? row.at('domain').text();
    if (value === null) continue;
    if (off) draft.note(path, `${quoted(value)} was switched off and is left out`);
    else if (name.endsWith('adlist.json')) readAdlist(draft, value, path);
    else if (name.endsWith('.regex.json')) noteRegex(draft, value, path);
    else readExact(draft, name.endsWith('whitelist.exact.json') ? 'allow' : 'block', value, path);
  }
}

/** A directive that people write by hand is shorter. */
const MAX_LINE_CHARACTERS = 1000;

/** The directives of dnsmasq that people add by hand. */
function readDnsmasqLines(draft: Draft, lines: readonly { readonly line: string; readonly path: string }[]): void {
  for (const { line, path } of lines) {
    const [, directive, value = ''] =
      /^([a-z0-9-]+)(?:=(.*))?$/.exec(
        line
          .slice(0, MAX_LINE_CHARACTERS)
          .replace(/(?:^|\s)#.*$/, '')
          .trim(),
      ) ?? [];
    if (directive !== undefined) readDirective(draft, directive.trim(), value.trim(), path);
  }
}

function readDirective(draft: Draft, directive: string, value: string, path: string): void {
  const [, domains = '', target = ''] = /^\/(.+)\/([^/]*)$/.exec(value) ?? [];
  if (directive === 'cname') readAlias(draft, value.split(','), path);
  else if (directive === 'host-record') readHostRecord(draft, value, path);
  else if (directive === 'address' && domains !== '') readAddress(draft, domains, target, path);
  else if (directive === 'server' && domains !== '' && target !== '') {
    const upstreams = draft.upstreams([{ text: target, path }]);
    for (const domain of domains.split('/')) draft.zone(domain, upstreams, path);
  } else if (directive === 'rev-server') {
    const [network = '', server = ''] = value.split(',');
    readReverse(draft, network, server, '', path);
  } else draft.note(path, `${directive} has no counterpart and is left out`);
}

/** `address=/a.example/192.0.2.1`: the name and all below; without an address, or with 0.0.0.0, it is blocked. */
function readAddress(draft: Draft, domains: string, written: string, path: string): void {
  const address = canonicalAddress(written);
  for (const domain of domains.split('/')) {
    if (written === '' || address === '0.0.0.0' || address === '::') draft.rule(`||${domain}^`, path);
    else if (address === null) draft.note(path, `${quoted(written)} is no address`);
    else for (const owner of [domain, `*.${domain}`]) draft.address(owner, address, path);
  }
}
