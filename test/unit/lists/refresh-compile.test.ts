/** Compiling in a thread: the list it makes, and threads that end badly. */
import { describe, expect, test } from 'vitest';
import { decodeCompiled } from '../../../src/lists/compiled-file.ts';
import { NO_ENTRY } from '../../../src/lists/compiled-list.ts';
import { compileInThread } from '../../../src/lists/refresh-compile.ts';
import { requireName } from '../../../src/wire/name.ts';
import { fileList, HASHER, SEED } from './subscribed-lists.ts';

const WORKER = new URL('../../../src/lists/refresh-worker.ts', import.meta.url);
const GOES_ON = new AbortController().signal;
const ALWAYS_A_THREAD = { patienceMs: 60_000, withoutThreadOctets: 0, heap: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 } };
const OCTETS = Buffer.from('||ads.example^\n');

describe.each([
  ['in a thread', ALWAYS_A_THREAD],
  ['at once, as small lists are', { ...ALWAYS_A_THREAD, withoutThreadOctets: 1_000 }],
])('compiling %s', (_where, bounds) => {
  test('gives a list that this side can ask', async () => {
    const result = await compileInThread(WORKER, SEED, HASHER, bounds)(fileList(''), OCTETS, GOES_ON);
    if (result.kind === 'refused') expect.fail(result.problem);
    expect(result.list.find(HASHER.probe(requireName('x.ads.example')), null)).not.toBe(NO_ENTRY);
    expect(result.list.find(HASHER.probe(requireName('x.other.example')), null)).toBe(NO_ENTRY);
    expect(decodeCompiled(result.encoded, HASHER).kind).toBe('list');
  });

  test('says what is no list', async () => {
    const result = await compileInThread(WORKER, SEED, HASHER, bounds)(fileList(''), Buffer.from('<html></html>'), GOES_ON);
    expect(result).toMatchObject({ kind: 'refused', problem: expect.stringContaining('web page') });
  });
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
  const result = await compileInThread(thread(script), SEED, HASHER, { ...ALWAYS_A_THREAD, patienceMs, heap })(
    fileList(''),
    OCTETS,
    GOES_ON,
  );
  expect(result).toMatchObject({ kind: 'refused', problem: expect.stringContaining(problem) });
});

test('a closing Kennel does not wait for a thread', async () => {
  const closing = new AbortController();
  const compile = compileInThread(thread('while (true);'), SEED, HASHER, ALWAYS_A_THREAD);
  const result = compile(fileList(''), OCTETS, closing.signal);
  closing.abort();
  expect(await result).toEqual({ kind: 'refused', problem: 'Kennel is closing' });
});
