/**
 * A config text compiled as `serve` would, for tests that ask about names in presentation form. Owns no assertion but that the
 * config is right.
 */
import { expect } from 'vitest';
import { parseConfig } from '../../../src/config/parse-config.ts';
import { type AliasFinding, AliasRules } from '../../../src/policy/aliases.ts';
import { type ClassifiedName, classifyName, compileNaming, type RoutedName } from '../../../src/policy/classify-name.ts';
import { compilePolicies, type PolicySet } from '../../../src/policy/policy.ts';
import { popularDomains } from '../../../src/policy/popular-domains.ts';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { fromPresentation, type QName } from '../../../src/wire/name.ts';
import type { ResourceRecord } from '../../../src/wire/record.ts';

const FACTS = { resolvConf: { nameservers: ['9.9.9.9'], search: [] }, stateFolder: '/var/lib/kennel' };

export interface CompiledConfig {
  readonly policies: PolicySet;
  classify(name: string, qtype?: number, client?: string): ClassifiedName;
  /** Fails the test unless the name is routed. */
  route(name: string, qtype?: number, client?: string): RoutedName;
  checkAnswer(name: string, records: readonly ResourceRecord[]): AliasFinding | null;
}

/** `popular`: registrable domains that count as popular. */
export function compile(yaml: string, popular: readonly string[] = []): CompiledConfig {
  const parsed = parseConfig(`mode: enforce\n${yaml}`, 'test.yaml', FACTS);
  if (!parsed.ok) expect.fail(JSON.stringify(parsed.errors));
  const policies = compilePolicies(parsed.config);
  const naming = compileNaming(parsed.config, popularDomains(`${popular.toSorted().join('\n')}\n`));
  const aliases = new AliasRules(parsed.config);
  const classify = (text: string, qtype: number = RRTYPE.A, client = '10.0.0.1'): ClassifiedName =>
    classifyName(policies.choose(client), naming, name(text), qtype);
  const route = (text: string, qtype: number = RRTYPE.A, client = '10.0.0.1'): RoutedName => {
    const classified = classify(text, qtype, client);
    return classified.kind === 'routed' ? classified : expect.fail(`${text} is ${classified.kind}`);
  };
  return {
    policies,
    classify,
    route,
    checkAnswer: (text, records) => aliases.check(policies.choose('10.0.0.1'), route(text), name(text), RRTYPE.A, records),
  };
}

/** A name that the test knows to be one. */
export function name(text: string): QName {
  return fromPresentation(text) ?? expect.fail(`not a name: ${text}`);
}
