/** What a session did below each parent, within bounds that cannot be used to forget. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SessionProfile } from '../../../scoring/profile/session-profile.ts';
import { keyedHash } from '../../../scoring/sketch/keyed-hash.ts';

const HASH_KEY = { low: 1, high: 2 };

const hashOf = (parent: string, name: string) => keyedHash(`${name}.${parent}`, HASH_KEY);

function asked(parent: string, name: string, qtype = 1, unlisted = true, atMs = 0) {
  return { parent, nameHash: hashOf(parent, name), qtype, unforwardable: qtype === 10, unlisted, atMs };
}

function empty(maxParents?: number): SessionProfile {
  return new SessionProfile(maxParents === undefined ? { hashKey: HASH_KEY } : { hashKey: HASH_KEY, maxParents });
}

describe('the session profile', () => {
  test('observes a query as if it were included, and changes nothing', () => {
    const profile = empty();
    const first = asked('evil.example', 'a', 16);
    const seen = {
      fanOut: 1,
      parentQueries: 1,
      bulkTypeQueries: 1,
      unforwardableQueries: 0,
      unlistedParents: 1,
      repeatedNames: 0,
      askedOnceNames: 0,
      recentNewNames: 1,
      pauses: 0,
      evenPauses: 0,
      answers: null,
    };
    for (let i = 0; i < 3; i++) expect(profile.observe(first)).toEqual(seen);
    expect(profile.parents()).toEqual([]);
  });

  test('counts names once, queries and bulk types each time', () => {
    const profile = empty();
    for (const name of ['a', 'b', 'a']) profile.record(asked('evil.example', name, 16), 10);
    profile.record(asked('evil.example', 'a', 28), 10);
    expect(profile.observe(asked('evil.example', 'c', 1))).toMatchObject({
      fanOut: 3,
      parentQueries: 5,
      bulkTypeQueries: 3,
      unforwardableQueries: 0,
      unlistedParents: 1,
    });
  });

  test('counts exactly up to 64 names and within 15 % beyond', () => {
    const profile = empty();
    for (let i = 1; i <= 2000; i++) {
      const query = asked('evil.example', `name-${i}`);
      const { fanOut } = profile.observe(query);
      if (i <= 64) expect(fanOut).toBe(i);
      profile.record(query, 0);
    }
    const { fanOut } = profile.observe(asked('evil.example', 'name-1'));
    expect(Math.abs(fanOut - 2000) / 2000).toBeLessThan(0.15);
  });

  test('counts queries in a form that is never forwarded', () => {
    const profile = empty();
    for (let i = 0; i < 5; i++) profile.record(asked('one.example', 'a', 10), 0);
    expect(profile.observe(asked('one.example', 'a')).unforwardableQueries).toBe(5);
    expect(profile.observe(asked('one.example', 'a', 10)).unforwardableQueries).toBe(6);
  });

  test('counts unlisted parents, once each', () => {
    const profile = empty();
    profile.record(asked('one.example', 'a'), 0);
    profile.record(asked('one.example', 'b'), 0);
    profile.record(asked('popular.example', 'a', 1, false), 0);
    expect(profile.observe(asked('two.example', 'a')).unlistedParents).toBe(2);
    expect(profile.observe(asked('one.example', 'c')).unlistedParents).toBe(1);
  });

  test('does not let a tunnel push its own count out with other parents', () => {
    const profile = empty(4);
    for (let i = 0; i < 20; i++) profile.record(asked('evil.example', `chunk${i}`), 50);
    for (let i = 0; i < 1000; i++) profile.record(asked(`p${i}.example`, 'a'), 1);
    expect(profile.parents().length).toBeLessThanOrEqual(4);
    expect(profile.observe(asked('evil.example', 'more')).fanOut).toBe(21);
  });

  test('goes on counting parents that eviction took from the table', () => {
    const profile = empty(2);
    for (let i = 0; i < 5; i++) profile.record(asked(`p${i}.example`, 'a'), 1);
    expect(profile.observe(asked('new.example', 'a')).unlistedParents).toBe(6);
  });

  test('says nothing of answers until one was recorded, then what came', () => {
    const profile = empty();
    const query = asked('one.example', 'a');
    const rdata = [{ type: 16, octets: new Uint8Array([1, 2, 3, 4]) }];
    profile.record(query, 0);
    expect(profile.observe(query).answers).toBeNull();
    for (let i = 0; i < 3; i++) profile.recordAnswer({ parent: 'one.example', nameHash: query.nameHash, rcode: 0, rdata });
    expect(profile.observe(query).answers).toEqual({
      answeredNames: 1,
      nxdomainNames: 0,
      newOctets: 4,
      freeFormOctets: 4,
      freeFormBits: 8,
    });
    const gone = asked('one.example', 'gone');
    profile.record(gone, 0);
    profile.recordAnswer({ parent: 'one.example', nameHash: gone.nameHash, rcode: 3, rdata: [] });
    expect(profile.observe(query).answers).toMatchObject({ answeredNames: 2, nxdomainNames: 1, newOctets: 4 });
  });

  test('passes over answers for a parent it does not hold', () => {
    const profile = empty();
    profile.recordAnswer({ parent: 'one.example', nameHash: hashOf('one.example', 'a'), rcode: 0, rdata: [] });
    expect(profile.parents()).toEqual([]);
    expect(profile.observe(asked('one.example', 'a')).answers).toBeNull();
  });

  test('sees a name asked again, names that were not, and the rhythm of new ones', () => {
    const profile = empty();
    const minute = 60_000;
    for (let i = 0; i < 12; i++) profile.record(asked('slow.example', `n${i}`, 1, true, i * minute), 0);
    profile.record(asked('slow.example', 'n0', 1, true, 12 * minute), 0);
    const seen = profile.observe(asked('slow.example', 'n12', 1, true, 12 * minute));
    expect(seen).toMatchObject({ fanOut: 13, repeatedNames: 1, askedOnceNames: 2, pauses: 11, evenPauses: 11 });
    expect(seen.recentNewNames).toBeGreaterThan(5);
    expect(seen.recentNewNames).toBeLessThan(9);
  });

  test('does not let repeats of one name change what is said of the others', () => {
    const ask = (repeats: number) => {
      const profile = empty();
      for (let i = 0; i < 20; i++) profile.record(asked('evil.example', `chunk${i}`), 0);
      for (let i = 0; i < repeats; i++) profile.record(asked('evil.example', 'www', 1, true, i * 1000), 0);
      return profile.observe(asked('evil.example', 'more', 1, true, 1_200_000));
    };
    const [few, many] = [ask(600), ask(1200)];
    expect(few.askedOnceNames).toBe(20);
    for (const field of ['fanOut', 'repeatedNames', 'askedOnceNames', 'recentNewNames', 'pauses'] as const) {
      expect(many[field]).toBe(few[field]);
    }
  });

  test('observes whatever it is given without changing what it says next', () => {
    const query = fc.record({ parent: fc.constantFrom('a.example', 'b.example'), name: fc.nat(90), pauseMs: fc.nat(200_000) });
    fc.assert(
      fc.property(fc.array(query, { maxLength: 200 }), (queries) => {
        const profile = empty();
        let atMs = 0;
        for (const { parent, name, pauseMs } of queries) {
          atMs += pauseMs;
          const one = asked(parent, String(name), 1, true, atMs);
          const first = profile.observe(one);
          expect(profile.observe(one)).toEqual(first);
          profile.record(one, 0);
          expect(profile.observe(one).fanOut).toBeGreaterThanOrEqual(Math.min(first.fanOut, 64));
        }
      }),
      { numRuns: 30 },
    );
  });
});
