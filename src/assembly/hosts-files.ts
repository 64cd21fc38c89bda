/**
 * The hosts files of the config in force: read at start and at each reload, and again when one has changed. A file that cannot be read is
 * an alarm and no failure: what was read of it last stays. What hosts files mean is `policy/hosts-file.ts`.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { Logger } from 'pino';
import { type HostsNames, type HostsTable, hostsTable, MAX_HOSTS_FILE_OCTETS, type ParsedHosts, parseHosts } from '../policy/hosts-file.ts';
import { FileWatch } from './file-watch.ts';

interface HostsFile {
  /** Of the last time it could be read. */
  readonly content: ParsedHosts | null;
  /** Why it cannot be read now, or what is wrong in it. */
  readonly problem: string | null;
}

export class HostsFiles {
  readonly #log: Pick<Logger, 'info' | 'warn'>;
  readonly #files = new Map<string, HostsFile>();
  readonly #watch: FileWatch;
  /** What the naming of the config in force reads. */
  #names: { table: HostsTable } = { table: hostsTable([]) };

  constructor(log: Pick<Logger, 'info' | 'warn'>) {
    this.#log = log;
    this.#watch = new FileWatch({ paths: () => [...this.#files.keys()], onChange: () => this.refresh() });
  }

  /** The names of these files (absolute paths) from now on; the object changes when a file does. Never throws. */
  of(paths: readonly string[]): HostsNames {
    // In the order of the config: the first name of an address is its pointer.
    const known = new Map(this.#files);
    this.#files.clear();
    for (const path of paths) this.#files.set(path, known.get(path) ?? { content: null, problem: null });
    this.#names = { table: this.#read() };
    return this.#names;
  }

  /** Reads all of them again. */
  refresh(): void {
    this.#names.table = this.#read();
  }

  /** One line for each file that is not as it should be. */
  alarms(): string[] {
    return [...this.#files.values()].flatMap(({ problem }) => problem ?? []);
  }

  start(): void {
    this.#watch.start();
  }

  close(): void {
    this.#watch.close();
  }

  #read(): HostsTable {
    this.#watch.mark();
    for (const [path, before] of this.#files) {
      const file = readHostsFile(path, before);
      this.#files.set(path, file);
      if (file.problem !== null && file.problem !== before.problem) this.#log.warn({ file: path }, file.problem);
      else if (file.problem === null) this.#log.info({ file: path, lines: file.content?.lines.length ?? 0 }, 'hosts file read');
    }
    return hostsTable([...this.#files.values()].flatMap(({ content }) => content ?? []));
  }
}

function readHostsFile(path: string, before: HostsFile): HostsFile {
  const read = readBounded(path);
  if ('problem' in read) {
    const meanwhile = before.content === null ? 'its names are not answered' : 'what it said before still counts';
    return { content: before.content, problem: `the hosts file ${path} ${read.problem}; ${meanwhile}` };
  }
  const content = parseHosts(read.text);
  const { count, first } = content.skipped;
  if (count === 0) return { content, problem: null };
  const where = `${first.join(', ')}${count > first.length ? ', …' : ''}`;
  return { content, problem: `the hosts file ${path} has lines that are not an address and names and count for nothing: ${where}` };
}

/** No device and no pipe: reading one might never end. */
function readBounded(path: string): { readonly text: string } | { readonly problem: string } {
  let file: number | null = null;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = fstatSync(file);
    if (!status.isFile()) return { problem: 'is no regular file' };
    const { size } = status;
    if (size > MAX_HOSTS_FILE_OCTETS)
      return { problem: `is larger than ${MAX_HOSTS_FILE_OCTETS >> 20} MB; long lists of names to block belong under lists` };
    const octets = Buffer.alloc(size);
    const length = readSync(file, octets, 0, size, 0);
    return { text: octets.toString('utf8', 0, length) };
  } catch (error) {
    return { problem: `cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'})` };
  } finally {
    if (file !== null) closeSync(file);
  }
}
