/** The scoring README explains every signal and says how much each may give. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CURVES } from '../../../scoring/model/weights.ts';

const text = readFileSync(new URL('../../../scoring/README.md', import.meta.url), 'utf8');

describe('the README of scoring', () => {
  test.each(Object.entries(CURVES))('has a section about %s with the most points of its curve', (name, corners) => {
    expect(text).toContain(`\`${name}\`: at most ${corners.at(-1)?.[1]} points`);
  });
});
