/** Compiling in a thread: the list it makes, and threads that end badly. */
import { expect, test } from 'vitest';
import { NO_ENTRY } from '../../../src/lists/compiled-list.ts';
import { compileInThread } from '../../../src/lists/refresh-compile.ts';
import { requireName } from '../../../src/wire/name.ts';
import { fileList, HASHER, SEED } from './list-parts.ts';

const WORKER = new URL('../../../src/lists/refresh-worker.ts', import.meta.url);
const OCTETS = Buffer.from('||ads.example^\n');

test('gives a list that this side can ask', async () => {
  const result = await compileInThread(WORKER, SEED, HASHER)(fileList(''), OCTETS);
  if (result.kind === 'refused') expect.fail(result.problem);
  expect(result.list.find(HASHER.probe(requireName('x.ads.example')), null)).not.toBe(NO_ENTRY);
  expect(result.list.find(HASHER.probe(requireName('x.other.example')), null)).toBe(NO_ENTRY);
});

test('says what is no list', async () => {
  const result = await compileInThread(WORKER, SEED, HASHER)(fileList(''), Buffer.from('<html></html>'));
  expect(result).toMatchObject({ kind: 'refused', problem: expect.stringContaining('web page') });
});

function thread(script: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(script)}`);
}

test.each([
  ['throws', 'throw new Error("secret.example")', 'compiling it failed'],
  ['ends at once', 'export {}', 'compiling it ended without a result'],
  ['never ends', 'while (true);', 'it was not compiled within 0.2 s'],
  [
    'sends what cannot be read',
    'import { parentPort } from "node:worker_threads"; parentPort.postMessage({ kind: "compiled", encoded: new Uint8Array(100) })',
    '',
  ],
  ['wants all memory', 'const all = []; while (true) all.push(new Array(1e6).fill(0.5));', 'it needs too much memory'],
])('a thread that %s is a refusal', async (_what, script, problem) => {
  const patienceMs = problem === 'it needs too much memory' ? 60_000 : problem.includes('within') ? 200 : 10_000;
  const heap = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 8 };
  const result = await compileInThread(thread(script), SEED, HASHER, { patienceMs, heap })(fileList(''), OCTETS);
  expect(result).toMatchObject({ kind: 'refused', problem: expect.stringContaining(problem) });
});
