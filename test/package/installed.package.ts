/**
 * The packed package, installed in an empty folder with an empty home under the machine's own Node: what a user gets.
 * Needs the registry that npm is configured for. Where that Node is older than 24, the bundled one has to take over.
 */
import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeServeConfig } from './serve-config.ts';

const PROJECT_ROOT = resolve(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8'));

let folder = '';
let env: NodeJS.ProcessEnv = {};
let packedFiles: string[] = [];
let installLog = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kennel-package-'));
  for (const name of ['home', 'app']) mkdirSync(join(folder, name));
  env = { ...environmentOutsideNpm(), HOME: join(folder, 'home') };
  npm(PROJECT_ROOT, 'run', '-s', 'pack', '--', '--pack-destination', folder);
  const tarball = join(folder, `kennel-${version}.tgz`);
  packedFiles = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n').sort();
  installLog = npm(join(folder, 'app'), 'install', '--no-audit', '--no-fund', tarball);
  // Compiling, packing and installing: a busy machine needs a while.
}, 240_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The environment without what `npm run` adds: neither its Node nor this project's settings may help the installed package. */
function environmentOutsideNpm(): NodeJS.ProcessEnv {
  const added =
    /^(?:npm_(?:package|lifecycle|command|execpath|node_execpath)|npm_config_(?:.*prefix|userconfig|globalconfig|cache)$|INIT_CWD$|NODE$|VITEST|TEST$|NODE_ENV$)/;
  const kept = Object.entries(process.env).filter(([name]) => !added.test(name));
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => !/node_modules|node-gyp-bin/.test(entry));
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}

/** What npm printed; throws with it when npm failed. */
function npm(cwd: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${stdout}${stderr}`);
  return stdout + stderr;
}

function run(command: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(command, args, { cwd: join(folder, 'app'), env, encoding: 'utf8', timeout: 60_000 });
}

const BIN = 'node_modules/kennel/bin/kennel.mjs';

/** Runs a verb while this process goes on serving; what it printed. Rejects with what it said when it fails. */
async function kennel(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('node', [BIN, ...args], { cwd: join(folder, 'app'), env, timeout: 60_000 });
  return stdout;
}

/** The installed resolver, once it has said its first word. */
async function startServe(config: string): Promise<{ server: ChildProcess; ended: Promise<unknown[]>; log: () => string }> {
  const server = spawn('node', [BIN, 'serve', '--config', config], { cwd: join(folder, 'app'), env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(server, 'close');
  let log = '';
  server.stdout.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  await Promise.race([once(server.stdout, 'data'), ended]);
  return { server, ended, log: () => log };
}

describe('the tarball', () => {
  test('ships JavaScript and data, no TypeScript, no tests', () => {
    expect(packedFiles).toContain('package/dist/src/main.js');
    expect(packedFiles.filter((path) => /\.ts$|\/test\/|node_modules/.test(path))).toEqual([]);
  });

  test.each(['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/blocklists/SOURCES.md'])('says whose it is and what is in it: %s', (file) => {
    expect(packedFiles).toContain(`package/${file}`);
  });

  test('stays small', () => {
    expect(readFileSync(join(folder, `kennel-${version}.tgz`)).length).toBeLessThan(3_000_000);
  });
});

describe('installed', () => {
  test('without a word about engines of its own', () => {
    expect(installLog).not.toMatch(/package: 'kennel@/);
  });

  test('kennel --version prints the version', () => {
    expect(run('npx', 'kennel', '--version')).toMatchObject({ status: 0, stdout: expect.stringContaining(version) });
  });

  test('kennel score assesses a name', () => {
    const { status, stdout } = run('npx', 'kennel', 'score', 'example.com', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ registrableDomain: 'example.com', verdict: 'allow' });
  });

  test('the command runs under a Node that is too old for the program', () => {
    expect(run('node', BIN, '--version')).toMatchObject({ status: 0, stdout: expect.stringContaining(version) });
  });

  test('passes the exit code of a wrong usage on', () => {
    expect(run('node', BIN, 'no-such-verb').status).toBe(2);
  });

  test('kennel demo quarantines the thief and nobody else', () => {
    expect(run('npx', 'kennel', 'demo')).toMatchObject({ status: 0, stdout: expect.stringMatching(/quarantined/) });
  });

  test('serve stops on a SIGTERM to the command, and leaves its state behind', async () => {
    const { server, ended } = await startServe(writeServeConfig(folder, '127.153.0.1'));
    server.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(readdirSync(join(folder, 'state'))).not.toEqual([]);
  });

  test('every verb is there and says what it is for, under a Node that needs no other', () => {
    const verbs = [...run('node', BIN, '--help').stdout.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map(([, verb = '']) => verb);
    expect(verbs).toEqual(expect.arrayContaining(['serve', 'demo', 'lists', 'import', 'reload', 'cache']));
    for (const verb of verbs) {
      expect(run(process.execPath, BIN, verb, '--help'), verb).toMatchObject({
        status: 0,
        stdout: expect.stringContaining(`kennel ${verb}`),
        stderr: '',
      });
    }
  });

  test('kennel import makes a config that check-config accepts', () => {
    const made = join(folder, 'imported.yaml');
    const imported = run('node', BIN, 'import', 'pihole', join(PROJECT_ROOT, 'fixtures/import/pihole.toml'), '--out', made);
    expect(imported.status, imported.stderr).toBe(0);
    expect(run('node', BIN, 'check-config', made)).toMatchObject({ status: 0 });
  });
});

describe('a served list', () => {
  /** Beyond what is compiled without a thread (refresh-compile.ts). */
  const LARGE = Array.from({ length: 20_000 }, (_, n) => `name-${n}.large.example`).join('\n');
  let source: http.Server;
  let running: Awaited<ReturnType<typeof startServe>>;
  let config = '';

  const listsNow = async (): Promise<readonly unknown[]> => JSON.parse(await kennel('lists', '--json', '--config', config)).lists;

  beforeAll(async () => {
    source = http.createServer((_request, response) => response.end(LARGE)).listen(0, '127.0.0.1');
    await once(source, 'listening');
    writeFileSync(join(folder, 'small.txt'), 'small.example\n');
    const { port } = source.address() as AddressInfo;
    const lists = ['lists:', '  - { name: small, file: small.txt }', `  - { name: large, url: "http://127.0.0.1:${port}/" }`];
    config = writeServeConfig(folder, '127.153.0.4', ...lists);
    running = await startServe(config);
  });

  afterAll(async () => {
    running?.server.kill('SIGTERM');
    await running?.ended;
    source?.close();
  });

  test('comes from a file and from a URL, compiled in a thread of the package', async () => {
    await expect
      .poll(listsNow, { timeout: 60_000, interval: 500 })
      .toEqual(
        expect.arrayContaining([
          expect.objectContaining({ name: 'small', state: 'current', entries: 1 }),
          expect.objectContaining({ name: 'large', state: 'current', entries: 20_000 }),
        ]),
      );
    const explained = run('node', BIN, 'explain', 'name-7.large.example', '--config', config);
    expect(explained.stdout, explained.stderr).toMatch(/^rule: +large:8 /m);
  });

  test('is read again by lists update and by reload, and the cache can be emptied', async () => {
    writeFileSync(join(folder, 'small.txt'), 'small.example\nsecond.example\n');
    await kennel('lists', 'update', 'small', '--config', config);
    expect(await listsNow()).toContainEqual(expect.objectContaining({ name: 'small', entries: 2 }));
    expect(await kennel('reload', '--config', config)).toContain('reloaded');
    expect(await kennel('cache', 'flush', '--all', '--config', config)).toContain('forgot 0 answers');
  });

  test('no thread of the package has failed to start', () => {
    const worse = running
      .log()
      .split('\n')
      .filter((line) => /"level":"(?:error|fatal)"|Cannot find module/.test(line));
    expect(worse).toEqual([]);
  });
});
