/**
 * Policies as the pipeline uses them: compiled from the config, chosen by source address and listener, asked about names.
 * Owns no verdict: scores and budgets are compared in `scoring/decide.ts`.
 */
import type { Budgets, Standing, Thresholds } from '../../scoring/observation.ts';
import type { Config, ListedPattern, PolicyConfig, QuarantineConfig } from '../config/config.ts';
import type { Mode } from '../pipeline/ports.ts';
import { addressAndPort } from '../wire/address.ts';
import { typeFromName } from '../wire/codes.ts';
import { labelCount, type QName } from '../wire/name.ts';
import { type AddressSet, addressSet } from './address-set.ts';
import { type NameLists, NO_LISTS } from './name-lists.ts';
import { type NamePattern, parsePattern } from './name-pattern.ts';
import { NameTrie } from './name-trie.ts';

/** The list entry that covers a name: who wrote it and why, for `explain` and the records. */
export interface ListEntry extends ListedPattern {
  /** How records and `explain` name it: `SECTION: PATTERN` of the config, `LIST:LINE PATTERN` of a subscription. */
  readonly rule: string;
  /** No asterisk: it names one name, so asking for it tells nobody anything. */
  readonly exact: boolean;
  /** Labels of the pattern's fixed part. */
  readonly fixedLabels: number;
  /** It is for some RR types only: a refusal denies those and leaves the name. */
  readonly ofSomeTypes: boolean;
  /** It stands on a list that others write. */
  readonly subscribed: boolean;
}

export interface Policy {
  readonly name: string;
  readonly mode: Mode;
  readonly unlisted: 'score' | 'refuse';
  readonly thresholds: Thresholds;
  readonly budgets: Budgets;
  /** Bits that one name may cost below a parent on first contact; null: not limited. */
  readonly firstContactBits: number | null;
  /** Names of public encrypted resolvers are refused, and those of iCloud Private Relay do not exist. */
  readonly refuseDohEndpoints: boolean;
  /** RR types that are answered; others get NODATA. */
  readonly allowedTypes: ReadonlySet<number>;
  readonly quarantine: { readonly forMs: number; readonly answers: QuarantineConfig['answers'] };
  /** The most specific allow entry that covers the name. Looked at before `matchBlock`: an allow entry wins. */
  matchAllow(qname: QName, qtype: number): ListEntry | null;
  matchBlock(qname: QName, qtype: number): ListEntry | null;
  /** Whether one of the two may say something else about this name for another type. */
  dependsOnType(qname: QName): boolean;
  /** Whether a quarantined session may still ask this name: a pattern of `stillAllow`, or a trusted zone where none is written. */
  stillAllows(qname: QName, standing: Standing): boolean;
}

export interface PolicySet {
  /** The first policy that matches; `listener` (`127.0.0.1:53`) only matters to policies that name one. */
  choose(address: string, listener?: string): Policy;
  readonly all: readonly Policy[];
}

/** Remembered choices of addresses: a resolver hears from few clients, many times each. */
const REMEMBERED_CHOICES = 4096;

/** `lists`: the subscriptions; who changes them compiles the policies anew. */
export function compilePolicies(config: Pick<Config, 'policies'>, lists: NameLists = NO_LISTS): PolicySet {
  const rules = config.policies.map((policy) => ({ matches: compileMatch(policy), policy: compilePolicy(policy, lists) }));
  /** By listener, then by address. Listeners are the config's, so there are few. */
  const remembered = new Map<string, Map<string, Policy>>();
  return {
    all: rules.map((rule) => rule.policy),
    choose(address, listener = '') {
      let atListener = remembered.get(listener);
      if (atListener === undefined) {
        atListener = new Map();
        remembered.set(listener, atListener);
      }
      let chosen = atListener.get(address);
      if (chosen === undefined) {
        chosen = rules.find((rule) => rule.matches(address, listener))?.policy;
        // The config refuses a list whose last policy does not match everything.
        if (chosen === undefined) throw new Error(`no policy matches ${address}`);
        if (atListener.size >= REMEMBERED_CHOICES) atListener.clear();
        atListener.set(address, chosen);
      }
      return chosen;
    },
  };
}

function compileMatch(policy: PolicyConfig): (address: string, listener: string) => boolean {
  const { cidr, listener } = policy.match;
  const addresses: AddressSet | null = cidr === null ? null : addressSet(cidr);
  const listeners = listener === null ? null : new Set(listener.map(addressAndPort));
  return (address, at) => (addresses === null || addresses.contains(address)) && (listeners === null || listeners.has(at));
}

function compilePolicy(policy: PolicyConfig, lists: NameLists): Policy {
  const allow = compileList(policy.allow);
  const block = compileList(policy.block);
  const { stillAllow, answers, forSeconds } = policy.quarantine;
  const subscribed = policy.lists === null ? null : new Set(policy.lists);
  const still = stillAllow === null ? null : compilePatterns(stillAllow);
  return {
    name: policy.name,
    mode: policy.mode,
    unlisted: policy.unlisted,
    thresholds: policy.thresholds,
    budgets: policy.budgets,
    firstContactBits: policy.firstContactBits,
    refuseDohEndpoints: policy.dohEndpoints === 'refuse',
    allowedTypes: new Set(policy.qtypes.map(typeNumber)),
    quarantine: { forMs: forSeconds * 1000, answers },
    // What the operator wrote comes before what others have listed.
    matchAllow: (qname, qtype) =>
      allow.match(qname) ?? (block.match(qname) === null ? lists.match('allow', qname, qtype, subscribed) : null),
    matchBlock: (qname, qtype) => block.match(qname) ?? lists.match('block', qname, qtype, subscribed),
    dependsOnType: (qname) => lists.dependsOnType(qname),
    stillAllows: (qname, standing) => (still === null ? standing === 'trusted' : still.match(qname) !== null),
  };
}

function compileList(patterns: readonly ListedPattern[]): NameTrie<ListEntry> {
  const trie = new NameTrie<ListEntry>();
  for (const listed of patterns) {
    const pattern = compilePattern(listed.pattern);
    const rule = `${listed.section}: ${listed.pattern}`;
    const exact = pattern.kind === 'exact';
    trie.add(pattern, { ...listed, rule, exact, fixedLabels: labelCount(pattern.base), ofSomeTypes: false, subscribed: false });
  }
  return trie;
}

/** Only tells whether a name is covered. */
export type PatternSet = NameTrie<true>;

export function compilePatterns(patterns: readonly string[]): PatternSet {
  const trie = new NameTrie<true>();
  for (const text of patterns) trie.add(compilePattern(text), true);
  return trie;
}

/** The config has read these texts before: one that fails now is a bug. */
function compilePattern(text: string): NamePattern {
  const pattern = parsePattern(text);
  if ('problem' in pattern) throw new Error(pattern.problem);
  return pattern;
}

function typeNumber(text: string): number {
  const type = typeFromName(text);
  if (type === null) throw new Error(`not an RR type: ${text}`);
  return type;
}
