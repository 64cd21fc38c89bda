/**
 * What a registry can say about a domain, whichever protocol it speaks, and how its dates are read: strictly, because a hostile
 * or broken server must at worst give "unknown".
 */

export type Registration =
  | { readonly kind: 'registered'; readonly atMs: number }
  /** The registry answered and tells no date: a finished look-up. */
  | { readonly kind: 'no-date' }
  /** The registry has no such domain yet: whoever asks first and registers then must not be taken for one without a date. */
  | { readonly kind: 'unregistered' }
  /** This protocol has no server for the top-level domain. */
  | { readonly kind: 'unsupported' }
  | { readonly kind: 'failed'; readonly detail: string };

/** One protocol: never rejects, and settles within its own deadline. */
export interface RegistrationSource {
  lookUp(domain: string): Promise<Registration>;
}

/** The oldest .com names are from 1985; earlier dates are placeholders. */
const EARLIEST_MS = Date.UTC(1985, 0, 1);

/** Registries and we may disagree about midnight. */
const FUTURE_TOLERANCE_MS = 86_400_000;

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** RFC 3339, as RFC 9083 §4.5 demands of events. Null unless it is a date between 1985 and now. */
export function parseRdapDate(text: string, nowMs: number): number | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/.exec(text);
  // The day is all that an age needs, and all that can be trusted across time zones.
  return match === null ? null : dayFrom(Number(match[1]), Number(match[2]), Number(match[3]), nowMs);
}

/** The forms registries use in WHOIS: 2001-02-28[T…], 2001/02/28, 2001.02.28, 20010228, 28-Feb-2001, 28.02.2001. Null for others. */
export function parseWhoisDate(text: string, nowMs: number): number | null {
  const start = text.trim().slice(0, 32).toLowerCase();
  const yearFirst = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)/.exec(start) ?? /^(\d{4})(\d{2})(\d{2})(?!\d)/.exec(start);
  if (yearFirst !== null) return dayFrom(Number(yearFirst[1]), Number(yearFirst[2]), Number(yearFirst[3]), nowMs);
  const named = /^(\d{1,2})-([a-z]{3})-(\d{4})(?!\d)/.exec(start);
  if (named !== null) return dayFrom(Number(named[3]), MONTHS.indexOf(named[2] ?? '') + 1, Number(named[1]), nowMs);
  const dayFirst = /^(\d{1,2})\.(\d{1,2})\.(\d{4})(?!\d)/.exec(start);
  return dayFirst === null ? null : dayFrom(Number(dayFirst[3]), Number(dayFirst[2]), Number(dayFirst[1]), nowMs);
}

function dayFrom(year: number, month: number, day: number, nowMs: number): number | null {
  const date = new Date(Date.UTC(year, month - 1, day));
  // 31 February rolls over: such a date is not one.
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const atMs = date.getTime();
  return atMs >= EARLIEST_MS && atMs <= nowMs + FUTURE_TOLERANCE_MS ? atMs : null;
}
