/** Recordings come from anywhere: whatever their octets are, reading them ends, never throws, and does not depend on how they arrive. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readAnswer } from '../../src/replay/recorded-answer.ts';
import type { RecordingFormat } from '../../src/replay/sniff.ts';
import { sniff } from '../../src/replay/sniff.ts';
import { MAX_NAME_OCTETS } from '../../src/wire/name.ts';
import { back, framed, type Packet, pcap, pcapng, query, response, TO_SERVER, tcp, udp } from '../unit/replay/capture-parts.ts';
import { readOctets } from '../unit/replay/read-octets.ts';

const PACKETS: readonly Packet[] = [
  udp(TO_SERVER, query(1, 'www.example.com')),
  udp(back(TO_SERVER), response(1, 'www.example.com', { ttl: 90 })),
  tcp(TO_SERVER, 1000, framed(query(2, 'mail.example.com'))),
  tcp(back(TO_SERVER), 7000, framed(response(2, 'mail.example.com', { rcode: 3, minimum: 5 }))),
  udp({ from: 'fd00::7', to: 'fd00::53', fromPort: 1, toPort: 53 }, query(3, 'www.example.org', 'TXT')),
].map((frame, index) => ({ atMs: 1_767_700_800_000 + index, frame }));

const FOLDER = new URL('../../fixtures/replay/', import.meta.url);

/** Every fixture and captures made here, with the format each has when it is whole. */
const SEEDS: readonly (readonly [RecordingFormat, Buffer])[] = [
  pcap(PACKETS),
  pcapng(PACKETS),
  ...readdirSync(FOLDER).map((name) => readFileSync(new URL(name, FOLDER))),
].flatMap((octets) => {
  const format = sniff(octets);
  return format === null ? [] : [[format, octets] as const];
});

const seed = fc.constantFrom(...SEEDS);

interface Change {
  readonly at: number;
  readonly octets: Uint8Array;
  readonly drop: number;
}

const changes: fc.Arbitrary<Change[]> = fc.array(
  fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), octets: fc.uint8Array({ maxLength: 8 }), drop: fc.nat(12) }),
  { minLength: 1, maxLength: 8 },
);

function changed(octets: Buffer, all: readonly Change[]): Buffer {
  return all.reduce((current, { at, octets: inserted, drop }) => {
    const place = Math.floor(at * current.length);
    return Buffer.concat([current.subarray(0, place), inserted, current.subarray(place + drop)]);
  }, octets);
}

describe('recordings', () => {
  test('there is a seed of every format', () => {
    expect(new Set(SEEDS.map(([format]) => format)).size).toBe(8);
  });

  test('changed octets never throw, never hang, and never make a query that could not be asked', () => {
    fc.assert(
      fc.property(seed, changes, ([format, octets], all) => {
        const { queries } = readOctets(changed(octets, all), { format });
        for (const { atMs, qname, qtype, client, response: answer } of queries) {
          expect(new Date(atMs).toISOString()).toMatch(/^[+\d]/);
          expect(qname.length).toBeGreaterThan(0);
          expect(qname.length).toBeLessThanOrEqual(MAX_NAME_OCTETS);
          expect(qtype).toBeGreaterThanOrEqual(0);
          expect(qtype).toBeLessThanOrEqual(0xffff);
          expect(client).toMatch(/^[0-9a-f.:]+$/);
          if (answer !== null) expect(answer.delayMs).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('the size of the pieces changes nothing', () => {
    fc.assert(
      fc.property(seed, changes, fc.array(fc.nat(200), { maxLength: 40 }), ([format, octets], all, pieces) => {
        const some = changed(octets, all);
        expect(readOctets(some, { format, pieces })).toEqual(readOctets(some, { format }));
      }),
      { numRuns: 1000 },
    );
  });

  test('octets of any kind are read as any format without a throw', () => {
    const formats = fc.constantFrom(...SEEDS.map(([format]) => format));
    fc.assert(
      fc.property(formats, fc.uint8Array({ maxLength: 400 }), (format, octets) => {
        readOctets(octets, { format });
        sniff(octets);
        readAnswer(octets);
      }),
      { numRuns: 2000 },
    );
  });
});
