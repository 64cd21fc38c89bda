/** `kennel` as a process: what it prints, how it ends, and what it says when it cannot start. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import dnsPacket from 'dns-packet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../../lab/free-port.ts';

const MAIN = new URL('../../../src/main.ts', import.meta.url).pathname;

let folder: string;
const running: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kennel-serve-'));
});
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, XDG_STATE_HOME: folder },
  });
  running.push(child);
  return child;
}

async function run(...args: string[]): Promise<Finished> {
  const child = start(args);
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('no pipes');
  const [out, err, [code]] = await Promise.all([text(stdout), text(stderr), once(child, 'exit')]);
  return { code, stdout: out, stderr: err };
}

/** Starts `serve --json` and waits for the line that says it listens; events before it are returned too. */
async function serve(...args: string[]): Promise<{ child: ChildProcess; events: Record<string, unknown>[] }> {
  const child = start(['serve', '--json', '--control', `unix:${folder}/control.sock`, ...args]);
  if (child.stdout === null) throw new Error('no pipe');
  const events: Record<string, unknown>[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as Record<string, unknown>;
    events.push(event);
    if (event['event'] === 'started') return { child, events };
  }
  throw new Error('it ended before it listened');
}

async function stop(child: ChildProcess): Promise<number | null> {
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  return code;
}

async function asksItself(port: number): Promise<boolean> {
  const socket: Socket = createSocket('udp4');
  const question = dnsPacket.encode({ type: 'query', id: 0x1234, questions: [{ type: 'TXT', name: 'session.kennel.internal' }] });
  try {
    socket.send(question, port, '127.0.0.1');
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(5_000) })) as [Buffer];
    return answer.readUInt16BE(0) === 0x1234 && answer.readUInt16BE(6) === 1;
  } finally {
    socket.close();
  }
}

describe('serve', () => {
  test('says what it listens on, answers, keeps a private token, and ends at SIGTERM', async () => {
    const port = await freePort();
    const { child, events } = await serve('--listen', `127.0.0.1:${port}`, '--upstream', 'udp://192.0.2.1');
    expect(events).toEqual([
      expect.objectContaining({
        mode: 'observe',
        dns: [`127.0.0.1:${port}`],
        upstreams: ['udp://192.0.2.1:53'],
        state: join(folder, 'kennel'),
      }),
    ]);
    expect(await asksItself(port)).toBe(true);
    expect(statSync(join(folder, 'kennel', 'control-token')).mode & 0o777).toBe(0o600);
    expect(await stop(child)).toBe(0);
  });

  test('tells before it enforces for the first time what the last day would have lost', async () => {
    const port = await freePort();
    const args = ['--listen', `127.0.0.1:${port}`, '--upstream', 'udp://192.0.2.1'];
    const observing = await serve(...args);
    await stop(observing.child);
    const enforcing = await serve(...args, '--mode', 'enforce');
    expect(enforcing.events.map(({ event }) => event)).toEqual(['enforcing', 'started']);
    expect(enforcing.events[0]).toEqual({ event: 'enforcing', wouldHaveLost: [] });
    await stop(enforcing.child);
    const again = await serve(...args, '--mode', 'enforce');
    expect(again.events.map(({ event }) => event)).toEqual(['started']);
    await stop(again.child);
  });

  test('with a wrong config tells every error with its line, exits 2 and starts nothing', async () => {
    const file = join(folder, 'kennel.yaml');
    writeFileSync(file, 'mode: enforc\nupstreams: ["9.9.9.9"]\nsurprise: 1\n');
    const { code, stdout, stderr } = await run('serve', '--config', file);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    for (const place of [`${file}:1:`, `${file}:2:`, `${file}:3:`]) expect(stderr).toContain(place);
    expect(() => statSync(join(folder, 'kennel'))).toThrow('ENOENT');
  });

  test('with a port that is taken tells which and what to do', async () => {
    const taken = createSocket('udp4');
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address();
    const { code, stderr } = await run('serve', '--listen', `127.0.0.1:${port}`, '--upstream', 'udp://192.0.2.1');
    taken.close();
    expect(code).toBe(3);
    expect(stderr).toContain(`127.0.0.1:${port}`);
    expect(stderr).toContain('already uses this address and port');
  });

  test('with a state folder that is a file, or a damaged database, says so, keeps it and does not start', async () => {
    const file = join(folder, 'not-a-folder');
    writeFileSync(file, 'mine');
    const port = await freePort();
    const args = ['serve', '--listen', `127.0.0.1:${port}`, '--upstream', 'udp://192.0.2.1', '--state'];
    const onFile = await run(...args, file);
    expect(onFile.code).toBe(3);
    expect(onFile.stderr).toContain(file);
    expect(readFileSync(file, 'utf8')).toBe('mine');

    const { child } = await serve('--listen', `127.0.0.1:${port}`, '--upstream', 'udp://192.0.2.1');
    await stop(child);
    const database = join(folder, 'kennel', 'evidence.sqlite');
    const damaged = Buffer.alloc(8_192, 'not a database ');
    writeFileSync(database, damaged);
    const onDamage = await run('serve', '--listen', `127.0.0.1:${port}`, '--upstream', 'udp://192.0.2.1');
    expect(onDamage.code).toBe(3);
    expect(onDamage.stderr).toContain('evidence.sqlite');
    expect(readFileSync(database).equals(damaged)).toBe(true);
  });
});

describe('the other verbs', () => {
  test('score prints the contract: contributions add up, and a refusal is exit code 1', async () => {
    const { code, stdout } = await run('score', 'www.github.com', '--json');
    expect(code).toBe(0);
    const scored = JSON.parse(stdout);
    expect(Object.keys(scored).sort()).toEqual([
      'leakBits',
      'policy',
      'qname',
      'qtype',
      'reason',
      'registrableDomain',
      'score',
      'signals',
      'verdict',
    ]);
    expect(scored).toMatchObject({ qname: 'www.github.com', qtype: 'A', registrableDomain: 'github.com', verdict: 'allow' });
    const sum = scored.signals.reduce((total: number, signal: { contribution: number }) => total + signal.contribution, 0);
    expect(sum).toBe(scored.score);
    expect((await run('score', 'x.example', '--type', 'NULL')).code).toBe(1);
  });

  test('wrong usage is exit code 2 and prints the usage of that verb', async () => {
    for (const args of [['score'], ['score', 'a b..c'], ['serve', '--mode', 'sometimes'], ['quarantine', 'release', 'q-1'], ['nonsense']]) {
      const { code, stdout, stderr } = await run(...args);
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: '' });
      expect(stderr).not.toBe('');
    }
  });

  test('demo stops the theft and leaves the neighbour alone', async () => {
    const { code, stdout } = await run('demo', '--json');
    expect(code).toBe(0);
    const { secretOctets, octetsOut, quarantine, neighbour } = JSON.parse(stdout);
    expect(octetsOut).toBeLessThanOrEqual(96);
    expect(secretOctets).toBe(1024);
    expect(quarantine.atQuery).toBeGreaterThan(1);
    expect(neighbour.answered).toBe(neighbour.asked);
  });
});
