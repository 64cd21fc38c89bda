/** Octets through the reader that their beginning asks for, in pieces of any size, with everything it tells. */
import type { ReplayQuery } from '../../../src/replay/replay.ts';
import { type RecordingFormat, readerOf, sniff } from '../../../src/replay/sniff.ts';
import { typeName } from '../../../src/wire/codes.ts';
import { toPresentation } from '../../../src/wire/name.ts';

export interface Read {
  readonly queries: ReplayQuery[];
  readonly problems: { readonly at: number; readonly what: string }[];
  readonly leftOut: Record<string, number>;
}

/** A Tuesday in April; logs without a year were written before it. */
export const NOW_MS = Date.UTC(2026, 3, 7, 12);

export function readOctets(
  octets: Uint8Array,
  options: { format?: RecordingFormat; pieces?: readonly number[]; ports?: number[] } = {},
): Read {
  const format = options.format ?? sniff(octets);
  if (format === null) throw new Error('no format is recognised');
  const read: Read = { queries: [], problems: [], leftOut: {} };
  const sink = {
    query: (query: ReplayQuery) => void read.queries.push({ ...pick(query) }),
    problem: (at: number, what: string) => void read.problems.push({ at, what }),
    leftOut: (kind: string) => {
      read.leftOut[kind] = (read.leftOut[kind] ?? 0) + 1;
    },
  };
  const reader = readerOf(format, sink, { ports: options.ports ?? [53], nowMs: NOW_MS });
  let at = 0;
  for (const piece of options.pieces ?? []) {
    reader.push(octets.subarray(at, at + piece));
    at = Math.min(octets.length, at + piece);
  }
  reader.push(octets.subarray(at));
  reader.end();
  return read;
}

function pick({ atMs, client, qname, qtype, response }: ReplayQuery): ReplayQuery {
  return { atMs, client, qname, qtype, response };
}

/** `12:00:00.500 10.0.0.5 www.example.com AAAA: NOERROR…` in short. */
export function inShort({ atMs, client, qname, qtype, response }: ReplayQuery): string {
  const answer =
    response === null
      ? 'unanswered'
      : `rcode ${response.rcode}${response.nodata ? ' nodata' : ''} ttl ${response.ttlSeconds} after ${Math.round(response.delayMs)}`;
  return `${new Date(Math.round(atMs)).toISOString().slice(0, 23)} ${client} ${toPresentation(qname)} ${typeName(qtype)}: ${answer}`;
}
