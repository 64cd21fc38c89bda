import { describe, expect, test } from 'vitest';
import { answerLifetime } from '../../../src/cache/answer-lifetime.ts';
import type { UpstreamResponse } from '../../../src/pipeline/ports.ts';
import { RCODE, RRCLASS, RRTYPE } from '../../../src/wire/codes.ts';
import { toOctets } from '../../../src/wire/name.ts';
import { addressRecord, soaRecord } from '../../../src/wire/rdata.ts';
import type { ResourceRecord } from '../../../src/wire/record.ts';
import { name } from '../../lab/permits.ts';

const BOUNDS = { minTtlSeconds: 0, maxTtlSeconds: 86_400, negativeMaxTtlSeconds: 3600 };
const WWW = name('www.example.com');
const ZONE = name('example.com');

const address = (ttlSeconds: number): ResourceRecord => addressRecord(WWW, '192.0.2.1', ttlSeconds);
const soa = (ttlSeconds: number, minimumSeconds: number): ResourceRecord => soaRecord(ZONE, ttlSeconds, minimumSeconds);

function alias(ttlSeconds: number): ResourceRecord {
  return { owner: WWW, type: RRTYPE.CNAME, class: RRCLASS.IN, ttlSeconds, rdata: toOctets(ZONE) };
}

function response(rcode: number, answers: ResourceRecord[], authority: ResourceRecord[] = []): UpstreamResponse {
  return { rcode, answers, authority, authenticData: false };
}

function lifetime(given: UpstreamResponse, floorSeconds = 0) {
  const { ttlSeconds, answers, authority } = answerLifetime(RRTYPE.A, given, floorSeconds, BOUNDS);
  return { ttlSeconds, answers: answers.map((record) => record.ttlSeconds), authority: authority.map((record) => record.ttlSeconds) };
}

describe('a positive answer', () => {
  test('lives as long as its shortest record', () => {
    expect(lifetime(response(RCODE.NOERROR, [alias(40), address(300)]))).toEqual({ ttlSeconds: 40, answers: [40, 300], authority: [] });
  });

  test('with TTL 0 is not kept', () => {
    expect(lifetime(response(RCODE.NOERROR, [address(0), address(300)])).ttlSeconds).toBe(0);
  });

  test('is raised to the floor, and so are the TTLs that clients see', () => {
    expect(lifetime(response(RCODE.NOERROR, [alias(0), address(300)]), 60)).toEqual({ ttlSeconds: 60, answers: [60, 300], authority: [] });
  });

  test('is cut to a day, and so are the TTLs that clients see', () => {
    expect(lifetime(response(RCODE.NOERROR, [address(604_800)]))).toEqual({ ttlSeconds: 86_400, answers: [86_400], authority: [] });
  });

  test('a TTL with its top bit set counts as a large one (RFC 8767 §4)', () => {
    expect(lifetime(response(RCODE.NOERROR, [address(0x80000000)])).ttlSeconds).toBe(86_400);
  });

  test('is raised to the least TTL of the config, unlike a negative one', () => {
    const floored = (given: UpstreamResponse, floorSeconds: number): number =>
      answerLifetime(RRTYPE.A, given, floorSeconds, { ...BOUNDS, minTtlSeconds: 120 }).ttlSeconds;
    expect(floored(response(RCODE.NOERROR, [address(0)]), 0)).toBe(120);
    expect(floored(response(RCODE.NOERROR, [address(5)]), 60)).toBe(120);
    expect(floored(response(RCODE.NOERROR, [address(5)]), 300)).toBe(300);
    expect(floored(response(RCODE.NXDOMAIN, [], [soa(5, 5)]), 0)).toBe(5);
    expect(floored(response(RCODE.SERVFAIL, []), 0)).toBe(1);
  });

  test('leaves records whose TTL is fine as they are', () => {
    const given = response(RCODE.NOERROR, [address(300)]);
    expect(answerLifetime(RRTYPE.A, given, 60, BOUNDS).answers[0]).toBe(given.answers[0]);
  });
});

describe('a negative answer (RFC 2308)', () => {
  test.each([
    ['NXDOMAIN', RCODE.NXDOMAIN],
    ['NODATA', RCODE.NOERROR],
  ])('%s lives for the smaller of the SOA TTL and its MINIMUM', (_name, rcode) => {
    expect(lifetime(response(rcode, [], [soa(900, 120)]))).toEqual({ ttlSeconds: 120, answers: [], authority: [120] });
    expect(lifetime(response(rcode, [], [soa(30, 120)]))).toEqual({ ttlSeconds: 30, answers: [], authority: [30] });
  });

  test('is cut to an hour', () => {
    expect(lifetime(response(RCODE.NXDOMAIN, [], [soa(86_400, 86_400)]))).toEqual({ ttlSeconds: 3600, answers: [], authority: [3600] });
  });

  test('is raised to the floor', () => {
    expect(lifetime(response(RCODE.NXDOMAIN, [], [soa(1, 0)]), 60)).toEqual({ ttlSeconds: 60, answers: [], authority: [60] });
  });

  test('without a SOA is kept for the floor, and not at all without one', () => {
    expect(lifetime(response(RCODE.NXDOMAIN, [])).ttlSeconds).toBe(0);
    expect(lifetime(response(RCODE.NXDOMAIN, []), 60).ttlSeconds).toBe(60);
    expect(lifetime(response(RCODE.NOERROR, []), 60).ttlSeconds).toBe(60);
  });

  test('behind an alias lives no longer than the alias', () => {
    expect(lifetime(response(RCODE.NOERROR, [alias(20)], [soa(900, 900)]))).toEqual({ ttlSeconds: 20, answers: [20], authority: [20] });
    expect(lifetime(response(RCODE.NXDOMAIN, [alias(900)], [soa(50, 50)])).ttlSeconds).toBe(50);
  });

  test('an alias without a SOA behind it is not kept', () => {
    expect(lifetime(response(RCODE.NOERROR, [alias(300)])).ttlSeconds).toBe(0);
  });

  test('asked for the alias itself, the alias is a positive answer', () => {
    expect(answerLifetime(RRTYPE.CNAME, response(RCODE.NOERROR, [alias(300)]), 0, BOUNDS).ttlSeconds).toBe(300);
  });
});

describe('a failure (RFC 9520)', () => {
  test.each([
    ['SERVFAIL', RCODE.SERVFAIL],
    ['REFUSED', RCODE.REFUSED],
    ['an unknown code', 23],
  ])('%s is kept for 1 s without a floor, for at least 5 s with one, and never over 5 min', (_name, rcode) => {
    expect([0, 1, 60, 4000].map((floorSeconds) => lifetime(response(rcode, []), floorSeconds).ttlSeconds)).toEqual([1, 5, 60, 300]);
  });

  test('its records are no promise of how long it lives', () => {
    expect(lifetime(response(RCODE.SERVFAIL, [address(86_400)], [soa(86_400, 86_400)])).ttlSeconds).toBe(1);
  });
});
