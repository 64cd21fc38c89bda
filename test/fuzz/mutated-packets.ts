/**
 * Sends mutated packets through the decoders and checks what must hold for each: no exception, no answer to a response, no reply
 * larger than the query, bounded time, flat memory.
 * `node test/fuzz/mutated-packets.ts [--count N] [--seed S]`: a million packets unless told otherwise; exits 1 on the first violation.
 */
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fromLabels, type QName, ROOT } from '../../src/wire/name.ts';
import { decodeQuery, type Query } from '../../src/wire/query-decode.ts';
import { encodeUpstreamQuery } from '../../src/wire/query-encode.ts';
import { addressesOf, soaMinimumSeconds, targetName } from '../../src/wire/rdata.ts';
import { encodeResponse } from '../../src/wire/response.ts';
import { parseResponse } from '../../src/wire/response-parse.ts';
import { ASKED_LABELS, mutations, RESPONSE_CORPUS } from './packet-mutations.ts';

const ASKED: { qname: QName; qtype: number } = { qname: fromLabels(ASKED_LABELS) ?? ROOT, qtype: 1 };
const ASKING = queryFor(ASKED);

/** Far above what a decoder takes (microseconds), so that quadratic work fails and a busy machine does not. */
const MAX_PACKET_MS = 20;
const MAX_ATTEMPTS = 5;

const MAX_HEAP_GROWTH_OCTETS = 4 * 1024 * 1024;

export interface FuzzReport {
  readonly packets: number;
  /** How often each outcome came: a run that never gets past the header shows here. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  /** Heap in use at the end less that after a tenth of the packets, garbage collected at both points. */
  readonly heapGrowthOctets: number;
}

/** Runs `count` packets, half of them queries and half upstream answers. Throws an Error that shows the packet on the first violation. */
export function fuzzDecoders(count: number, seed: number): FuzzReport {
  const queries = mutations(seed);
  const responses = mutations(seed, RESPONSE_CORPUS);
  const outcomes: Record<string, number> = {};
  let slowestMs = 0;
  let heapAtTenth = 0;
  for (let index = 0; index < count; index++) {
    const [check, packets] = index % 2 === 0 ? ([checkQuery, queries] as const) : ([checkResponse, responses] as const);
    const { outcome, elapsedMs } = timed(check, packets.next().value);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    slowestMs = Math.max(slowestMs, elapsedMs);
    if (index === Math.floor(count / 10)) heapAtTenth = heapInUse();
  }
  const heapGrowthOctets = heapInUse() - heapAtTenth;
  if (heapGrowthOctets > MAX_HEAP_GROWTH_OCTETS) throw new Error(`the heap grew by ${heapGrowthOctets} octets`);
  return { packets: count, outcomes, slowestMs, heapGrowthOctets };
}

type Check = (packet: Uint8Array) => string;

/** A slow packet is tried again: the least of the times is its own cost and not the machine's. */
function timed(check: Check, packet: Uint8Array): { outcome: string; elapsedMs: number } {
  let leastMs = Number.POSITIVE_INFINITY;
  let outcome = '';
  for (let attempt = 0; attempt < MAX_ATTEMPTS && leastMs > MAX_PACKET_MS; attempt++) {
    const startMs = performance.now();
    outcome = checked(check, packet);
    leastMs = Math.min(leastMs, performance.now() - startMs);
  }
  if (leastMs > MAX_PACKET_MS) throw new Error(`${leastMs} ms for ${Buffer.from(packet).toString('hex')}`);
  return { outcome, elapsedMs: leastMs };
}

function checked(check: Check, packet: Uint8Array): string {
  try {
    return check(packet);
  } catch (cause) {
    throw new Error(`violated by ${Buffer.from(packet).toString('hex')}`, { cause });
  }
}

function checkQuery(packet: Uint8Array): string {
  const result = decodeQuery(packet);
  const mustDrop = packet.length < 12 || ((packet[2] ?? 0) & 0x80) !== 0;
  must(mustDrop === (result.kind === 'drop'), 'exactly responses and stumps are dropped');
  if (result.kind === 'drop') return 'query: drop';
  const reply = result.kind === 'error' ? result.reply : encodeResponse(result.query, { rcode: 0, answers: [], authority: [] }, 512);
  must(reply.length <= packet.length, 'a reply without records is no larger than its query');
  must(reply[0] === packet[0] && reply[1] === packet[1], 'the ID is kept');
  must(decodeQuery(reply).kind === 'drop', 'a reply is a response');
  const hasQuestion = reply[5] === 1;
  must(hasQuestion || reply.length === 12 || reply.length === 23, 'without the question a reply is a header, and an OPT for an OPT');
  if (hasQuestion) must(sameQuestion(reply, packet), 'the question is echoed as it came');
  return result.kind === 'error' ? `query: rcode ${result.rcode}` : 'query: accepted';
}

function sameQuestion(reply: Uint8Array, packet: Uint8Array): boolean {
  let end = 12;
  while (end < reply.length && reply[end] !== 0) end += 1 + (reply[end] ?? 0);
  return Buffer.compare(reply.subarray(12, end + 5), packet.subarray(12, end + 5)) === 0;
}

function checkResponse(packet: Uint8Array): string {
  const reading = parseResponse(packet, ASKED);
  if (reading.kind !== 'response') return `response: ${reading.kind}`;
  const { response } = reading;
  for (const record of [...response.answers, ...response.authority]) {
    targetName(record);
    addressesOf(record);
    soaMinimumSeconds(record);
  }
  const forClient = encodeResponse(ASKING, response, 65_535);
  must(parseResponse(forClient, ASKED).kind === 'response', 'what was kept can be sent and read again');
  must(encodeResponse(ASKING, response, 512).length <= 512, 'the limit holds');
  if (response.truncated) return 'response: truncated';
  return response.answers.length > 0 ? 'response: answered' : 'response: empty';
}

function queryFor({ qname, qtype }: { qname: QName; qtype: number }): Query {
  const result = decodeQuery(encodeUpstreamQuery(1, qname, qtype));
  if (result.kind !== 'query') throw new Error(result.reason);
  return result.query;
}

function must(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`does not hold: ${rule}`);
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

function heapInUse(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { count: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } } });
  const startMs = performance.now();
  const report = fuzzDecoders(Number(values.count), Number(values.seed));
  console.log(
    JSON.stringify({ seed: Number(values.seed), seconds: Math.round((performance.now() - startMs) / 100) / 10, ...report }, null, 2),
  );
}
