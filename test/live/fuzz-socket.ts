/**
 * Sends mutated packets to a running Kennel over UDP and watches it live: `npm run fuzz [-- PACKETS [SEED]]`, 1,000,000 by default,
 * 20,000 in the live suite. A burst is never larger than a socket's buffer: behind each goes a well-formed query (the canary) from an
 * address of its own, and its answer proves that every packet before it was read and that the resolver still resolves.
 * What the packets look like is test/fuzz/packet-mutations.ts.
 */

import { mutations } from '../fuzz/packet-mutations.ts';
import { type Kennel, startKennelOnLoopback } from '../lab/kennel-process.ts';
import { labelsOfText, queryMessage, summariseAnswer } from '../lab/messages.ts';
import { a, type StubReplyFunction, startStubAuthority } from '../lab/stub-authority.ts';
import { openUdpAsker, type UdpAsker } from '../lab/udp-asker.ts';

/** Small enough for the default receive buffer (212,992 octets, up to 2,304 accounted per small packet). */
const BURST = 64;
const CANARY_PATIENCE_MS = 5_000;
/**
 * Without a limit V8 lets garbage pile up in proportion to the machine's memory, and resident memory says nothing. With it a leak
 * ends in a crash, and what is left is what Kennel holds on to.
 */
const MAX_HEAP_MEGABYTES = 256;
/** Memory is compared from here on: in the first half of a million packets the bounded tables of names and parents fill. */
const WARM_SHARE = 0.5;
/** What the garbage collector's own rhythm may add; a leak of 300 octets a packet would add more. */
const MAX_GROWTH_SHARE = 0.25;

export interface FuzzReport {
  readonly packets: number;
  readonly answers: number;
  readonly canaries: number;
  /** Longest time a canary, with the burst before it, took. */
  readonly slowestCanaryMs: number;
  /** Resident octets of Kennel after half of the packets and at the end. */
  readonly residentWarm: number;
  readonly residentEnd: number;
  readonly packetsPerSecond: number;
}

/** Runs one campaign; throws when Kennel dies, hangs or stops answering, naming the seed and the packet it had come to. */
export async function fuzzSocket(packetCount: number, seed: number, say: (line: string) => void): Promise<FuzzReport> {
  const authority = await startStubAuthority({ reply: answerPlainNames });
  // Observe mode: in enforce mode the first few damaged names would get the session quarantined and spare the rest of the way.
  // A small cache: it is full long before memory is compared.
  const settings = {
    mode: 'observe',
    upstreams: [authority.url('udp')],
    reputation: 'off',
    limits: 'off',
    cache: { maxEntries: 5_000 },
  } as const;
  const kennel = await startKennelOnLoopback(settings, MAX_HEAP_MEGABYTES);
  const fuzzer = await openUdpAsker(kennel, '127.0.0.2');
  const neighbour = await openUdpAsker(kennel, '127.0.0.3');
  try {
    const packets = mutations(seed);
    const startedMs = performance.now();
    let slowestCanaryMs = 0;
    let canaries = 0;
    let residentWarm = Number.NaN;
    for (let sent = 0; sent < packetCount; ) {
      const burstStartMs = performance.now();
      const burst = Math.min(BURST, packetCount - sent);
      for (let index = 0; index < burst; index += 1) fuzzer.tell(Buffer.from(packets.next().value));
      sent += burst;
      canaries += 1;
      if (!(await canaryLives(neighbour, canaries))) throw new Error(whatHappened(kennel, seed, sent));
      slowestCanaryMs = Math.max(slowestCanaryMs, performance.now() - burstStartMs);
      // The stub's record is of no interest here and would grow without end.
      authority.received.length = 0;
      if (Number.isNaN(residentWarm) && sent >= packetCount * WARM_SHARE) residentWarm = kennel.residentOctets();
      if (canaries % 1_000 === 0) say(`${sent} packets, ${fuzzer.received} answers, ${megaoctets(kennel.residentOctets())} MB resident`);
    }
    return {
      packets: packetCount,
      answers: fuzzer.received,
      canaries,
      slowestCanaryMs,
      residentWarm,
      residentEnd: kennel.residentOctets(),
      packetsPerSecond: packetCount / ((performance.now() - startedMs) / 1_000),
    };
  } finally {
    await fuzzer.close();
    await neighbour.close();
    await kennel.remove();
    await authority.close();
  }
}

/** The names that damage leaves behind get NODATA: dns-packet could not write them. */
const answerPlainNames: StubReplyFunction = ({ qname, qtype }) => ({
  answers: qtype === 1 && /^[a-z0-9.-]+$/.test(qname) ? [a(qname, '203.0.113.10')] : [],
  ednsPayloadSize: 1232,
});

/** Whether an ordinary name is still resolved. Few names, so that the neighbour itself draws no attention. */
async function canaryLives(neighbour: UdpAsker, number: number): Promise<boolean> {
  const labels = labelsOfText(`${CANARY_HOSTS[number % CANARY_HOSTS.length]}.shop.example`);
  const answer = await neighbour.ask(queryMessage({ id: number & 0xffff, labels, qtype: 1 }), CANARY_PATIENCE_MS);
  if (!answer) return false;
  const { rcode, answerCount } = summariseAnswer(answer);
  return rcode === 0 && answerCount === 1;
}

const CANARY_HOSTS = ['www', 'api', 'mail', 'static'];

function whatHappened(kennel: Kennel, seed: number, sent: number): string {
  const state = kennel.isRunning() ? 'runs but did not answer an ordinary query' : 'has died';
  return `Kennel ${state} after packet ${sent} of seed ${seed}:\n${kennel.log().slice(-4_000)}`;
}

function megaoctets(octets: number): string {
  return (octets / 1e6).toFixed(1);
}

if (import.meta.main) {
  const packets = Number(process.argv[2] ?? 1_000_000);
  const seed = Number(process.argv[3] ?? 1);
  console.log(`${packets} packets, seed ${seed}`);
  const report = await fuzzSocket(packets, seed, console.log);
  console.log(report);
  if (report.residentEnd > report.residentWarm * (1 + MAX_GROWTH_SHARE)) throw new Error('Kennel grew while nothing but packets came');
}
