/** Compiles texts and asks them, for the tests of lists. */
import { readFileSync } from 'node:fs';
import type { ListFormat } from '../../../src/config/config.ts';
import { compileList } from '../../../src/lists/compile-list.ts';
import { type CompiledEntry, type CompiledList, NO_ENTRY } from '../../../src/lists/compiled-list.ts';
import { NameHasher } from '../../../src/lists/list-hash.ts';
import type { ListReport } from '../../../src/lists/list-report.ts';
import type { ListKind, NotApplied } from '../../../src/lists/list-rule.ts';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { requireName } from '../../../src/wire/name.ts';

export const hasher = new NameHasher(new Uint8Array(32).fill(1));

export function fixture(name: string): Buffer {
  return readFileSync(new URL(`../../../fixtures/lists/${name}`, import.meta.url));
}

export function compiled(source: string | Uint8Array, format: ListFormat = 'auto', kind: ListKind = 'block'): CompiledList {
  const result = compileList(typeof source === 'string' ? Buffer.from(source) : source, { kind, format, hasher });
  if (result.kind === 'refused') throw new Error(result.problem);
  return result.list;
}

/** The entry that decides about a name. */
export function decides(list: CompiledList, name: string, qtype: number | null = RRTYPE.A): CompiledEntry | null {
  const entry = list.find(hasher.probe(requireName(name)), qtype);
  return entry === NO_ENTRY ? null : list.entryAt(entry);
}

/** Whether the name is on the list. */
export function lists(list: CompiledList, name: string, qtype: number | null = RRTYPE.A): boolean {
  return decides(list, name, qtype)?.effect === 'listed';
}

/** Lines without effect, by reason. */
export function notApplied({ notApplied: tallies }: ListReport): Partial<Record<NotApplied, readonly number[]>> {
  return Object.fromEntries(tallies.map(({ why, firstLines }) => [why, firstLines]));
}
