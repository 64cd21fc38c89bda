/**
 * A capture file cut into records as its octets come: holds no more than one record, whatever the size of the file. A length that
 * cannot be right ends the file, because nothing after it can be found. The two formats are `pcap.ts` and `pcapng.ts`.
 */
import type { CapturedPacket, ReadStep, StepSink } from './capture-step.ts';
import { pcapSteps } from './pcap.ts';
import { pcapngSteps } from './pcapng.ts';

export interface CaptureSink {
  packet(packet: CapturedPacket, number: number): void;
  problem(packet: number, what: string): void;
}

const PCAP_MAGICS = [0xa1b2c3d4, 0xa1b23c4d];
const PCAPNG_MAGIC = 0x0a0d0d0a;
const MAGIC_OCTETS = 4;

const NOTHING = new Uint8Array(0);

/** Whether these first octets begin a capture file. */
export function isCapture(octets: Uint8Array): boolean {
  if (octets.length < MAGIC_OCTETS) return false;
  const view = viewOf(octets);
  return view.getUint32(0) === PCAPNG_MAGIC || PCAP_MAGICS.includes(view.getUint32(0)) || PCAP_MAGICS.includes(view.getUint32(0, true));
}

export class CaptureFile {
  readonly #sink: CaptureSink;
  #step: ReadStep | null = null;
  #rest: Uint8Array = NOTHING;
  #skip = 0;
  #packets = 0;
  #damaged = false;

  constructor(sink: CaptureSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    if (this.#damaged) return;
    const octets = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (this.#step === null && octets.length >= MAGIC_OCTETS) this.#step = this.#steps(viewOf(octets).getUint32(0));
    const taken = this.#step === null ? 0 : this.#readRecords(octets, this.#step);
    // A copy: the chunk's memory belongs to the stream.
    this.#rest = taken < octets.length && !this.#damaged ? new Uint8Array(octets.subarray(taken)) : NOTHING;
  }

  end(): void {
    if (!this.#damaged && (this.#rest.length > 0 || this.#skip > 0)) this.#problem('the file ends within a record');
  }

  /** Returns how many octets are done with. */
  #readRecords(octets: Uint8Array, read: ReadStep): number {
    const view = viewOf(octets);
    let at = 0;
    while (at < octets.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, octets.length - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      const step = read(octets, view, at);
      if (step.kind === 'more') break;
      if (step.kind === 'damaged') {
        this.#problem(`${step.what}; the rest of the file is not read`);
        this.#damaged = true;
        break;
      }
      if (step.kind === 'skip') this.#skip = step.octets;
      else at += step.octets;
    }
    return at;
  }

  #steps(magic: number): ReadStep {
    const sink: StepSink = {
      packet: (packet) => {
        this.#packets += 1;
        this.#sink.packet(packet, this.#packets);
      },
      problem: (what) => this.#problem(what),
    };
    return magic === PCAPNG_MAGIC ? pcapngSteps(sink) : pcapSteps(sink);
  }

  #problem(what: string): void {
    this.#sink.problem(this.#packets + 1, what);
  }
}

function viewOf(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
}
