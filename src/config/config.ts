/**
 * The normalised config: what the rest of Kennel reads. Every default is filled in, every name, prefix and duration is in its one
 * canonical form, every rule between keys has been checked. Plain JSON values only, so that it can be printed and hashed.
 * Not the file's shape: that is `schema.ts`; the way from one to the other is `parse-config.ts`.
 */
import { createHash } from 'node:crypto';
import type { Budgets, Thresholds } from '../../scoring/observation.ts';
import type { PresetName } from '../../scoring/presets.ts';
import type { Mode } from '../pipeline/ports.ts';
import type { UpstreamUrl } from '../upstream/upstream-url.ts';

/** An IP address and a port. IPv6 without brackets or zone, in RFC 5952 form. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Where the control API listens. */
export type ControlEndpoint = ({ readonly kind: 'tcp' } & Endpoint) | { readonly kind: 'unix'; readonly path: string };

/** Bounds on what clients may ask of this resolver. */
export interface LimitsConfig {
  /** Per session; null: no rate limit. */
  readonly queriesPerSecond: number | null;
  /** Queries a session may ask at once after a silence. */
  readonly burst: number;
  /** Every n-th UDP query over the limit is answered with TC=1, the others are dropped; 1: each one, 0: none. */
  readonly slip: number;
  /** Queries waiting for an upstream, over all sessions. */
  readonly pendingQueries: number;
  readonly tcp: TcpConfig;
}

export interface TcpConfig {
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
  /** Queries of one connection that may be in work at once (RFC 7766 §6.2.1.1). */
  readonly maxOutstanding: number;
  /** A connection without a query is closed after this time (RFC 7766 §6.2.3). */
  readonly idleSeconds: number;
}

export interface SessionsConfig {
  /** CIDR prefixes whose UDP source addresses are believed. */
  readonly verified: readonly string[];
  /** CIDR prefixes behind which several clients share an address: never quarantined as a whole. */
  readonly shared: readonly string[];
  /** Who is a session. `ipv6Budgets`: below which prefix IPv6 sessions spend from the same budgets, because one host may have it all. */
  readonly prefixLengths: { readonly ipv4: number; readonly ipv6: number; readonly ipv6Budgets: number };
}

export interface CacheConfig {
  readonly maxEntries: number;
  /** Estimated memory of all entries together, in octets. */
  readonly maxOctets: number;
  /** Floor of positive answers; 0: as the answer says. */
  readonly minTtlSeconds: number;
  readonly maxTtlSeconds: number;
  /** The cap for NXDOMAIN and NODATA (RFC 2308 §5). */
  readonly negativeMaxTtlSeconds: number;
  /** Popular names are asked again shortly before they expire. */
  readonly prefetch: boolean;
  /** How long after its end an answer may still be served while upstreams fail (RFC 8767); null: never. */
  readonly serveStaleSeconds: number | null;
  /** No policy sees what sessions of another policy have had looked up. */
  readonly isolate: boolean;
}

export type UpstreamStrategy = 'ordered' | 'fastest';

/** How questions go to upstreams. */
export interface ForwardingConfig {
  /** `ordered`: the first that is up. `fastest`: the one with the lowest smoothed latency, others now and then. */
  readonly strategy: UpstreamStrategy;
  /** Random letter case in questions over UDP and TCP, which the answer must repeat (draft-vixie-dnsext-dns0x20). */
  readonly randomCase: boolean;
  /** DNS cookies towards upstreams (RFC 7873). */
  readonly cookies: boolean;
  /** Who is asked for the address of an upstream that is written without one. */
  readonly bootstrap: readonly UpstreamUrl[];
  /** Absolute path of a PEM file of further authorities for `tls://` and `https://`; null: the built-in ones. */
  readonly caFile: string | null;
  /** What upstreams over TLS and HTTPS have validated is believed: their AD flag is passed on (RFC 4035 §4.9.3). */
  readonly trustAd: boolean;
}

export type ListFormat = 'auto' | 'hosts' | 'domains' | 'wildcard' | 'adblock' | 'rpz';

/** A list of names from elsewhere. */
export interface ListConfig {
  readonly name: string;
  readonly kind: 'allow' | 'block';
  readonly source: { readonly kind: 'file'; readonly path: string } | { readonly kind: 'url'; readonly url: string };
  readonly format: ListFormat;
  readonly refreshSeconds: number;
  readonly maxOctets: number;
}

/** How a source outside `sessions.verified` shows that its address is its own (RFC 7873, RFC 9018). */
export interface ServerCookiesConfig {
  readonly enabled: boolean;
  /** Absolute path of a file with 16 octets in hexadecimal, the same for all instances behind one address; null: Kennel's own. */
  readonly secretFile: string | null;
}

/** A zone that is asked at upstreams of its own. */
export interface ZoneConfig {
  /** Presentation form, lower case, no trailing dot. */
  readonly name: string;
  readonly upstreams: readonly UpstreamUrl[];
  readonly strategy: UpstreamStrategy;
  /** Its names are shown but not budgeted, and pass in quarantine. By default so when every upstream is private or loopback. */
  readonly trusted: boolean;
}

export const RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'PTR', 'SRV', 'TXT'] as const;

/** A local answer. `name` may begin with `*.`: for all names below that have no record of their own. `value` is what a zone file would say, names in canonical presentation form; TXT is the text itself. */
export interface RecordConfig {
  readonly name: string;
  readonly type: (typeof RECORD_TYPES)[number];
  readonly value: string;
  readonly ttlSeconds: number;
}

/** A pattern of a list with who wrote it and why. */
export interface ListedPattern {
  readonly section: string;
  readonly owner: string;
  readonly reason: string;
  /** Canonical: `a.b` exactly this name, `*.a.b` one label below, `**.a.b` every name below and `a.b` itself. */
  readonly pattern: string;
}

export interface QuarantineConfig {
  readonly forSeconds: number;
  readonly answers: 'nxdomain' | 'nodata' | 'refused';
  /** Patterns a quarantined session may still ask for; null: names of trusted zones. */
  readonly stillAllow: readonly string[] | null;
}

export interface PolicyConfig {
  readonly name: string;
  /** Both must match; null matches everything. */
  readonly match: { readonly cidr: readonly string[] | null; readonly listener: readonly Endpoint[] | null };
  readonly preset: PresetName;
  /** What the policy itself asks for; null: as the whole. */
  readonly ownMode: Mode | null;
  /** The stricter of `ownMode` and the config's mode. */
  readonly mode: Mode;
  readonly default: 'allow' | 'deny';
  /** What happens to a name that no list and no trusted zone knows. */
  readonly unlisted: 'score' | 'refuse';
  readonly allow: readonly ListedPattern[];
  readonly block: readonly ListedPattern[];
  /** Mnemonics or `TYPE123`, all that are answered. */
  readonly qtypes: readonly string[];
  readonly thresholds: Thresholds;
  readonly budgets: Budgets;
  /** Bits that one name may cost below a parent on first contact; null: not limited. */
  readonly firstContactBits: number | null;
  /** What follows from the name of a public encrypted resolver that no allow entry covers. */
  readonly dohEndpoints: 'refuse' | 'score';
  readonly quarantine: QuarantineConfig;
  /** Names of the `lists` that apply; null: all. */
  readonly lists: readonly string[] | null;
  /** Answers are cached for the sessions of this policy alone. */
  readonly isolateCache: boolean;
}

/** A file that holds something which must not leave in a name. The value itself is in no config. */
export interface SecretConfig {
  readonly name: string;
  readonly kind: 'secret' | 'canary';
  /** Absolute. */
  readonly file: string;
}

/** Look-ups of domain ages; null switches one way off. */
export interface ReputationConfig {
  readonly rdap: {
    /** Asked instead of the registries of the bootstrap table; null: the table. */
    readonly baseUrl: string | null;
  } | null;
  readonly whois: {
    /** Asked instead of the registry's own server; null: that. */
    readonly server: string | null;
  } | null;
}

export interface RetentionConfig {
  /** `evidence`: flags, refusals, quarantines and changes of state; `all`: every decision. */
  readonly decisions: 'evidence' | 'all';
  readonly days: number;
  /** Of the database of decisions, in octets. */
  readonly maxOctets: number;
  /** How names of plain allows are written down: whole, as the registrable domain, or as a keyed hash. */
  readonly privacy: 'full' | 'domain' | 'hash';
  /** Part of the plain allows that is kept under `decisions: all`, 0-1. */
  readonly sampleAllows: number;
}

export interface Config {
  readonly mode: Mode;
  readonly listen: { readonly dns: readonly Endpoint[]; readonly control: ControlEndpoint };
  /** Folder of the state, absolute. */
  readonly state: string;
  readonly limits: LimitsConfig;
  readonly clients: { readonly allow: readonly string[] };
  readonly sessions: SessionsConfig;
  /** Presentation form; zones and `cluster.local` are added by the policy. */
  readonly searchSuffixes: readonly string[];
  readonly cache: CacheConfig;
  /** Patterns whose answers may hold private addresses. */
  readonly rebinding: { readonly allow: readonly string[] };
  /** Whom the blocked are told to ask. */
  readonly contact: string | null;
  readonly upstreams: readonly UpstreamUrl[];
  readonly forwarding: ForwardingConfig;
  /** Who is asked for private reverse names, single labels and `home.arpa`; empty: the upstreams, if they are private. */
  readonly lanUpstreams: readonly UpstreamUrl[];
  readonly zones: readonly ZoneConfig[];
  readonly records: readonly RecordConfig[];
  /** Absolute paths of hosts files whose names are answered here. */
  readonly hostsFiles: readonly string[];
  readonly lists: readonly ListConfig[];
  readonly serverCookies: ServerCookiesConfig;
  /** CIDR prefixes of peers that may begin a TCP connection with a PROXY header (version 2). */
  readonly proxyProtocol: { readonly from: readonly string[] };
  /** In order; the first that matches applies, the last matches everything. */
  readonly policies: readonly PolicyConfig[];
  readonly secrets: readonly SecretConfig[];
  readonly reputation: ReputationConfig;
  readonly retention: RetentionConfig;
}

/** SHA-256 over the normalised value, in hexadecimal: two files that mean the same have the same hash. */
export function configHash(config: Config): string {
  return createHash('sha256').update(canonicalJson(config)).digest('hex');
}

/** JSON with the keys of every object in order, whatever order they were set in. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
