/**
 * The rules of ad blockers as far as they are about names: `||x^` the name and all below, `|x^` and a plain `x` the name alone,
 * `||*.x^` what is below, `@@` an exception; `$important`, `$badfilter`, `$dnstype`, `$denyallow` as in AdGuard Home. Whatever
 * else such lists hold (parts of pages, paths, types of content) is about traffic a resolver does not see, and is counted by kind.
 *
 * In an allow list `@@||x^` and `||x^` both allow: such lists are written in either form.
 */
import { typeFromName } from '../wire/codes.ts';
import type { QName } from '../wire/name.ts';
import { readHostsLine, wordsOf } from './hosts-reader.ts';
import { readListName, whyNotAName } from './list-name.ts';
import type { LineReader, ListKind, ListRule, NotApplied, Reach, RuleCondition, RuleSink } from './list-rule.ts';

type Pattern = { readonly base: QName; readonly reach: Reach } | NotApplied;

interface Modifiers {
  important: boolean;
  badfilter: boolean;
  types: number[];
  otherTypes: number[];
  denyAllow: QName[];
}

/** `##`, `#@#`, `#?#`, `#$#`, `#%#` and their combinations; `$$` and `$@$`. */
const COSMETIC = /#@?[$?%]{0,2}#|\$@?\$/;
/** The same at the start of a line, where `####` is a comment. */
const COSMETIC_AT_START = /^#@?[$?%]{0,2}#[^#\s]/;

/** Reads a list line by line; lines are independent of each other. */
export function adblockReader(kind: ListKind, sink: RuleSink): LineReader {
  return (written, line) => {
    const text = written.trimStart();
    if (text === '' || text.startsWith('!') || text.startsWith('[')) return;
    if (text.startsWith('#')) {
      if (COSMETIC_AT_START.test(text)) sink.notApplied('cosmetic', line);
    } else if (COSMETIC.test(text)) sink.notApplied('cosmetic', line);
    else if (/\s/.test(text)) readSpacedLine(text, line, kind, sink);
    else tellRule(readRule(text, kind), line, sink);
  };
}

/** A line of a hosts file, or a rule with a comment behind it. */
function readSpacedLine(text: string, line: number, kind: ListKind, sink: RuleSink): void {
  const words = wordsOf(text);
  if (readHostsLine(words, line, sink)) return;
  if (words.length === 1) tellRule(readRule(words[0] ?? '', kind), line, sink);
  else sink.notApplied('syntax', line);
}

type RuleOrVoid = NotApplied | { readonly rule: ListRule; readonly voids: boolean };

function tellRule(read: RuleOrVoid, line: number, sink: RuleSink): void {
  if (typeof read === 'string') sink.notApplied(read, line);
  else if (read.voids) sink.voided(read.rule, line);
  else sink.rule(read.rule, line);
}

function readRule(text: string, kind: ListKind): RuleOrVoid {
  const exception = text.startsWith('@@');
  const said = exception ? text.slice(2) : text;
  if (/^\/.*\/(?:\$|$)/.test(said)) return 'regular-expression';
  const dollar = said.indexOf('$');
  const modifiers = dollar < 0 ? NONE : readModifiers(said.slice(dollar + 1));
  if (typeof modifiers === 'string') return modifiers;
  const pattern = readPattern(dollar < 0 ? said : said.slice(0, dollar));
  if (typeof pattern === 'string') return pattern;
  const effect = exception && kind === 'block' ? 'excepted' : 'listed';
  const rule: ListRule = { ...pattern, effect, important: modifiers.important, condition: conditionOf(modifiers) };
  return { rule, voids: modifiers.badfilter };
}

function readPattern(text: string): Pattern {
  if (text === '*' || text === '||*^' || text === '') return 'too-wide';
  const [front, anchored] = text.startsWith('||') ? ['||', true] : text.startsWith('|') ? ['|', true] : ['', false];
  const ending = /\^?\|?$/.exec(text)?.[0] ?? '';
  const middle = text.slice(front.length, text.length - ending.length);
  const wildcard = middle.startsWith('*.');
  const written = wildcard ? middle.slice(2) : middle;
  const base = readListName(written);
  if (base === null) return /[*^|]/.test(written) || written.startsWith('.') ? partOrUrl(written) : whyNotAName(written);
  if (wildcard) return front === '|' ? 'part-of-a-name' : { base, reach: 'below' };
  // `x^` alone would cover `barx` as well, and `|x` alone `x.org` for `x.or`.
  if ((!anchored && ending !== '') || (front === '|' && ending === '')) return 'part-of-a-name';
  return { base, reach: front === '||' ? 'at-or-below' : 'exact' };
}

function partOrUrl(text: string): NotApplied {
  return /[/:?]/.test(text) ? 'url' : 'part-of-a-name';
}

const NONE: Modifiers = { important: false, badfilter: false, types: [], otherTypes: [], denyAllow: [] };

/** What stands behind `$`; why the rule is not applied when any of it is nothing a resolver can keep to. */
function readModifiers(text: string): Modifiers | NotApplied {
  const read: Modifiers = { important: false, badfilter: false, types: [], otherTypes: [], denyAllow: [] };
  for (const modifier of text.split(',')) {
    const equals = modifier.indexOf('=');
    const name = equals < 0 ? modifier : modifier.slice(0, equals);
    const value = equals < 0 ? null : modifier.slice(equals + 1);
    if (name === 'dnsrewrite') return 'rewrite';
    if (!readModifier(name, value, read)) return 'modifier';
  }
  return read;
}

function readModifier(name: string, value: string | null, read: Modifiers): boolean {
  if (value === null) {
    if (name === 'important') read.important = true;
    else if (name === 'badfilter') read.badfilter = true;
    else return false;
    return true;
  }
  if (name === 'dnstype') return value.split('|').every((type) => readType(type, read));
  return name === 'denyallow' && value.split('|').every((written) => readDenyAllow(written, read));
}

function readType(written: string, read: Modifiers): boolean {
  const negated = written.startsWith('~');
  const type = typeFromName(negated ? written.slice(1) : written);
  if (type === null) return false;
  (negated ? read.otherTypes : read.types).push(type);
  return true;
}

function readDenyAllow(written: string, read: Modifiers): boolean {
  const name = readListName(written);
  if (name === null) return false;
  read.denyAllow.push(name);
  return true;
}

/** In order and each once, so that two rules that say the same are the same. */
function conditionOf({ types, otherTypes, denyAllow }: Modifiers): RuleCondition | null {
  if (types.length + otherTypes.length + denyAllow.length === 0) return null;
  return {
    types: [...new Set(types)].sort((one, other) => one - other),
    otherTypes: [...new Set(otherTypes)].sort((one, other) => one - other),
    denyAllow: [...new Set(denyAllow)].sort(),
  };
}
