/**
 * A whole Kennel in this process, on loopback and with its state in a temporary folder, whose config a test replaces and reloads. Real
 * sockets, real storage; only the reading of the config file is the test's.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import dnsPacket from 'dns-packet';
import pino from 'pino';
import { onTestFinished } from 'vitest';
import type { Config, Endpoint } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/parse-config.ts';
import { configErrorText } from '../../../src/config/problems.ts';
import { type KennelOptions, type ReloadedConfig, type RunningKennel, startKennel } from '../../../src/kennel.ts';
import { freePort } from '../../lab/free-port.ts';
import { openUdpAsker } from '../../lab/udp-asker.ts';
import { temporaryFolder } from '../storage/temporary-folder.ts';

export interface ReloadableKennel {
  readonly kennel: RunningKennel;
  readonly stateFolder: string;
  /** Where it listens by its first config. */
  readonly server: Endpoint;
  /** What the next reload reads: YAML without `listen` and `state`, and where to listen if not as before. */
  write(text: string, listen?: readonly Endpoint[]): void;
  /** What the next reload meets instead of a config. */
  fail(...messages: string[]): void;
}

export type StartOptions = Partial<Pick<KennelOptions, 'onEnforcing' | 'log' | 'reloadRetryMs'>>;

export async function startReloadable(text: string, options: StartOptions = {}): Promise<ReloadableKennel> {
  const stateFolder = temporaryFolder();
  const server: Endpoint = { address: '127.0.0.1', port: await freePort() };
  const first = configOf(text, stateFolder, [server]);
  if (first.kind === 'failed') throw new Error(first.messages.join('\n'));
  let next: ReloadedConfig = first;
  const started = await startKennel(first.config, {
    version: '0.0.0',
    log: pino({ level: 'silent' }),
    logDropped: () => 0,
    loadAgain: () => next,
    ...options,
  });
  if (started.kind === 'failed') throw new Error(started.messages.join('\n'));
  onTestFinished(async () => {
    await started.kennel.close(0);
    // Sockets say that they are closed before the system's handle is gone.
    await nextTurn();
  });
  return {
    kennel: started.kennel,
    stateFolder,
    server,
    write(changed, listen = [server]) {
      next = configOf(changed, stateFolder, listen);
    },
    fail(...messages) {
      next = { kind: 'failed', messages };
    },
  };
}

function configOf(text: string, stateFolder: string, dns: readonly Endpoint[]): ReloadedConfig {
  const parsed = parseConfig(`${text}\nreputation: off\nstate: ${stateFolder}\n`, '/etc/kennel.yaml', { resolvConf: null, stateFolder });
  if (!parsed.ok) return { kind: 'failed', messages: parsed.errors.map(configErrorText) };
  const config: Config = { ...parsed.config, listen: { ...parsed.config.listen, dns } };
  return { kind: 'loaded', config, warnings: [] };
}

export function question(id: number, name: string): Buffer {
  return dnsPacket.encode({ id, type: 'query', flags: dnsPacket.RECURSION_DESIRED, questions: [{ type: 'A', name }] });
}

/** The addresses of an answer, or its RCODE when it has none. */
export function told(packet: Uint8Array | null): string {
  if (packet === null) return 'silence';
  const { answers = [], flags = 0 } = dnsPacket.decode(Buffer.from(packet));
  const addresses = answers.flatMap((answer) => (answer.type === 'A' ? [answer.data] : []));
  return addresses.length > 0 ? addresses.join() : `RCODE ${flags & 15}`;
}

/** Asks once over UDP, from an address of the caller's choice. */
export async function askOnce(server: Endpoint, name: string, from = '127.0.0.1'): Promise<string> {
  const asker = await openUdpAsker(server, from);
  const answer = await asker.ask(question(1, name));
  await asker.close();
  return told(answer);
}
