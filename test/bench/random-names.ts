/**
 * A million random names against the cache while others use popular ones: memory, bounds and hit rates over time, then what a hit costs,
 * and how the cache's estimate of its memory compares with the heap. Prints figures, writes nothing. With `--process` the same flood over
 * UDP against Kennel in a process of its own, which shows what it takes of the machine (`random-names-process.ts`).
 * Run: `npm run bench:random-names [-- [--process] [NAMES [CACHE-YAML]]]`
 */
import dnsPacket from 'dns-packet';
import { parse } from 'yaml';
import { createAnswerCache } from '../../src/cache/answer-cache.ts';
import { RRTYPE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { parseResponse } from '../../src/wire/response-parse.ts';
import { type FloodReport, NameFlood } from '../lab/name-flood.ts';
import { floodProcess } from './random-names-process.ts';

const [names = '1000000', cache = '{}'] = process.argv.slice(2).filter((argument) => argument !== '--process');
const NAMES = Number(names);
const HITS = 200_000;
const ROUNDS = 10;

function megabytes(octets: number): string {
  return (octets / 2 ** 20).toFixed(1).padStart(8);
}

function line(report: FloodReport): string {
  const { names, rssOctets, heapOctets, cacheEntries, cacheOctets, popularHits } = report;
  const counts = `${String(names).padStart(9)} ${megabytes(rssOctets)} ${megabytes(heapOctets)} ${String(cacheEntries).padStart(8)}`;
  return `${counts} ${megabytes(cacheOctets)} ${(100 * popularHits).toFixed(1).padStart(8)}\n`;
}

if (process.argv.includes('--process')) {
  await floodProcess(NAMES, parse(cache) as Record<string, unknown>);
  process.exit();
}

const flood = new NameFlood({
  names: NAMES,
  popularNames: 1_000,
  popularEvery: 10,
  reportEvery: Math.max(1, Math.floor(NAMES / 10)),
  cache,
});
process.stdout.write('    NAMES  RSS MiB HEAP MiB  ENTRIES    OCTETS  POPULAR HITS %\n');
await flood.run((report) => process.stdout.write(line(report)));

// Processor time of this thread, so that a busy machine counts less.
const figures: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const before = process.threadCpuUsage();
  for (let n = 0; n < HITS / ROUNDS; n++) await flood.ask(flood.popular[n % flood.popular.length] ?? new Uint8Array(0), `10.0.1.${n % 50}`);
  const { user, system } = process.threadCpuUsage(before);
  figures.push((1000 * (user + system)) / (HITS / ROUNDS));
}
figures.sort((one, other) => one - other);
process.stdout.write(
  `a hit, packet to packet: median ${(figures[ROUNDS / 2] ?? 0).toFixed(0)} ns, at best ${(figures[0] ?? 0).toFixed(0)} ns\n`,
);

function heapOctets(): number {
  // Once more for what the first round only let go.
  for (let round = 0; round < 3; round++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const SHAPES: Readonly<
  Record<string, (name: string) => { type: 'A' | 'TXT'; answers: dnsPacket.Answer[]; authorities: dnsPacket.Answer[] }>
> = {
  'one address': (name) => ({ type: 'A', answers: addresses(name, 1), authorities: [] }),
  'four addresses': (name) => ({ type: 'A', answers: addresses(name, 4), authorities: [] }),
  'alias and two addresses': (name) => ({
    type: 'A',
    answers: [{ type: 'CNAME', name, ttl: 300, data: `edge-${name}` }, ...addresses(`edge-${name}`, 2)],
    authorities: [],
  }),
  'no such name': (name) => ({ type: 'A', answers: [], authorities: [soa(name)] }),
  'text of 200 octets': (name) => ({ type: 'TXT', answers: [{ type: 'TXT', name, ttl: 300, data: 'x'.repeat(200) }], authorities: [] }),
};

function addresses(name: string, count: number): dnsPacket.Answer[] {
  return Array.from({ length: count }, (_, n) => ({ type: 'A' as const, name, ttl: 300, data: `192.0.2.${n}` }));
}

function soa(name: string): dnsPacket.Answer {
  const data = { mname: 'ns.example', rname: 'hostmaster.example', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 300 };
  return { type: 'SOA', name: name.slice(name.indexOf('.') + 1), ttl: 300, data };
}

const KEPT = 50_000;
for (const [what, shape] of Object.entries(SHAPES)) {
  const filled = createAnswerCache({ maxEntries: KEPT, maxOctets: 2 ** 30 });
  const before = heapOctets();
  for (let n = 0; n < KEPT; n++) {
    const name = `host-${n}.zone${n % 500}.example`;
    const { type, answers, authorities } = shape(name);
    const message = dnsPacket.encode({ type: 'response', id: 1, questions: [{ type, name }], answers, authorities });
    const asked = { qname: requireName(name), qtype: type === 'A' ? RRTYPE.A : RRTYPE.TXT };
    const parsed = parseResponse(message, asked);
    if (!('response' in parsed)) throw new Error('a response of ours was not understood');
    filled.store('default', asked.qname, asked.qtype, parsed.response, 0, 0);
  }
  const heap = (heapOctets() - before) / KEPT;
  const estimate = filled.octets / filled.size;
  process.stdout.write(`${what.padEnd(24)} ${heap.toFixed(0)} octets an answer, estimated ${estimate.toFixed(0)}\n`);
}
