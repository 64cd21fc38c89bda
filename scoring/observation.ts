/**
 * What was seen of one query, as plain numbers and strings: the only thing the scoring library ever gets to know.
 * Owns the input and output shapes of `assess` and `decide`; computing them is the caller's work.
 */

import type { NameFeatures } from './signals/name-features.ts';

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
  /** What the name alone says, see `measureName`. */
  readonly name: NameFeatures;
  /** RR type number. */
  readonly qtype: number;
  readonly standing: Standing;
  readonly age: DomainAge;
  /** What this session did below this parent, this query included. */
  readonly counts: ParentCounts;
  /** Bits this query would let out (0 when nothing would be sent: a hit, a joined or a local answer). */
  readonly leakBits: number;
  /** Bits that have left below this parent before this query. */
  readonly parentBits: number;
  /** Bits that have left below all unlisted parents before this query. */
  readonly sessionBits: number;
  /** Days since the fleet first sent a name below this parent; 0 when it never did. */
  readonly parentKnownDays: number;
  /** The name belongs to a resolver of its own (DNS over HTTPS, TLS, QUIC): reaching it is a way around this one. */
  readonly dohEndpoint: boolean;
  /** A registered secret, a canary or the form of a well-known key was found in the name. */
  readonly secret: boolean;
}

/** What one session did below one parent, as if the query in hand were already included. */
export interface ParentCounts {
  /** Distinct names. */
  readonly fanOut: number;
  readonly parentQueries: number;
  /** Of those, how many asked for a type that carries free-form data (see `isBulkType`). */
  readonly bulkTypeQueries: number;
  /** Of those, how many had a form that is never forwarded: a type outside the policy's, or octets above 126. */
  readonly unforwardableQueries: number;
  /** Unlisted parents over the whole session. */
  readonly unlistedParents: number;
  /** Of at most 64 names (a uniform sample of them beyond): asked again 30 s later or more; and never again within ten minutes. */
  readonly repeatedNames: number;
  readonly askedOnceNames: number;
  /** New names of late: each counts 1 when it is first asked and half as much after every five minutes. */
  readonly recentNewNames: number;
  /** Pauses between new names that were compared with the pause before, and how many of those were of the same length. */
  readonly pauses: number;
  readonly evenPauses: number;
  /** What came back; null when no answer was ever recorded for this parent. */
  readonly answers: AnswerCounts | null;
}

/** What upstreams answered to one session below one parent. */
export interface AnswerCounts {
  /** Names that were answered, at most 64 (a uniform sample of them beyond), and how many of these don't exist. */
  readonly answeredNames: number;
  readonly nxdomainNames: number;
  /** Octets of all RDATA that were new below this parent. */
  readonly newOctets: number;
  /** Of these, octets of types other than A and AAAA, and the sum of their entropies in bits. */
  readonly freeFormOctets: number;
  readonly freeFormBits: number;
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
