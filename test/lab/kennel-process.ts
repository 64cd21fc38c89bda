/**
 * Kennel as its users run it: `src/main.ts serve --config FILE` in a process of its own, in a lab's resolver namespace or on
 * loopback, with its state in a temporary folder. Verbs are run by the same command line. Reads no code of Kennel's.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from './free-port.ts';
import { labelsOfText, queryMessage } from './messages.ts';
import { type Lab, RESOLVER_ADDRESS, RESOLVER_ADDRESS_V6 } from './namespaces.ts';
import { answersFrom } from './plain-resolver.ts';
import { eventually, type Finished, type Running, run, start } from './processes.ts';
import { openUdpAsker } from './udp-asker.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const START_PATIENCE_MS = 15_000;

export interface Kennel {
  /** Where it answers DNS. */
  readonly address: string;
  readonly port: number;
  readonly stateFolder: string;
  /** Changes with every restart. */
  pid(): number;
  /** What the current process wrote. */
  log(): string;
  isRunning(): boolean;
  /** Resident memory of the current process in octets. */
  residentOctets(): number;
  /** Runs a verb against it; the config file is passed along. */
  verb(...args: string[]): Promise<Finished>;
  /** Runs a verb with `--json` and gives the parsed output; throws when it fails or prints anything else. */
  verbJson(...args: string[]): Promise<unknown>;
  /** Ends the process by this signal and waits until it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same config and state and waits until it answers. */
  restart(): Promise<void>;
  /** Stops it and removes its folder. */
  remove(): Promise<void>;
}

/** Keys of the config file beside `listen` and `state`, which this file sets. */
export type KennelSettings = Readonly<Record<string, unknown>> & { readonly mode: 'observe' | 'enforce' };

/** What to put into the state folder before the first start. */
export type PrepareState = (stateFolder: string) => void;

/** Kennel on port 53 of the lab's resolver address. */
export function startKennelIn(lab: Lab, settings: KennelSettings, prepareState?: PrepareState): Promise<Kennel> {
  return startKennel(settings, {
    ...(prepareState ? { prepareState } : {}),
    listen: [`${RESOLVER_ADDRESS}:53`, `[${RESOLVER_ADDRESS_V6}]:53`],
    address: RESOLVER_ADDRESS,
    port: 53,
    start: (argv) => lab.start('resolver', argv),
    run: (argv) => lab.run('resolver', argv),
    answers: () => answersFrom(lab, 'resolver'),
  });
}

/** Kennel on a free port of 127.0.0.1, its heap limited where `maxHeapMegabytes` says so. */
export async function startKennelOnLoopback(
  settings: KennelSettings,
  maxHeapMegabytes?: number,
  prepareState?: PrepareState,
): Promise<Kennel> {
  const port = await freePort();
  const probe = queryMessage({ id: 1, labels: labelsOfText('localhost'), qtype: 1 });
  return startKennel(settings, {
    ...(prepareState ? { prepareState } : {}),
    listen: [`127.0.0.1:${port}`],
    address: '127.0.0.1',
    port,
    start: ([node = process.execPath, ...argv]) =>
      start([node, ...(maxHeapMegabytes === undefined ? [] : [`--max-old-space-size=${maxHeapMegabytes}`]), ...argv]),
    run,
    async answers() {
      const asker = await openUdpAsker({ address: '127.0.0.1', port });
      const answer = await asker.ask(probe, 200);
      await asker.close();
      return answer !== null;
    },
  });
}

interface Surroundings {
  readonly prepareState?: PrepareState;
  readonly listen: readonly string[];
  readonly address: string;
  readonly port: number;
  start(argv: readonly string[]): Running;
  run(argv: readonly string[]): Promise<Finished>;
  answers(): Promise<boolean>;
}

async function startKennel(settings: KennelSettings, surroundings: Surroundings): Promise<Kennel> {
  const folder = mkdtempSync(join(tmpdir(), 'kennel-lab-'));
  const configFile = join(folder, 'kennel.yaml');
  const listen = { dns: surroundings.listen, control: `unix:${join(folder, 'control.sock')}` };
  const stateFolder = join(folder, 'state');
  writeFileSync(configFile, stringify({ ...settings, listen, state: stateFolder }));
  mkdirSync(stateFolder, { mode: 0o700 });
  surroundings.prepareState?.(stateFolder);
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  let running = await launch(surroundings, configFile).catch((cause: unknown) => {
    removeFolder();
    throw cause;
  });

  const verb = (...args: string[]) => surroundings.run([process.execPath, MAIN, ...args, '--config', configFile]);
  return {
    address: surroundings.address,
    port: surroundings.port,
    stateFolder,
    pid: () => running.pid,
    log: () => running.stdout() + running.stderr(),
    isRunning: () => !running.hasExited(),
    residentOctets: () => residentOctets(running.pid),
    verb,
    async verbJson(...args) {
      const finished = await verb(...args, '--json');
      if (finished.status !== 0) throw new Error(`kennel ${args.join(' ')} exited ${finished.status}: ${finished.stderr}`);
      return JSON.parse(finished.stdout) as unknown;
    },
    kill: (signal) => running.kill(signal),
    async restart() {
      await running.kill();
      running = await launch(surroundings, configFile);
    },
    async remove() {
      await running.kill();
      removeFolder();
    },
  };
}

async function launch(surroundings: Surroundings, configFile: string): Promise<Running> {
  const running = surroundings.start([process.execPath, MAIN, 'serve', '--config', configFile]);
  const answers = await eventually(async () => running.hasExited() || (await surroundings.answers()), START_PATIENCE_MS);
  if (answers && !running.hasExited()) return running;
  await running.kill('SIGKILL');
  throw new Error(`Kennel does not answer:\n${running.stdout()}${running.stderr()}`);
}

function residentOctets(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}
