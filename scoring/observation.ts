/**
 * What was seen of one query, as plain numbers and strings: the only thing the scoring library ever gets to know.
 * Owns the input and output shapes of `assess` and `decide`; computing them is the caller's work.
 */

/**
 * How the operator or the world vouches for the name's parent. `encoder`: a shipped list knows that services put data into names there
 * (DNSBL and antivirus look-ups, tenants of a cloud): budgeted in its own way, never exempt.
 */
export type Standing = 'trusted' | 'allowlisted' | 'popular' | 'encoder' | 'unlisted';

/**
 * Age of the ICANN registrable domain in days. `no-date`: its registry was asked and gives none. `unknown`: nobody has answered yet.
 * Both are values of their own and not "young".
 */
export type DomainAge = number | 'no-date' | 'unknown';

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
  /** Days since the fleet first sent a name below this parent; 0 when it never did. */
  readonly parentKnownDays: number;
  /** The name belongs to a resolver of its own (DNS over HTTPS, TLS, QUIC): reaching it is a way around this one. */
  readonly dohEndpoint: boolean;
  /** A registered secret, a canary or the form of a well-known key was found in the name. */
  readonly secret: boolean;
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
  /** In place of `parentBits` below an entry of the list of legitimate encoders. */
  readonly encoderBits: number | null;
  readonly encoderRefillBitsPerDay: number;
}
