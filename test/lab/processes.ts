/**
 * Child processes of the live lab: run to the end, or started and stopped, always by process id.
 * Whatever is still alive when the test process exits is killed then. Knows nothing of namespaces or DNS.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** Output kept per stream; a chatty process must not fill the test's memory. */
const MAX_OUTPUT_CHARS = 4_000_000;

const alive = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

export interface Finished {
  /** Exit status; null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
  /** True when it had to be killed at its deadline. */
  readonly timedOut: boolean;
}

/** Runs a command to its end, at most `timeoutMs` long. Never rejects for the command's own failure. */
export async function run(argv: readonly string[], timeoutMs = 20_000): Promise<Finished> {
  const startedMs = performance.now();
  const running = start(argv);
  const inTime = await running.exitedWithin(timeoutMs);
  if (!inTime) await running.kill('SIGKILL');
  return {
    status: running.exitCode(),
    stdout: running.stdout(),
    stderr: running.stderr(),
    elapsedMs: performance.now() - startedMs,
    timedOut: !inTime,
  };
}

export interface Running {
  readonly pid: number;
  /** Everything written so far. */
  stdout(): string;
  stderr(): string;
  hasExited(): boolean;
  exitCode(): number | null;
  /** Resolves true once it has exited, false when `timeoutMs` passes first. */
  exitedWithin(timeoutMs: number): Promise<boolean>;
  /** Waits for a text on stdout or stderr; throws with the output when the process ends or the time passes first. */
  waitForOutput(pattern: RegExp, timeoutMs: number): Promise<void>;
  /** Sends the signal and waits for the exit; SIGKILL after 5 s. Does nothing when it has exited already. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a command; throws when it cannot be started. Its stdin is empty. */
export function start(argv: readonly string[]): Running {
  const [command, ...args] = argv;
  if (command === undefined) throw new Error('an empty command cannot be started');
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  if (child.pid === undefined) throw new Error(`cannot start ${argv.join(' ')}`);
  alive.add(child);
  const exited = once(child, 'close').then(() => {
    alive.delete(child);
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      output[stream] = (output[stream] + chunk).slice(-MAX_OUTPUT_CHARS);
    });
  }
  const hasExited = () => child.exitCode !== null || child.signalCode !== null;

  const exitedWithin = async (timeoutMs: number): Promise<boolean> => {
    const deadline = new AbortController();
    const passed = sleep(timeoutMs, false, { signal: deadline.signal }).catch(() => false);
    const result = await Promise.race([exited.then(() => true), passed]);
    deadline.abort();
    return result;
  };

  return {
    pid: child.pid,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    hasExited,
    exitCode: () => child.exitCode,
    exitedWithin,
    async waitForOutput(pattern, timeoutMs) {
      const ok = await eventually(() => pattern.test(output.stdout) || pattern.test(output.stderr) || hasExited(), timeoutMs);
      if (pattern.test(output.stdout) || pattern.test(output.stderr)) return;
      throw new Error(`${argv.join(' ')} ${ok ? 'ended' : 'took too long'} without ${pattern}:\n${output.stdout}${output.stderr}`);
    },
    async kill(signal = 'SIGTERM') {
      if (hasExited()) return;
      child.kill(signal);
      if (await exitedWithin(5_000)) return;
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Asks every 25 ms until the condition holds (true) or the time has passed (false). */
export async function eventually(condition: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() >= deadlineMs) return false;
    await sleep(25);
  }
}
