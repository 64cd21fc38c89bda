/**
 * Makes the most of a value whose shape is partly wrong, so that one unknown key does not hide the other mistakes beside it.
 * Reports nothing: what the schema complains about has been reported from the whole file.
 */
import type { z } from 'zod';

/** A wrong value is taken out, which may leave a required key missing, which is then filled in. */
const ROUNDS = 3;

/** The value if its shape is right, or what is left of it without what is wrong; undefined when that is not enough. */
export function salvage<T>(schema: z.ZodType<T>, raw: unknown): T | undefined {
  let parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const rest = structuredClone(raw);
  for (let round = 0; round < ROUNDS && !parsed.success; round++) {
    for (const issue of parsed.error.issues) mend(rest, issue);
    parsed = schema.safeParse(rest);
  }
  return parsed.data;
}

function mend(root: unknown, issue: z.core.$ZodIssue): void {
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) remove(root, [...issue.path, key]);
    return;
  }
  const holder = valueAt(root, issue.path.slice(0, -1));
  const key = issue.path.at(-1);
  if (issue.code === 'invalid_type' && isMapping(holder) && key !== undefined && !Object.hasOwn(holder, key)) {
    // Stands in for a required value: only its neighbours will be looked at.
    if (issue.expected === 'string') holder[key] = 'missing';
    if (issue.expected === 'array') holder[key] = [];
    return;
  }
  remove(root, issue.path);
}

/** Removes the key at a path; for an element of a list, which others would move up to replace, the key that holds the list. */
function remove(root: unknown, path: readonly PropertyKey[]): void {
  for (let length = path.length; length > 0; length--) {
    const holder = valueAt(root, path.slice(0, length - 1));
    const key = path[length - 1];
    if (!isMapping(holder) || key === undefined || !Object.hasOwn(holder, key)) continue;
    delete holder[key];
    return;
  }
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const part of path) value = typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[part] : undefined;
  return value;
}

function isMapping(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
