/**
 * The packed package, installed in an empty folder with an empty home under the machine's own Node: what a user gets.
 * Needs the registry that npm is configured for. Where that Node is older than 24, the bundled one has to take over.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
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
});

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
    const config = writeServeConfig(folder, '127.153.0.1');
    const server = spawn('node', [BIN, 'serve', '--config', config], {
      cwd: join(folder, 'app'),
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(server, 'close');
    await Promise.race([once(server.stdout, 'data'), ended]);
    server.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(readdirSync(join(folder, 'state'))).not.toEqual([]);
  });
});
