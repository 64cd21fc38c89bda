/**
 * The evaluation on the committed subset: streams are the same for the same seed, renaming hides parents, and results do not hang on it.
 */
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { encodedAttacks } from '../../../scripts/eval/attacks.ts';
import { benignStreams } from '../../../scripts/eval/benign.ts';
import { recordedAttacks, recordedBenign, renamedAttack } from '../../../scripts/eval/captures.ts';
import { AGED } from '../../../scripts/eval/conditions.ts';
import { runStream } from '../../../scripts/eval/run-stream.ts';
import { barPlot, linePlot } from '../../../scripts/eval/svg-plots.ts';
import { loadPopularDomains } from '../../../src/policy/popular-domains.ts';
import { loadShippedNames } from '../../../src/policy/shipped-names.ts';
import { toPresentation } from '../../../src/wire/name.ts';

const SUBSET = resolve(import.meta.dirname, '../../../fixtures/captures');
const popular = loadPopularDomains();
const isTaken = (domain: string): boolean => popular.has(domain);

const EVERYTHING_PASSES = ['budgets: off', 'firstContact: off', 'thresholds: {flag: 98, refuse: 99, quarantine: 100}'];

test('the subset holds attacks of every tool and all benign recordings', () => {
  const attacks = recordedAttacks(SUBSET);
  expect(new Set(attacks.map(({ tool }) => tool.replace(/^agent-.*/, 'agent')))).toEqual(
    new Set(['agent', 'dns2tcp', 'dnscat2', 'iodine']),
  );
  expect(recordedBenign(SUBSET)).toHaveLength(6);
});

test('no recorded attack keeps its parent, and two renamings differ', () => {
  for (const recorded of recordedAttacks(SUBSET)) {
    const [one, other] = [renamedAttack(recorded, 0, isTaken), renamedAttack(recorded, 1, isTaken)];
    expect(one.queries.length).toBe(recorded.rows.length);
    expect(one.queries.some(({ qname }) => toPresentation(qname).endsWith('.example'))).toBe(false);
    expect(one.queries[0]?.qname).not.toBe(other.queries[0]?.qname);
    expect(renamedAttack(recorded, 0, isTaken)).toEqual(one);
  }
});

test('streams and their results are the same for the same seed', async () => {
  const surroundings = { seed: 'test', popular, shipped: loadShippedNames(), popularNames: ['wikipedia.org'] };
  const size = { people: 1, browsingDays: 1, householdDays: 1, listNames: 50, intranetMachines: 1 };
  const [attack] = encodedAttacks(surroundings, 1);
  expect(encodedAttacks(surroundings, 1)[0]).toEqual(attack);
  expect(benignStreams(SUBSET, 'test', size, isTaken)).toEqual(benignStreams(SUBSET, 'test', size, isTaken));
  if (attack === undefined) throw new Error('no attack');
  const condition = { preset: 'agent', age: AGED } as const;
  expect(await runStream(attack.stream, condition)).toEqual(await runStream(attack.stream, condition));
});

test('a part of the payload counts once, when a query that carries it is forwarded', async () => {
  const surroundings = { seed: 'test', popular, shipped: loadShippedNames(), popularNames: ['wikipedia.org'] };
  const attack = encodedAttacks(surroundings, 1).find(({ stream }) => stream.name.startsWith('counter and hex, 2 octets, flat out'));
  if (attack === undefined) throw new Error('no attack');
  const watched = await runStream(attack.stream, { preset: 'agent', age: AGED, policy: EVERYTHING_PASSES });
  expect(watched.payloadOctets).toBe(1_024);
  const denied = await runStream(attack.stream, { preset: 'agent', age: AGED, policy: ['default: deny'] });
  expect(denied.payloadOctets).toBe(0);
});

test('plots are well-formed and hold no number that is none', () => {
  const line = { label: 'a < b', points: [[0, 0] as const, [1, 1] as const] };
  const axis = { label: 'x', from: 0, to: 1, ticks: [0, 1] };
  for (const svg of [
    linePlot({ title: 'a & b', x: axis, y: axis, lines: [line] }),
    barPlot('t', 'octets', [{ label: 'a', value: 1, most: 2 }], { value: 3, label: '3' }),
  ]) {
    expect(svg).not.toContain('NaN');
    expect(svg.match(/<text/g)?.length).toBe(svg.match(/<\/text>/g)?.length);
    expect(svg).not.toContain('a < b');
  }
});
