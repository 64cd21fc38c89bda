/**
 * What the readers of all list formats make of a line: a rule, or one of the named reasons why a line is not applied.
 * Owns no syntax (the readers) and no matching (`compiled-list.ts`).
 */
import type { QName } from '../wire/name.ts';

/** What a list is for: a name that counts as blocked, or one that counts as allowed. */
export type ListKind = 'allow' | 'block';

/** Which names a rule covers: the name alone; the name and all below it; all below it and not the name itself. */
export type Reach = 'exact' | 'at-or-below' | 'below';

/** What a rule hangs on besides the name (`$dnstype`, `$denyallow`). */
export interface RuleCondition {
  /** RR types the rule is for; empty: all types. */
  readonly types: readonly number[];
  /** RR types the rule is not for. */
  readonly otherTypes: readonly number[];
  /** The rule covers nothing at or below these names. */
  readonly denyAllow: readonly QName[];
}

export interface ListRule {
  readonly base: QName;
  readonly reach: Reach;
  /** `listed`: the name is on the list; `excepted`: it is not, whatever other rules of the same list say. */
  readonly effect: 'listed' | 'excepted';
  /** Beats rules without it (`$important`). */
  readonly important: boolean;
  /** Null: none. */
  readonly condition: RuleCondition | null;
}

/** Why a line, or a part of it, has no effect. */
export type NotApplied =
  /** No domain name where one belongs: empty labels, forbidden characters, over 255 octets, octets that are no UTF-8. */
  | 'not-a-name'
  /** An IP address where a name belongs. */
  | 'address'
  /** A URL, or a name with a path, a port or a query. */
  | 'url'
  /** Longer than `MAX_LINE_OCTETS`. */
  | 'line-too-long'
  /** The root; in an allow list also a top-level name or a public suffix with all below it. */
  | 'too-wide'
  /** A line of a hosts file that maps names to a real address. */
  | 'other-address'
  /** A hosts line without names. */
  | 'no-names'
  /** `##`, `#@#`, `#?#`, `$$`: hides parts of pages. */
  | 'cosmetic'
  /** `/…/`. */
  | 'regular-expression'
  /** An asterisk that stands for something else than whole labels at the front, or a pattern without `||`, `|` or `^`. */
  | 'part-of-a-name'
  /** `$third-party`, `$script`, `$client` and other modifiers that say more than a name and a type. */
  | 'modifier'
  /** `$dnsrewrite`: answers of the list's own. */
  | 'rewrite'
  /** RPZ data of the zone's own at a name: an alias, an address that is no sinkhole, other records. */
  | 'local-data'
  /** RPZ triggers by address or name server (`rpz-ip`, `rpz-client-ip`, `rpz-nsip`, `rpz-nsdname`). */
  | 'other-trigger'
  /** RPZ actions that Kennel does not take (`rpz-tcp-only`). */
  | 'other-action'
  /** In an allow list of the RPZ format: rules that block. */
  | 'opposite-effect'
  /** A record outside the RPZ zone. */
  | 'out-of-zone'
  /** `$INCLUDE`, `$GENERATE`, and other lines that cannot be read. */
  | 'syntax'
  /** More rules with conditions for one name, or more names in a condition, than are kept. */
  | 'too-many-conditions'
  /** More entries, or more octets of names, than a list can have. */
  | 'too-many-entries';

/** What a line, or a word of it, says; null: nothing about names. */
export type Reading = ListRule | NotApplied | null;

/** Takes what a reader finds. */
export interface RuleSink {
  rule(rule: ListRule, line: number): void;
  /** `$badfilter`: the rule that reads the same without it is void, wherever in the list it stands. */
  voided(rule: ListRule, line: number): void;
  notApplied(why: NotApplied, line: number): void;
  /**
   * A response policy zone has a record of this reach here, whatever becomes of it: no wildcard from above covers what is at or below it
   * (RFC 4592 §3.3.1). Told after the rule, if there is one.
   */
  node(base: QName, reach: Reach): void;
}

/** Reads one line without its end; numbers count from 1. Whatever the line holds, nothing throws. */
export type LineReader = (text: string, line: number) => void;

/** Hands a reading on. */
export function tell(reading: Reading, line: number, sink: RuleSink): void {
  if (typeof reading === 'string') sink.notApplied(reading, line);
  else if (reading !== null) sink.rule(reading, line);
}

/** A rule without marks and conditions. */
export function plainRule(base: QName, reach: Reach, effect: ListRule['effect'] = 'listed'): ListRule {
  return { base, reach, effect, important: false, condition: null };
}
