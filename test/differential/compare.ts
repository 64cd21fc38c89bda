/**
 * Compares Kennel's answers with those of the server behind it, field by field. Gives each difference as a line of text;
 * those that are on purpose are taken out of the other answer before (`deliberate-differences.ts`).
 */
import type { ReadMessage, ReadRecord } from '../lab/message-reader.ts';
import type { Transport } from './ask-all.ts';
import { EARLIER_TRUNCATIONS, type Expected } from './deliberate-differences.ts';
import { messageFor, type Question, TYPE } from './questions.ts';

const MAX_UDP_OCTETS = 1232;
const MIN_UDP_OCTETS = 512;
const RRSIG = TYPE.RRSIG;

export interface Compared {
  readonly question: Question;
  readonly transport: Transport;
  /** What should be said where everything fits. */
  readonly expected: Expected;
  /** How much older or fresher records may be than at the other server, whose cache ages as well. */
  readonly ttlSlackSeconds: number;
  /** Octets of Kennel's own whole answer, from TCP. */
  readonly wholeOctets: number;
  /** The other server's answer over UDP. */
  readonly theirsOverUdp: ReadMessage;
  readonly actual: ReadMessage;
  /** Takes the names of the rows of `EARLIER_TRUNCATIONS` that were met. */
  readonly used: Set<string>;
}

/** Every difference, none where the answers agree. The question's name and client are left to the caller. */
export function differencesOf(compared: Compared): string[] {
  const { expected, actual } = compared;
  const found = [...headerDifferences(compared), ...sizeDifferences(compared), ...truncationDifferences(compared)];
  for (const section of ['answer', 'authority', 'additional'] as const) {
    const difference = recordDifference(expected[section], actual[section], actual.truncated, compared.ttlSlackSeconds);
    if (difference !== null) found.push(`${section}: ${difference}`);
  }
  if (!actual.truncated && orderOf(expected.answer) !== orderOf(actual.answer))
    found.push(`answer: another order: ${orderOf(actual.answer)}`);
  return found;
}

function headerDifferences({ question, expected, actual }: Compared): string[] {
  const { client } = question;
  const fields: readonly (readonly [field: string, expected: unknown, actual: unknown])[] = [
    ['QR', true, actual.isResponse],
    ['RCODE', expected.rcode, actual.rcode],
    ['AA', expected.authoritative, actual.authoritative],
    ['RD', true, actual.recursionDesired],
    ['RA', expected.recursionAvailable, actual.recursionAvailable],
    ['AD', expected.authenticData, actual.authenticData],
    ['CD', client.checkingDisabled, actual.checkingDisabled],
    ['question', questionOf(question), actual.question.toString('hex')],
    ['OPT', client.edns !== null, actual.edns !== null],
    ['EDNS version', 0, actual.edns?.version ?? 0],
    ['EDNS size', MAX_UDP_OCTETS, actual.edns?.udpPayloadSize ?? MAX_UDP_OCTETS],
    ['DO', client.edns?.dnssecOk ?? false, actual.edns?.dnssecOk ?? false],
  ];
  return fields.filter(([, wanted, got]) => wanted !== got).map(([field, wanted, got]) => `${field} is ${got} instead of ${wanted}`);
}

/** TC says that something is missing, and something is missing only where the whole does not fit. */
function sizeDifferences({ question, transport, wholeOctets, actual }: Compared): string[] {
  const wanted = question.client.edns?.udpPayloadSize ?? MIN_UDP_OCTETS;
  const limit = transport === 'TCP' ? 65_535 : Math.min(wanted, MAX_UDP_OCTETS);
  const mustTruncate = transport === 'UDP' && wholeOctets > limit;
  return [
    ...(actual.octets > limit ? [`${actual.octets} octets where ${limit} fit`] : []),
    ...(actual.truncated === mustTruncate ? [] : [`TC is ${actual.truncated} with ${wholeOctets} octets in all where ${limit} fit`]),
  ];
}

/** Where the other server needs no TCP, Kennel has to have a reason to. */
function truncationDifferences({ transport, wholeOctets, theirsOverUdp, actual, used }: Compared): string[] {
  if (transport === 'TCP' || !actual.truncated || theirsOverUdp.truncated) return [];
  const sizes = { theirOctets: theirsOverUdp.octets, ourWholeOctets: wholeOctets };
  const reason = EARLIER_TRUNCATIONS.find((row) => row.explains(sizes));
  if (reason === undefined) return [`TC where the other server sends ${theirsOverUdp.octets} octets`];
  used.add(reason.what);
  return [];
}

/** Octets of the question section in hex, as asked. */
function questionOf(question: Question): string {
  const message = messageFor(question, 0);
  return message.toString('hex', 12, message.length - (question.client.edns === null ? 0 : 11));
}

/** Order in a section means nothing (RFC 1034 §3.6) but for aliases; repeats count. */
function recordDifference(
  expected: readonly ReadRecord[],
  actual: readonly ReadRecord[],
  truncated: boolean,
  ttlSlackSeconds: number,
): string | null {
  const wanted = new Map(expected.map((record) => [textOf(record), record.ttlSeconds]));
  const got = new Map(actual.map((record) => [textOf(record), record.ttlSeconds]));
  if (got.size !== actual.length) return 'a record twice';
  for (const [text, ttlSeconds] of got) {
    const wantedTtl = wanted.get(text);
    if (wantedTtl === undefined) return `has ${text}`;
    if (ttlSeconds > wantedTtl + (wantedTtl === 0 ? 0 : ttlSlackSeconds)) return `TTL ${ttlSeconds} instead of ${wantedTtl}: ${text}`;
    if (ttlSeconds < wantedTtl - ttlSlackSeconds) return `TTL only ${ttlSeconds} instead of ${wantedTtl}: ${text}`;
  }
  const missing = truncated ? undefined : [...wanted.keys()].find((text) => !got.has(text));
  return missing === undefined ? null : `lacks ${missing}`;
}

function textOf({ owner, type, class: rrclass, rdata }: ReadRecord): string {
  return `${owner} CLASS${rrclass} TYPE${type} ${rdata}`;
}

/** The RRsets in their order, without signatures: an alias has to come before what it leads to. */
function orderOf(records: readonly ReadRecord[]): string {
  const rrsets = records.filter(({ type }) => type !== RRSIG).map(({ owner, type }) => `${owner} TYPE${type}`);
  return [...new Set(rrsets)].join(', ');
}
