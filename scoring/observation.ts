/**
 * What was seen of one query, as plain numbers and strings: the only thing the scoring library ever gets to know.
 * Owns the input and output shapes of `assess` and `decide`; computing them is the caller's work.
 */

/** How the operator or the world vouches for the name's parent. */
export type Standing = 'trusted' | 'allowlisted' | 'popular' | 'unlisted';

/** Age of the ICANN registrable domain in days; `unknown` is a value of its own and not "young". */
export type DomainAge = number | 'unknown';

export interface Observation {
  /** Labels below the registrable domain, leftmost first, as octet strings (one char per octet, lower-cased). */
  readonly labels: readonly string[];
  /** Octets of the whole name in wire form, 1-255. */
  readonly nameOctets: number;
  /** RR type number. */
  readonly qtype: number;
  readonly standing: Standing;
  readonly age: DomainAge;
  /** Distinct names this session has asked below this parent, this one included. */
  readonly fanOut: number;
  /** Queries of this session below this parent, this one included. */
  readonly parentQueries: number;
  /** Of those, how many asked for a type that carries free-form data (see `isBulkType`). */
  readonly bulkTypeQueries: number;
  /** Of those, how many had a form that is never forwarded: a type outside the policy's, or octets above 126. */
  readonly unforwardableQueries: number;
  /** Bits this query would let out (0 when nothing would be sent: a hit, a joined or a local answer). */
  readonly leakBits: number;
  /** Bits that have left below this parent before this query. */
  readonly parentBits: number;
  /** Bits that have left below all unlisted parents before this query. */
  readonly sessionBits: number;
  /** Unlisted parents this session has asked below, this one included. */
  readonly unlistedParents: number;
}

/** One measured value and the points it adds to the score (negative points are allowed). */
export interface Signal {
  readonly name: string;
  readonly value: number;
  readonly contribution: number;
}

/** Contributions add up to the score exactly; a cap or a floor is itself a listed contribution. Score is 0-100. */
export interface Assessment {
  readonly score: number;
  readonly signals: readonly Signal[];
}

export interface Thresholds {
  readonly flag: number;
  readonly refuse: number;
  readonly quarantine: number;
}

/** Capacities in bits; null: no budget. Refill is per day of the clock, 0 for none. */
export interface Budgets {
  readonly parentBits: number | null;
  readonly sessionBits: number | null;
  readonly fleetParentBits: number | null;
  readonly parentRefillBitsPerDay: number;
  readonly sessionRefillBitsPerDay: number;
}
