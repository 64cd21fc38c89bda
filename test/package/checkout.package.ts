/** The commands of the README in a checkout, as npm runs them: arguments, exit codes and signals get through. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeServeConfig } from './serve-config.ts';

const PROJECT_ROOT = resolve(import.meta.dirname, '../..');
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kennel-checkout-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('npm start takes flags, and a SIGTERM to npm ends the resolver with it', async () => {
  const config = writeServeConfig(folder, '127.153.0.3');
  const npm = spawn('npm', ['start', '--', '--config', config], { cwd: PROJECT_ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(npm, 'close');
  await new Promise<void>((resolve) => {
    npm.stdout.on('data', (chunk) => String(chunk).includes('127.153.0.3:5300') && resolve());
    npm.once('close', () => resolve());
  });
  npm.kill('SIGTERM');
  // Closed, not only exited: a resolver left behind would still hold npm's output.
  expect(await closed).toEqual([0, null]);
});

test('npm run kennel passes the exit code of the verb on', () => {
  const { status, stderr } = spawnSync('npm', ['run', '-s', 'kennel', '--', 'no-such-verb'], { cwd: PROJECT_ROOT, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining('no-such-verb') });
});
