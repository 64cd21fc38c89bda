/**
 * A small internet of network namespaces: two clients, the resolver under test between them, and the world behind it.
 *
 *   client-a 10.53.1.2 ──┐
 *                        ├── resolver 10.53.0.53 (fd53::53) ── 198.51.100.1 ── 198.51.100.2 internet
 *   client-b 10.53.2.2 ──┘
 *
 * The resolver's namespace does not forward packets and the clients drop whatever does not go to its port 53 (a container with
 * nothing but an overridden resolv.conf), so every octet that reaches the internet went through the resolver. All addresses are
 * private or documentation ranges inside the namespaces; the machine's own network is never touched.
 * What runs inside (resolvers, tunnels, clients) is other files' work.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { eventually, type Finished, type Running, run, start } from './processes.ts';
import { toolPath } from './required-tools.ts';

const PLACES = ['client-a', 'client-b', 'resolver', 'internet'] as const;
export type Place = (typeof PLACES)[number];
export type ClientPlace = 'client-a' | 'client-b';

/** What the clients' resolv.conf names. */
export const RESOLVER_ADDRESS = '10.53.0.53';
export const RESOLVER_ADDRESS_V6 = 'fd53::53';
/** The default upstream's address, as the resolver sees it. */
export const INTERNET_ADDRESS = '198.51.100.2';
export const CLIENT_ADDRESS: Record<ClientPlace, string> = { 'client-a': '10.53.1.2', 'client-b': '10.53.2.2' };

const SUBNET = { 'client-a': 1, 'client-b': 2 } as const;
/** Third octet of the addresses that a client's place takes on later: 0 to 63 from here. */
const OTHER_CLIENTS = { 'client-a': 64, 'client-b': 128 } as const;

/** client-a may send from any address that begins so; all of them are of its one /64. */
export const IPV6_PREFIX = 'fd53:1:0:0:1::';

const NAME_PREFIX = 'kennel-lab';

export interface Lab {
  /** Runs a command inside a namespace to its end. */
  run(place: Place, argv: readonly string[], timeoutMs?: number): Promise<Finished>;
  /** Starts a command inside a namespace; it is killed with the lab at the latest. */
  start(place: Place, argv: readonly string[]): Running;
  /** What a client sees as /etc/resolv.conf from now on. */
  setResolvConf(client: ClientPlace, lines: readonly string[]): void;
  /** Gives the client's place another source address, as if another client came, never used before in this lab. Returns that address. */
  becomeAnotherClient(client: ClientPlace): string;
  /** Packets the client has sent to the resolver's port 53 since the lab was made. */
  packetsSent(client: ClientPlace): { readonly udp: number; readonly tcp: number };
  /** Stops every process started here and removes the namespaces. Safe to call twice. */
  destroy(): Promise<void>;
}

let labsMade = 0;

/** Builds the namespaces; throws when not root or when a tool is missing. */
export async function createLab(): Promise<Lab> {
  if (process.getuid?.() !== 0) throw new Error('the live lab needs root: it creates network namespaces');
  removeStaleNamespaces();
  labsMade += 1;
  const prefix = `${NAME_PREFIX}-${process.pid}-${labsMade}`;
  const nameOf = (place: Place) => `${prefix}-${place}`;
  const processes = new Set<Running>();
  const clientsSoFar = { 'client-a': 0, 'client-b': 0 };

  const removeNamespaces = () => {
    process.off('exit', removeNamespaces);
    for (const place of PLACES) removeNamespace(nameOf(place));
  };
  process.on('exit', removeNamespaces);
  for (const place of PLACES) {
    ip('netns', 'add', nameOf(place));
    writeNameServiceFiles(nameOf(place));
    // Duplicate address detection would keep every IPv6 address unusable for the first two seconds.
    inside(nameOf(place), 'sysctl', '-q', '-w', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.all.accept_dad=0');
    inside(nameOf(place), 'ip', 'link', 'set', 'lo', 'up');
  }
  joinClient(nameOf('client-a'), nameOf('resolver'), 'a', SUBNET['client-a']);
  joinClient(nameOf('client-b'), nameOf('resolver'), 'b', SUBNET['client-b']);
  joinInternet(nameOf('resolver'), nameOf('internet'));
  inside(nameOf('client-a'), 'sysctl', '-q', '-w', 'net.ipv6.ip_nonlocal_bind=1');
  inside(nameOf('client-a'), 'ip', '-6', 'route', 'add', 'local', `${IPV6_PREFIX}/80`, 'dev', 'lo');
  inside(nameOf('resolver'), 'ip', '-6', 'route', 'add', `${IPV6_PREFIX}/80`, 'via', 'fd53:1::2');
  // The kernel reports a link as up at most once a second, and until then its IPv6 address answers nobody.
  if (!(await eventually(() => PLACES.every((place) => linksAreUp(nameOf(place))), 10_000))) throw new Error('the links do not come up');

  return {
    run: (place, argv, timeoutMs) => run([toolPath('ip'), 'netns', 'exec', nameOf(place), ...argv], timeoutMs),
    start(place, argv) {
      const running = start([toolPath('ip'), 'netns', 'exec', nameOf(place), ...argv]);
      processes.add(running);
      return running;
    },
    setResolvConf: (client, lines) => writeFileSync(`/etc/netns/${nameOf(client)}/resolv.conf`, `${lines.join('\n')}\n`),
    becomeAnotherClient(client) {
      clientsSoFar[client] += 1;
      const number = clientsSoFar[client];
      const source = `10.53.${OTHER_CLIENTS[client] + (number >> 8)}.${number & 255}`;
      inside(nameOf(client), 'ip', 'addr', 'replace', `${source}/32`, 'dev', 'lo');
      inside(nameOf(client), 'ip', 'route', 'replace', 'default', 'via', `10.53.${SUBNET[client]}.1`, 'src', source);
      inside(nameOf('resolver'), 'ip', 'route', 'replace', `${source}/32`, 'via', CLIENT_ADDRESS[client]);
      return source;
    },
    packetsSent: (client) => readCounters(nameOf(client)),
    async destroy() {
      await Promise.all([...processes].map((running) => running.kill()));
      processes.clear();
      removeNamespaces();
    },
  };
}

/** One veth pair between a client and the resolver; the client may send to the resolver's port 53 and nowhere else. */
function joinClient(client: string, resolver: string, letter: string, subnet: number): void {
  ip('link', 'add', 'eth0', 'netns', client, 'type', 'veth', 'peer', 'name', `client-${letter}`, 'netns', resolver);
  address(client, 'eth0', `10.53.${subnet}.2/30`, `fd53:${subnet}::2/64`);
  address(resolver, `client-${letter}`, `10.53.${subnet}.1/30`, `fd53:${subnet}::1/64`);
  // The default route makes a bypass fail at the client's firewall or at the resolver that does not forward, not for want of a route.
  inside(client, 'ip', 'route', 'add', 'default', 'via', `10.53.${subnet}.1`);
  inside(client, 'ip', '-6', 'route', 'add', 'default', 'via', `fd53:${subnet}::1`);
  inside(client, 'nft', CLIENT_FIREWALL);
}

const CLIENT_FIREWALL = `
table inet lab {
  counter dns_udp {}
  counter dns_tcp {}
  chain output {
    type filter hook output priority 0; policy drop;
    oifname "lo" accept
    oifname "dns*" accept comment "inside a tunnel: leaves the client as DNS or not at all"
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    ip daddr ${RESOLVER_ADDRESS} udp dport 53 counter name dns_udp accept
    ip daddr ${RESOLVER_ADDRESS} tcp dport 53 counter name dns_tcp accept
    ip6 daddr ${RESOLVER_ADDRESS_V6} udp dport 53 counter name dns_udp accept
    ip6 daddr ${RESOLVER_ADDRESS_V6} tcp dport 53 counter name dns_tcp accept
  }
}`;

function joinInternet(resolver: string, internet: string): void {
  inside(resolver, 'ip', 'addr', 'add', `${RESOLVER_ADDRESS}/32`, 'dev', 'lo');
  inside(resolver, 'ip', 'addr', 'add', `${RESOLVER_ADDRESS_V6}/128`, 'dev', 'lo');
  inside(resolver, 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=0', 'net.ipv6.conf.all.forwarding=0');
  ip('link', 'add', 'world', 'netns', resolver, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', internet);
  address(resolver, 'world', '198.51.100.1/24', 'fd53:ffff::1/64');
  address(internet, 'eth0', `${INTERNET_ADDRESS}/24`, 'fd53:ffff::2/64');
  // A route for the answers to a client that would reach the internet some other way: the bypass check must not pass by luck.
  inside(internet, 'ip', 'route', 'add', '10.53.0.0/16', 'via', '198.51.100.1');
}

function address(namespace: string, device: string, v4: string, v6: string): void {
  inside(namespace, 'ip', 'addr', 'add', v4, 'dev', device);
  inside(namespace, 'ip', 'addr', 'add', v6, 'dev', device);
  inside(namespace, 'ip', 'link', 'set', device, 'up');
}

function linksAreUp(namespace: string): boolean {
  const links = inside(namespace, 'ip', '-brief', 'link', 'show', 'type', 'veth').trim().split('\n');
  return links.every((link) => /^\S+\s+UP\s/.test(link));
}

/** What `ip netns exec` mounts over /etc: no look-up may follow the machine's own resolver or hosts file. */
function writeNameServiceFiles(namespace: string): void {
  const folder = `/etc/netns/${namespace}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/resolv.conf`, '# no resolver in this namespace\n');
  writeFileSync(`${folder}/hosts`, '127.0.0.1 localhost\n::1 localhost\n');
  writeFileSync(`${folder}/nsswitch.conf`, 'hosts: files dns\n');
}

function readCounters(namespace: string): { udp: number; tcp: number } {
  const listing = inside(namespace, 'nft', 'list counters table inet lab');
  const packets = (counter: string) => Number(new RegExp(`counter ${counter} \\{\\s*packets (\\d+)`).exec(listing)?.[1] ?? Number.NaN);
  return { udp: packets('dns_udp'), tcp: packets('dns_tcp') };
}

/** Namespaces of a test process that died without cleaning up, with whatever still runs in them. */
function removeStaleNamespaces(): void {
  for (const name of namespaceNames()) {
    const pid = new RegExp(`^${NAME_PREFIX}-(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) removeNamespace(name);
  }
}

function removeNamespace(name: string): void {
  if (namespaceNames().includes(name)) {
    for (const pid of ip('netns', 'pids', name).split('\n').filter(Boolean)) killIfAlive(Number(pid));
    ip('netns', 'del', name);
  }
  rmSync(`/etc/netns/${name}`, { recursive: true, force: true });
}

function namespaceNames(): string[] {
  try {
    return readdirSync('/run/netns');
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function killIfAlive(pid: number): void {
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}

function inside(namespace: string, tool: 'ip' | 'nft' | 'sysctl', ...args: string[]): string {
  return ip('netns', 'exec', namespace, toolPath(tool), ...args);
}

function ip(...args: string[]): string {
  return execFileSync(toolPath('ip'), args, { encoding: 'utf8' });
}
