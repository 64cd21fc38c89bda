/**
 * Parses a config text as if it were `kennel.yaml`, for tests; errors and warnings as the lines a person would see.
 */
import { expect } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { parseConfig, type SystemFacts } from '../../../src/config/parse-config.ts';
import { configErrorText } from '../../../src/config/problems.ts';

export const FACTS: SystemFacts = {
  resolvConf: { nameservers: ['9.9.9.9'], search: ['corp.example.net'] },
  stateFolder: '/var/lib/kennel',
};

/** Fails the test when the config has an error. */
export function accepted(text: string, facts: SystemFacts = FACTS): Config {
  const parsed = parseConfig(text, 'kennel.yaml', facts);
  return parsed.ok ? parsed.config : expect.fail(parsed.errors.map(configErrorText).join('\n'));
}

/** The error lines; fails the test when there are none. */
export function refused(text: string, facts: SystemFacts = FACTS): string[] {
  const parsed = parseConfig(text, 'kennel.yaml', facts);
  return parsed.ok ? expect.fail('the config was accepted') : parsed.errors.map(configErrorText);
}

export function warnings(text: string): string[] {
  const parsed = parseConfig(text, 'kennel.yaml', FACTS);
  return parsed.ok ? parsed.warnings.map(configErrorText) : expect.fail(parsed.errors.map(configErrorText).join('\n'));
}
