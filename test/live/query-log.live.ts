/**
 * The query log beside a real disk: how often it makes the disk write, and what happens to answers when there is no room left.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { type Kennel, startKennelOnLoopback } from '../lab/kennel-process.ts';
import { labelsOfText, queryMessage, summariseAnswer } from '../lab/messages.ts';
import { eventually, run, start } from '../lab/processes.ts';
import { toolPath } from '../lab/required-tools.ts';
import { a, type StubAuthority, startStubAuthority } from '../lab/stub-authority.ts';
import { openUdpAsker } from '../lab/udp-asker.ts';

const FULL = process.env['KENNEL_LIVE_FULL'] === '1';
/** Checkpoints come once a minute: the full form sees two rounds of them, the short one that nothing else waits for the disk. */
const WATCHED_SECONDS = FULL ? 125 : 25;
const QUERIES_PER_SECOND = 40;
const LEAST_SECONDS_PER_FSYNC = 5;
const NAMES_ON_A_FULL_DISK = 200;

const SETTINGS = {
  mode: 'enforce',
  reputation: 'off',
  limits: 'off',
  retention: { decisions: 'all' },
  policies: [{ name: 'everyone', match: {}, preset: 'homelab', default: 'allow' }],
} as const;

const ended: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function authority(): Promise<StubAuthority> {
  const stub = await startStubAuthority({ reply: ({ qname }) => ({ answers: [a(qname, '203.0.113.10')] }) });
  ended.push(() => stub.close());
  return stub;
}

/** RCODEs of the answers; null where none came. */
async function askAll(kennel: Kennel, names: readonly string[], pauseMs: number): Promise<(number | null)[]> {
  const asker = await openUdpAsker(kennel);
  const rcodes: (number | null)[] = [];
  for (const [index, name] of names.entries()) {
    const answer = await asker.ask(queryMessage({ id: index & 0xffff, labels: labelsOfText(name), qtype: 1 }), 5_000);
    rcodes.push(answer === null ? null : summariseAnswer(answer).rcode);
    if (pauseMs > 0) await sleep(pauseMs);
  }
  await asker.close();
  return rcodes;
}

test(`writes every query down and waits for the disk at most once in ${LEAST_SECONDS_PER_FSYNC} s`, { timeout: 300_000 }, async () => {
  const stub = await authority();
  const kennel = await startKennelOnLoopback({ ...SETTINGS, upstreams: [stub.url('udp')] });
  ended.push(() => kennel.remove());
  await sleep(3_000);

  const trace = join(kennel.stateFolder, 'fsyncs.txt');
  const strace = start([toolPath('strace'), '-f', '-e', 'trace=fsync,fdatasync,sync_file_range', '-o', trace, '-p', String(kennel.pid())]);
  await strace.waitForOutput(/attached/, 5_000);
  const names = Array.from({ length: WATCHED_SECONDS * QUERIES_PER_SECOND }, (_, index) => `www.site-${index % 300}.example`);
  const startedMs = performance.now();
  const rcodes = await askAll(kennel, names, 1_000 / QUERIES_PER_SECOND);
  await strace.kill('SIGINT');
  // A busy machine takes longer to ask than it is told to.
  const seconds = (performance.now() - startedMs) / 1_000;

  expect(rcodes.every((rcode) => rcode === 0)).toBe(true);
  const fsyncs = readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => /sync\w*\(/.test(line)).length;
  console.log(`${fsyncs} fsyncs in ${Math.round(seconds)} s and ${names.length} queries, all in the query log`);
  expect(fsyncs * LEAST_SECONDS_PER_FSYNC).toBeLessThanOrEqual(FULL ? seconds : seconds + 60);
});

test('answers all the same when the disk is full, says so, and goes on writing once there is room', async () => {
  const stub = await authority();
  let mounted = '';
  const kennel = await startKennelOnLoopback({ ...SETTINGS, upstreams: [stub.url('udp')] }, undefined, (folder) => {
    mounted = folder;
    mountSmallDisk(folder);
  });
  ended.push(async () => {
    await kennel.kill('SIGTERM');
    await run([toolPath('umount'), mounted]);
    await kennel.remove();
  });
  const ballast = join(kennel.stateFolder, 'ballast');
  fill(ballast);

  const names = Array.from({ length: NAMES_ON_A_FULL_DISK }, (_, index) => `www.new-site-${index}.example`);
  const rcodes = await askAll(kennel, names, 0);
  expect(rcodes.filter((rcode) => rcode !== 0)).toEqual([]);
  const storage = async (): Promise<string> => (await kennel.verb('healthcheck')).stdout + (await kennel.verb('healthcheck')).stderr;
  expect(await eventually(async () => /disk is full/.test(await storage()), 10_000)).toBe(true);

  rmSync(ballast);
  await askAll(kennel, ['www.example.com'], 0);
  expect(await eventually(async () => !/disk is full/.test(await storage()), 10_000)).toBe(true);
});

/** A small disk of its own for the state. */
function mountSmallDisk(folder: string): void {
  execFileSync(toolPath('mount'), ['-t', 'tmpfs', '-o', 'size=24m,mode=0700', 'tmpfs', folder]);
}

/** Writes until nothing more fits. */
function fill(file: string): void {
  const descriptor = openSync(file, 'w');
  try {
    for (const octets of [65_536, 512]) {
      const block = Buffer.alloc(octets);
      try {
        for (;;) writeSync(descriptor, block);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
      }
    }
  } finally {
    closeSync(descriptor);
  }
}
