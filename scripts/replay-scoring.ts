/**
 * Runs recorded queries through the scoring library alone, in enforce semantics, without the server: for fitting and for tables.
 * Cache: the same name and type within 300 s costs nothing. One session per recorded session; ages are unknown.
 */
import { join } from 'node:path';
import { assess } from '../scoring/assess.ts';
import { decide, type Verdict } from '../scoring/decide.ts';
import { LeakMeter } from '../scoring/meter/leak-meter.ts';
import type { Assessment, Budgets, Observation, Standing, Thresholds } from '../scoring/observation.ts';
import { SessionProfile } from '../scoring/profile/session-profile.ts';
import { measureName } from '../scoring/signals/name-features.ts';
import { keyedHash } from '../scoring/sketch/keyed-hash.ts';
import { registrableDomain } from '../src/policy/registrable-domain.ts';
import { isPrivateTopLevel, specialUse } from '../src/policy/special-use.ts';
import { RRTYPE } from '../src/wire/codes.ts';
import { labelCount, labelsOf, type QName } from '../src/wire/name.ts';
import { type RecordedQuery, readLines } from './recorded-queries.ts';

const ALLOWED_TYPES: ReadonlySet<number> = new Set([
  RRTYPE.A,
  RRTYPE.AAAA,
  RRTYPE.HTTPS,
  RRTYPE.SVCB,
  RRTYPE.PTR,
  RRTYPE.CNAME,
  RRTYPE.MX,
  RRTYPE.TXT,
  RRTYPE.SRV,
  RRTYPE.NS,
  RRTYPE.SOA,
  RRTYPE.CAA,
  RRTYPE.DS,
  RRTYPE.DNSKEY,
  RRTYPE.RRSIG,
  RRTYPE.NSEC,
  RRTYPE.NSEC3,
  RRTYPE.NSEC3PARAM,
  RRTYPE.TLSA,
  RRTYPE.SSHFP,
  RRTYPE.NAPTR,
  RRTYPE.URI,
]);
/** Fixed, so that every run gives the same counts. */
const HASH_KEY = { low: 1, high: 2 };
const CACHE_SECONDS = 300;
const SECONDS_PER_DAY = 86_400;
const HIGHEST_LABEL_OCTET = 126;
/** Meters of popular parents count at the weight the server gives them. */
const METER_WEIGHTS: Readonly<Record<Standing, number>> = { trusted: 0, allowlisted: 0.1, popular: 0.1, encoder: 1, unlisted: 1 };

export type StandingOf = (parent: string, qname: QName) => Standing;

export interface Decided {
  readonly query: RecordedQuery;
  readonly parent: string;
  readonly observation: Observation;
  readonly assessment: Assessment;
  readonly verdict: Verdict;
  readonly sent: boolean;
}

interface SessionState {
  readonly profile: SessionProfile;
  readonly parents: Map<string, LeakMeter>;
  readonly parentBits: Map<string, number>;
  readonly total: LeakMeter;
  totalBits: number;
  refilledAtSeconds: number;
  readonly cachedUntil: Map<string, number>;
  quarantined: boolean;
}

/** What the server answers itself or asks the operator's own servers is trusted; the rest goes by the list of popular domains. */
export function standingByLists(popular: ReadonlySet<string>): StandingOf {
  return (parent, qname) => {
    if (labelCount(qname) <= 1 || isPrivateTopLevel(qname) || specialUse(qname, RRTYPE.A) !== null) return 'trusted';
    return popular.has(parent) ? 'popular' : 'unlisted';
  };
}

/** The list of popular registrable domains without those below which anybody can get a name. */
export function readPopular(folder: string): Set<string> {
  const popular = new Set(readLines(join(folder, 'benign/cloudflare_top100k.txt.gz')));
  for (const parent of readLines(join(folder, 'lists/dynamic_dns_parents.txt.gz'))) popular.delete(parent.replace(/^\./, ''));
  return popular;
}

/** Decides every query in order; calls `visit` with each. */
export function replay(
  queries: readonly RecordedQuery[],
  rules: { readonly thresholds: Thresholds; readonly budgets: Budgets; readonly standingOf: StandingOf },
  visit: (decided: Decided) => void,
): void {
  const sessions = new Map<string, SessionState>();
  for (const query of queries) {
    const session = sessions.get(query.session) ?? emptySession();
    sessions.set(query.session, session);
    visit(decideOne(query, session, rules));
  }
}

function decideOne(
  query: RecordedQuery,
  session: SessionState,
  rules: { readonly thresholds: Thresholds; readonly budgets: Budgets; readonly standingOf: StandingOf },
): Decided {
  const { qname, qtype, atSeconds } = query;
  refill(session, rules.budgets, atSeconds);
  const { parent, labels } = registrableDomain(qname);
  const allLabels = labelsOf(qname);
  const standing = rules.standingOf(parent, qname);
  const weight = METER_WEIGHTS[standing];
  const below = { labels, qtype };
  const whole = { labels: allLabels, qtype };
  const meter = session.parents.get(parent) ?? new LeakMeter();
  session.parents.set(parent, meter);

  const cacheKey = `${qtype} ${qname}`;
  const isHit = (session.cachedUntil.get(cacheKey) ?? 0) > atSeconds;
  const charge = isHit ? null : { parentBits: weight * meter.price(below), sessionBits: weight * session.total.price(whole), fleetBits: 0 };
  const typeAllowed = ALLOWED_TYPES.has(qtype);
  const labelsAllowed = allLabels.every(isPlain);
  const asked = {
    parent,
    nameHash: keyedHash(qname, HASH_KEY),
    qtype,
    unforwardable: !typeAllowed || !labelsAllowed,
    unlisted: standing === 'unlisted',
    atMs: atSeconds * 1000,
  };
  const parentBits = session.parentBits.get(parent) ?? 0;
  const observation: Observation = {
    name: measureName(labels, qname.length),
    qtype,
    standing,
    age: 'unknown',
    counts: session.profile.observe(asked),
    leakBits: charge?.parentBits ?? 0,
    parentBits,
    sessionBits: session.totalBits,
    parentKnownDays: 0,
    dohEndpoint: false,
    secret: false,
  };
  const assessment = assess(observation);
  const { budgets } = rules;
  const verdict = decide({
    assessment,
    thresholds: rules.thresholds,
    standing,
    listing: 'none',
    typeAllowed,
    labelsAllowed,
    knownName: meter.knows(labels),
    charge,
    remaining: {
      parentBits: left(budgets.parentBits, parentBits),
      sessionBits: left(budgets.sessionBits, session.totalBits),
      fleetBits: null,
    },
    quarantined: session.quarantined,
    secret: null,
    refusedDohEndpoint: false,
    firstContactBits: null,
  });
  if (!session.quarantined) session.profile.record(asked, assessment.score);
  if (verdict.kind === 'quarantine') session.quarantined = true;
  const sent = (verdict.kind === 'allow' || verdict.kind === 'flag') && charge !== null;
  if (sent) {
    session.parentBits.set(parent, parentBits + charge.parentBits);
    session.totalBits += charge.sessionBits;
    meter.charge(below);
    session.total.charge(whole);
    meter.noteExpiry(below, (atSeconds + CACHE_SECONDS) * 1000);
    session.total.noteExpiry(whole, (atSeconds + CACHE_SECONDS) * 1000);
    session.cachedUntil.set(cacheKey, atSeconds + CACHE_SECONDS);
  }
  return { query, parent, observation, assessment, verdict, sent };
}

function emptySession(): SessionState {
  return {
    profile: new SessionProfile({ hashKey: HASH_KEY }),
    parents: new Map(),
    parentBits: new Map(),
    total: new LeakMeter(),
    totalBits: 0,
    refilledAtSeconds: 0,
    cachedUntil: new Map(),
    quarantined: false,
  };
}

function refill(session: SessionState, budgets: Budgets, atSeconds: number): void {
  const days = session.refilledAtSeconds === 0 ? 0 : Math.max(atSeconds - session.refilledAtSeconds, 0) / SECONDS_PER_DAY;
  session.refilledAtSeconds = atSeconds;
  session.totalBits = Math.max(session.totalBits - days * budgets.sessionRefillBitsPerDay, 0);
  if (budgets.parentRefillBitsPerDay === 0) return;
  for (const [parent, bits] of session.parentBits) {
    session.parentBits.set(parent, Math.max(bits - days * budgets.parentRefillBitsPerDay, 0));
  }
}

function left(budgetBits: number | null, spentBits: number): number | null {
  return budgetBits === null ? null : Math.max(budgetBits - spentBits, 0);
}

function isPlain(label: string): boolean {
  for (let at = 0; at < label.length; at++) if (label.charCodeAt(at) > HIGHEST_LABEL_OCTET) return false;
  return true;
}
