import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse-config.ts';
import { compileNaming } from '../../src/policy/classify-name.ts';
import { compilePolicies } from '../../src/policy/policy.ts';
import { popularDomains } from '../../src/policy/popular-domains.ts';

const FACTS = { resolvConf: { nameservers: ['9.9.9.9'], search: [] }, stateFolder: '/var/lib/kennel' };

const word = fc.constantFrom(
  'off',
  'on',
  'a.example',
  '**.a.example',
  '*.com',
  '10.0.0.0/8',
  '127.0.0.1:53',
  'udp://9.9.9.9',
  '1h',
  'deny',
  'A',
  '::1',
  '',
);
const leaf = fc.oneof(word, fc.string({ maxLength: 8 }), fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
const key = fc.oneof(
  fc.constantFrom(
    'name',
    'match',
    'cidr',
    'default',
    'unlisted',
    'allow',
    'block',
    'names',
    'section',
    'owner',
    'reason',
    'upstreams',
    'trusted',
    'value',
    'type',
  ),
  fc.string({ maxLength: 6 }),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('any'), { maxLength: 3 }), fc.dictionary(key, tie('any'), { maxKeys: 4 })),
})).any;
const section = fc.constantFrom(
  'listen',
  'state',
  'limits',
  'clients',
  'sessions',
  'searchSuffixes',
  'cache',
  'rebinding',
  'contact',
  'upstreams',
  'zones',
  'records',
  'policies',
  'reputation',
  'retention',
  'nonsense',
);

describe('whatever the text', () => {
  test('parsing never throws, and a refusal always says where', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 200 }), fc.string({ unit: 'binary', maxLength: 100 })), (text) => {
        const parsed = parseConfig(text, 'f', FACTS);
        if (parsed.ok) return;
        expect(parsed.errors.length).toBeGreaterThan(0);
        for (const error of parsed.errors) expect(Math.min(error.line, error.column)).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
  test('a config of any shape is refused or can be compiled', () => {
    fc.assert(
      fc.property(fc.dictionary(section, value, { maxKeys: 4 }), (sections) => {
        const parsed = parseConfig(JSON.stringify({ mode: 'enforce', ...sections }), 'f', FACTS);
        if (!parsed.ok) return;
        compileNaming(parsed.config, popularDomains(''));
        expect(compilePolicies(parsed.config).choose('192.0.2.1').mode).toBe('enforce');
      }),
      { numRuns: 500 },
    );
  });
});
