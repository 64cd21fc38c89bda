import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { runScenario, scenarioSchema } from './scenario.ts';

const FOLDER = new URL('../../fixtures/scenarios/', import.meta.url);

const files = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));

test('there are scenarios', () => {
  expect(files.length).toBeGreaterThan(0);
});

for (const file of files) {
  const scenario = scenarioSchema.parse(parse(readFileSync(new URL(file, FOLDER), 'utf8')));
  test(scenario.title, async () => {
    expect(await runScenario(scenario)).toEqual([]);
  });
}
