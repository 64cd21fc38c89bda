/**
 * `kennel serve`: the resolver in the foreground until SIGTERM or SIGINT. Owns what is printed at start, what makes it reload and the
 * order of the end; the parts are put together in `kennel.ts`.
 */
import { randomBytes } from 'node:crypto';
import type { ParseArgsOptionsConfig } from 'node:util';
import { FileWatch } from '../assembly/file-watch.ts';
import { keepHeapSmall } from '../assembly/heap-growth.ts';
import { filesReadWith } from '../config/config-changes.ts';
import { controlText } from '../config/values.ts';
import { type ControlApi, openControlApi } from '../control/api.ts';
import { loadOrCreateToken, tokenPath } from '../control/token.ts';
import { type RunningKennel, startKennel } from '../kennel.ts';
import { controlPortOf } from '../kennel-control.ts';
import type { WouldBlockGroup } from '../storage/decisions-schema.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { version } from '../version.ts';
import { addressAndPort } from '../wire/address.ts';
import { type LoadedConfig, loadConfig } from './load-config.ts';
import { parseVerb, type VerbIo, wrongUsage } from './verb.ts';

/** Longer than an upstream exchange may take: what was asked before the signal is still answered. */
const DRAIN_MS = 5_000;

export const usage = `kennel serve [--config FILE] [--listen ADDR:PORT]… [--upstream URL]… [--mode observe|enforce] [--state DIR]

Runs the resolver. Without a config file: 127.0.0.1:5300 (UDP and TCP), observe mode, the upstreams of the system's resolv.conf,
the control API on 127.0.0.1:8053, state under the XDG state folder.

  --config FILE     YAML; docs/configuration.md has every key. Read again when it changes, on SIGHUP and by "kennel reload"
  --listen A:P      listen here instead, may be repeated
  --upstream URL    udp://IP, tcp://IP, tls://NAME@IP or https://NAME/PATH@IP, may be repeated
  --mode MODE       observe: note what would be refused. enforce: refuse it
  --state DIR       folder for quarantines, meters and decisions
  --control A:P     address of the control API, or unix:/PATH
  --log-names       let names appear in the log
  --json            say where it listens as a line of JSON`;

/** Runs until a signal; 2 for wrong arguments or config, 3 when something cannot be opened. */
export async function run(args: readonly string[], io: VerbIo): Promise<number> {
  const parsed = parseVerb(args, OPTIONS);
  if (parsed.kind === 'wrong') return wrongUsage(io, usage, parsed.message);
  if (parsed.positionals.length > 0) return wrongUsage(io, usage, 'serve takes options only');
  keepHeapSmall();
  const reloads = new ReloadTriggers(parsed.values.config ?? null);
  try {
    return await startAndServe(parsed.values, reloads, io);
  } finally {
    reloads.stop();
  }
}

interface ServeValues {
  readonly config?: string;
  readonly mode?: string;
  readonly state?: string;
  readonly control?: string;
  readonly listen: readonly string[];
  readonly upstream: readonly string[];
  readonly 'log-names': boolean;
  readonly json: boolean;
}

async function startAndServe(values: ServeValues, reloads: ReloadTriggers, io: VerbIo): Promise<number> {
  const { config = null, mode = null, state = null, control = null, listen, upstream: upstreams, 'log-names': logNames, json } = values;
  const load = (): LoadedConfig => loadConfig({ config, listen, upstreams, mode, state, control }, io.env);
  const loaded = load();
  if (loaded.kind === 'failed') {
    for (const message of loaded.messages) io.stderr.write(`${message}\n`);
    return 2;
  }
  for (const warning of loaded.warnings) io.stderr.write(`warning: ${warning}\n`);

  const log = createLog({ level: 'info', names: logNames, readable: process.stderr.isTTY === true });
  const started = await startKennel(loaded.config, {
    version: version(),
    log: log.log,
    logDropped: log.dropped,
    loadAgain: () => {
      reloads.markFiles();
      return load();
    },
    onEnforcing: (wouldHaveLost) => io.stdout.write(json ? jsonLine({ event: 'enforcing', wouldHaveLost }) : lossText(wouldHaveLost)),
  });
  if (started.kind === 'failed') {
    for (const message of started.messages) io.stderr.write(`${message}\n`);
    return 3;
  }
  reloads.start(started.kennel);
  return serve(started.kennel, log, io, json);
}

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  listen: { type: 'string', multiple: true, default: [] as string[] },
  upstream: { type: 'string', multiple: true, default: [] as string[] },
  mode: { type: 'string' },
  state: { type: 'string' },
  control: { type: 'string' },
  'log-names': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const satisfies ParseArgsOptionsConfig;

/** SIGHUP and changed files, from before the config is first read: no change and no signal falls between. */
class ReloadTriggers {
  readonly #watch: FileWatch;
  readonly #onSignal = (): void => {
    if (this.#kennel === null) this.#isEarly = true;
    else void this.#kennel.reload('signal');
  };
  #kennel: RunningKennel | null = null;
  #isEarly = false;

  /** `config`: path of the config file, null without one. */
  constructor(config: string | null) {
    this.#watch = new FileWatch({
      paths: () => [...(config === null ? [] : [config]), ...(this.#kennel === null ? [] : filesReadWith(this.#kennel.config))],
      onChange: () => void this.#kennel?.reload('file'),
    });
    process.on('SIGHUP', this.#onSignal);
  }

  /** The files are about to be read. */
  markFiles(): void {
    this.#watch.mark();
  }

  start(kennel: RunningKennel): void {
    this.#kennel = kennel;
    this.#watch.start();
    if (this.#isEarly) this.#onSignal();
  }

  stop(): void {
    this.#watch.close();
    process.off('SIGHUP', this.#onSignal);
  }
}

async function serve(kennel: RunningKennel, log: Log, io: VerbIo, json: boolean): Promise<number> {
  // Signals count from here on: one that comes while the control API opens must still close what is open.
  const ended = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
  const control = await openControl(kennel, log);
  if (typeof control === 'string') {
    io.stderr.write(`${control}\n`);
    await kennel.close(0);
    return 3;
  }
  const facts = factsOf(kennel, control);
  io.stdout.write(json ? jsonLine({ event: 'started', ...facts }) : greeting(facts));
  const signal = await ended;
  log.log.info({ signal }, 'closing: pending answers are sent, no more queries are taken');
  // The control API last: probes see a resolver that drains, not one that is gone.
  await kennel.close(DRAIN_MS);
  await control.close();
  log.flush();
  return 0;
}

async function openControl(kennel: RunningKennel, log: Log): Promise<ControlApi | string> {
  const token = loadOrCreateToken(kennel.storage.folder.path, randomBytes);
  if (token.kind === 'token-error') return token.message;
  if (token.readableByOthers) log.log.warn({ path: token.path }, 'the control token can be read by other users of this machine');
  const api = await openControlApi({
    endpoint: kennel.config.listen.control,
    token: token.token,
    port: controlPortOf(kennel, version(), controlText(kennel.config.listen.control)),
    onError: (error) => log.log.error({ err: error }, 'the control API failed'),
  });
  return api.kind === 'listen-error' ? api.message : api;
}

/** What a start tells: for people as `greeting`, for scripts as JSON. */
interface StartFacts {
  readonly version: string;
  readonly dns: readonly string[];
  readonly mode: string;
  readonly enforcingPolicies: readonly string[];
  readonly upstreams: readonly string[];
  readonly control: string;
  readonly tokenFile: string;
  readonly state: string;
  readonly domainAge: boolean;
  /** List subscriptions by whether there is a copy on this machine. */
  readonly lists: { readonly inForce: readonly string[]; readonly toBeLoaded: readonly string[] };
}

function factsOf(kennel: RunningKennel, control: ControlApi): StartFacts {
  const { config, storage } = kennel;
  return {
    version: version(),
    dns: kennel.dns.map(addressAndPort),
    mode: config.mode,
    enforcingPolicies: config.policies.filter((policy) => policy.mode === 'enforce').map((policy) => policy.name),
    upstreams: config.upstreams.map((upstream) => upstream.text),
    control: control.address,
    tokenFile: tokenPath(storage.folder.path),
    state: storage.folder.path,
    domainAge: config.reputation.rdap !== null || config.reputation.whois !== null,
    lists: listFacts(kennel),
  };
}

function greeting(facts: StartFacts): string {
  const rows: [string, string][] = [
    ['DNS', `${facts.dns.join(', ')} (UDP and TCP)`],
    ['mode', modeText(facts)],
    ['upstreams', facts.upstreams.join(', ')],
    ['control', `${facts.control} (token in ${facts.tokenFile})`],
    ['state', facts.state],
    ['domain age', facts.domainAge ? 'asked by RDAP and WHOIS, for registrable domains only' : 'off'],
    ...listRows(facts.lists),
  ];
  return `${[`Kennel ${facts.version}`, ...rows.map(([key, value]) => `  ${key.padEnd(12)}${value}`)].join('\n')}\n`;
}

function listFacts({ lists }: RunningKennel): StartFacts['lists'] {
  const status = lists.status();
  const named = (absent: boolean): string[] => status.filter(({ state }) => (state === 'absent') === absent).map(({ name }) => name);
  return { inForce: named(false), toBeLoaded: named(true) };
}

function listRows({ inForce, toBeLoaded }: StartFacts['lists']): [string, string][] {
  if (inForce.length + toBeLoaded.length === 0) return [];
  const waiting = toBeLoaded.length === 0 ? '' : `; not in force until loaded: ${toBeLoaded.join(', ')}`;
  return [['lists', `${inForce.length} in force${waiting}`]];
}

function modeText({ mode, enforcingPolicies }: StartFacts): string {
  if (mode === 'enforce') return 'enforce';
  if (enforcingPolicies.length > 0) return `observe; enforce for ${enforcingPolicies.join(', ')}`;
  return 'observe: notes what it would refuse, refuses only what you block yourself';
}

function jsonLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

/** Who switches to enforce is told, before anything is refused, what the last day would have lost. */
function lossText(wouldHaveLost: readonly WouldBlockGroup[]): string {
  if (wouldHaveLost.length === 0) return 'Enforcing from now on. In the last 24 hours it would have refused nothing.\n\n';
  const lines = wouldHaveLost.map(
    (group) => `  ${String(group.queries).padStart(7)}  ${group.parent}  ${group.reason}  e.g. ${group.exampleName}`,
  );
  return `${['Enforcing from now on. In the last 24 hours it would have refused:', ...lines].join('\n')}\n\n`;
}
