/**
 * The compiled lists together, as policies ask them. A list from elsewhere says less than the operator: its allow entries open a name
 * and vouch for nothing more. Immutable: a list that changes makes a new one.
 */
import type { NameLists } from '../policy/name-lists.ts';
import type { ListEntry } from '../policy/policy.ts';
import type { QName } from '../wire/name.ts';
import { type CompiledEntry, type CompiledList, NO_ENTRY } from './compiled-list.ts';
import type { NameHasher } from './list-hash.ts';
import type { ListKind } from './list-rule.ts';

export interface SubscribedList {
  readonly name: string;
  readonly kind: ListKind;
  /** Compiled with the seed of the hasher that `subscribedNames` gets. */
  readonly compiled: CompiledList;
}

/** `lists`, in the order of the config: where several have a name, the first is named in records. */
export function subscribedNames(lists: readonly SubscribedList[], hasher: NameHasher): NameLists {
  const byType = basesOfTypes(lists);
  return {
    match: (kind, qname, qtype, only) => {
      const probe = hasher.probe(qname);
      for (const list of lists) {
        if (list.kind !== kind || only?.has(list.name) === false) continue;
        const entry = list.compiled.find(probe, qtype);
        if (entry !== NO_ENTRY && !list.compiled.isException(entry)) return listEntry(list.name, list.compiled.entryAt(entry));
      }
      return null;
    },
    // Of all lists, whichever apply: a name more than needed that is not remembered costs a microsecond.
    dependsOnType: (qname) => byType.size > 0 && someSuffix(qname, byType),
  };
}

/** The bases of all rules that are for some RR types only. */
function basesOfTypes(lists: readonly SubscribedList[]): ReadonlySet<QName> {
  const bases = new Set<QName>();
  for (const { compiled } of lists) {
    if (!compiled.dependsOnType) continue;
    for (const entry of compiled.parts.conditions.keys()) bases.add(compiled.entryAt(entry).base);
  }
  return bases;
}

function someSuffix(qname: QName, bases: ReadonlySet<QName>): boolean {
  for (let at = 0, length = qname.charCodeAt(0); length > 0; length = qname.charCodeAt(at)) {
    if (bases.has(qname.slice(at) as QName)) return true;
    at += 1 + length;
  }
  return false;
}

function listEntry(list: string, { pattern, line, condition }: CompiledEntry): ListEntry {
  return {
    section: list,
    owner: 'list',
    reason: `line ${line} of the list ${list}`,
    pattern,
    rule: `${list}:${line} ${pattern}`,
    // A list may hold a name for every secret there is, so to ask for one of them is not free; and who writes it does not know what
    // this site's search list hides.
    exact: false,
    fixedLabels: 0,
    subscribed: true,
    ofSomeTypes: condition !== null && condition.types.length + condition.otherTypes.length > 0,
  };
}
