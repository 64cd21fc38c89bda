/** `secrets` in the config: files that are checked, and whose content shows nowhere. */
import { expect, test } from 'vitest';
import { configHash } from '../../../src/config/config.ts';
import { accepted, FACTS, refused } from './read-config.ts';

const SECRET = 'q7Vd0xKp3ZrT9mWc2LfY8bNh5GjS1aEu';
const FILES: Readonly<Record<string, string>> = {
  '/run/good': `${SECRET}\n`,
  '/run/weak': 'production-database',
  [`${process.cwd()}/near`]: SECRET,
};
const facts = {
  ...FACTS,
  readSecret: (path: string) => (FILES[path] === undefined ? { problem: `${path} cannot be read (ENOENT)` } : { value: FILES[path] }),
};

test('names, kinds and absolute paths are in the config, values are not', () => {
  const config = accepted('mode: observe\nsecrets: [{ name: a, file: /run/good }, { name: b, kind: canary, file: near }]', facts);
  expect(config.secrets).toEqual([
    { name: 'a', kind: 'secret', file: '/run/good' },
    { name: 'b', kind: 'canary', file: `${process.cwd()}/near` },
  ]);
  expect(JSON.stringify(config)).not.toContain(SECRET);
  expect(configHash(config)).toBe(
    configHash(accepted('mode: observe\nsecrets: [{ name: a, file: /run/good }, { name: b, kind: canary, file: near }]')),
  );
});

test('every mistake is told with its place, and no content of a file', () => {
  const errors = refused(
    'mode: observe\nsecrets:\n  - { name: a, file: /run/missing }\n  - { name: a, file: /run/weak }\n  - { name: "b c", file: /run/good }',
    facts,
  );
  expect(errors).toEqual([
    'kennel.yaml:3:22 secrets[0].file: /run/missing cannot be read (ENOENT)',
    'kennel.yaml:4:13 secrets[1].name: the secret a is written twice',
    expect.stringMatching(/^kennel\.yaml:4:22 secrets\[1\]\.file: the secret in \/run\/weak holds too little that looks random/),
    expect.stringMatching(/^kennel\.yaml:5:13 secrets\[2\]\.name: /),
  ]);
  expect(errors.join()).not.toContain('production-database');
});
