/**
 * Notices that files have changed, by asking the system for their identity, size and times once a second: that sees what notifications
 * miss (a renamed file, a Kubernetes volume whose `..data` link is swapped, a network file system). Reads none of them.
 */
import { type BigIntStats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

const POLL_MS = 1_000;

export interface FileWatchOptions {
  /** Absolute paths, asked for at each look. */
  readonly paths: () => readonly string[];
  /** What changed is as it was one look before: nobody is still writing it. */
  readonly onChange: () => void;
}

export class FileWatch {
  readonly #options: FileWatchOptions;
  /** By path, how each file was when it was last marked or told of. */
  readonly #known = new Map<string, string>();
  /** What had changed at the last look, not told yet. */
  #unsettled: string | null = null;
  #isLooking = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: FileWatchOptions) {
    this.#options = options;
    this.mark();
  }

  /** To be called right before the files are read: from then on a change is news. */
  mark(): void {
    this.#known.clear();
    this.#unsettled = null;
    for (const path of this.#options.paths()) this.#known.set(path, identityOf(path));
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.look(), POLL_MS).unref();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** One look; `start` takes one a second. Never rejects. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const paths = this.#options.paths();
      const identities = await Promise.all(paths.map(async (path) => [path, await laterIdentityOf(path)] as const));
      this.#compare(identities);
    } finally {
      this.#isLooking = false;
    }
  }

  #compare(identities: readonly (readonly [string, string])[]): void {
    const changed = identities.filter(([path, identity]) => (this.#known.get(path) ?? identity) !== identity);
    for (const [path, identity] of identities) if (!this.#known.has(path)) this.#known.set(path, identity);
    const seen = changed.length === 0 ? null : JSON.stringify(changed);
    const isSettled = seen !== null && seen === this.#unsettled;
    this.#unsettled = isSettled ? null : seen;
    if (!isSettled) return;
    for (const [path, identity] of changed) this.#known.set(path, identity);
    this.#options.onChange();
  }
}

function identityOf(path: string): string {
  try {
    return identity(statSync(path, { bigint: true }));
  } catch (error) {
    return absence(error);
  }
}

async function laterIdentityOf(path: string): Promise<string> {
  try {
    return identity(await stat(path, { bigint: true }));
  } catch (error) {
    return absence(error);
  }
}

/** Of the file that links lead to. */
function identity({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join('/');
}

function absence(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
