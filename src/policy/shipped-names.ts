/**
 * The hand-written tables in `blocklists/`: legitimate encoders and hosts of public encrypted resolvers.
 * Owns reading and look-up; what a name there leads to is `classify-name.ts`, where the entries come from stands in the files.
 */
import type { QName } from '../wire/name.ts';
import { parseDomainName } from './name-pattern.ts';
import { NameTrie } from './name-trie.ts';
import { readShippedFile } from './shipped-file.ts';

/** One line of a table. */
export interface ShippedName {
  readonly name: QName;
  readonly kind: string;
  /** Origin and reason, or the operator. */
  readonly about: string;
}

/** What the tables say about a name: below `encoder` names carry data by design, or it is a host of an encrypted resolver. */
export type ShippedEntry = { readonly kind: 'encoder'; readonly encoder: QName } | { readonly kind: 'doh-endpoint' };

/** One trie for both tables: it is walked for every query, and no name stands in both. */
export type ShippedNames = NameTrie<ShippedEntry>;

export type ShippedTable = 'encoders' | 'doh-endpoints' | 'shared-parents';

/** The entries of a shipped table, in its order. Throws `DamagedInstallation` when it is not the one of this release. */
export function readShippedTable(table: ShippedTable): ShippedName[] {
  return readTable(readShippedFile(`${table}.txt`).toString('utf8'));
}

/** Reads lines of three columns, separated by tabs; lines that start with `#` are comments. */
export function readTable(text: string): ShippedName[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [written = '', kind = '', about = '', ...more] = line.split('\t');
      const name = parseDomainName(written);
      if (name === null || kind === '' || about === '' || more.length > 0) throw new Error(`not an entry of a shipped table: ${line}`);
      return { name, kind, about };
    });
}

let shipped: ShippedNames | null = null;

/** Both tables, read once. */
export function loadShippedNames(): ShippedNames {
  shipped ??= compileShippedNames(readShippedTable('encoders'), readShippedTable('doh-endpoints'));
  return shipped;
}

/**
 * Of an encoder of kind `site` only the tenants' own names are meant: below them a tenant writes what he likes. An endpoint of kind
 * `site` is a web site too, so the names below it are not meant.
 */
export function compileShippedNames(encoders: readonly ShippedName[], endpoints: readonly ShippedName[]): ShippedNames {
  const names: ShippedNames = new NameTrie();
  for (const { name, kind } of encoders)
    names.add({ kind: kind === 'site' ? 'one-label' : 'any-depth', base: name }, { kind: 'encoder', encoder: name });
  for (const { name, kind } of endpoints)
    names.add({ kind: kind === 'site' ? 'exact' : 'any-depth', base: name }, { kind: 'doh-endpoint' });
  return names;
}
