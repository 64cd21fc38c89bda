/**
 * What Kennel knows of a parent: its age, and for how long the fleet has asked below it.
 * Owns the budgets that follow from it while the parent is new to everybody; the rule itself is `scoring/first-contact.ts`.
 */
import { firstContactBudgets, firstContactLimit, isFirstContact } from '../../scoring/first-contact.ts';
import { benignBits } from '../../scoring/meter/name-coder.ts';
import type { Budgets, DomainAge } from '../../scoring/observation.ts';
import type { RegistrableDomain } from '../policy/registrable-domain.ts';
import type { Meters } from '../session/meters.ts';
import type { Pipeline } from './pipeline.ts';

const MS_PER_DAY = 86_400_000;

export interface KnownParent {
  /** Of the registrable domain; `unknown` for tenants of private suffixes. */
  readonly age: DomainAge;
  /** Days since the fleet first sent a name below the parent; 0 for never. */
  readonly knownDays: number;
}

type Parent = Pick<RegistrableDomain, 'parent' | 'icannDomain'>;

export type KnowingParents = Pick<Pipeline, 'ages'> & { readonly meters: Pick<Meters, 'firstSentMs'> };

/** What is known at `wallMs`. Looks nothing up. */
export function knownParent(k: KnowingParents, { parent, icannDomain }: Parent, wallMs: number): KnownParent {
  const firstSentMs = k.meters.firstSentMs(parent);
  return {
    age: icannDomain === null ? 'unknown' : k.ages.knownAgeDays(icannDomain),
    knownDays: firstSentMs === null ? 0 : Math.max(0, wallMs - firstSentMs) / MS_PER_DAY,
  };
}

/**
 * Bits that a new name may cost on first contact. `nameBits`: what the policy gives one name, `parentBits`: spent below the parent.
 *
 * A tenant of a private suffix chose a label of the parent itself, and whoever owns the suffix reads it as he reads those below: it
 * counts like one.
 */
export function firstContactBitsLeft(
  nameBits: number | null,
  parentBits: number,
  { icannDomain, labels }: RegistrableDomain,
  allLabels: readonly string[],
): number {
  const tenantBits = icannDomain === null ? benignBits(allLabels.slice(labels.length, labels.length + 1)) : 0;
  return firstContactLimit(nameBits ?? 0, parentBits, tenantBits);
}

/** The budgets below a parent that was new when they were chosen: the tighter ones until it no longer is. */
export function budgetsWhileNew(k: KnowingParents, budgets: Budgets, domain: Parent, wallMs: number): Budgets {
  const { age, knownDays } = knownParent(k, domain, wallMs);
  return isFirstContact(age, knownDays) ? firstContactBudgets(budgets) : budgets;
}
