/**
 * Files as streams of queries: opened, unpacked (gzip, several members too), sniffed and read, a piece at a time, whatever their size.
 * Several are merged by time. Within one file the order is the file's own: it is what the client's resolver saw.
 */
import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { RecordingSink } from './recording-reader.ts';
import type { ReplayQuery } from './replay.ts';
import { type ReaderOptions, type RecordingFormat, readerOf, SNIFFED_OCTETS, sniff } from './sniff.ts';

/** What happens on the way, by file. */
export interface RecordingEvents {
  opened(file: string, format: RecordingFormat): void;
  /** Octets of the file as it is, still packed. */
  read(octets: number): void;
  problem(file: string, at: number, what: string): void;
  leftOut(file: string, kind: string): void;
}

/** A file that cannot be opened, unpacked or recognised: an expected failure, told in words for whoever named the file. */
export class UnreadableRecording extends Error {
  readonly code = 'unreadable-recording';
}

const CHUNK_OCTETS = 256 * 1024;
const STANDARD_INPUT = 0;

/** The queries of one file in the order of the file, in batches. `-` is standard input. Throws `UnreadableRecording`. */
export async function* readRecording(
  file: string,
  options: ReaderOptions,
  events: RecordingEvents,
): AsyncGenerator<readonly ReplayQuery[]> {
  let batch: ReplayQuery[] = [];
  const sink: RecordingSink = {
    query: (query) => void batch.push(query),
    problem: (at, what) => events.problem(file, at, what),
    leftOut: (kind) => events.leftOut(file, kind),
  };
  const octets = unpacked(file, events);
  try {
    const first = await firstOctets(octets);
    if (first.length === 0) return;
    const format = sniff(first);
    if (format === null) throw new UnreadableRecording(`${file}: this is none of the formats that can be replayed`);
    events.opened(file, format);
    const reader = readerOf(format, sink, options);
    reader.push(first);
    for await (const chunk of octets) {
      yield batch;
      batch = [];
      reader.push(chunk);
    }
    reader.end();
    yield batch;
  } catch (error) {
    if (error instanceof UnreadableRecording || !isFileError(error)) throw error;
    throw new UnreadableRecording(`${file}: ${error.message}`);
  }
}

/** All queries in order of time. Equal times: in the order in which the files were named. */
export async function* mergeRecordings(
  files: readonly string[],
  options: ReaderOptions,
  events: RecordingEvents,
): AsyncGenerator<readonly ReplayQuery[]> {
  const [only] = files;
  if (only !== undefined && files.length === 1) {
    yield* readRecording(only, options, events);
    return;
  }
  const heads = files.map((file) => new Head(readRecording(file, options, events)));
  for (const head of heads) await head.fill();
  let batch: ReplayQuery[] = [];
  for (;;) {
    let earliest: Head | null = null;
    for (const head of heads) if (head.current !== null && (earliest === null || head.timeMs < earliest.timeMs)) earliest = head;
    if (earliest?.current == null) break;
    batch.push(earliest.current);
    if (earliest.advance()) continue;
    yield batch;
    batch = [];
    await earliest.fill();
  }
  yield batch;
}

/** The next query of one of several files. */
class Head {
  current: ReplayQuery | null = null;
  /** Never goes back, so that a time that is wrong does not hold the file up. */
  timeMs = 0;
  readonly #batches: AsyncGenerator<readonly ReplayQuery[]>;
  #batch: readonly ReplayQuery[] = [];
  #at = 0;

  constructor(batches: AsyncGenerator<readonly ReplayQuery[]>) {
    this.#batches = batches;
  }

  /** Goes to the next query of the batch; false at its end. */
  advance(): boolean {
    this.#at += 1;
    return this.#take();
  }

  /** Reads on until there is a query or the file ends. */
  async fill(): Promise<void> {
    while (!this.#take()) {
      const next = await this.#batches.next();
      if (next.done === true) return;
      this.#batch = next.value;
      this.#at = 0;
    }
  }

  #take(): boolean {
    this.current = this.#batch[this.#at] ?? null;
    if (this.current !== null) this.timeMs = Math.max(this.timeMs, this.current.atMs);
    return this.current !== null;
  }
}

/** The file's octets, gunzipped where it is gzip. */
async function* unpacked(file: string, events: RecordingEvents): AsyncGenerator<Uint8Array> {
  const raw = counted(
    createReadStream(file === '-' ? '' : file, { highWaterMark: CHUNK_OCTETS, ...(file === '-' ? { fd: STANDARD_INPUT } : {}) }),
    events,
  );
  const start = await raw.next();
  if (start.done === true) return;
  if (start.value[0] !== GZIP_MAGIC[0] || start.value[1] !== GZIP_MAGIC[1]) {
    yield start.value;
    yield* raw;
    return;
  }
  yield* gunzipped(start.value, raw);
}

const GZIP_MAGIC = [0x1f, 0x8b] as const;

async function* counted(stream: Readable, events: RecordingEvents): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    if (!(chunk instanceof Uint8Array)) continue;
    events.read(chunk.length);
    yield chunk;
  }
}

/** RFC 1952: a file is one or more members; Node's gunzip reads them all. */
async function* gunzipped(start: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: CHUNK_OCTETS });
  // An error of the file ends the gunzip with that error, where the loop below meets it.
  pipeline(Readable.from(before(start, rest)), gunzip, () => undefined);
  for await (const chunk of gunzip) if (chunk instanceof Uint8Array) yield chunk;
}

async function* before(start: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield start;
  yield* rest;
}

/** Enough octets to tell the format, or the whole file. */
async function firstOctets(octets: AsyncGenerator<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  while (length < SNIFFED_OCTETS) {
    const next = await octets.next();
    if (next.done === true) break;
    parts.push(next.value);
    length += next.value.length;
  }
  return Buffer.concat(parts);
}

/** Errors of the file system and of zlib have a code. */
function isFileError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}
