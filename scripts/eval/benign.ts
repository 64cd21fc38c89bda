/**
 * Benign traffic: recordings as they are, lists of real names cut into sessions, and simulated people, machines and households.
 * Simulations take names from lists of real names where there are any, and are functions of a seed.
 */
import type { PresetName } from '../../scoring/presets.ts';
import { registrableDomain } from '../../src/policy/registrable-domain.ts';
import { fromPresentation, labelsOf, type QName } from '../../src/wire/name.ts';
import { benignStream, readList, recordedBenign } from './captures.ts';
import { inventedDomain } from './invented-names.ts';
import { fnv1a, type Random, randomFrom } from './random.ts';
import { randomText } from './secret-payloads.ts';
import {
  clientAddress,
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  merged,
  nameBelow,
  START_MS,
  type Stream,
  type StreamQuery,
  typeNumber,
} from './stream.ts';

export interface Benign {
  readonly stream: Stream;
  /** The presets it makes sense for. */
  readonly own: readonly PresetName[];
  /**
   * `everyday`: what developers, agents and people ask; `site`: internal names that no config names; `hard`: names that carry data by
   * design; `lists`: as no client asks.
   */
  readonly kind: 'everyday' | 'site' | 'hard' | 'lists';
  readonly about: string;
  readonly sections?: readonly string[];
}

export interface BenignSize {
  readonly people: number;
  readonly browsingDays: number;
  readonly householdDays: number;
  /** Names taken of each list. */
  readonly listNames: number;
  readonly intranetMachines?: number;
}

const INTERACTIVE: readonly PresetName[] = ['interactive'];
const UNATTENDED: readonly PresetName[] = ['agent'];
const HOME: readonly PresetName[] = ['homelab'];

const RECORDED: Readonly<Record<string, Pick<Benign, 'own' | 'kind' | 'about'>>> = {
  'benign-npm-build': { own: UNATTENDED, kind: 'everyday', about: 'builds with npm, pip, cargo, go; recorded' },
  'benign-k8s-ndots5': { own: UNATTENDED, kind: 'everyday', about: 'pods with ndots:5 and a search list; recorded' },
  'benign-browse': { own: INTERACTIVE, kind: 'everyday', about: 'browsing, 771 parents within minutes; recorded' },
  'benign-cloud': { own: INTERACTIVE, kind: 'hard', about: 'cloud end points with made-up names; recorded' },
  'benign-homelab': { own: HOME, kind: 'everyday', about: 'a household within minutes; recorded' },
  'benign-antivirus': { own: INTERACTIVE, kind: 'hard', about: 'antivirus look-ups; recorded' },
  windows_ad_zeek: { own: INTERACTIVE, kind: 'everyday', about: 'a Windows domain; recorded' },
};

/** Every benign stream that the data in `folder` allows. */
export function benignStreams(folder: string, seed: string, size: BenignSize, isTaken: (domain: string) => boolean): Benign[] {
  const names = new RealNames(folder, seed, isTaken);
  const streams: Benign[] = [];
  for (const recorded of recordedBenign(folder)) {
    const how = RECORDED[recorded.name];
    if (how !== undefined) streams.push({ stream: benignStream(recorded), ...how });
  }
  streams.push(
    {
      stream: browsing(names, seed, size),
      own: INTERACTIVE,
      kind: 'everyday',
      about: 'people browsing: popular sites by Zipf and a long tail; simulated',
    },
    { stream: household(names, seed, size), own: HOME, kind: 'everyday', about: 'a household behind one address; simulated' },
    { stream: continuousIntegration(seed, size), own: UNATTENDED, kind: 'everyday', about: 'build machines; simulated' },
    ...intranet(seed, size, isTaken),
    ...hardStreams(folder, names, seed, size),
  );
  const lists: readonly (readonly [path: string, perSession: number, own: readonly PresetName[]])[] = [
    ['benign/netrack_plain', 400, INTERACTIVE],
    ['benign/umbrella_top20k', 200, INTERACTIVE],
    ['benign/windows_telemetry_hosts', 100, INTERACTIVE],
  ];
  for (const [path, perSession, own] of lists) {
    const lines = sample(readList(folder, `${path}.txt.gz`), size.listNames, seed);
    if (lines.length === 0) continue;
    const name = path.slice('benign/'.length);
    streams.push({
      stream: listed(name, lines, perSession),
      own,
      kind: 'lists',
      about: `real names, ${perSession} a session, one every 20 seconds`,
    });
  }
  return streams;
}

/** Names that people's and machines' queries are drawn from. */
class RealNames {
  /** Registrable domains, the most asked first; which those are is drawn, because the lists are not in order. */
  readonly popular: readonly string[];
  readonly tail: readonly string[];
  readonly hosts: readonly string[];
  readonly telemetry: readonly string[];
  readonly #hostsOf = new Map<string, string[]>();

  constructor(folder: string, seed: string, isTaken: (domain: string) => boolean) {
    const random = randomFrom(seed, 'real names');
    this.hosts = readList(folder, 'benign/umbrella_top20k.txt.gz').filter(
      (name) => fromPresentation(name) !== null && !name.endsWith('.arpa') && !name.startsWith('-'),
    );
    for (const host of this.hosts) {
      const qname = fromPresentation(host);
      if (qname === null) continue;
      const { parent, labels } = registrableDomain(qname);
      if (labels.length === 0) continue;
      const known = this.#hostsOf.get(parent);
      if (known === undefined) this.#hostsOf.set(parent, [host]);
      else known.push(host);
    }
    const listed = readList(folder, 'benign/tranco10k.txt.gz');
    this.popular = random.shuffled([...new Set([...this.#hostsOf.keys(), ...listed.slice(0, 5_000)])].sort());
    const tail = readList(folder, 'benign/opendns_random10k.txt.gz').filter((name) => fromPresentation(name) !== null);
    this.tail = tail.length > 0 ? tail : Array.from({ length: 2_000 }, () => inventedDomain(random, isTaken));
    this.telemetry = readList(folder, 'benign/windows_telemetry_hosts.txt.gz');
  }

  /** By Zipf's law: the n-th is asked 1/n as often as the first. */
  popularDomain(random: Random): string {
    return this.popular[Math.min(this.popular.length - 1, Math.floor(this.popular.length ** random.next()) - 1)] ?? 'example.com';
  }

  hostsOf(domain: string): readonly string[] {
    return this.#hostsOf.get(domain) ?? [domain, `www.${domain}`];
  }
}

/** How long a name's answer lasts: always the same for one name. */
function ttlOf(name: string): number {
  return [30, 60, 300, 300, 900, 3_600][fnv1a(name) % 6] ?? 300;
}

function ask(atMs: number, client: string, name: string, type: string, rcode = 0): StreamQuery[] {
  const qname: QName | null = fromPresentation(name.toLowerCase());
  if (qname === null) return [];
  const nodata = rcode === 0 && type !== 'A' && fnv1a(`${name} ${type}`) % 3 === 0;
  return [
    {
      atMs,
      client,
      qname,
      qtype: typeNumber(type),
      response: { rcode, nodata, ttlSeconds: ttlOf(name), delayMs: 20 + (fnv1a(name) % 40) },
      part: null,
    },
  ];
}

/** What a browser asks of a host. */
function visit(atMs: number, client: string, host: string): StreamQuery[] {
  return ['A', 'AAAA', 'HTTPS'].flatMap((type) => ask(atMs, client, host, type));
}

/** One page: the site itself and what it embeds. A quarter of all pages are of the long tail. */
function page(random: Random, names: RealNames, atMs: number, client: string): StreamQuery[] {
  const site = random.next() < 0.25 ? random.pick(names.tail) : names.popularDomain(random);
  const hosts = [random.pick(names.hostsOf(site))];
  for (let embedded = random.int(9); embedded > 0; embedded--) hosts.push(random.pick(names.hostsOf(names.popularDomain(random))));
  return hosts.flatMap((host, at) => visit(atMs + at * 150, client, host));
}

function browsing(names: RealNames, seed: string, { people, browsingDays }: BenignSize): Stream {
  const sessions = Array.from({ length: people }, (_unused, person) => {
    const random = randomFrom(seed, 'browsing', person);
    const client = clientAddress(person);
    const queries: StreamQuery[] = [];
    for (let day = 0; day < browsingDays; day++) {
      const pages = 60 + random.int(180);
      for (let at = 0; at < pages; at++)
        queries.push(...page(random, names, START_MS + day * DAY_MS + Math.round((8 + 14 * random.next()) * HOUR_MS), client));
    }
    return queries;
  });
  return { name: 'browsing', tool: 'browsing', queries: merged(sessions) };
}

function household(names: RealNames, seed: string, { householdDays }: BenignSize): Stream {
  const random = randomFrom(seed, 'household');
  const alphanumeric = 'abcdefghijklmnopqrstuvwxyz0123456789';
  const polled: readonly Polled[] = [
    [17, ['0.pool.ntp.org', '1.pool.ntp.org', '2.debian.pool.ntp.org', 'time.apple.com', 'time.google.com']],
    [5, [`${randomText(random, 14, alphanumeric)}-ats.iot.eu-west-1.amazonaws.com`, 'a1.tuyaeu.com', 'mqtt.meethue.com']],
    [30, ['device-metrics-us.amazon.com', 'api.netflix.com', 'nrdp.prod.ftl.netflix.com', 'spotify.com', 'clients4.google.com']],
    [60, [`192-168-1-20.${randomText(random, 32, '0123456789abcdef')}.plex.direct`, 'plex.tv', 'firmware.ubnt.com', 'fw-update.ui.com']],
    [180, ['lb._dns-sd._udp.0.1.168.192.in-addr.arpa', 'wpad.lan', 'printer.local', '1.1.168.192.in-addr.arpa']],
  ];
  const queries: StreamQuery[] = [];
  for (let day = 0; day < householdDays; day++) {
    const from = START_MS + day * DAY_MS;
    for (const one of polled) queries.push(...polledOn(from, one, random));
    for (let at = 0; at < 150 + random.int(150); at++) {
      queries.push(...page(random, names, from + Math.round((6 + 17 * random.next()) * HOUR_MS), HOUSEHOLD));
    }
    // An evening of video: new node names every day.
    for (let at = 0; at < 12; at++) {
      const when = from + Math.round((18 + 5 * random.next()) * HOUR_MS);
      queries.push(...visit(when, HOUSEHOLD, `rr${1 + random.int(8)}---sn-${randomText(random, 8, alphanumeric)}.googlevideo.com`));
      queries.push(...visit(when, HOUSEHOLD, `ipv4-c${random.int(200)}-fra00${random.int(3)}-ix.1.oca.nflxvideo.net`));
    }
    for (let at = 0; at < 40 && names.telemetry.length > 0; at++) {
      queries.push(...ask(from + random.int(DAY_MS), HOUSEHOLD, names.telemetry[random.int(60)] ?? '', 'A'));
    }
  }
  return { name: 'household', tool: 'household', queries: queries.sort((a, b) => a.atMs - b.atMs) };
}

const HOUSEHOLD = '10.7.0.1';

type Polled = readonly [everyMinutes: number, names: readonly string[]];

/** What devices ask all day long. */
function polledOn(fromMs: number, [everyMinutes, hosts]: Polled, random: Random): StreamQuery[] {
  const queries: StreamQuery[] = [];
  for (let minute = random.int(everyMinutes); minute < 1_440; minute += everyMinutes) {
    for (const host of hosts) {
      const atMs = fromMs + minute * MINUTE_MS + random.int(20_000);
      queries.push(...ask(atMs, HOUSEHOLD, host, host.endsWith('arpa') ? 'PTR' : 'A'));
    }
  }
  return queries;
}

function continuousIntegration(seed: string, { people, browsingDays }: BenignSize): Stream {
  const hosts = [
    'registry.npmjs.org registry.yarnpkg.com nodejs.org pypi.org files.pythonhosted.org github.com api.github.com codeload.github.com',
    'objects.githubusercontent.com raw.githubusercontent.com ghcr.io pkg-containers.githubusercontent.com registry-1.docker.io auth.docker.io',
    'production.cloudflare.docker.com deb.debian.org security.debian.org archive.ubuntu.com security.ubuntu.com crates.io index.crates.io',
    'static.crates.io proxy.golang.org sum.golang.org storage.googleapis.com repo.maven.apache.org plugins.gradle.org services.gradle.org',
    'dl.google.com packages.microsoft.com rubygems.org index.rubygems.org quay.io cdn.quay.io gitlab.com sts.amazonaws.com',
    's3.eu-west-1.amazonaws.com pipelines.actions.githubusercontent.com results-receiver.actions.githubusercontent.com api.openai.com',
    'api.anthropic.com sentry.io telemetry.nextjs.org binaries.prisma.sh playwright.azureedge.net huggingface.co',
  ].flatMap((line) => line.split(' '));
  const machines = Array.from({ length: people }, (_unused, machine) => {
    const random = randomFrom(seed, 'builds', machine);
    const client = clientAddress(machine);
    const queries: StreamQuery[] = [];
    for (let build = 0; build < browsingDays * 30; build++) {
      const from = START_MS + Math.round(random.next() * browsingDays * DAY_MS);
      const wanted = random.shuffled(hosts).slice(0, 8 + random.int(14));
      wanted.push(`productionresultssa${random.int(20)}.blob.core.windows.net`);
      wanted.forEach((host, at) => {
        for (const type of ['A', 'AAAA']) queries.push(...ask(from + at * 900, client, host, type));
      });
      for (const type of ['SRV']) queries.push(...ask(from, client, '_http._tcp.deb.debian.org', type));
    }
    return queries;
  });
  return { name: 'builds', tool: 'builds', queries: merged(machines) };
}

/** 300 hosts below one domain that no list knows, polled by machines: as it comes, and with its zone named in the config. */
function intranet(seed: string, { intranetMachines = 20 }: BenignSize, isTaken: (domain: string) => boolean): Benign[] {
  const random = randomFrom(seed, 'intranet');
  const zone = `int.${inventedDomain(random, isTaken)}`;
  const forms: readonly (() => string)[] = [
    () => `ws-${randomText(random, 7, 'ABCDEFGHJKLMNPQRSTUVWXYZ0123456789')}`,
    () => `vm-${randomText(random, 8, '0123456789abcdef')}`,
    () => `ip-10-${random.int(256)}-${random.int(256)}-${random.int(256)}`,
    () => `${random.pick(['db', 'web', 'cache', 'build', 'git', 'mail'])}${1 + random.int(30)}.${random.pick(['fra', 'ams', 'nyc'])}`,
  ];
  const hosts = Array.from({ length: 300 }, () => `${random.pick(forms)()}.${zone}`);
  const machines = Array.from({ length: intranetMachines }, (_unused, machine) => {
    const of = randomFrom(seed, 'intranet', machine);
    const asked = of.shuffled(hosts).slice(0, 40 + of.int(200));
    const queries: StreamQuery[] = [];
    for (let minute = of.int(10); minute < 2 * 1_440; minute += 10) {
      for (const host of of.shuffled(asked).slice(0, 25))
        queries.push(...ask(START_MS + minute * MINUTE_MS + of.int(60_000), clientAddress(machine), host, 'A'));
    }
    return queries;
  });
  const stream = { name: 'intranet', tool: 'intranet', queries: merged(machines) };
  const how = { own: ['agent', 'interactive', 'homelab'], kind: 'everyday' } as const;
  return [
    { stream, ...how, kind: 'site', about: '300 internal hosts below an unlisted domain; simulated' },
    {
      stream: { ...stream, name: 'intranet, zone named' },
      ...how,
      about: 'the same with the zone in the config, as an operator writes it',
      sections: ['zones:', `  ${zone}: ["udp://10.0.0.53"]`],
    },
  ];
}

function hardStreams(folder: string, names: RealNames, seed: string, size: BenignSize): Benign[] {
  const random = randomFrom(seed, 'hard');
  const hex = '0123456789abcdef';
  const alphanumeric = 'abcdefghijklmnopqrstuvwxyz0123456789';
  const octet = (): number => random.int(256);
  const spaced = (
    name: string,
    perSession: number,
    everyMs: number,
    wanted: readonly { name: string; type: string; rcode?: number }[],
  ): Stream => ({
    name,
    tool: name,
    queries: merged([
      wanted.flatMap(({ name: asked, type, rcode }, at) =>
        ask(START_MS + (at % perSession) * everyMs, clientAddress(Math.floor(at / perSession)), asked, type, rcode),
      ),
    ]),
  });
  const many = <T>(make: () => T): T[] => Array.from({ length: size.listNames }, make);
  const lists = [
    'zen.spamhaus.org',
    'bl.spamcop.net',
    'b.barracudacentral.org',
    'psbl.surriel.com',
    'bl.mailspike.net',
    'dnsbl.dronebl.org',
    'all.s5h.net',
  ];
  const antivirus = [
    () => `${randomText(random, 43, alphanumeric)}.a.e.e5.sk`,
    () =>
      `a-0.19-${randomText(random, 8, hex)}.${randomText(random, 7, hex)}.1838.${randomText(random, 4, hex)}.${randomText(random, 4, hex)}.410.0.${randomText(random, 26, alphanumeric)}.avqs.mcafee.com`,
    () => `${randomText(random, 32, hex)}.${randomText(random, 20, hex)}.w.s.sophosxl.net`,
    () => `${randomText(random, 40, hex)}.hash.cymru.com`,
  ];
  const streams: Benign[] = [
    {
      stream: spaced(
        'antivirus look-ups',
        1_500,
        30_000,
        many(() => ({ name: random.pick(antivirus)(), type: random.pick(['A', 'TXT']) })),
      ),
      own: INTERACTIVE,
      kind: 'hard',
      about: 'coded names of four products, 1,500 a session and half a day; simulated',
    },
    {
      stream: spaced(
        'DNSBL look-ups',
        2_000,
        20_000,
        many(() => ({
          name: `${octet()}.${octet()}.${octet()}.${octet()}.${random.pick(lists)}`,
          type: 'A',
          rcode: random.next() < 0.8 ? 3 : 0,
        })),
      ),
      own: ['agent'],
      kind: 'hard',
      about: 'a mail server at seven block lists, 2,000 a session; simulated',
    },
    {
      stream: spaced(
        'reverse look-ups',
        1_000,
        10_000,
        many(() =>
          random.next() < 0.5
            ? reverse6(random, hex)
            : { name: `${octet()}.${octet()}.${octet()}.${1 + random.int(220)}.in-addr.arpa`, type: 'PTR' },
        ),
      ),
      own: ['agent'],
      kind: 'hard',
      about: 'a log analyser: IPv4 and IPv6 addresses, 1,000 a session; simulated',
    },
    {
      stream: spaced(
        'mail checks',
        800,
        15_000,
        many(() => random.pick(names.tail)).flatMap((domain) => mailCheck(random, domain)),
      ),
      own: ['agent'],
      kind: 'hard',
      about: 'MX, SPF, DMARC, DKIM, MTA-STS and ACME names of domains of the long tail; simulated',
    },
  ];
  const mailHosts = sample(readList(folder, 'benign/mx_hostnames.txt.gz'), size.listNames, seed);
  if (mailHosts.length > 0) {
    const wanted = mailHosts.map((name) => ({ name, type: 'A' }));
    streams.push({
      stream: spaced('mail hosts', 500, 20_000, wanted),
      own: ['agent'],
      kind: 'hard',
      about: 'real mail host names, 500 a session',
    });
  }
  const video = sample(readList(folder, 'benign/googlevideo.txt.gz'), size.listNames, seed);
  if (video.length > 0) {
    const wanted = video.map((name) => ({ name, type: 'A' }));
    streams.push({
      stream: spaced('video nodes', 400, 60_000, wanted),
      own: INTERACTIVE,
      kind: 'hard',
      about: 'real node names of googlevideo.com, 400 a session',
    });
  }
  const stripped = readList(folder, 'benign/resolver_subdomains.txt.gz').slice(0, 4 * size.listNames);
  if (stripped.length > 0) {
    const parents = Array.from({ length: 400 }, () => random.pick(names.tail));
    const wanted = stripped.map((labels) => ({ name: `${labels}.${parentOf(labels, parents)}`, type: 'A' }));
    streams.push({
      stream: spaced('names at a resolver', 700, 20_000, wanted),
      own: INTERACTIVE,
      kind: 'hard',
      about:
        'names of a real resolver, whose domains were stripped: known services again, the rest below 400 domains of the long tail; 700 a session',
    });
  }
  return streams;
}

/** Names of which the service can be told get its domain again; the others one of `parents`, names of one ending the same. */
function parentOf(labels: string, parents: readonly string[]): string {
  for (const [ending, parent] of SERVICES) if (ending.test(labels)) return parent;
  const last = labels.split('.').at(-1) ?? '';
  return parents[fnv1a(last) % parents.length] ?? '';
}

const SERVICES: readonly (readonly [RegExp, string])[] = [
  [/\.(?:sbl|xbl|pbl|zen|sbl-xbl|dbl)$/, 'spamhaus.org'],
  [/\.(?:asn|origin|origin6|peer)$/, 'cymru.com'],
  [/\.a\.[a-z]$/, 'e5.sk'],
  [/\.(?:avqs|avts)$/, 'mcafee.com'],
  [/\.(?:mp|wns|data|aria)$/, 'microsoft.com'],
  [/\.(?:fna|xx|c10r)$/, 'fbcdn.net'],
  [/^r+[0-9]+---sn-/, 'googlevideo.com'],
  [/\.(?:elb|compute|rds|s3)(?:\.|$)/, 'amazonaws.com'],
  [/\.ip6$/, 'arpa'],
  [/\.in-addr$/, 'arpa'],
  [/\.dsc[a-z0-9]*$/, 'akamaiedge.net'],
];

function reverse6(random: Random, hex: string): { name: string; type: string } {
  const networks = ['8.b.d.0.1.0.0.2', '0.0.6.8.4.1.0.2', 'e.c.a.f.0.2.a.2', '0.7.5.1.8.1.0.a.2'.slice(2)];
  const host = Array.from({ length: 24 }, () => hex[random.int(16)]);
  return { name: `${host.join('.')}.${random.pick(networks)}.ip6.arpa`, type: 'PTR' };
}

function mailCheck(random: Random, domain: string): { name: string; type: string; rcode?: number }[] {
  const selector = random.pick([
    'selector1',
    'selector2',
    'google',
    'k1',
    's1',
    'default',
    'mail',
    `${20_180_101 + random.int(60_000)}`,
    randomText(random, 16, 'abcdefghijklmnopqrstuvwxyz234567'),
  ]);
  return [
    { name: domain, type: 'MX' },
    { name: domain, type: 'TXT' },
    { name: `_dmarc.${domain}`, type: 'TXT' },
    { name: `${selector}._domainkey.${domain}`, type: 'TXT' },
    { name: `_mta-sts.${domain}`, type: 'TXT', rcode: 3 },
    { name: `_acme-challenge.${domain}`, type: 'TXT', rcode: 3 },
    { name: `mail.${domain}`, type: 'A' },
  ].slice(0, 3 + random.int(5));
}

/** A list as sessions of `perSession` names. */
function listed(name: string, lines: readonly string[], perSession: number): Stream {
  const queries = lines.flatMap((line, at): StreamQuery[] => {
    const strict = fromPresentation(line);
    const qname =
      strict ??
      nameBelow(
        line.split('.').filter((label) => label !== ''),
        '.',
      );
    if (qname === null || labelsOf(qname).length === 0) return [];
    const response = { rcode: 0, nodata: false, ttlSeconds: ttlOf(line), delayMs: 30 };
    return [
      {
        atMs: START_MS + (at % perSession) * 20_000,
        client: clientAddress(Math.floor(at / perSession)),
        qname,
        qtype: 1,
        response,
        part: null,
      },
    ];
  });
  return { name, tool: name, queries: merged([queries]) };
}

/** `count` lines, drawn, in their order. */
function sample(lines: readonly string[], count: number, seed: string): readonly string[] {
  if (lines.length <= count) return lines;
  const limit = (count / lines.length) * 0x1_0000_0000;
  return lines.filter((line) => fnv1a(`${seed} ${line}`) < limit);
}
