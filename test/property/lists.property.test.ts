/**
 * A compiled list says what a walk over all its rules says, whatever the rules are; reading a list ends and never throws, whatever its
 * octets are, and does not depend on how they arrive.
 */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ListCompiler } from '../../src/lists/compile-list.ts';
import { CompiledBuilder } from '../../src/lists/compiled-builder.ts';
import { decodeCompiled, encodeCompiled } from '../../src/lists/compiled-file.ts';
import { type CompiledList, NO_ENTRY } from '../../src/lists/compiled-list.ts';
import { NameHasher } from '../../src/lists/list-hash.ts';
import type { KnownFormat, ListReport } from '../../src/lists/list-report.ts';
import type { ListRule } from '../../src/lists/list-rule.ts';
import { SNIFFED_OCTETS } from '../../src/lists/sniff.ts';
import { fromLabels, isAtOrBelow, labelCount, type QName, ROOT } from '../../src/wire/name.ts';

const FORMATS = ['hosts', 'domains', 'wildcard', 'adblock', 'rpz'] as const;
const FOLDER = new URL('../../fixtures/lists/', import.meta.url);
const hasher = new NameHasher(new Uint8Array(16).fill(3));

/** Few labels, so that names meet: among them ones that differ in an octet or in where they are cut. */
const name: fc.Arbitrary<QName> = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'a.b', 'a\0', '\xff', 'com', 'x'.repeat(63)), { minLength: 1, maxLength: 4 })
  .map((labels) => fromLabels(labels) ?? ROOT)
  .filter((made) => made !== ROOT);

const rule: fc.Arbitrary<ListRule> = fc.record({
  base: name,
  reach: fc.constantFrom('exact', 'at-or-below', 'below'),
  effect: fc.constantFrom('listed', 'excepted'),
  important: fc.boolean(),
  condition: fc.option(
    fc.record({
      types: fc.constantFrom([], [1], [1, 28]),
      otherTypes: fc.constantFrom([], [28]),
      denyAllow: name.map((above) => [above]),
    }),
  ),
});

/** Zones have no more than this. */
function asInZone({ base, reach, effect }: ListRule): ListRule {
  return { base, reach: reach === 'below' ? 'below' : 'exact', effect, important: false, condition: null };
}

const format: fc.Arbitrary<KnownFormat> = fc.constantFrom('adblock', 'rpz');

const EMPTY: ListReport = {
  kind: 'block',
  format: 'adblock',
  chosenBy: '',
  sourceSha256: '',
  sourceOctets: 0,
  entries: 0,
  exceptions: 0,
  important: 0,
  conditional: 0,
  duplicates: 0,
  voided: 0,
  topLevels: { count: 0, firstLines: [] },
  notApplied: [],
};

function compile(rules: readonly ListRule[], voided: readonly ListRule[], as: KnownFormat): CompiledList {
  const builder = new CompiledBuilder(hasher);
  for (const [index, one] of rules.entries()) {
    builder.add(one, index + 1);
    if (as === 'rpz') builder.addNode(one.base, one.reach);
  }
  for (const one of voided) builder.void(one);
  return builder.finish((counts) => ({ ...EMPTY, format: as, ...counts }));
}

function covers({ base, reach, condition }: ListRule, qname: QName, qtype: number | null): boolean {
  if (reach === 'exact' ? qname !== base : !isAtOrBelow(qname, base) || (reach === 'below' && qname === base)) return false;
  if (condition === null) return true;
  const { types, otherTypes, denyAllow } = condition;
  if (types.length + otherTypes.length > 0 && qtype === null) return false;
  if (types.length > 0 && !types.some((type) => type === qtype)) return false;
  return !otherTypes.some((type) => type === qtype) && !denyAllow.some((above) => isAtOrBelow(qname, above));
}

function rank({ effect, important }: ListRule): number {
  return (important ? 2 : 0) + (effect === 'excepted' ? 1 : 0);
}

const NARROWEST = ['exact', 'at-or-below', 'below'];

/** Whether a rule of a zone stands at the name, or above it and closer than another: then it, or nothing, decides. */
function isCloser(one: ListRule, other: ListRule, qname: QName): boolean {
  const stands = one.base === qname ? one.reach !== 'below' : isAtOrBelow(qname, one.base);
  return stands && labelCount(one.base) > labelCount(other.base);
}

/** The line of the rule that decides, by going through all. */
function lineByWalk(rules: readonly ListRule[], qname: QName, qtype: number | null, as: KnownFormat): number | null {
  const order = (one: ListRule): readonly number[] => {
    const specific = labelCount(one.base);
    const ranks = as === 'rpz' ? [specific, rank(one)] : [rank(one), specific];
    return [...ranks, -NARROWEST.indexOf(one.reach)];
  };
  let best: { line: number; order: readonly number[] } | null = null;
  for (const [index, one] of rules.entries()) {
    if (!covers(one, qname, qtype) || (as === 'rpz' && rules.some((other) => isCloser(other, one, qname)))) continue;
    const own = order(one);
    const differs = best === null ? 0 : own.findIndex((part, at) => part !== best?.order[at]);
    if (best === null || (differs >= 0 && (own[differs] ?? 0) > (best.order[differs] ?? 0))) best = { line: index + 1, order: own };
  }
  return best?.line ?? null;
}

function lineOf(list: CompiledList, qname: QName, qtype: number | null): number | null {
  const entry = list.find(hasher.probe(qname), qtype);
  return entry === NO_ENTRY ? null : list.entryAt(entry).line;
}

const qtype = fc.constantFrom(1, 28, 16, null);

describe('a compiled list', () => {
  test('says what a walk over its rules says', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 30 }), fc.array(name, { maxLength: 10 }), qtype, format, (drawn, names, type, as) => {
        const rules = as === 'rpz' ? drawn.map(asInZone) : drawn;
        const list = compile(rules, [], as);
        for (const qname of [...names, ...rules.map((one) => one.base)]) {
          expect(lineOf(list, qname, type)).toBe(lineByWalk(rules, qname, type, as));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('says, without the rules that are void, what a walk over the others says', () => {
    fc.assert(
      fc.property(fc.array(rule, { minLength: 1, maxLength: 10 }), fc.nat(), qtype, (rules, at, type) => {
        const gone = rules[at % rules.length];
        if (gone === undefined) return;
        const same = (one: ListRule) => JSON.stringify(one) === JSON.stringify(gone);
        const list = compile(rules, [gone], 'adblock');
        const left = rules.map((one): ListRule => (same(one) ? { ...one, base: fromLabels(['never', 'asked']) ?? ROOT } : one));
        for (const { base } of rules) expect(lineOf(list, base, type)).toBe(lineByWalk(left, base, type, 'adblock'));
      }),
      { numRuns: 200 },
    );
  });

  test('is the same after it was stored', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 30 }), (rules) => {
        const list = compile(rules, [], 'adblock');
        const decoded = decodeCompiled(Buffer.from(encodeCompiled(list.parts)), hasher);
        expect(decoded.kind === 'list' && decoded.list.parts).toEqual(list.parts);
      }),
    );
  });

  test('finds each of many names and none beside them', () => {
    const builder = new CompiledBuilder(hasher);
    const names = Array.from({ length: 50_000 }, (_, n) => fromLabels([`n${n}`, `d${n % 100}`, 'example']) ?? ROOT);
    for (const [index, base] of names.entries()) {
      builder.add({ base, reach: 'exact', effect: 'listed', important: false, condition: null }, index + 1);
    }
    const list = builder.finish((counts) => ({ ...EMPTY, ...counts }));
    expect(names.every((base, index) => lineOf(list, base, 1) === index + 1)).toBe(true);
    const others = names.map((_, n) => fromLabels([`n${n}`, `d${(n % 100) + 1}`, 'example']) ?? ROOT);
    expect(others.some((base) => lineOf(list, base, 1) !== null)).toBe(false);
  });
});

describe('decoding', () => {
  test('of any octets ends in a value', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (octets) => {
        expect(decodeCompiled(octets, hasher).kind).toBe('unusable');
      }),
    );
  });
});

interface Arrived {
  readonly octets: Uint8Array;
  readonly pieces: readonly number[];
}

/** Lines of every format among octets of all kinds. */
const snippet = fc.constantFrom(
  ...readdirSync(FOLDER).flatMap((file) => readFileSync(new URL(file, FOLDER), 'latin1').split('\n')),
  '\0',
  '(',
  '"',
  '\\',
  '$',
  '||',
  '^',
  '*.',
  '\xef\xbb\xbf',
);

const arrived: fc.Arbitrary<Arrived> = fc.record({
  octets: fc.oneof(
    fc.uint8Array({ maxLength: 2000 }),
    fc
      .array(fc.tuple(snippet, fc.constantFrom('\n', '\r\n', '', ' ', '\t')), { maxLength: 60 })
      .map((lines) => Buffer.from(lines.flat().join(''), 'latin1')),
  ),
  pieces: fc.array(fc.integer({ min: 1, max: 500 }), { maxLength: 5 }),
});

/** A line longer than what is kept until the format is known: what comes then is read as it comes. */
const SNIFFED = Buffer.from(`${'x'.repeat(SNIFFED_OCTETS)}\n`);

describe('reading a list', () => {
  const choice = fc.constantFrom('auto', ...FORMATS);
  const kind = fc.constantFrom('allow', 'block');

  test('never throws, and does not depend on how its octets arrive', () => {
    fc.assert(
      fc.property(arrived, choice, kind, ({ octets, pieces }, as, of) => {
        const whole = new ListCompiler({ kind: of, format: as, hasher });
        const start = as === 'auto' ? Buffer.alloc(0) : SNIFFED;
        whole.push(Buffer.concat([start, octets]));
        const inPieces = new ListCompiler({ kind: of, format: as, hasher });
        inPieces.push(start);
        let at = 0;
        for (const piece of pieces) {
          inPieces.push(octets.subarray(at, at + piece));
          at += piece;
        }
        inPieces.push(octets.subarray(at));
        const [one, other] = [whole.finish(), inPieces.finish()];
        expect(other.kind).toBe(one.kind);
        if (one.kind === 'compiled' && other.kind === 'compiled') expect(other.list.parts).toEqual(one.list.parts);
      }),
      { numRuns: 300 },
    );
  });

  test('matches each name it holds by the octets that would be forwarded', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'B', 'ads', 'x-1', '_dmarc', 'xn--mnchen-3ya'), { minLength: 2, maxLength: 5 }),
        (labels) => {
          const asked = fromLabels(labels) ?? ROOT;
          const text = labels.join('.');
          const lines = { hosts: `0.0.0.0 ${text}`, domains: text, wildcard: `*.${text}`, adblock: `||${text}^`, rpz: `${text} CNAME .` };
          for (const as of FORMATS) {
            const compiler = new ListCompiler({ kind: 'block', format: as, hasher });
            compiler.push(Buffer.from(`${lines[as]}\n`));
            const result = compiler.finish();
            expect(result.kind === 'compiled' && lineOf(result.list, asked, 1), as).toBe(1);
          }
        },
      ),
    );
  });
});
