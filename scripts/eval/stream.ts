/**
 * What the evaluation feeds into Kennel: queries in order of time, each with the part of the payload it carries, if any.
 */
import type { RecordedResponse, ReplayQuery } from '../../src/replay/replay.ts';
import { RRTYPE, typeFromName } from '../../src/wire/codes.ts';
import { fromLabels, labelsOf, type QName, requireName } from '../../src/wire/name.ts';

export interface StreamQuery extends ReplayQuery {
  /** The part of the payload that this name carries: counted when the first query with it is forwarded. Null: none. */
  readonly part: Part | null;
}

export interface Part {
  readonly id: string | number;
  readonly octets: number;
}

export interface Stream {
  /** Unique in the evaluation. */
  readonly name: string;
  /** What made it: results are grouped by it, and held-out sets are drawn by it. */
  readonly tool: string;
  readonly queries: readonly StreamQuery[];
}

/** Simulations begin here: 1 June 2026, 00:00 UTC. */
export const START_MS = Date.UTC(2026, 5, 1);

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** An attacker's nameserver answers at once and asks that nothing be kept. */
export const ATTACKER_ANSWER: RecordedResponse = { rcode: 0, nodata: false, ttlSeconds: 0, delayMs: 30 };

/** Labels, leftmost first, below a name in presentation form; null when it grows too long for a name. */
export function nameBelow(labels: readonly string[], below: string): QName | null {
  return fromLabels([...labels.map((label) => label.toLowerCase()), ...labelsOf(requireName(below))]);
}

export function typeNumber(mnemonic: string): number {
  return typeFromName(mnemonic) ?? RRTYPE.A;
}

/** The n-th client of a simulation, 10.0.0.1 upwards. */
export function clientAddress(n: number): string {
  const number = n + 1;
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
}

/** Several streams as one, in order of time. */
export function merged(streams: readonly (readonly StreamQuery[])[]): StreamQuery[] {
  return streams.flat().sort((a, b) => a.atMs - b.atMs);
}
