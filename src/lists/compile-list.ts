/**
 * A list's octets, as they come, to a compiled list. Owns which rules a kind of list accepts, and the counting;
 * no files and no network: whoever fetches pushes.
 */
import { createHash } from 'node:crypto';
import type { ListFormat } from '../config/config.ts';
import { isPublicSuffix } from '../policy/registrable-domain.ts';
import { labelCount } from '../wire/name.ts';
import { CompiledBuilder } from './compiled-builder.ts';
import type { CompiledList } from './compiled-list.ts';
import type { NameHasher } from './list-hash.ts';
import { openListReader, type SniffingReader } from './list-reader.ts';
import { LineTally } from './list-report.ts';
import type { ListKind, ListRule, NotApplied } from './list-rule.ts';

export interface CompileOptions {
  readonly kind: ListKind;
  readonly format: ListFormat;
  readonly hasher: NameHasher;
}

export type CompileResult =
  | { readonly kind: 'compiled'; readonly list: CompiledList }
  /** It is no list, in words for the operator: a web page, a compressed file. Keep what there was before. */
  | { readonly kind: 'refused'; readonly problem: string };

/**
 * Compiles what is pushed. Takes about two microseconds for a line, so a caller on the main thread gives way between pushes.
 * A list with nothing but comments compiles to no entries: whether that may replace an earlier one is the caller's to decide.
 */
export class ListCompiler {
  readonly #kind: ListKind;
  readonly #builder: CompiledBuilder;
  readonly #reader: SniffingReader;
  readonly #sha256 = createHash('sha256');
  #octets = 0;
  #duplicates = 0;
  readonly #topLevels = new LineTally();
  readonly #notApplied = new Map<NotApplied, LineTally>();

  constructor({ kind, format, hasher }: CompileOptions) {
    this.#kind = kind;
    this.#builder = new CompiledBuilder(hasher);
    this.#reader = openListReader(format, kind, {
      rule: (rule, line) => this.#add(rule, line),
      voided: (rule, line) => {
        if (!this.#builder.void(rule)) this.#skip('too-many-conditions', line);
      },
      notApplied: (why, line) => this.#skip(why, line),
      node: (base, reach) => this.#builder.addNode(base, reach),
    });
  }

  push(octets: Uint8Array): void {
    this.#sha256.update(octets);
    this.#octets += octets.length;
    this.#reader.push(octets);
  }

  /** To be called once, after the last octets. */
  finish(): CompileResult {
    const outcome = this.#reader.end();
    if ('problem' in outcome) return { kind: 'refused', problem: outcome.problem };
    const list = this.#builder.finish((counts) => ({
      kind: this.#kind,
      ...outcome,
      sourceSha256: this.#sha256.digest('hex'),
      sourceOctets: this.#octets,
      ...counts,
      duplicates: this.#duplicates,
      topLevels: this.#topLevels.tally,
      notApplied: [...this.#notApplied].map(([why, lines]) => ({ why, ...lines.tally })),
    }));
    return { kind: 'compiled', list };
  }

  #add(rule: ListRule, line: number): void {
    const added = isTooWide(rule, this.#kind) ? 'too-wide' : this.#builder.add(rule, line);
    if (added === 'duplicate') this.#duplicates += 1;
    else if (added !== 'added') this.#skip(added, line);
    else if (isTopLevel(rule) && rule.effect === 'listed') this.#topLevels.add(line);
  }

  #skip(why: NotApplied, line: number): void {
    let lines = this.#notApplied.get(why);
    if (lines === undefined) {
      lines = new LineTally();
      this.#notApplied.set(why, lines);
    }
    lines.add(line);
  }
}

/** Compiles a list that is in memory already. */
export function compileList(octets: Uint8Array, options: CompileOptions): CompileResult {
  const compiler = new ListCompiler(options);
  compiler.push(octets);
  return compiler.finish();
}

/**
 * What one line must not do: name everything; in an allow list, open what anybody can register names in. A block list may name a
 * top-level domain, as `||zip^` does.
 */
function isTooWide(rule: ListRule, kind: ListKind): boolean {
  if (rule.base.length === 1) return true;
  return kind === 'allow' && rule.effect === 'listed' && rule.reach !== 'exact' && (isTopLevel(rule) || isPublicSuffix(rule.base));
}

function isTopLevel({ base, reach }: ListRule): boolean {
  return reach !== 'exact' && labelCount(base) === 1;
}
