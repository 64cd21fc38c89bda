/**
 * A house in network namespaces, and the internet it is connected to:
 *
 *   tablet .70 ─┐
 *   laptop .20 ─┼─ 192.168.1.0/24 ── router .1 ── internet: resolver 9.9.9.9 and 149.112.112.112, web server 203.0.113.10, publisher 9.9.9.20
 *   tv    .130 ─┤
 *   pi      .2 ─┘
 *
 * The router lets devices out to web servers and the Raspberry Pi to encrypted resolvers as well; nobody else's DNS leaves the house. It
 * knows names and addresses of the house itself. Addresses of the internet exist inside the namespaces alone. What runs on the Pi is the
 * tests' business.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, type Finished, type Running, run, start } from './processes.ts';
import { toolPath } from './required-tools.ts';

const ADDRESS_IN_HOUSE = { pi: '192.168.1.2', laptop: '192.168.1.20', tablet: '192.168.1.70', tv: '192.168.1.130' } as const;
export type Device = 'laptop' | 'tablet' | 'tv';
export type HousePlace = keyof typeof ADDRESS_IN_HOUSE | 'router' | 'internet';

export const KENNEL_ADDRESS: string = ADDRESS_IN_HOUSE.pi;
/** Where every name of the internet leads that nothing else is said of. */
export const WEB_ADDRESS = '203.0.113.10';
export const PUBLISHER_NAME = 'lists.publisher.example';
/** Public by every register: an address for documentation is no place to fetch a list from. */
const PUBLISHER_ADDRESS = '9.9.9.20';
/** As in the example config: nothing of it is asked outside the namespaces. */
const RESOLVER_NAME = 'dns.quad9.net';
const RESOLVER_ADDRESSES = ['9.9.9.9', '149.112.112.112'] as const;

const NAME_PREFIX = 'kennel-house';
const PLACES: readonly HousePlace[] = ['router', 'pi', 'laptop', 'tablet', 'tv', 'internet'];

export interface House {
  /** The authority that signed the certificates of this internet, as a PEM file. */
  readonly caFile: string;
  /** Where the publisher's files are: what is written here is what it serves. */
  readonly publishedFolder: string;
  run(place: HousePlace, argv: readonly string[], timeoutMs?: number): Promise<Finished>;
  /** Killed with the house at the latest. */
  start(place: HousePlace, argv: readonly string[]): Running;
  startPublisher(): Promise<void>;
  stopPublisher(): Promise<void>;
  /** One line for each request: status and path. */
  publisherLog(): readonly string[];
  /** `movedTo`: the address that wikipedia.org, whose TTL is two seconds, has from now on. */
  startResolver(movedTo?: string): Promise<void>;
  stopResolver(): Promise<void>;
  destroy(): Promise<void>;
}

/** `folder`: a temporary one of the caller's, for certificates and configs. Throws when not root or when a tool is missing. */
export async function buildHouse(folder: string): Promise<House> {
  if (process.getuid?.() !== 0) throw new Error('the live lab needs root: it creates network namespaces');
  removeAbandoned();
  const nameOf = (place: HousePlace) => `${NAME_PREFIX}-${process.pid}-${place}`;
  const removeNamespaces = () => {
    process.off('exit', removeNamespaces);
    for (const place of PLACES) removeNamespace(nameOf(place));
  };
  process.on('exit', removeNamespaces);
  layCables(nameOf);
  const inFolder = (file: string) => join(folder, file);
  makeCertificates(folder);
  const publishedFolder = inFolder('published');
  mkdirSync(publishedFolder);

  const processes = new Set<Running>();
  const startIn = (place: HousePlace, argv: readonly string[]): Running => {
    const running = start([toolPath('ip'), 'netns', 'exec', nameOf(place), ...argv]);
    processes.add(running);
    return running;
  };
  const runIn = (place: HousePlace, argv: readonly string[], timeoutMs?: number) =>
    run([toolPath('ip'), 'netns', 'exec', nameOf(place), ...argv], timeoutMs);
  const startUnbound = async (place: HousePlace, name: string, config: string, asked: string): Promise<Running> => {
    writeFileSync(inFolder(`${name}.conf`), config);
    const unbound = startIn(place, [toolPath('unbound'), '-d', '-p', '-c', inFolder(`${name}.conf`)]);
    const dig = [toolPath('dig'), '+tries=1', '+time=1', `@${asked}`, 'localhost'];
    const ready = await eventually(async () => unbound.hasExited() || (await runIn(place, dig)).status === 0, 10_000);
    if (!ready || unbound.hasExited()) throw new Error(`unbound does not answer in ${place}:\n${unbound.stdout()}${unbound.stderr()}`);
    return unbound;
  };
  await startUnbound('router', 'router', routerConfig(folder), '192.168.1.1');
  const web = startIn('internet', webServer(folder, WEB_ADDRESS));
  await web.waitForOutput(/serving/, 5_000);
  let resolver: Running | null = null;
  let publisher: Running | null = null;
  const publisherLog: string[] = [];

  return {
    caFile: inFolder('ca.pem'),
    publishedFolder,
    run: runIn,
    start: startIn,
    async startPublisher() {
      publisher = startIn('internet', webServer(folder, PUBLISHER_ADDRESS, publishedFolder));
      await publisher.waitForOutput(/serving/, 5_000);
    },
    async stopPublisher() {
      await publisher?.kill('SIGKILL');
      publisherLog.push(...requestsOf(publisher));
      publisher = null;
    },
    publisherLog: () => [...publisherLog, ...requestsOf(publisher)],
    async startResolver(movedTo = WEB_ADDRESS) {
      resolver = await startUnbound('internet', 'resolver', resolverConfig(folder, movedTo), RESOLVER_ADDRESSES[0]);
    },
    async stopResolver() {
      await resolver?.kill();
    },
    async destroy() {
      await Promise.all([...processes].map((running) => running.kill('SIGKILL')));
      removeNamespaces();
    },
  };
}

function requestsOf(server: Running | null): string[] {
  return server?.stdout().match(/^\d{3} .*$/gm) ?? [];
}

function webServer(folder: string, address: string, published?: string): string[] {
  const server = join(import.meta.dirname, 'house-web.ts');
  const certificate = [join(folder, 'publisher.pem'), join(folder, 'publisher.key')];
  return [process.execPath, server, address, ...certificate, ...(published === undefined ? [] : [published])];
}

function layCables(nameOf: (place: HousePlace) => string): void {
  for (const place of PLACES) {
    ip('netns', 'add', nameOf(place));
    const folder = `/etc/netns/${nameOf(place)}`;
    mkdirSync(folder, { recursive: true });
    // What the router's DHCP would say: the Pi asks the router, everybody else the Pi.
    writeFileSync(`${folder}/resolv.conf`, `nameserver ${place === 'pi' ? '192.168.1.1' : KENNEL_ADDRESS}\nsearch lan\n`);
    writeFileSync(`${folder}/hosts`, '127.0.0.1 localhost\n');
    writeFileSync(`${folder}/nsswitch.conf`, 'hosts: files dns\n');
    inside(nameOf(place), 'ip', 'link', 'set', 'lo', 'up');
  }
  const router = nameOf('router');
  inside(router, 'ip', 'link', 'add', 'lan', 'type', 'bridge');
  inside(router, 'ip', 'addr', 'add', '192.168.1.1/24', 'dev', 'lan');
  for (const [device, address] of Object.entries(ADDRESS_IN_HOUSE)) {
    const name = nameOf(device as HousePlace);
    ip('link', 'add', 'eth0', 'netns', name, 'type', 'veth', 'peer', 'name', `to-${device}`, 'netns', router);
    inside(router, 'ip', 'link', 'set', `to-${device}`, 'master', 'lan', 'up');
    inside(name, 'ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    inside(name, 'ip', 'link', 'set', 'eth0', 'up');
    inside(name, 'ip', 'route', 'add', 'default', 'via', '192.168.1.1');
  }
  inside(router, 'ip', 'link', 'set', 'lan', 'up');
  const internet = nameOf('internet');
  ip('link', 'add', 'wan', 'netns', router, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', internet);
  inside(router, 'ip', 'addr', 'add', '198.51.100.2/30', 'dev', 'wan');
  inside(router, 'ip', 'link', 'set', 'wan', 'up');
  inside(router, 'ip', 'route', 'add', 'default', 'via', '198.51.100.1');
  inside(router, 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1');
  inside(router, 'nft', ROUTER_FIREWALL);
  inside(internet, 'ip', 'addr', 'add', '198.51.100.1/30', 'dev', 'eth0');
  for (const address of [...RESOLVER_ADDRESSES, WEB_ADDRESS, PUBLISHER_ADDRESS])
    inside(internet, 'ip', 'addr', 'add', `${address}/32`, 'dev', 'lo');
  inside(internet, 'ip', 'link', 'set', 'eth0', 'up');
}

const ROUTER_FIREWALL = `
table inet house {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "lan" oifname "lan" accept comment "inside the house, where the kernel filters bridges too"
    ip saddr ${ADDRESS_IN_HOUSE.pi} tcp dport { 80, 443, 853 } accept
    ip saddr ${ADDRESS_IN_HOUSE.pi} udp dport 53 accept comment "bootstrap"
    ip saddr 192.168.1.0/24 ip daddr ${WEB_ADDRESS} tcp dport { 80, 443 } accept
    reject
  }
  chain out {
    type nat hook postrouting priority 100;
    oifname "wan" masquerade
  }
}`;

const UNBOUND = (folder: string) => `server:
  directory: "${folder}"
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  num-threads: 1
  module-config: "iterator"
  access-control: 0.0.0.0/0 allow
`;

function routerConfig(folder: string): string {
  const names = { router: '192.168.1.1', ...ADDRESS_IN_HOUSE };
  return `${UNBOUND(folder)}  interface: 192.168.1.1
  local-zone: "." static
  local-zone: "168.192.in-addr.arpa." static
${Object.entries(names)
  .map(([name, address]) => `  local-data: "${name}.lan. 60 IN A ${address}"\n  local-data-ptr: "${address} 60 ${name}.lan"`)
  .join('\n')}
`;
}

function resolverConfig(folder: string, movedTo: string): string {
  return `${UNBOUND(folder)}${RESOLVER_ADDRESSES.flatMap((address) => [53, 853, 443].map((port) => `  interface: ${address}@${port}\n`)).join('')}
  tls-port: 853
  https-port: 443
  tls-service-key: "${join(folder, 'resolver.key')}"
  tls-service-pem: "${join(folder, 'resolver.pem')}"
  local-zone: "." redirect
  local-data: ". 300 IN SOA ns.example. host.example. 1 3600 600 86400 60"
  local-data: ". 300 IN A ${WEB_ADDRESS}"
  local-zone: "wikipedia.org." redirect
  local-data: "wikipedia.org. 2 IN A ${movedTo}"
  local-zone: "${RESOLVER_NAME}." static
  local-data: "${RESOLVER_NAME}. 300 IN A ${RESOLVER_ADDRESSES[0]}"
  local-zone: "${PUBLISHER_NAME}." static
  local-data: "${PUBLISHER_NAME}. 300 IN A ${PUBLISHER_ADDRESS}"
`;
}

/** An authority, and one certificate each for the resolver and the publisher. */
function makeCertificates(folder: string): void {
  const inFolder = (file: string) => join(folder, file);
  const newKey = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const authority = ['-addext', 'basicConstraints=critical,CA:TRUE', '-keyout', inFolder('ca.key'), '-out', inFolder('ca.pem')];
  openssl(...newKey, '-subj', '/CN=the house lab', ...authority);
  for (const [file, name] of Object.entries({ resolver: RESOLVER_NAME, publisher: PUBLISHER_NAME })) {
    const signed = ['-CA', inFolder('ca.pem'), '-CAkey', inFolder('ca.key'), '-addext', 'basicConstraints=critical,CA:FALSE'];
    const out = ['-keyout', inFolder(`${file}.key`), '-out', inFolder(`${file}.pem`)];
    openssl(...newKey, '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, ...signed, ...out);
  }
}

function openssl(...args: string[]): void {
  execFileSync(toolPath('openssl'), args, { stdio: 'pipe' });
}

/** Namespaces of a test process that was killed, with whatever still runs in them. */
function removeAbandoned(): void {
  for (const name of existsSync('/run/netns') ? readdirSync('/run/netns') : []) {
    const pid = new RegExp(`^${NAME_PREFIX}-(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeNamespace(name);
  }
}

function removeNamespace(name: string): void {
  try {
    for (const pid of ip('netns', 'pids', name).split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    ip('netns', 'del', name);
  } catch {
    // It is not there, or what ran in it has just ended.
  }
  rmSync(`/etc/netns/${name}`, { recursive: true, force: true });
}

function inside(namespace: string, tool: 'ip' | 'nft' | 'sysctl', ...args: string[]): string {
  return ip('netns', 'exec', namespace, toolPath(tool), ...args);
}

function ip(...args: string[]): string {
  return execFileSync(toolPath('ip'), args, { encoding: 'utf8', stdio: 'pipe' });
}
