/**
 * Under which Kennel a stream runs: preset, what is known about the age of domains, what is switched off. Configs are read by the
 * product's own parser from the text a user would write.
 */
import type { DomainAge } from '../../scoring/observation.ts';
import type { PresetName } from '../../scoring/presets.ts';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/parse-config.ts';

export interface Condition {
  readonly preset: PresetName;
  /** What registries say about every registrable domain. */
  readonly age: DomainAge;
  /** Further lines of the policy, as in a config file. */
  readonly policy?: readonly string[];
  /** Further sections of the config file. */
  readonly sections?: readonly string[];
}

/** Registered ten years ago: first contact does not apply. */
export const AGED: DomainAge = 3_650;

/** The attacks are measured under each: only the first is a choice of the attacker's, the others are what Kennel happens to know. */
export const AGE_CONDITIONS: readonly { readonly name: 'aged' | 'unknown' | 'young'; readonly age: DomainAge }[] = [
  { name: 'aged', age: AGED },
  { name: 'unknown', age: 'unknown' },
  { name: 'young', age: 3 },
];

const parsed = new Map<string, Config>();

/** The config of a condition. Throws with the parser's words when it is none. */
export function configOf({ preset, policy = [], sections = [] }: Condition): Config {
  const text = [
    'mode: enforce',
    // As most networks have it: a resolver of the site.
    'upstreams: ["udp://10.0.0.53"]',
    // Recordings were made at once, and a rate limit would hide what scores and budgets do.
    'limits: "off"',
    ...sections,
    'policies:',
    `  - name: evaluated`,
    `    preset: ${preset}`,
    ...policy.map((line) => `    ${line}`),
    '',
  ].join('\n');
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const result = parseConfig(text, 'evaluation', { resolvConf: null, stateFolder: '/nonexistent' });
  if (!result.ok) throw new Error(result.errors.map((error) => error.message).join('; '));
  parsed.set(text, result.config);
  return result.config;
}
