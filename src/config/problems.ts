/**
 * Collects what is wrong with a config file, each with its path and place, so that all of it can be told at once.
 */
import type { Reading } from './values.ts';
import { type Path, type Position, pathText } from './yaml-source.ts';

export interface ConfigError extends Position {
  readonly file: string;
  /** `policies[0].match.cidr[1]`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

export class Problems {
  readonly #errors: ConfigError[] = [];
  readonly #warnings: ConfigError[] = [];
  readonly #file: string;
  readonly #positionOf: (path: Path) => Position;

  constructor(file: string, positionOf: (path: Path) => Position) {
    this.#file = file;
    this.#positionOf = positionOf;
  }

  add(path: Path, message: string, position: Position = this.#positionOf(path)): void {
    this.#errors.push({ file: this.#file, ...position, path: pathText(path), message });
  }

  warn(path: Path, message: string): void {
    this.#warnings.push({ file: this.#file, ...this.#positionOf(path), path: pathText(path), message });
  }

  /** The value read as a list of one; an empty list, and the problem noted, when there is none. */
  take<T>(reading: Reading<T>, path: Path): T[] {
    if ('value' in reading) return [reading.value];
    this.add(path, reading.problem);
    return [];
  }

  /** In the order of the file. */
  get errors(): ConfigError[] {
    return this.#errors.toSorted(byPosition);
  }

  get warnings(): ConfigError[] {
    return this.#warnings.toSorted(byPosition);
  }
}

function byPosition(a: Position, b: Position): number {
  return a.line - b.line || a.column - b.column;
}

/** `kennel.yaml:12:5 policies[0].match.cidr[1]: …`; without a place when it did not come from a file's line. */
export function configErrorText({ file, line, column, path, message }: ConfigError): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return path === '' ? `${place}: ${message}` : `${place} ${path}: ${message}`;
}
