import { expect, test } from 'vitest';
import { startsEnforcing } from '../../../src/assembly/mode-switch.ts';

type Modes = Record<string, 'observe' | 'enforce'>;

test.each<[string, Modes | null, Modes, boolean]>([
  ['the first start', null, { a: 'enforce' }, false],
  ['a restart while observing', { a: 'observe' }, { a: 'observe' }, false],
  ['a restart while enforcing', { a: 'enforce' }, { a: 'enforce' }, false],
  ['the switch', { a: 'observe' }, { a: 'enforce' }, true],
  ['the first of two policies', { a: 'observe', b: 'observe' }, { a: 'enforce', b: 'observe' }, true],
  ['the second of two policies', { a: 'enforce', b: 'observe' }, { a: 'enforce', b: 'enforce' }, true],
  ['a restart in between', { a: 'enforce', b: 'observe' }, { a: 'enforce', b: 'observe' }, false],
  ['the way back', { a: 'enforce' }, { a: 'observe' }, false],
  ['a further policy among enforcing ones', { a: 'enforce' }, { a: 'enforce', b: 'enforce' }, false],
  ['an enforcing policy for some of those observed', { a: 'observe' }, { b: 'enforce', a: 'observe' }, true],
])('a new meter epoch opens where somebody observed is enforced upon: %s, %j to %j', (_what, before, now, opens) => {
  expect(startsEnforcing(before === null ? null : new Map(Object.entries(before)), new Map(Object.entries(now)))).toBe(opens);
});
