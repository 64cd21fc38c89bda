/**
 * What a list of a million entries costs: compiling, memory, a look-up, reading it back. Prints figures, judges nothing.
 * Run: `node --expose-gc test/bench/lists.ts [ENTRIES]`
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileList } from '../../src/lists/compile-list.ts';
import { decodeCompiled, encodeCompiled } from '../../src/lists/compiled-file.ts';
import { type CompiledList, NO_ENTRY } from '../../src/lists/compiled-list.ts';
import { NameHasher } from '../../src/lists/list-hash.ts';
import { type QName, ROOT, requireName } from '../../src/wire/name.ts';
import { seededRandom } from '../lab/seeded-random.ts';

const ENTRIES = Number(process.argv[2] ?? 1_000_000);
/** Different names asked: what a busy site asks, and more than any cache of the processor holds the records of. */
const ASKED = [5_000, 200_000] as const;
const LOOK_UPS = 200_000;
const ROUNDS = 12;

const random = seededRandom(20_261_121);
const hasher = new NameHasher(new Uint8Array(32).fill(5));

function print(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(56)} ${figure}\n`);
}

function pick(count: number): number {
  return random.below(count);
}

/** Letters as in names people make up; three to `longest` of them. */
function word(longest: number): string {
  const length = 3 + pick(longest - 2);
  let text = '';
  for (let index = 0; index < length; index++)
    text += 'etaoinshrdlucmfwypvbgkjqxz0123456789-'.charAt(Math.min(pick(37), pick(37), pick(60)));
  return `${text}z`;
}

/** Two to four labels, as lists of trackers have them: 22 octets on average. */
function listedName(): string {
  const domain = `${word(14)}.${['com', 'net', 'org', 'info', 'co.uk', 'xyz'][pick(6)]}`;
  const kind = pick(10);
  return kind < 5 ? domain : kind < 8 ? `${word(8)}.${domain}` : `${word(6)}.${word(6)}.${domain}`;
}

function uniqueNames(count: number): string[] {
  const names = new Set<string>();
  while (names.size < count) names.add(listedName());
  return [...names];
}

/** Processor time of the best round of a look-up, in nanoseconds. */
function timeLookUps(list: CompiledList, names: readonly QName[]): { ns: number; hits: number } {
  let best = Number.POSITIVE_INFINITY;
  let hits = 0;
  for (let round = 0; round < ROUNDS; round++) {
    hits = 0;
    const before = process.threadCpuUsage();
    for (let index = 0; index < LOOK_UPS; index++) {
      if (list.find(hasher.probe(names[index % names.length] ?? ROOT), 1) !== NO_ENTRY) hits += 1;
    }
    const { user, system } = process.threadCpuUsage(before);
    best = Math.min(best, (1000 * (user + system)) / LOOK_UPS);
  }
  return { ns: best, hits };
}

function shuffled(names: readonly string[], count: number): string[] {
  return Array.from({ length: count }, () => names[pick(names.length)] ?? '');
}

function memory(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function compile(text: Buffer, format: 'hosts' | 'domains' | 'adblock' | 'rpz'): CompiledList {
  const before = performance.now();
  const result = compileList(text, { kind: 'block', format, hasher });
  const ms = performance.now() - before;
  if (result.kind === 'refused') throw new Error(result.problem);
  print(`${format}: compiled ${result.list.report.entries} entries`, `${ms.toFixed(0)} ms`);
  return result.list;
}

const names = uniqueNames(ENTRIES);
const texts = {
  domains: names.join('\n'),
  hosts: names.map((name) => `0.0.0.0 ${name}`).join('\n'),
  rpz: `$TTL 60\n@ SOA localhost. root.localhost. 1 2 3 4 5\n${names.map((name) => `${name} CNAME .`).join('\n')}`,
  adblock: names.map((name) => `||${name}^`).join('\n'),
};

const source = Buffer.from(texts.domains);
const octetsBefore = memory();
const list = compile(source, 'domains');
print('memory of the compiled list (heap and buffers)', `${((memory() - octetsBefore) / 1e6).toFixed(1)} MB`);

for (const format of ['hosts', 'rpz', 'adblock'] as const) compile(Buffer.from(texts[format]), format);

// Flat strings as `readQuestionName` makes them: one that was put together in pieces costs more to read.
const flat = (text: string): QName => Buffer.from(requireName(text), 'latin1').toString('latin1') as QName;
for (const count of ASKED) {
  const asked = {
    'hit, the listed name': shuffled(names, count).map(flat),
    'hit, one label below a listed name': shuffled(names, count).map((name) => flat(`www.${name}`)),
    'miss, three labels': Array.from({ length: count }, () => flat(`www.${word(14)}q.com`)),
    'miss, four labels': Array.from({ length: count }, () => flat(`api.${word(6)}.${word(12)}q.net`)),
  };
  for (const [what, probes] of Object.entries(asked)) {
    const { ns, hits } = timeLookUps(list, probes);
    print(`look-up of ${count} names: ${what}`, `${ns.toFixed(0)} ns (${hits} of ${LOOK_UPS} found)`);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'kennel-bench-'));
const path = join(folder, 'list');
writeFileSync(path, encodeCompiled(list.parts));
for (const what of ['first', 'again']) {
  const before = performance.now();
  const octets = readFileSync(path);
  const read = performance.now() - before;
  const decoded = decodeCompiled(octets, hasher);
  const ms = performance.now() - before;
  print(
    `read back, ${what}: ${(octets.length / 1e6).toFixed(1)} MB, ${decoded.kind}`,
    `${ms.toFixed(0)} ms, reading ${read.toFixed(0)} of it`,
  );
}
rmSync(folder, { recursive: true });
