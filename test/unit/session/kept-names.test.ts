/** The schedule of kept names alone: order, pace, bounds, failures. */
import { describe, expect, test } from 'vitest';
import { PRESETS } from '../../../scoring/presets.ts';
import { KeptNames, type KeptQuestion, type KeptScope } from '../../../src/session/kept-names.ts';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { requireName } from '../../../src/wire/name.ts';

const scope = (parent: string, session = '10.0.0.5'): KeptScope => ({
  kind: 'parent',
  parent,
  budgets: PRESETS.agent.budgets,
  newParent: null,
  session,
  address: session,
  listener: '127.0.0.1:53',
});

const questions = (parent: string, count: number): KeptQuestion[] =>
  Array.from({ length: count }, (_, i) => {
    const qname = requireName(`n${i}.${parent}`);
    return { group: 'default', partition: 'default', qname, qtype: RRTYPE.A, key: `${i}.${parent}` };
  });

const keys = (pairs: readonly KeptQuestion[]): string[] => pairs.map(({ key }) => key);

describe('kept names', () => {
  test('are asked in the order they were begun in, at most 128 in a second over all scopes', () => {
    const kept = new KeptNames<string>();
    kept.begin(scope('a'), questions('a', 100), 0);
    kept.begin(scope('b'), questions('b', 100), 0);
    const all = [...questions('a', 100), ...questions('b', 100)].map(({ key }) => key);
    expect(keys(kept.due(0))).toEqual(all.slice(0, 128));
    expect(kept.due(500)).toEqual([]);
    expect(keys(kept.due(1_000))).toEqual(all.slice(128));
  });

  test('of a scope that begins do not bring forward those of others', () => {
    const kept = new KeptNames<string>();
    const first = scope('a');
    const second = scope('b');
    kept.begin(first, questions('a', 2), 0);
    for (const pair of kept.due(0)) kept.settle(pair, 'answer', 390_000);
    kept.begin(second, questions('b', 2), 300_000);
    expect(keys(kept.due(300_000, second))).toEqual(['0.b', '1.b']);
    expect(keys(kept.due(300_500))).toEqual(['0.a', '1.a']);
  });

  test('are bounded in number; what does not fit is not kept', () => {
    const kept = new KeptNames<string>();
    for (let i = 0; i < 4; i++) kept.begin(scope(`p${i}`, `10.0.1.${i}`), questions(`p${i}`, 5_000), 0);
    expect([kept.size, kept.roomFor('10.0.0.5')]).toEqual([4_096, 0]);
    expect(kept.has('1023.p3')).toBe(true);
    expect(kept.has('1024.p3')).toBe(false);
    kept.begin(scope('b'), questions('b', 1), 0);
    expect(kept.has('0.b')).toBe(false);
  });

  test('of one session leave room for those of others, and what is dropped makes room again', () => {
    const kept = new KeptNames<string>();
    kept.begin(scope('a', '2001:db8::1'), questions('a', 5_000), 0);
    // The same host with another address.
    kept.begin(scope('b', '2001:db8::2'), questions('b', 10), 0);
    expect([kept.size, kept.has('0.b'), kept.roomFor('2001:db8::3')]).toEqual([1_024, false, 0]);
    kept.begin(scope('c', '10.0.0.9'), questions('c', 512), 0);
    expect(kept.has('511.c')).toBe(true);
    kept.dropEnded(0, ({ parent }) => parent === 'a');
    expect([kept.size, kept.roomFor('2001:db8::3')]).toEqual([512, 1_024]);
  });

  test('belong to the scope that began first', () => {
    const kept = new KeptNames<string>();
    const first = scope('a');
    kept.begin(first, questions('a', 2), 0);
    kept.begin(scope('a'), questions('a', 3), 10);
    kept.dropEnded(20, (ended) => ended === first);
    expect(['0.a', '1.a', '2.a'].map((key) => kept.has(key))).toEqual([false, false, true]);
  });

  test('that fail are asked again after 30 s, then after twice as long, up to five minutes', () => {
    const kept = new KeptNames<string>();
    kept.begin(scope('a'), questions('a', 1), 0);
    const askedAt: number[] = [];
    for (let nowMs = 0; nowMs < 1_300_000; nowMs += 1_000) {
      for (const pair of kept.due(nowMs)) {
        askedAt.push(nowMs / 1_000);
        kept.settle(pair, 'failed', null);
      }
    }
    expect(askedAt).toEqual([0, 30, 90, 210, 450, 750, 1_050]);
  });

  test('under way are not asked a second time', () => {
    const kept = new KeptNames<string>();
    kept.begin(scope('a'), questions('a', 1), 0);
    expect(kept.due(0)).toHaveLength(1);
    expect(kept.due(29_000)).toHaveLength(0);
  });

  test('tell their first answer to who waits for it, and null when they are dropped before', async () => {
    const kept = new KeptNames<string>();
    kept.begin(scope('a'), questions('a', 2), 0);
    const [first, second] = kept.due(0);
    const answers = ['0.a', '1.a', '2.a'].map((key) => kept.firstAnswer(key));
    if (first === undefined || second === undefined) throw new Error('nothing was due');
    kept.settle(first, 'answer', 390_000);
    kept.drop(second);
    expect(await Promise.all(answers)).toEqual(['answer', null, null]);
    expect(kept.firstAnswer('0.a')).toBeNull();
    // What comes back for a dropped pair is nobody's.
    kept.settle(second, 'late', 390_000);
    expect(kept.has('1.a')).toBe(false);
  });
});
