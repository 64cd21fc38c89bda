/**
 * The stub resolvers that containers really have: dig, kdig, drill, glibc, Python, musl, busybox and Node, each run in a client
 * namespace by its resolv.conf alone. Measures one look-up (outcome, time, packets); what it should be is the tests' business.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientPlace, type Lab, RESOLVER_ADDRESS } from './namespaces.ts';
import { toolPath } from './required-tools.ts';

export interface LookupClient {
  readonly name: string;
  /** `getaddrinfo` clients ask A and AAAA; `message` clients ask the type given and show the whole response. */
  readonly kind: 'getaddrinfo' | 'message';
  argv(name: string, type?: string): readonly string[];
}

export interface Clients {
  readonly all: readonly LookupClient[];
  /** Removes the compiled client. */
  remove(): void;
}

/** Compiles the musl client and lists them all; throws with the package to install when one is missing. */
export function prepareClients(): Clients {
  const folder = mkdtempSync(join(tmpdir(), 'kennel-lab-musl-'));
  const musl = join(folder, 'musl-lookup');
  execFileSync(toolPath('musl-gcc'), ['-static', '-O1', '-Wall', '-Werror', '-o', musl, join(import.meta.dirname, 'musl-lookup.c')]);
  const node = process.execPath;
  const getaddrinfo = (name: string, argv: (asked: string) => readonly string[]): LookupClient => ({ name, kind: 'getaddrinfo', argv });
  const message = (name: string, argv: (asked: string, type?: string) => readonly string[]): LookupClient => ({
    name,
    kind: 'message',
    argv,
  });
  const all = [
    message('dig', (asked, type = 'A') => [toolPath('dig'), '+search', asked, type]),
    message('kdig', (asked, type = 'A') => [toolPath('kdig'), '+edns', asked, type]),
    message('drill', (asked, type = 'A') => [toolPath('drill'), asked, type]),
    getaddrinfo('glibc', (asked) => [toolPath('getent'), 'ahosts', asked]),
    getaddrinfo('Python', (asked) => [toolPath('python3'), '-c', PYTHON_LOOKUP, asked]),
    getaddrinfo('musl', (asked) => [musl, asked]),
    getaddrinfo('busybox nslookup', (asked) => [toolPath('busybox'), 'nslookup', asked]),
    // Nothing but DNS leaves the namespace, so the echo request fails at once; the address it prints is what counts.
    getaddrinfo('busybox ping', (asked) => [toolPath('busybox'), 'ping', '-4', '-c', '1', '-W', '1', asked]),
    getaddrinfo('Node dns.lookup', (asked) => [node, '-e', NODE_LOOKUP, 'lookup', asked]),
    getaddrinfo('Node dns.resolve4', (asked) => [node, '-e', NODE_LOOKUP, 'resolve4', asked]),
  ];
  return { all, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const PYTHON_LOOKUP = `
import socket, sys
try:
    print(*sorted({entry[4][0] for entry in socket.getaddrinfo(sys.argv[1], None)}))
except socket.gaierror as error:
    sys.exit(str(error))
`;

/** Prints the time the look-up itself took: Node's start-up is none of the resolver's doing. */
const NODE_LOOKUP = `
const [, method, name] = process.argv;
const started = performance.now();
require('node:dns/promises')[method](name).then(
  (found) => console.log(JSON.stringify(found)),
  (error) => { console.error(error.code); process.exitCode = 1; },
).finally(() => console.error('look-up took ' + (performance.now() - started).toFixed(1) + ' ms'));
`;

export const RESOLV_CONF = {
  plain: [`nameserver ${RESOLVER_ADDRESS}`],
  'search domains and ndots:5': [
    `nameserver ${RESOLVER_ADDRESS}`,
    'search default.svc.cluster.local svc.cluster.local cluster.local',
    'options ndots:5',
  ],
} as const;
export type ResolvConf = keyof typeof RESOLV_CONF;

export interface Lookup {
  /** Whether the stub's address for an ordinary name was among the answers. */
  readonly resolved: boolean;
  /** Whether the client took it for a trouble that may pass (it, or its caller, would ask again) or gave up waiting. */
  readonly temporary: boolean;
  readonly elapsedMs: number;
  /** UDP and TCP packets to port 53; one UDP packet is one query. */
  readonly udpQueries: number;
  readonly tcpPackets: number;
  readonly output: string;
}

/** The address every ordinary name of the internet stub has. */
export const ORDINARY_ADDRESS = '203.0.113.10';

const TEMPORARY = /try again|EAI_AGAIN|ESERVFAIL|EREFUSED|ETIMEOUT|timed out|Temporary failure|SERVFAIL|REFUSED|no servers/i;

/** One look-up by one client with the resolv.conf the client has. */
export async function lookUp(lab: Lab, place: ClientPlace, client: LookupClient, name: string, type?: string): Promise<Lookup> {
  const before = lab.packetsSent(place);
  const finished = await lab.run(place, client.argv(name, type), 30_000);
  const after = lab.packetsSent(place);
  const output = finished.stdout + finished.stderr;
  return {
    resolved: finished.stdout.includes(ORDINARY_ADDRESS),
    temporary: finished.timedOut || TEMPORARY.test(output),
    elapsedMs: Number(/look-up took ([\d.]+) ms/.exec(output)?.[1] ?? finished.elapsedMs),
    udpQueries: after.udp - before.udp,
    tcpPackets: after.tcp - before.tcp,
    output,
  };
}
