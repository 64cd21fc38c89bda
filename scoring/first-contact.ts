/**
 * When a parent is new to everybody: unlisted, never asked for by the fleet until lately, and nothing known about its age.
 * Owns the rule and how much one name may say meanwhile; the comparison is `decide.ts`'s, switching it on the policy's.
 */
import { KNOWN_NAMES_RESERVE_BITS } from './decide.ts';
import type { Budgets, DomainAge } from './observation.ts';

/** A domain younger than this is as good as unknown: what is registered for one attack is rarely older. */
const YOUNG_DAYS = 30;

/**
 * After this time a parent is no longer new, whatever is known of it: where no registry answers, waiting must end somewhere. Tenants of
 * a private suffix have no age but this one, because the age of their landlord says nothing about them.
 */
const KNOWN_AFTER_DAYS = 7;

/**
 * What a session may spend below a parent while the parent is new, on names, further types and repeats together: 32 octets, so that a
 * key of 36 does not leave in pieces either. Repeats too: whoever gets no new name would otherwise spend the whole ordinary budget on
 * names of few bits, and get more octets of a text out than without this rule. A third of what the tightest preset lets out.
 */
export const FIRST_CONTACT_TOTAL_BITS = 256;

/** Whether names below the parent get only a few bits. `parentKnownDays`: since the fleet first sent a name below it, 0 for never. */
export function isFirstContact(age: DomainAge, parentKnownDays: number): boolean {
  if (age === 'no-date') return false;
  if (age !== 'unknown' && age >= YOUNG_DAYS) return false;
  return parentKnownDays < KNOWN_AFTER_DAYS;
}

/** The budgets below a parent that is new to everybody. Once they are spent, known names are kept as with any spent budget. */
export function firstContactBudgets(budgets: Budgets): Budgets {
  return { ...budgets, parentBits: Math.min(budgets.parentBits ?? FIRST_CONTACT_TOTAL_BITS, FIRST_CONTACT_TOTAL_BITS) };
}

/**
 * Bits a new name may cost: what the policy gives one name, or what is left of the total without the part that is for known names.
 * `parentBits`: spent below the parent; `tenantBits`: of the label that a tenant chose, told with the first name; below 0 when that alone
 * is too much. The apex of a registered domain is not asked here: its types cost 2 to 5 bits, are few, and come from the ordinary budget.
 */
export function firstContactLimit(nameBits: number, parentBits: number, tenantBits = 0): number {
  const limit = Math.max(0, Math.min(nameBits, FIRST_CONTACT_TOTAL_BITS - KNOWN_NAMES_RESERVE_BITS - parentBits));
  return parentBits === 0 ? limit - tenantBits : limit;
}
