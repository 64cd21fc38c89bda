/** The short form of `npm run fuzz`: 20,000 mutated packets over UDP leave Kennel alive, answering and no larger than before. */
import { expect, test } from 'vitest';
import { fuzzSocket } from './fuzz-socket.ts';

const PACKETS = 20_000;
const SEED = 1;
/** At this length caches and compiled code still grow; a leak of one packet's octets each would show. */
const MAX_GROWTH_OCTETS = 48 * 1024 * 1024;

test('20,000 mutated packets do not stop Kennel, hold it up or make it grow', { timeout: 300_000 }, async () => {
  const report = await fuzzSocket(PACKETS, SEED, console.log);
  console.log(report);
  expect(report.answers).toBeGreaterThan(PACKETS / 10);
  expect(report.slowestCanaryMs).toBeLessThan(5_000);
  expect(report.residentEnd - report.residentWarm).toBeLessThan(MAX_GROWTH_OCTETS);
});
