/**
 * The simulated attacks: every way to write, every pace, few and many parents, few and many sessions, and the channels beside names.
 * Each is a function of its name and a seed.
 */

import type { PopularDomains } from '../../src/policy/popular-domains.ts';
import { readShippedTable, type ShippedNames } from '../../src/policy/shipped-names.ts';
import { fromPresentation, isAtOrBelow, requireName, toPresentation } from '../../src/wire/name.ts';
import { base32, ENCODINGS, type Encoding, hex } from './encodings.ts';
import { inventedDomain, inventedReverseZone } from './invented-names.ts';
import { type Random, randomFrom } from './random.ts';
import { PAYLOAD_KINDS, type PayloadKind, randomText, secretPayload } from './secret-payloads.ts';
import {
  ATTACKER_ANSWER,
  clientAddress,
  HOUR_MS,
  MINUTE_MS,
  nameBelow,
  START_MS,
  type Stream,
  type StreamQuery,
  typeNumber,
} from './stream.ts';
import { WORD_LIST } from './word-list.ts';

export interface Attack {
  /** What it is counted under. */
  readonly group: string;
  readonly stream: Stream;
  /** Further lines of the policy it needs, as in a config file. */
  readonly policy?: readonly string[];
  readonly sections?: readonly string[];
  /** Where it is chosen: what is stolen. */
  readonly payload?: PayloadKind;
  /** The secret that was registered with Kennel before, where there is one. */
  readonly registered?: string;
}

export interface AttackSurroundings {
  readonly seed: string;
  readonly popular: PopularDomains;
  readonly shipped: ShippedNames;
  /** Popular names to draw from, in presentation form. */
  readonly popularNames: readonly string[];
}

const PACES = [
  { name: 'flat out', everyMs: 100 },
  { name: '1 a minute', everyMs: MINUTE_MS },
  { name: '1 an hour', everyMs: HOUR_MS },
] as const;
type Pace = (typeof PACES)[number];

/** Pauses differ by up to this share either way. */
const JITTER = 0.3;

/** What a stub resolver asks of one name, and what tools ask. */
const TYPE_SETS = [['A'], ['A', 'AAAA'], ['TXT'], ['HTTPS']] as const;

const PAYLOAD_OCTETS = 1_024;

interface Plan {
  readonly encoding: Encoding;
  readonly chunkSize: number;
  readonly pace: Pace;
  readonly types: readonly string[];
  readonly kind: PayloadKind;
  readonly parents: readonly string[];
  readonly sessions: number;
  readonly payloadOctets?: number;
}

/** Every encoding at every chunk size and pace below one invented parent; types and payloads in turn, `seeds` times. */
export function encodedAttacks(surroundings: AttackSurroundings, seeds: number): Attack[] {
  const attacks: Attack[] = [];
  let turn = 0;
  for (const encoding of ENCODINGS) {
    for (const chunkSize of encoding.chunkSizes) {
      for (const pace of PACES) {
        for (let seed = 0; seed < seeds; seed++) {
          const name = `${encoding.name}, ${chunkSize} octets, ${pace.name}, ${seed}`;
          const random = randomFrom(surroundings.seed, name);
          const types = encoding.type === null ? (TYPE_SETS[turn % TYPE_SETS.length] ?? ['A']) : [encoding.type];
          const kind = PAYLOAD_KINDS[(turn + seed) % PAYLOAD_KINDS.length] ?? 'env';
          turn += 1;
          const parents = [attackersZone(encoding, random, surroundings)];
          attacks.push({
            group: 'encodings',
            payload: kind,
            stream: planned(name, encoding.name, { encoding, chunkSize, pace, types, kind, parents, sessions: 1 }, surroundings.seed),
          });
        }
      }
    }
  }
  return attacks;
}

/** Many parents, many sessions, and parents that lists know. */
export function spreadAttacks(surroundings: AttackSurroundings, seeds: number): Attack[] {
  const attacks: Attack[] = [];
  const chosen = [encodingNamed('hex'), encodingNamed('words in one label'), encodingNamed('base32')];
  const add = (group: string, what: string, parentsOf: (random: Random) => readonly string[], sessions: number, pace: Pace): void => {
    for (const [at, encoding] of chosen.entries()) {
      for (let seed = 0; seed < seeds; seed++) {
        const name = `${what}, ${encoding.name}, ${pace.name}, ${seed}`;
        const random = randomFrom(surroundings.seed, name);
        const chunkSize = [8, 4, 20][at] ?? 8;
        const types = TYPE_SETS[(at + seed) % 2] ?? ['A'];
        const kind = PAYLOAD_KINDS[seed % PAYLOAD_KINDS.length] ?? 'env';
        const plan = { encoding, chunkSize, pace, types, kind, parents: parentsOf(random), sessions, payloadOctets: 2 * PAYLOAD_OCTETS };
        attacks.push({ group, stream: planned(name, `${group}, ${encoding.name}`, plan, surroundings.seed) });
      }
    }
  };
  const invented = (count: number) => (random: Random) => Array.from({ length: count }, () => inventedParent(random, surroundings));
  const [flatOut, perMinute] = PACES;
  for (const pace of [flatOut, perMinute]) {
    for (const count of [40, 100, 256]) add(`${count} parents`, `${count} parents`, invented(count), 1, pace);
    for (const count of [2, 10, 50]) add(`${count} sessions, one parent`, `${count} sessions`, invented(1), count, pace);
    add('10 sessions, 40 parents', '10 sessions, 40 parents', invented(40), 10, pace);
    add('popular parent', 'popular parent', (random) => [popularParent(random, surroundings)], 1, pace);
    for (const kind of ['dynamic-dns', 'oast', 'tunnel', 'request-bin'] as const) {
      const parents = readShippedTable('shared-parents').filter((entry) => entry.kind === kind);
      if (parents.length > 0)
        add(`${kind} parent`, kind, (random) => [`${randomText(random, 8, LOWER)}.${toPresentation(random.pick(parents).name)}`], 1, pace);
    }
    const encoders = readShippedTable('encoders');
    add('below an encoder', 'below an encoder', (random) => [toPresentation(random.pick(encoders).name)], 1, pace);
    const tenants = ['github.io', 'pages.dev', 'netlify.app', 'duckdns.org', 'blogspot.com', 'surge.sh'];
    add('tenant of a private suffix', 'tenant', (random) => [`${randomText(random, 10, LOWER)}.${random.pick(tenants)}`], 1, pace);
  }
  return attacks;
}

const LOWER = 'abcdefghijklmnopqrstuvwxyz';

/** What can be said without names that hold data. Octets are what the receiver can tell apart: log2 of the choices, for each arrival. */
export function channelAttacks(surroundings: AttackSurroundings): Attack[] {
  const permitted = ['A', 'AAAA', 'HTTPS', 'SVCB', 'CNAME', 'MX', 'TXT', 'SRV', 'NS', 'SOA', 'CAA', 'PTR', 'TLSA', 'SSHFP', 'NAPTR', 'URI'];
  const closed = ['NULL', 'KEY', 'ANY', 'TYPE65399', 'TYPE10', 'TYPE99', 'TYPE65280', 'TYPE65500'];
  const hosts = ['www', 'mail', 'api', 'cdn', 'static', 'img', 'login', 'shop', 'blog', 'docs', 'dev', 'test', 'app', 'news', 'help', 'm'];
  const fixed = (
    name: string,
    count: number,
    everyMs: number,
    choose: (random: Random, at: number) => { labels: string[]; type: string; octets: number },
  ): Attack => {
    const random = randomFrom(surroundings.seed, name);
    const parent = inventedParent(random, surroundings);
    const queries: StreamQuery[] = [];
    for (let at = 0; at < count; at++) {
      const { labels, type, octets } = choose(random, at);
      const qname = nameBelow(labels, parent);
      if (qname === null) continue;
      const part = octets === 0 ? null : { id: at, octets };
      queries.push({
        atMs: START_MS + at * everyMs,
        client: clientAddress(0),
        qname,
        qtype: typeNumber(type),
        response: ATTACKER_ANSWER,
        part,
      });
    }
    return { group: name, stream: { name, tool: name, queries } };
  };
  return [
    // The name is read as it would leave: the octets counted are the capitals that are still there.
    fixed('letter case', 400, 100, (random) => {
      const written = Array.from('assetsdeliverynetwork', (letter) => (random.next() < 0.5 ? letter.toUpperCase() : letter)).join('');
      const left = toPresentation(requireName(`${written}.example`));
      return { labels: [written], type: 'A', octets: (left.match(/[A-Z]/g)?.length ?? 0) / 8 };
    }),
    fixed('types that are not permitted', 400, 1_000, (random) => ({
      labels: ['www'],
      type: random.pick(closed),
      octets: Math.log2(closed.length) / 8,
    })),
    fixed('types that are permitted', 1_000, 61_000, (random, at) => ({
      labels: [hosts[Math.floor(at / 16) % 16] ?? 'www'],
      type: random.pick(permitted),
      octets: Math.log2(permitted.length) / 8,
    })),
    fixed('order of 16 names', 1_000, 61_000, (random) => ({ labels: [random.pick(hosts)], type: 'A', octets: 4 / 8 })),
    fixed('order of 16 names, flat out', 1_000, 500, (random) => ({ labels: [random.pick(hosts)], type: 'A', octets: 4 / 8 })),
    fixed('repeats of two names', 2_000, 61_000, (random) => ({ labels: [random.next() < 0.5 ? 'www' : 'api'], type: 'A', octets: 1 / 8 })),
  ];
}

/** Each name as the stub resolver asks it, and again under the search suffix when it is refused: the suffix's servers would read it. */
export function searchSuffixAttacks(surroundings: AttackSurroundings, seeds: number): Attack[] {
  return Array.from({ length: seeds }, (_unused, seed): Attack => {
    const random = randomFrom(surroundings.seed, 'search suffix', seed);
    const suffix = `corp.${inventedParent(random, surroundings)}`;
    const encoding = encodingNamed('hex');
    const plan = {
      encoding,
      chunkSize: 16,
      types: ['A'],
      kind: 'env',
      parents: [inventedParent(random, surroundings)],
      sessions: 1,
      pace: PACES[0],
    } as const;
    const bare = planned(`search suffix, ${seed}`, 'search suffix', plan, surroundings.seed);
    const queries = bare.queries.flatMap((query) => {
      const suffixed = fromPresentation(`${toPresentation(query.qname)}.${suffix}`);
      return suffixed === null
        ? [query]
        : [query, { ...query, qname: suffixed, atMs: query.atMs + 1, response: { ...ATTACKER_ANSWER, rcode: 3 } }];
    });
    return { group: 'under a search suffix', stream: { ...bare, queries }, sections: [`searchSuffixes: ["${suffix}"]`] };
  });
}

/** One key of 36 octets in one query: what only a watched secret, a known form or first contact can stop. */
export function oneKeyAttacks(surroundings: AttackSurroundings, count: number): Attack[] {
  const forms: Readonly<Record<string, (key: string) => string[]>> = {
    base32: (key) => [base32(ascii(key)).slice(0, 58)],
    'base32 in two labels': (key) => halves(base32(ascii(key))),
    'hex in two labels': (key) => halves(hex(ascii(key))),
    'as it is': (key) => [key],
  };
  const kinds: Readonly<Record<string, (random: Random) => string>> = {
    'registered key': (random) => randomText(random, 36),
    'key without a form': (random) => randomText(random, 36),
    'key-shaped, GitHub': (random) => `ghp_${randomText(random, 36)}`,
    'key-shaped, AWS': (random) => `AKIA${randomText(random, 16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}`,
    'key-shaped, Slack': (random) =>
      `xoxb-${randomText(random, 12, '0123456789')}-${randomText(random, 12, '0123456789')}-${randomText(random, 24)}`,
    'key-shaped, Stripe': (random) => `sk_live_${randomText(random, 24)}`,
  };
  const attacks: Attack[] = [];
  for (const [kind, make] of Object.entries(kinds)) {
    for (const [form, write] of Object.entries(forms)) {
      for (let at = 0; at < count; at++) {
        const name = `${kind}, ${form}, ${at}`;
        const random = randomFrom(surroundings.seed, name);
        const key = make(random);
        const qname = nameBelow([...write(key), 'k'], inventedParent(random, surroundings));
        if (qname === null) continue;
        const query = { atMs: START_MS, client: clientAddress(0), qname, qtype: typeNumber('A'), response: ATTACKER_ANSWER };
        const stream = { name, tool: kind, queries: [{ ...query, part: { id: 0, octets: key.length } }] };
        attacks.push({ group: `one query: ${kind}, ${form}`, stream, ...(kind === 'registered key' ? { registered: key } : {}) });
      }
    }
  }
  return attacks;
}

/** A registered key over several names of six octets each: found piece by piece, or not. */
export function slicedKeyAttacks(surroundings: AttackSurroundings, count: number): Attack[] {
  return ['hex', 'base32', 'counter and hex'].flatMap((encodingName) =>
    Array.from({ length: count }, (_unused, at): Attack => {
      const name = `registered key in slices, ${encodingName}, ${at}`;
      const random = randomFrom(surroundings.seed, name);
      const key = randomText(random, 36);
      const parent = inventedParent(random, surroundings);
      const queries = [0, 1, 2, 3, 4, 5].flatMap((slice): StreamQuery[] => {
        const chunk = ascii(key.slice(slice * 6, slice * 6 + 6));
        const qname = nameBelow(encodingNamed(encodingName).encode(chunk, slice), parent);
        const query = {
          client: clientAddress(0),
          qtype: typeNumber('A'),
          response: ATTACKER_ANSWER,
          part: { id: slice, octets: chunk.length },
        };
        return qname === null ? [] : [{ ...query, qname, atMs: START_MS + slice * 1_000 }];
      });
      return {
        group: 'registered key in slices of 6 octets',
        stream: { name, tool: 'registered key in slices', queries },
        registered: key,
      };
    }),
  );
}

/** The queries are made when they are asked for: all of them at once would take gigabytes. */
function planned(name: string, tool: string, plan: Plan, seed: string): Stream {
  return {
    name,
    tool,
    get queries() {
      return plannedQueries(`${seed} ${name}`, plan);
    },
  };
}

function plannedQueries(seed: string, plan: Plan): StreamQuery[] {
  const { encoding, chunkSize, pace, types, kind, parents, sessions, payloadOctets = PAYLOAD_OCTETS } = plan;
  const random = randomFrom('pauses', seed);
  const payload = secretPayload(kind, payloadOctets, seed);
  const queries: StreamQuery[] = [];
  let atMs = START_MS;
  for (let at = 0; at * chunkSize < payload.length; at++) {
    const chunk = payload.subarray(at * chunkSize, (at + 1) * chunkSize);
    const qname = nameBelow(encoding.encode(chunk, at), parents[at % parents.length] ?? '');
    if (qname === null) throw new Error(`${seed} does not fit into a name`);
    const client = clientAddress(at % sessions);
    const part = { id: at, octets: chunk.length * encoding.readable };
    types.forEach((type, order) => {
      queries.push({ atMs: atMs + order, client, qname, qtype: typeNumber(type), response: ATTACKER_ANSWER, part });
    });
    atMs += Math.round(pace.everyMs * (1 - JITTER + 2 * JITTER * random.next()));
  }
  return queries;
}

function attackersZone({ zone }: Encoding, random: Random, surroundings: AttackSurroundings): string {
  return zone === 'domain' ? inventedParent(random, surroundings) : inventedReverseZone(random, zone);
}

function inventedParent(random: Random, { popular }: AttackSurroundings): string {
  return inventedDomain(random, (domain) => popular.has(domain));
}

/** A popular domain that no list of encoders covers. */
function popularParent(random: Random, { popularNames, shipped }: AttackSurroundings): string {
  for (;;) {
    const name = random.pick(popularNames);
    const qname = fromPresentation(name);
    if (qname !== null && shipped.match(qname) === null && !isAtOrBelow(qname, requireName('arpa'))) return name;
  }
}

function encodingNamed(name: string): Encoding {
  const found = ENCODINGS.find((encoding) => encoding.name === name);
  if (found === undefined) throw new Error(`no encoding ${name}`);
  return found;
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function halves(text: string): string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)];
}

/** So that a word list with a double is noticed. */
if (new Set(WORD_LIST).size !== 256) throw new Error('the word list must have 256 different words');
