/**
 * Name servers of others on loopback, to compare Kennel with: NSD for the zones, Unbound in front of it with or without validation.
 * Nothing they do leaves the machine: whatever NSD has no zone for is refused by NSD.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { labelsOfText, queryMessage } from './messages.ts';
import { eventually, start } from './processes.ts';
import { toolPath } from './required-tools.ts';
import type { LocalZone } from './signed-zones.ts';
import { openUdpAsker } from './udp-asker.ts';

const START_PATIENCE_MS = 10_000;

export interface LoopbackServer {
  readonly address: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** NSD with these zones, with whole messages in UDP as large as the client takes. */
export function startNsd(zones: readonly LocalZone[]): Promise<LoopbackServer> {
  return startServer('nsd', zones, (folder, port) => {
    const listed = zones.map(({ name, file }) => `zone:\n  name: "${name}"\n  zonefile: "${file}"\n`);
    return `server:
  ip-address: 127.0.0.1@${port}
  server-count: 1
  username: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: "${folder}/nsd.pid"
  xfrdfile: "${folder}/xfrd.state"
  zonelistfile: "${folder}/zone.list"
  xfrdir: "${folder}"
  ipv4-edns-size: 4096
  tcp-query-count: 0
  # Debian's NSD leaves a busy client without answers otherwise.
  rrl-ratelimit: 0
remote-control:
  control-enable: no
${listed.join('')}`;
  });
}

export interface UnboundOptions {
  readonly zones: readonly LocalZone[];
  readonly authority: LoopbackServer;
  /** A file with DNSKEY or DS records; without one nothing is validated. */
  readonly trustAnchorFile?: string;
}

/** The part about the server that every Unbound here has: in its folder, on one port of loopback, alone. */
function unboundServer(folder: string, port: number): string {
  return `server:
  directory: "${folder}"
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  interface: 127.0.0.1
  port: ${port}
  do-ip6: no
  do-not-query-localhost: no
  num-threads: 1
`;
}

/** Unbound that asks `authority` for everything. Answers are as large and as complete as it can make them. */
export function startUnbound({ zones, authority, trustAnchorFile }: UnboundOptions): Promise<LoopbackServer> {
  const at = `${authority.address}@${authority.port}`;
  return startServer('unbound', zones, (folder, port) => {
    const stubs = zones.map(({ name }) => `stub-zone:\n  name: "${name}"\n  stub-addr: ${at}\n`);
    const validation = trustAnchorFile === undefined ? 'module-config: "iterator"' : `trust-anchor-file: "${trustAnchorFile}"`;
    return `${unboundServer(folder, port)}  qname-minimisation: no
  aggressive-nsec: no
  minimal-responses: no
  edns-buffer-size: 4096
  max-udp-size: 4096
  # An answer must not depend on what was asked before.
  prefetch: no
  ${validation}
remote-control:
  control-enable: no
${stubs.join('')}
forward-zone:
  name: "."
  forward-addr: ${at}
`;
  });
}

/** Unbound that asks `authority` for everything that the response policy zone in `zoneFile` does not decide. */
export function startUnboundWithPolicyZone(
  zone: string,
  zoneFile: string,
  authority: { address: string; port: number },
): Promise<LoopbackServer> {
  return startServer(
    'unbound',
    [{ name: 'ready.example', file: zoneFile }],
    (folder, port) => `${unboundServer(folder, port)}  module-config: "respip iterator"
remote-control:
  control-enable: no
rpz:
  name: "${zone}"
  zonefile: "${zoneFile}"
forward-zone:
  name: "."
  forward-addr: ${authority.address}@${authority.port}
`,
  );
}

async function startServer(
  tool: 'nsd' | 'unbound',
  zones: readonly LocalZone[],
  configuration: (folder: string, port: number) => string,
): Promise<LoopbackServer> {
  const folder = mkdtempSync(join(tmpdir(), `kennel-lab-${tool}-`));
  const port = await freePort();
  const configFile = join(folder, 'server.conf');
  writeFileSync(configFile, configuration(folder, port));
  const running = start([toolPath(tool), '-d', '-c', configFile]);
  const server = {
    address: '127.0.0.1',
    port,
    async stop() {
      await running.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  const ready = await eventually(() => running.hasExited() || answers(server, zones[0]?.name ?? '.'), START_PATIENCE_MS);
  if (ready && !running.hasExited()) return server;
  await server.stop();
  throw new Error(`${tool} does not answer:\n${running.stdout()}${running.stderr()}`);
}

async function answers(server: LoopbackServer, zone: string): Promise<boolean> {
  const asker = await openUdpAsker(server);
  const answer = await asker.ask(queryMessage({ id: 1, labels: labelsOfText(zone), qtype: 6 }), 300);
  await asker.close();
  return answer !== null && (answer.readUInt8(3) & 15) === 0;
}
