/**
 * Stage 5: what kind of name this is, by the config and the standards alone. Pure; the same for a query, `explain` and `score`. Who
 * vouches for a name is `vouchedBy` below.
 */
import type { Standing } from '../../scoring/observation.ts';
import type { Config } from '../config/config.ts';
import type { UpstreamUrl } from '../upstream/upstream-url.ts';
import { RCODE, RRCLASS, RRTYPE } from '../wire/codes.ts';
import { isAtOrBelow, labelCount, labelsOf, type QName, requireName, toPresentation } from '../wire/name.ts';
import { soaRecord } from '../wire/rdata.ts';
import type { ResourceRecord } from '../wire/record.ts';
import { isPrivate } from './address-set.ts';
import { type HostsNames, NO_HOSTS } from './hosts-file.ts';
import { type LocalAnswer, LocalRecords } from './local-records.ts';
import { NameTrie } from './name-trie.ts';
import type { ListEntry, Policy } from './policy.ts';
import type { PopularDomains } from './popular-domains.ts';
import { isReverseOfAddress, registrableDomain } from './registrable-domain.ts';
import { SearchSuffixes } from './search-suffix.ts';
import { loadShippedNames, type ShippedNames } from './shipped-names.ts';
import { isPrivateRelay, isPrivateTopLevel, NEGATIVE_TTL_SECONDS, privateTopLevel, specialUse, typeMatters } from './special-use.ts';

/** What a session asks about itself, below `kennel.internal`. */
export type FeedbackTopic =
  | { readonly kind: 'apex' }
  | { readonly kind: 'session' }
  | { readonly kind: 'last' }
  | { readonly kind: 'decision'; readonly id: string }
  /** `name` in presentation form. */
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'unknown' };

export interface LocalName {
  readonly kind: 'local';
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
  /** An SOA where there are no answers (RFC 2308 §2). */
  readonly authority: readonly ResourceRecord[];
}

export interface RoutedName {
  readonly kind: 'routed';
  /** The name that is judged, paid for and asked: the question's, or the one that records of ours lead to. */
  readonly name: QName;
  /** The records that led there, in order; the answer begins with them. */
  readonly aliases: readonly ResourceRecord[];
  /** Id of the upstream group: `default`, `lan`, or `zone:NAME`. */
  readonly group: string;
  readonly standing: Standing;
  readonly listing: 'allowed' | 'blocked' | 'denied-by-default' | 'none';
  /** The list entry that decided the listing. */
  readonly entry: ListEntry | null;
  /**
   * The entry of the table of legitimate encoders that covers the name: it is metered below that entry, with the encoders' budget.
   * Null unless `standing` is `encoder`, and null for reverse look-ups: reverse zones have as many owners as networks.
   */
  readonly encoder: QName | null;
  /** The host of a public encrypted resolver that neither an allow entry of the operator nor a trusted zone covers. */
  readonly dohEndpoint: boolean;
  /** The name belongs to this site by zone, search list or form, so private addresses in its answers are what one expects. */
  readonly ofThisSite: boolean;
  /** The name without the search suffix under which it was asked, to be judged as well; null when none applies. */
  readonly underSearchSuffix: QName | null;
}

export type ClassifiedName = { readonly kind: 'feedback'; readonly topic: FeedbackTopic } | LocalName | RoutedName;

interface Zone {
  readonly group: string;
  readonly trusted: boolean;
}

/** Everything but the policy that names are classified by. */
export interface Naming {
  readonly records: LocalRecords;
  readonly zones: NameTrie<Zone>;
  readonly searchSuffixes: SearchSuffixes;
  /** The group that may be asked for names of the site: `lan`, or `default` when all its upstreams are private; null: nobody. */
  readonly siteGroup: string | null;
  readonly popular: PopularDomains;
  readonly shipped: ShippedNames;
  /** What was found out before; policies and naming never change but for the hosts files, new ones are made instead. */
  readonly ways: WeakMap<Policy, Ways>;
}

/** Where names go, as long as no hosts file changes. */
interface Ways {
  readonly version: object;
  readonly byName: Map<QName, RoutedName>;
}

export const DEFAULT_GROUP = 'default';
/** Asked for names of this site, where the config has `lanUpstreams`. */
export const LAN_GROUP = 'lan';

export function compileNaming(
  config: Pick<Config, 'records' | 'zones' | 'searchSuffixes' | 'upstreams' | 'lanUpstreams'>,
  popular: PopularDomains,
  { hosts = NO_HOSTS, shipped = loadShippedNames() }: { readonly hosts?: HostsNames; readonly shipped?: ShippedNames } = {},
): Naming {
  const zoneNames = config.zones.map(({ name }) => requireName(name));
  const zones = new NameTrie<Zone>();
  for (const { name, trusted } of config.zones) {
    zones.add({ kind: 'any-depth', base: requireName(name) }, { group: zoneGroup(name), trusted });
  }
  return {
    records: new LocalRecords(config.records, zoneNames, hosts),
    zones,
    searchSuffixes: new SearchSuffixes([...config.searchSuffixes, ...config.zones.map((zone) => zone.name)]),
    siteGroup: siteGroup(config),
    popular,
    shipped,
    ways: new WeakMap(),
  };
}

function siteGroup({ upstreams, lanUpstreams }: Pick<Config, 'upstreams' | 'lanUpstreams'>): string | null {
  if (lanUpstreams.length > 0) return LAN_GROUP;
  return upstreams.every(({ address }) => address !== null && isPrivate(address)) ? DEFAULT_GROUP : null;
}

/** The upstream groups that `RoutedName.group` names, with the upstreams of each in order of preference. */
export function upstreamGroups(config: Pick<Config, 'upstreams' | 'lanUpstreams' | 'zones'>): ReadonlyMap<string, readonly UpstreamUrl[]> {
  const groups = new Map([[DEFAULT_GROUP, config.upstreams]]);
  if (config.lanUpstreams.length > 0) groups.set(LAN_GROUP, config.lanUpstreams);
  for (const zone of config.zones) groups.set(zoneGroup(zone.name), zone.upstreams);
  return groups;
}

/** `name`: as in the config. */
export function zoneGroup(name: string): string {
  return `zone:${name}`;
}

/** Names whose way is remembered for each policy: most queries repeat a name, and looking through every list takes a microsecond. */
const REMEMBERED_WAYS = 4096;

/**
 * The kind of a name for one policy.
 *
 * Order: feedback names (nobody may route them), records and hosts files, the longest zone, special-use names (so what the operator wrote
 * beats the built-ins), then the lists. A record that is an alias of a name elsewhere sends the question on: its target is classified, and
 * later judged and paid for, as if it had been asked for. In the lists an allow entry wins over a block entry, as in Blocky and AdGuard
 * Home. A trusted zone needs no allow entry, but a block entry below it still blocks: the operator wrote both, and the block is the more
 * specific wish.
 */
export function classifyName(policy: Policy, naming: Naming, qname: QName, qtype: number): ClassifiedName {
  const ways = waysOf(policy, naming);
  const known = ways.get(qname);
  if (known !== undefined) return known;
  const classified = classify(policy, naming, qname, qtype);
  if (classified.kind === 'routed' && classified.aliases.length === 0 && !typeMatters(qname) && !policy.dependsOnType(qname)) {
    if (ways.size >= REMEMBERED_WAYS) ways.clear();
    ways.set(qname, classified);
  }
  return classified;
}

function waysOf(policy: Policy, naming: Naming): Map<QName, RoutedName> {
  const known = naming.ways.get(policy);
  if (known !== undefined && known.version === naming.records.version) return known.byName;
  const ways: Ways = { version: naming.records.version, byName: new Map() };
  naming.ways.set(policy, ways);
  return ways.byName;
}

function classify(policy: Policy, naming: Naming, qname: QName, qtype: number): ClassifiedName {
  const topic = feedbackTopic(qname);
  if (topic !== null) return { kind: 'feedback', topic };

  const here = naming.records.answer(qname, qtype);
  if (here === null) return elsewhere(policy, naming, qname, qtype);
  switch (here.kind) {
    case 'answered':
      return answered(qname, qtype, here);
    case 'leads-on': {
      const { aliases, target } = here;
      const found = elsewhere(policy, naming, target, qtype);
      return found.kind === 'routed' ? { ...found, aliases } : { ...found, answers: [...aliases, ...found.answers] };
    }
    case 'endless':
      throw new Error('aliases without an end passed the check of the config');
  }
}

/** ANY is answered with what every name has (RFC 8482 §4.2), also for names of our own. */
function answered(qname: QName, qtype: number, { rcode, aliases, answers, owner }: LocalAnswer & { kind: 'answered' }): LocalName {
  if (qtype === RRTYPE.ANY && rcode === RCODE.NOERROR) return { kind: 'local', ...answerAny(qname) };
  return local(owner, rcode, answers, aliases);
}

/** A name that no record and no hosts file has. */
function elsewhere(policy: Policy, naming: Naming, qname: QName, qtype: number): LocalName | RoutedName {
  const zone = naming.zones.match(qname);
  if (zone !== null) return route(policy, naming, qname, qtype, zone, true);

  const special = specialUse(qname, qtype);
  const answeredHere = special?.kind === 'answer' || (special?.kind === 'site' && naming.siteGroup === null);
  if (answeredHere) return local(qname, special.rcode, special.answers);
  // Apple asks for this answer where a network does not want its resolver gone around.
  const relayRefused = policy.refuseDohEndpoints && isPrivateRelay(qname) && !isOperators(policy.matchAllow(qname, qtype));
  if (relayRefused) return local(qname, RCODE.NXDOMAIN, []);

  const siteGroup = special !== null || isPrivateTopLevel(qname) ? naming.siteGroup : null;
  const ofThisSite = siteGroup !== null || naming.searchSuffixes.covers(qname);
  return route(policy, naming, qname, qtype, { group: siteGroup ?? DEFAULT_GROUP, trusted: false }, ofThisSite);
}

/** An SOA where the answer has nothing but the aliases on the way (RFC 2308 §2). */
function local(qname: QName, rcode: number, answers: readonly ResourceRecord[], aliases: readonly ResourceRecord[] = []): LocalName {
  const authority = answers.length > 0 ? [] : [soaRecord(qname, NEGATIVE_TTL_SECONDS, NEGATIVE_TTL_SECONDS)];
  return { kind: 'local', rcode, answers: [...aliases, ...answers], authority };
}

function route(policy: Policy, naming: Naming, qname: QName, qtype: number, { group, trusted }: Zone, ofThisSite: boolean): RoutedName {
  const allow = policy.matchAllow(qname, qtype);
  const block = allow === null ? policy.matchBlock(qname, qtype) : null;
  const listing = listingOf(policy, allow, block, trusted);
  return {
    kind: 'routed',
    name: qname,
    aliases: [],
    group,
    ...vouchedBy(naming, qname, trusted, allow),
    listing,
    entry: allow ?? block,
    ofThisSite,
    underSearchSuffix: underSearchSuffix(naming, qname, allow),
  };
}

function listingOf(policy: Policy, allow: ListEntry | null, block: ListEntry | null, trusted: boolean): RoutedName['listing'] {
  if (allow !== null) return 'allowed';
  if (block !== null) return 'blocked';
  if (trusted) return 'none';
  return policy.unlisted === 'refuse' ? 'denied-by-default' : 'none';
}

/**
 * Who vouches for a name, the first that does: a trusted zone, an allow entry, the table of legitimate encoders (or the form of a reverse
 * look-up, or a top-level name that nobody can own), the table of popular domains.
 */
function vouchedBy(
  naming: Naming,
  qname: QName,
  trusted: boolean,
  allow: ListEntry | null,
): Pick<RoutedName, 'standing' | 'encoder' | 'dohEndpoint'> {
  if (trusted) return { standing: 'trusted', encoder: null, dohEndpoint: false };
  const shipped = naming.shipped.match(qname);
  // A way around this resolver is opened by its operator, and by no list that others write.
  if (allow !== null)
    return { standing: 'allowlisted', encoder: null, dohEndpoint: shipped?.kind === 'doh-endpoint' && !isOperators(allow) };
  if (shipped?.kind === 'encoder') return { standing: 'encoder', encoder: shipped.encoder, dohEndpoint: false };
  const dohEndpoint = shipped?.kind === 'doh-endpoint';
  if (isReverseOfAddress(qname)) return { standing: 'encoder', encoder: null, dohEndpoint };
  // `HOST.REGION.compute.internal` and the like: a search list puts whole names below it, and nobody can be waiting there.
  const ofNobody = privateTopLevel(qname);
  if (ofNobody !== null) return { standing: 'encoder', encoder: ofNobody, dohEndpoint };
  // Tenants of a private suffix (`evil.github.io`) have no ICANN domain of their own and never share the landlord's popularity.
  const { icannDomain } = registrableDomain(qname);
  return { standing: icannDomain !== null && naming.popular.has(icannDomain) ? 'popular' : 'unlisted', encoder: null, dohEndpoint };
}

function isOperators(allow: ListEntry | null): boolean {
  return allow !== null && !allow.subscribed;
}

/** An allow entry that says more than the suffix does names this very part of the site: then nothing is hidden. */
function underSearchSuffix(naming: Naming, qname: QName, allow: ListEntry | null): QName | null {
  const stripped = naming.searchSuffixes.strip(qname);
  if (stripped === null) return null;
  return allow !== null && allow.fixedLabels > stripped.suffixLabels ? null : stripped.name;
}

const FEEDBACK = requireName('kennel.internal');

/** `session`, `last.why`, `DECISION.why`, `NAME.why`, each below `kennel.internal`. */
function feedbackTopic(qname: QName): FeedbackTopic | null {
  if (!isAtOrBelow(qname, FEEDBACK)) return null;
  const labels = labelsOf(qname).slice(0, labelCount(qname) - labelCount(FEEDBACK));
  if (labels.length === 0) return { kind: 'apex' };
  if (labels.length === 1) return labels[0] === 'session' ? { kind: 'session' } : { kind: labels[0] === 'why' ? 'apex' : 'unknown' };
  if (labels.at(-1) !== 'why') return { kind: 'unknown' };
  const subject = labels.slice(0, -1);
  if (subject.length > 1) return { kind: 'name', name: toPresentation(qname.slice(0, -WHY_OCTETS).concat('\0') as QName) };
  return subject[0] === 'last' ? { kind: 'last' } : { kind: 'decision', id: subject[0] ?? '' };
}

/** Octets of `why.kennel.internal` in wire form. */
const WHY_OCTETS = requireName('why.kennel.internal').length;

const ANY_TTL_SECONDS = 3600;

/** The answer to ANY: one HINFO that says so (RFC 8482 §4.2). */
export function answerAny(qname: QName): { rcode: number; answers: ResourceRecord[]; authority: ResourceRecord[] } {
  const rdata = Uint8Array.from([7, ...Buffer.from('RFC8482', 'latin1'), 0]);
  return {
    rcode: RCODE.NOERROR,
    answers: [{ owner: qname, type: RRTYPE.HINFO, class: RRCLASS.IN, ttlSeconds: ANY_TTL_SECONDS, rdata }],
    authority: [],
  };
}
