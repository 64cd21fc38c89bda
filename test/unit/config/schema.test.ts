import { expect, test } from 'vitest';
import { jsonSchema, knownKeys } from '../../../src/config/schema.ts';

test('the JSON Schema refuses unknown keys and requires the mode', () => {
  expect(jsonSchema()).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    additionalProperties: false,
    required: ['mode'],
    properties: {
      mode: { enum: ['observe', 'enforce'] },
      policies: { type: 'array', items: { additionalProperties: false, required: ['name'] } },
    },
  });
});

test('the known keys of a mapping are found through lists, unions and maps of any key', () => {
  expect(knownKeys(['policies', 3, 'match'])).toEqual(['cidr', 'listener']);
  expect(knownKeys(['zones', 'cluster.local'])).toEqual(['upstreams', 'trusted', 'strategy']);
  expect(knownKeys(['policies', 0, 'budgets'])).toContain('parentBits');
  expect(knownKeys(['no', 'such', 'path'])).toEqual([]);
});
