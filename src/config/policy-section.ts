/**
 * The `policies` of a config file, normalised: presets filled in, patterns and prefixes canonical, contradictions found.
 */
import type { z } from 'zod';
import type { Budgets, Thresholds } from '../../scoring/observation.ts';
import { FIRST_CONTACT_BITS, PRESETS } from '../../scoring/presets.ts';
import type { Mode } from '../pipeline/ports.ts';
import { canonicalPrefix } from '../policy/address-set.ts';
import { parsePattern } from '../policy/name-pattern.ts';
import { typeFromName, typeName } from '../wire/codes.ts';
import type { ListedPattern, PolicyConfig } from './config.ts';
import type { Problems } from './problems.ts';
import type { policySchema } from './schema.ts';
import { parseDuration, parseEndpoint } from './values.ts';
import type { Path } from './yaml-source.ts';

type WrittenPolicy = z.infer<typeof policySchema>;
type WrittenSection = NonNullable<WrittenPolicy['allow']>[number];

/** What is answered unless a policy says otherwise: no type that carries free octets and that hosts do not need. */
// biome-ignore format: a table reads better in rows
export const DEFAULT_QTYPES: readonly string[] = [
  'A', 'AAAA', 'HTTPS', 'SVCB', 'PTR', 'CNAME', 'MX', 'TXT', 'SRV', 'NS', 'SOA', 'CAA', 'DS', 'DNSKEY',
  'RRSIG', 'NSEC', 'NSEC3', 'NSEC3PARAM', 'TLSA', 'SSHFP', 'NAPTR', 'URI',
];

const POLICY_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

const DEFAULT_QUARANTINE_SECONDS = 3600;
const DAY_SECONDS = 86_400;

/** The policy where a config names none: matches all, allows, scores. */
export function defaultPolicy(mode: Mode): PolicyConfig {
  return {
    name: 'default',
    match: { cidr: null, listener: null },
    preset: 'interactive',
    ownMode: null,
    mode,
    default: 'allow',
    unlisted: 'score',
    allow: [],
    block: [],
    qtypes: DEFAULT_QTYPES,
    ...PRESETS.interactive,
    quarantine: { forSeconds: DEFAULT_QUARANTINE_SECONDS, answers: 'nxdomain', stillAllow: null },
    lists: null,
    isolateCache: false,
  };
}

/** One policy of the file; `mode` is the file's. */
export function readPolicy(written: WrittenPolicy, path: Path, mode: Mode, problems: Problems): PolicyConfig {
  const preset = written.preset ?? 'interactive';
  const byDefault = written.default ?? 'allow';
  // Stands in answers, metrics and commands.
  if (!POLICY_NAME.test(written.name))
    problems.add([...path, 'name'], 'must be 1 to 63 letters, digits, dots, dashes or underscores, no dash or dot first');
  checkStrictness(written, path, mode, problems);
  return {
    name: written.name,
    match: readMatch(written.match, [...path, 'match'], problems),
    preset,
    ownMode: written.mode ?? null,
    mode: strictest(mode, written.mode ?? null),
    default: byDefault,
    unlisted: written.unlisted ?? (byDefault === 'deny' ? 'refuse' : 'score'),
    allow: readSections(written.allow ?? [], [...path, 'allow'], problems),
    block: readSections(written.block ?? [], [...path, 'block'], problems),
    qtypes: written.qtypes?.flatMap((text, i) => readType(text, [...path, 'qtypes', i], problems)) ?? DEFAULT_QTYPES,
    thresholds: readThresholds(written.thresholds, PRESETS[preset].thresholds, [...path, 'thresholds'], problems),
    budgets: readBudgets(written.budgets, PRESETS[preset].budgets, [...path, 'budgets'], problems),
    firstContactBits: readFirstContact(written.firstContact, PRESETS[preset].firstContactBits),
    dohEndpoints: written.dohEndpoints ?? PRESETS[preset].dohEndpoints,
    quarantine: readQuarantine(written.quarantine, [...path, 'quarantine'], problems),
    lists: written.lists ?? null,
    isolateCache: written.cache?.isolate ?? false,
  };
}

function checkStrictness(written: WrittenPolicy, path: Path, mode: Mode, problems: Problems): void {
  if (written.mode === 'observe' && mode === 'enforce') {
    problems.add([...path, 'mode'], 'a policy may only be as strict as the file or stricter, and the file says mode: enforce');
  }
  if (written.default !== 'deny') return;
  if (written.unlisted === 'score') {
    problems.add([...path, 'unlisted'], 'score contradicts default: deny, which refuses every name that is not listed; write refuse');
  }
  if ((written.allow ?? []).every((section) => section.names.length === 0)) {
    problems.warn(path, `policy ${written.name} denies by default and allows no name: only records and trusted zones are answered`);
  }
}

function readMatch(written: WrittenPolicy['match'], path: Path, problems: Problems): PolicyConfig['match'] {
  const { cidr, listener } = written ?? {};
  return {
    cidr: cidr === undefined ? null : readPrefixes(cidr, [...path, 'cidr'], problems),
    listener: listener?.flatMap((text, index) => problems.take(parseEndpoint(text), [...path, 'listener', index])) ?? null,
  };
}

function readThresholds(written: WrittenPolicy['thresholds'], preset: Thresholds, path: Path, problems: Problems): Thresholds {
  const { flag = preset.flag, refuse = preset.refuse, quarantine = preset.quarantine } = written ?? {};
  if (flag > refuse || refuse > quarantine) {
    problems.add(path, `must rise: flag ${flag}, refuse ${refuse}, quarantine ${quarantine} (what is not written comes from the preset)`);
  }
  return { flag, refuse, quarantine };
}

function readFirstContact(written: WrittenPolicy['firstContact'], preset: number | null): number | null {
  if (written === undefined) return preset;
  if (written === 'on' || written === true) return preset ?? FIRST_CONTACT_BITS;
  return typeof written === 'number' ? written : null;
}

function readQuarantine(written: WrittenPolicy['quarantine'], path: Path, problems: Problems): PolicyConfig['quarantine'] {
  const { answers = 'nxdomain', stillAllow } = written ?? {};
  const [forSeconds = DEFAULT_QUARANTINE_SECONDS] =
    written?.for === undefined ? [] : problems.take(parseDuration(written.for), [...path, 'for']);
  if (forSeconds < 60) problems.add([...path, 'for'], 'a quarantine lasts at least 1m');
  return { forSeconds, answers, stillAllow: stillAllow === undefined ? null : readPatterns(stillAllow, [...path, 'stillAllow'], problems) };
}

/** A policy's own mode can only add strictness. */
export function strictest(file: Mode, policy: Mode | null): Mode {
  return file === 'enforce' || policy === 'enforce' ? 'enforce' : 'observe';
}

export function readPrefixes(texts: readonly string[], path: Path, problems: Problems): string[] {
  return texts.flatMap((text, index) => {
    const read = canonicalPrefix(text);
    if ('prefix' in read) return [read.prefix];
    problems.add([...path, index], read.problem);
    return [];
  });
}

export function readPatterns(texts: readonly string[], path: Path, problems: Problems): string[] {
  return texts.flatMap((text, index) => {
    const pattern = parsePattern(text);
    if (!('problem' in pattern)) return [pattern.text];
    problems.add([...path, index], pattern.problem);
    return [];
  });
}

function readSections(sections: readonly WrittenSection[], path: Path, problems: Problems): ListedPattern[] {
  return sections.flatMap(({ section, owner, reason, names }, index) =>
    readPatterns(names, [...path, index, 'names'], problems).map((pattern) => ({ section, owner, reason, pattern })),
  );
}

function readType(text: string, path: Path, problems: Problems): string[] {
  const type = typeFromName(text);
  if (type === null) problems.add(path, `"${text}" is not an RR type; write its mnemonic (A, TXT) or TYPE123`);
  // RFC 6895 §3.1: 0 is reserved, 128-255 are questions and transfers, 41 is EDNS: none of them is a record one can be given.
  else if (type === 0 || type === 41 || (type >= 128 && type <= 255))
    problems.add(path, `${typeName(type)} is not a type that a resolver can answer`);
  else return [typeName(type)];
  return [];
}

function readBudgets(written: WrittenPolicy['budgets'], preset: Budgets, path: Path, problems: Problems): Budgets {
  if (written === undefined) return preset;
  if (written === 'off') {
    return {
      parentBits: null,
      sessionBits: null,
      fleetParentBits: null,
      parentRefillBitsPerDay: 0,
      sessionRefillBitsPerDay: 0,
      encoderBits: null,
      encoderRefillBitsPerDay: 0,
    };
  }
  const parentBits = written.parentBits ?? preset.parentBits;
  const sessionBits = written.sessionBits ?? preset.sessionBits;
  // Without a word about the fleet, raising a session's share must not be undone silently by the preset's fleet budget.
  const fleetParentBits = written.fleetParentBits ?? Math.max(preset.fleetParentBits ?? 0, parentBits ?? 0);
  if (parentBits !== null && fleetParentBits < parentBits) {
    problems.warn(
      [...path, 'fleetParentBits'],
      `one session's parentBits (${parentBits}) can never be reached: the whole fleet has ${fleetParentBits}`,
    );
  }
  const encoderBits = written.encoderBits ?? preset.encoderBits;
  const perSeconds = written.per === undefined ? null : (problems.take(parseDuration(written.per), [...path, 'per'])[0] ?? DAY_SECONDS);
  if (perSeconds === 0) problems.add([...path, 'per'], 'must be longer than 0');
  const refill = (bits: number | null, ofPreset: number): number =>
    perSeconds === null || bits === null ? ofPreset : Math.floor((bits * DAY_SECONDS) / Math.max(1, perSeconds));
  return {
    parentBits,
    sessionBits,
    fleetParentBits,
    parentRefillBitsPerDay: refill(parentBits, preset.parentRefillBitsPerDay),
    sessionRefillBitsPerDay: refill(sessionBits, preset.sessionRefillBitsPerDay),
    encoderBits,
    // An encoder's budget refills in a day unless the policy says otherwise: it bounds a rate, and nobody waits below it to read.
    encoderRefillBitsPerDay: refill(encoderBits, encoderBits ?? 0),
  };
}

/** The policies between each other: names unique, everybody matched, none out of reach. */
export function checkPolicies(policies: readonly PolicyConfig[], problems: Problems): void {
  const names = new Set<string>();
  for (const [index, { name }] of policies.entries()) {
    if (names.has(name)) problems.add(['policies', index, 'name'], `another policy is called ${name} already`);
    names.add(name);
  }
  const matchAll = policies.findIndex(({ match }) => match.cidr === null && match.listener === null);
  const last = policies.length - 1;
  if (matchAll < 0) {
    problems.add(['policies', last], 'the last policy must match everybody (match: {}), so that no query is without one');
  } else if (matchAll < last) {
    const reached = policies[matchAll]?.name ?? '';
    problems.add(['policies', matchAll + 1], `never applies: policy ${reached} above it matches everybody, and the first match wins`);
  }
}
