/**
 * Age of the ICANN registrable domain in days; points fall with age. Unknown is a value of its own and adds nothing:
 * most look-ups end without a date, and an unknown age is no sign of youth.
 * Source: PowerDNS NOD and Quad9's newly-observed feeds hold domains younger than 30 days apart. Blind to aged domains.
 */
import type { Observation } from '../observation.ts';

/** Days of youth: 0 from one year on, and where the age isn't known. */
export function domainYouthDays({ age }: Observation): number {
  return typeof age === 'string' ? 0 : Math.max(YEAR_DAYS - Math.max(age, 0), 0);
}

/** What is shown as the signal's value: the age itself, −1 where it isn't known. */
export function domainAgeShown({ age }: Observation): number {
  return typeof age === 'string' ? -1 : age;
}

export const YEAR_DAYS = 365;
