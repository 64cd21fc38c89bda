/**
 * Says in words for the author of a config file what its schema found: which key, what stands there, what would be right.
 * Owns the wording only; the schema is `schema.ts`.
 */
import type { z } from 'zod';
import { LATER_KEYS, LATER_VALUES } from './schema.ts';
import { type Path, pathText } from './yaml-source.ts';

export interface ShapeProblem {
  readonly path: Path;
  readonly message: string;
  /** Point at the key instead of the value. */
  readonly atKey: boolean;
}

type Issue = z.core.$ZodIssue;

/** `root`: the value that was checked, to tell what is missing from what is wrong. `knownKeys`: the keys a mapping may have. */
export function shapeProblems(issues: readonly Issue[], root: unknown, knownKeys: (path: Path) => readonly string[]): ShapeProblem[] {
  return issues.flatMap((issue) => describe(issue, [], root, knownKeys));
}

function describe(issue: Issue, base: Path, root: unknown, knownKeys: (path: Path) => readonly string[]): ShapeProblem[] {
  const path = [...base, ...issue.path] as Path;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(path, key, knownKeys(path)), atKey: true }));
  }
  if (issue.code === 'invalid_union') {
    // The alternatives differ in kind (a word or a mapping): the one whose kind fits tells what is wrong inside it.
    const fitting = issue.errors.filter((errors) => !errors.some((error) => error.path.length === 0 && isOfKind(error)));
    const [only] = fitting;
    if (fitting.length === 1 && only !== undefined) return only.flatMap((inner) => describe(inner, path, root, knownKeys));
    const wanted = [...new Set(issue.errors.flat().map(expectation))].join(' or ');
    return [{ path, message: `expected ${wanted}, not ${shown(valueAt(root, path))}`, atKey: false }];
  }
  const value = valueAt(root, path);
  if (value === undefined) return [{ path, message: `is required: ${expectation(issue)}`, atKey: false }];
  if (issue.code === 'invalid_value' && LATER_VALUES[generic(path)]?.includes(String(value))) {
    return [{ path, message: `"${String(value)}" is not supported by this version`, atKey: false }];
  }
  return [{ path, message: complaint(issue, value), atKey: false }];
}

function isOfKind(error: Issue): boolean {
  return error.code === 'invalid_type' || error.code === 'invalid_value';
}

function complaint(issue: Issue, value: unknown): string {
  if (issue.code === 'invalid_type' || issue.code === 'invalid_value') return `expected ${expectation(issue)}, not ${shown(value)}`;
  if (issue.code === 'too_small') {
    if (issue.origin === 'number' || issue.origin === 'int') return `must be at least ${issue.minimum}, not ${shown(value)}`;
    return 'must not be empty';
  }
  if (issue.code === 'too_big')
    return `must be at most ${issue.maximum}${issue.origin === 'string' ? ' characters long' : `, not ${shown(value)}`}`;
  return issue.message;
}

function expectation(issue: Issue): string {
  if (issue.code === 'invalid_value') return issue.values.map(String).join(' or ');
  if (issue.code !== 'invalid_type') return 'another value';
  switch (issue.expected) {
    case 'object':
    case 'record':
      return 'a mapping of keys';
    case 'array':
      return 'a list';
    case 'string':
      return 'text';
    case 'int':
      return 'a whole number';
    case 'number':
      return 'a number';
    case 'boolean':
      return 'true or false';
    default:
      return issue.expected;
  }
}

/** What stands in the file, short and free of control characters. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function unknownKey(path: Path, key: string, known: readonly string[]): string {
  if (LATER_KEYS[generic(path)]?.includes(key)) return 'is not supported by this version';
  const close = known.find((candidate) => isClose(candidate, key));
  return close === undefined ? `unknown key; known here: ${known.join(', ')}` : `unknown key; did you mean ${close}?`;
}

/** The path with every index as `[]`: `policies[].match`. */
function generic(path: Path): string {
  return pathText(path).replace(/\[\d+\]/g, '[]');
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

/** Whether a typing mistake or a missing plural lies between two keys: at most two edits, letter case aside. */
function isClose(a: string, b: string): boolean {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()];
  if (Math.abs(left.length - right.length) > 2 || left.length > 40) return false;
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return (row[right.length] ?? 3) <= 2;
}
