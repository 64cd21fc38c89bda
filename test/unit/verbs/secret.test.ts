/**
 * `kennel secret` against a server of its own: what is registered quarantines, before and after a restart, and the secret stands
 * nowhere: not in the state folder, not in what is logged, not in what any verb prints.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import dnsPacket from 'dns-packet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../../lab/free-port.ts';

const MAIN = new URL('../../../src/main.ts', import.meta.url).pathname;
const SECRET = 'q7Vd0xKp3ZrT9mWc2LfY8bNh5GjS1aEu';
const IN_CONFIG = 'hT4nB8zQw2Ck6RxV0pJd9LsYg3Fm7AeU';

let folder: string;
let port: number;
let child: ChildProcess | null;
/** Everything that any process of the test printed. */
let printed: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kennel-secret-'));
  port = await freePort();
  child = null;
  printed = '';
  writeFileSync(join(folder, 'bait'), `${IN_CONFIG}\n`);
  writeFileSync(join(folder, 'openai'), `\n${SECRET}\n`);
  writeFileSync(
    join(folder, 'kennel.yaml'),
    [
      'mode: enforce',
      `listen: { dns: ["127.0.0.1:${port}"], control: "unix:${folder}/control.sock" }`,
      `state: ${folder}/state`,
      'upstreams: ["udp://192.0.2.1"]',
      'reputation: off',
      'sessions: { prefixLengths: { ipv4: 32 } }',
      'retention: { decisions: all }',
      'secrets: [{ name: bait, kind: canary, file: bait }]',
    ].join('\n'),
  );
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

async function serve(): Promise<void> {
  const started = spawn(process.execPath, [MAIN, 'serve', '--json', '--log-names', '--config', join(folder, 'kennel.yaml')]);
  child = started;
  started.stderr.on('data', (chunk) => {
    printed += String(chunk);
  });
  await new Promise<void>((resolve, reject) => {
    started.stdout.on('data', (chunk) => {
      printed += String(chunk);
      if (printed.includes('"started"')) resolve();
    });
    started.once('exit', () => reject(new Error(printed)));
  });
}

async function stop(): Promise<void> {
  child?.removeAllListeners('exit');
  child?.kill('SIGTERM');
  if (child !== null) await once(child, 'exit');
  printed = printed.replaceAll('"started"', '"was started"');
}

interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a verb in a process of its own: only there has it a stdin. */
function kennel(args: readonly string[], input = ''): Finished {
  const ended = spawnSync(process.execPath, [MAIN, ...args, '--config', join(folder, 'kennel.yaml')], {
    input,
    encoding: 'utf8',
    timeout: 20_000,
  });
  printed += ended.stdout + ended.stderr;
  return { code: ended.status, out: ended.stdout, err: ended.stderr };
}

/** Asks from an address of its own, which is a session of its own; gives the RCODE and the octets behind the question as text. */
async function ask(name: string, from: string, type: 'A' | 'TXT' = 'A'): Promise<{ rcode: string; text: string }> {
  const socket = createSocket('udp4');
  const query = dnsPacket.encode({
    type: 'query',
    id: 7,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type, name }],
    additionals: [
      { type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] },
    ],
  });
  socket.bind(0, from);
  await once(socket, 'listening');
  socket.send(query, port, '127.0.0.1');
  const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(5_000) })) as [Buffer];
  socket.close();
  const decoded = dnsPacket.decode(answer) as dnsPacket.DecodedPacket & { rcode: string };
  // Without the question, which is the client's own and echoed octet by octet: header, name, type and class.
  return { rcode: decoded.rcode, text: answer.subarray(12 + name.length + 2 + 4).toString('latin1') };
}

/** Every text of eight characters that would tell a part of a value, in the clear or in hex. */
function telling(value: string): string[] {
  const texts = [value.toLowerCase(), Buffer.from(value).toString('hex'), Buffer.from(value).toString('base64').toLowerCase()];
  return texts.flatMap((text) => Array.from({ length: text.length - 7 }, (_, at) => text.slice(at, at + 8)));
}

function expectUntold(where: string, content: string): void {
  const lower = content.toLowerCase();
  const told = [...telling(SECRET), ...telling(IN_CONFIG)].filter((text) => lower.includes(text));
  expect(told, where).toEqual([]);
}

describe('kennel secret', () => {
  test('adds from a file and from stdin, lists, removes; exit codes say what happened', async () => {
    await serve();
    expect(kennel(['secret', 'list']).out).toMatch(/^NAME +KIND.*\nbait +canary +config/);
    expect(kennel(['secret', 'add', 'openai', '--file', join(folder, 'openai'), '--actor', 'ada'])).toMatchObject({ code: 0, err: '' });
    expect(kennel(['secret', 'add', 'openai'], SECRET).code).toBe(1);
    expect(kennel(['secret', 'add', 'weak'], 'production-database\n')).toMatchObject({ code: 2, out: '' });
    expect(JSON.parse(kennel(['secret', 'add', 'piped', '--canary', '--json'], `${SECRET.slice(8)}Zz9Yx8Wv\n`).out)).toMatchObject({
      name: 'piped',
      kind: 'canary',
    });
    expect(JSON.parse(kennel(['secret', 'list', '--json']).out)).toMatchObject({
      secrets: [{ name: 'bait' }, { name: 'openai', actor: 'ada', from: 'state' }, { name: 'piped' }],
    });
    expect(kennel(['secret', 'remove', 'piped']).code).toBe(0);
    expect(kennel(['secret', 'remove', 'piped']).code).toBe(1);
    expect(kennel(['secret', 'remove', 'bait']).code).toBe(1);
    const misplaced = kennel(['secret', 'add', 'openai', SECRET]);
    expect(misplaced.code).toBe(2);
    expectUntold('printed', printed);
  }, 60_000);

  test('without a server it is a runtime failure', () => {
    expect(kennel(['secret', 'list']).code).toBe(3);
  }, 20_000);

  test('what it registers is found before and after a restart, and is written nowhere', async () => {
    await serve();
    kennel(['secret', 'add', 'openai', '--file', join(folder, 'openai')]);
    const hex = Buffer.from(SECRET).toString('hex');
    const first = await ask(`${hex.slice(0, 30)}.${hex.slice(30)}.notes.example`, '127.0.0.11');
    expect(first).toMatchObject({ rcode: 'NXDOMAIN', text: expect.stringContaining('quarantined by policy') });
    await stop();
    await serve();
    expect((await ask(`${SECRET}.notes.example`, '127.0.0.12')).rcode).toBe('NXDOMAIN');
    expect((await ask(`${IN_CONFIG}.notes.example`, '127.0.0.13')).rcode).toBe('NXDOMAIN');
    // Quarantined sessions go on, and ask about themselves.
    expect((await ask(`${SECRET}.again.notes.example`, '127.0.0.12')).rcode).toBe('NXDOMAIN');
    const told = [
      await ask('last.why.kennel.internal', '127.0.0.12', 'TXT'),
      await ask(`${SECRET}.notes.example.why.kennel.internal`, '127.0.0.12', 'TXT'),
    ];
    for (const { text } of told) expect(text).toContain('(redacted).notes.example');
    expectUntold('answers', told.map(({ text }) => text).join());

    const list = JSON.parse(kennel(['quarantine', 'list', '--json']).out) as {
      quarantines: { id: string; session: string; reason: string; qname: string }[];
    };
    expect(list.quarantines.map(({ session, reason, qname }) => [session, reason, qname]).sort()).toEqual([
      ['127.0.0.11', 'secret', '(redacted).notes.example'],
      ['127.0.0.12', 'secret', '(redacted).notes.example'],
      ['127.0.0.13', 'canary', '(redacted).notes.example'],
    ]);
    kennel(['quarantine', 'show', list.quarantines[0]?.id ?? '']);
    kennel(['explain', `${SECRET}.notes.example`, '--json']);
    kennel(['sessions', 'show', '127.0.0.12']);
    await stop();

    const state = join(folder, 'state');
    for (const file of readdirSync(state)) {
      if (statSync(join(state, file)).isFile()) expectUntold(file, readFileSync(join(state, file), 'latin1'));
    }
    expectUntold('printed and logged', printed);
  }, 90_000);
});
