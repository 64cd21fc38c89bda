/** The project's own sources as text, for tests about the shape of the code. Comments are blanked: only code counts. */
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const PROJECT_ROOT = resolve(import.meta.dirname, '../../..');

interface SourceFile {
  /** Relative to the project, with `/`. */
  readonly path: string;
  readonly code: string;
}

/** All TypeScript files that match a glob relative to the project, sorted by path. */
export function sourceFiles(glob: string): SourceFile[] {
  return globSync(glob, { cwd: PROJECT_ROOT })
    .sort()
    .map((path) => ({ path, code: withoutComments(readFileSync(join(PROJECT_ROOT, path), 'utf8')) }));
}

/** Paths of the files whose code matches. */
export function filesMatching(glob: string, pattern: RegExp): string[] {
  return sourceFiles(glob).flatMap(({ path, code }) => (pattern.test(code) ? [path] : []));
}

/** A `//` counts as a comment at the start of a line or after a space, so that URLs in strings stay. */
function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}
