import fc from 'fast-check';
import { expect, test } from 'vitest';
import { registrableDomain } from '../../src/policy/registrable-domain.ts';
import { fromLabels, isAtOrBelow, labelsOf, type QName, toPresentation } from '../../src/wire/name.ts';

const octets = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((octet) => String.fromCharCode(octet)),
  minLength: 1,
  maxLength: 12,
});
const real = fc.constantFrom(
  'com',
  'uk',
  'co',
  'io',
  'github',
  'arpa',
  'in-addr',
  'ip6',
  'ck',
  'jp',
  'kawasaki',
  'amazonaws',
  'local',
  'example',
  '1',
);
const qname = fc.array(fc.oneof(real, octets), { maxLength: 10 }).map((labels) => fromLabels(labels) as QName);

test('the parent is a suffix of the name at a label boundary, and the labels are all the rest', () => {
  fc.assert(
    fc.property(qname, (asked) => {
      const { parent, parentName, labels } = registrableDomain(asked);
      expect(isAtOrBelow(asked, parentName)).toBe(true);
      expect([...labels, ...labelsOf(parentName)]).toEqual(labelsOf(asked));
      expect(parent).toBe(toPresentation(parentName));
    }),
    { numRuns: 1000 },
  );
});

test('what is put in front of a name never changes its parent', () => {
  fc.assert(
    fc.property(qname, octets, (asked, front) => {
      const domain = registrableDomain(asked);
      const longer = fromLabels([front, ...labelsOf(asked)]);
      // Below a bare suffix the next label completes the parent, as it must.
      if (longer === null || domain.labels.length === 0) return;
      expect(registrableDomain(longer).parent).toBe(domain.parent);
    }),
    { numRuns: 1000 },
  );
});

test('an age is only ever asked of the parent itself, written in host name characters', () => {
  fc.assert(
    fc.property(qname, (asked) => {
      const { parent, icannDomain } = registrableDomain(asked);
      if (icannDomain === null) return;
      expect(icannDomain).toBe(parent);
      expect(icannDomain).toMatch(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/);
    }),
    { numRuns: 1000 },
  );
});
