/**
 * A million random names against the cache while others use popular ones: memory, bounds and hit rates over time, then what a hit costs.
 * Prints figures, writes nothing. Run: `npm run bench:random-names [-- NAMES [CACHE-YAML]]`
 */
import { type FloodReport, NameFlood } from '../lab/name-flood.ts';

const NAMES = Number(process.argv[2] ?? 1_000_000);
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

const flood = new NameFlood({
  names: NAMES,
  popularNames: 1_000,
  popularEvery: 10,
  reportEvery: Math.max(1, Math.floor(NAMES / 10)),
  cache: process.argv[3] ?? '{}',
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
