/**
 * The shape of the config file: which keys there are and what kind of value each takes. Published as JSON Schema.
 * What values mean, and rules between keys, are `parse-config.ts`. Unknown keys are refused everywhere.
 */
import { z } from 'zod';
import { PRESETS, type PresetName } from '../../scoring/presets.ts';
import { RECORD_TYPES } from './config.ts';

/** Goes into answers, logs and terminals: one printable line. */
const line = z
  .string()
  .min(1)
  .max(200)
  .regex(/^\P{C}*$/u, 'must not contain control characters');
const text = z.string().min(1).max(2000);
const duration = z.string().meta({ description: 'A duration: 30s, 5m, 1h, 7d' });
const count = (least: number, most: number) => z.number().int().min(least).max(most);
const off = z.literal('off');
/** YAML 1.2 reads `on` and `off` as text; `true` and `false` mean the same here. */
const toggle = z.union([z.literal('on'), off, z.boolean()]);
const mode = z.enum(['observe', 'enforce']);
const cidrs = z.array(text).meta({ description: 'Addresses and CIDR prefixes' });
const patterns = z.array(text).meta({ description: 'a.b exactly, *.a.b one label below, **.a.b any depth below and a.b itself' });

const sectionSchema = z.strictObject({ section: line, owner: line, reason: line, names: patterns });

export const policySchema = z.strictObject({
  name: line.meta({ description: 'Letters, digits, dots, dashes and underscores, 63 at most' }),
  match: z.strictObject({ cidr: cidrs.min(1).optional(), listener: z.array(text).min(1).optional() }).optional(),
  preset: z.enum(Object.keys(PRESETS) as [PresetName, ...PresetName[]]).optional(),
  mode: mode.optional(),
  default: z.enum(['allow', 'deny']).optional(),
  unlisted: z.enum(['score', 'refuse']).optional(),
  allow: z.array(sectionSchema).optional(),
  block: z.array(sectionSchema).optional(),
  qtypes: z.array(text).min(1).optional().meta({ description: 'Every RR type that is answered; others get NODATA' }),
  thresholds: z
    .strictObject({ flag: count(1, 100).optional(), refuse: count(1, 100).optional(), quarantine: count(1, 100).optional() })
    .optional(),
  budgets: z
    .union([
      off,
      z.strictObject({
        parentBits: count(0, 1e9).optional(),
        sessionBits: count(0, 1e9).optional(),
        fleetParentBits: count(0, 1e9).optional(),
        encoderBits: count(0, 1e9).optional().meta({ description: 'In place of parentBits below a legitimate encoder' }),
        per: duration.optional().meta({ description: 'How long a spent budget takes to refill; without it as the preset says' }),
      }),
    ])
    .optional(),
  firstContact: z
    .union([toggle, count(0, 1e6)])
    .optional()
    .meta({ description: 'on, off, or the bits that one name may cost below a parent that nobody knows yet' }),
  dohEndpoints: z.enum(['refuse', 'score']).optional().meta({ description: 'What follows from the name of a public encrypted resolver' }),
  quarantine: z
    .strictObject({
      for: duration.optional(),
      answers: z.enum(['nxdomain', 'nodata', 'refused']).optional(),
      stillAllow: patterns.optional(),
    })
    .optional(),
  lists: z.array(line).optional().meta({ description: 'Names of the lists that apply; without it all of them' }),
  cache: z.strictObject({ isolate: z.boolean().optional() }).optional(),
});

const upstreams = z
  .array(text)
  .min(1)
  .meta({ description: 'udp://IP[:PORT], tcp://IP[:PORT], tls://NAME@IP[:PORT] or https://NAME[:PORT]/PATH@IP, in order of preference' });
const strategy = z.enum(['ordered', 'fastest']);

export const zoneSchema = z.union([
  upstreams,
  z.strictObject({ upstreams, trusted: z.boolean().optional(), strategy: strategy.optional() }),
]);

/** Of `lists`. */
export const listSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'letters, digits, dots, dashes and underscores, 63 at most, a letter or digit first'),
  kind: z.enum(['allow', 'block']).optional(),
  url: text.optional(),
  file: text.optional().meta({ description: 'Relative to the config file' }),
  format: z.enum(['auto', 'hosts', 'domains', 'wildcard', 'adblock', 'rpz']).optional(),
  refresh: duration.optional(),
  maxMegabytes: count(1, 1024).optional(),
});

const recordValue = z.string().max(4000);

export const recordSchema = z.strictObject({
  name: text.meta({ description: 'A name, or *.NAME for every name below it that has no record of its own' }),
  type: z.enum(RECORD_TYPES),
  value: z.union([recordValue, z.array(recordValue).min(1).max(100)]).meta({ description: 'One value, or several of the same type' }),
  ttl: duration.optional(),
});

export const secretSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'letters, digits, dots, dashes and underscores, 63 at most, a letter or digit first'),
  kind: z.enum(['secret', 'canary']).optional(),
  file: text.meta({ description: 'Holds the secret alone; white space around it is left out. Relative to the config file' }),
});

export const configSchema = z.strictObject({
  mode,
  listen: z.strictObject({ dns: z.array(text).min(1).optional(), control: text.optional() }).optional(),
  state: text.optional(),
  limits: z
    .union([
      off,
      z.strictObject({
        queriesPerSecond: count(1, 1e6).optional(),
        burst: count(1, 1e7).optional(),
        slip: count(0, 100).optional().meta({ description: 'Every n-th UDP query over the limit is answered with TC=1; 0: none' }),
        pendingQueries: count(1, 1e6).optional(),
        tcp: z
          .strictObject({
            maxConnections: count(1, 1e5).optional(),
            maxConnectionsPerClient: count(1, 1e5).optional(),
            maxOutstanding: count(1, 1e4).optional(),
            idle: duration.optional(),
          })
          .optional(),
      }),
    ])
    .optional(),
  clients: z.strictObject({ allow: cidrs.optional() }).optional(),
  sessions: z
    .strictObject({
      verified: cidrs.optional(),
      shared: cidrs.optional(),
      prefixLengths: z
        .strictObject({ ipv4: count(8, 32).optional(), ipv6: count(32, 128).optional(), ipv6Budgets: count(64, 128).optional() })
        .optional(),
    })
    .optional(),
  searchSuffixes: z.array(text).optional(),
  cache: z
    .strictObject({
      maxEntries: count(1, 1e7).optional(),
      maxMegabytes: count(1, 65_536).optional(),
      minTtl: duration.optional(),
      maxTtl: duration.optional(),
      negativeMaxTtl: duration.optional(),
      prefetch: toggle.optional(),
      serveStale: z
        .union([off, duration])
        .optional()
        .meta({ description: 'How long after its end an answer may be served while upstreams fail' }),
      isolate: z.boolean().optional(),
    })
    .optional(),
  rebinding: z.strictObject({ allow: patterns.optional() }).optional(),
  contact: line.optional(),
  upstreams: upstreams.optional(),
  forwarding: z
    .strictObject({
      strategy: strategy.optional(),
      randomCase: toggle.optional(),
      cookies: toggle.optional(),
      bootstrap: upstreams.optional(),
      caFile: text.optional(),
      trustAd: toggle.optional().meta({ description: 'Pass on the AD flag of upstreams that are proven by a certificate' }),
    })
    .optional(),
  lanUpstreams: upstreams.optional(),
  zones: z.record(z.string(), zoneSchema).optional(),
  records: z.array(recordSchema).optional(),
  hostsFiles: z.array(text).max(16).optional(),
  lists: z.array(listSchema).max(1000).optional(),
  serverCookies: z.union([toggle, z.strictObject({ secretFile: text })]).optional(),
  proxyProtocol: z.strictObject({ from: cidrs }).optional(),
  policies: z.array(policySchema).min(1).optional(),
  secrets: z.array(secretSchema).max(1000).optional().meta({ description: 'What must not leave in a name' }),
  reputation: z
    .union([
      off,
      z.strictObject({ rdap: toggle.optional(), rdapBaseUrl: text.optional(), whois: toggle.optional(), whoisServer: text.optional() }),
    ])
    .optional(),
  retention: z
    .strictObject({
      decisions: z.enum(['evidence', 'all']).optional(),
      days: count(1, 3650).optional(),
      maxMegabytes: count(1, 1e6).optional(),
      privacy: z.enum(['full', 'domain', 'hash']).optional(),
      sampleAllows: z.number().min(0).max(1).optional(),
    })
    .optional(),
});

/** Keys of planned features, by the path of their mapping: a clearer message than "unknown key". */
export const LATER_KEYS: Readonly<Record<string, readonly string[]>> = {
  '': ['events', 'kubernetes', 'firewall', 'shared', 'trustedIdentity', 'workers', 'transport', 'phases'],
  'policies[]': ['phases'],
  'policies[].match': ['sessionType', 'kubernetes', 'namespace', 'labels', 'context'],
  reputation: ['cache'],
};

/** The same for values. */
export const LATER_VALUES: Readonly<Record<string, readonly string[]>> = { 'policies[].unlisted': ['tripwire'] };

/** JSON Schema (draft 2020-12) of the config file. */
export function jsonSchema(): object {
  return z.toJSONSchema(configSchema, { io: 'input' });
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

/** The keys that the mapping at a path may have, for telling the author of an unknown one; empty where any key may stand. */
export function knownKeys(path: readonly (string | number)[]): readonly string[] {
  let nodes: readonly SchemaNode[] = [jsonSchema() as SchemaNode];
  for (const part of path) nodes = nodes.flatMap(alternatives).flatMap((node) => child(node, part));
  return nodes.flatMap(alternatives).flatMap((node) => Object.keys(node.properties ?? {}));
}

function alternatives(node: SchemaNode): readonly SchemaNode[] {
  return node.anyOf ?? [node];
}

function child(node: SchemaNode, part: string | number): SchemaNode[] {
  if (typeof part === 'number') return node.items === undefined ? [] : [node.items];
  const named = node.properties?.[part];
  if (named !== undefined) return [named];
  return typeof node.additionalProperties === 'object' ? [node.additionalProperties] : [];
}
