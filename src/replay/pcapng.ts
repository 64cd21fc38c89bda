/**
 * The blocks of a pcapng file (draft-ietf-opsawg-pcapng): sections of either byte order, interfaces with their resolution of time,
 * packets. Every other block is passed over.
 */
import { MAX_RECORD_OCTETS, MORE, type ReadStep, type Step, type StepSink } from './capture-step.ts';

const BLOCK = { SECTION: 0x0a0d0d0a, INTERFACE: 1, OLD_PACKET: 2, SIMPLE_PACKET: 3, ENHANCED_PACKET: 6 } as const;
const BYTE_ORDER = 0x1a2b3c4d;
const OPTION = { END: 0, TIME_RESOLUTION: 9, TIME_OFFSET: 14 } as const;

/** Type and length, and the length again at the end. */
const HEAD_OCTETS = 8;
const TAIL_OCTETS = 4;

/** Interfaces of a section; a file with more lies. */
const MAX_INTERFACES = 4096;

interface Interface {
  readonly linkType: number;
  /** 0: no limit. */
  readonly snapLength: number;
  readonly unitMs: number;
  readonly offsetMs: number;
}

/** Steps through one file, block by block. */
export function pcapngSteps(sink: StepSink): ReadStep {
  const section = new Section(sink);
  return (octets, view, at) => section.step(octets, view, at);
}

class Section {
  readonly #sink: StepSink;
  #little = false;
  #interfaces: Interface[] = [];
  #lastMs = 0;

  constructor(sink: StepSink) {
    this.#sink = sink;
  }

  step(octets: Uint8Array, view: DataView, at: number): Step {
    if (octets.length - at < HEAD_OCTETS + TAIL_OCTETS) return MORE;
    // The type of a section header reads the same in both orders; it tells the order of everything up to the next one.
    if (view.getUint32(at) === BLOCK.SECTION && !this.#open(view, at)) return { kind: 'damaged', what: 'a section without byte order' };
    const type = view.getUint32(at, this.#little);
    const length = view.getUint32(at + 4, this.#little);
    if (length < HEAD_OCTETS + TAIL_OCTETS || length % 4 !== 0) return { kind: 'damaged', what: 'a block with an impossible length' };
    if (!WANTED.has(type)) return { kind: 'skip', octets: length };
    if (length > MAX_RECORD_OCTETS) {
      this.#sink.problem('a block of more than a mebibyte');
      return { kind: 'skip', octets: length };
    }
    if (at + length > octets.length) return MORE;
    const end = at + length - TAIL_OCTETS;
    if (type === BLOCK.INTERFACE) this.#readInterface(octets, view, at, end);
    else if (type === BLOCK.SIMPLE_PACKET) this.#readSimplePacket(octets, view, at, end);
    else this.#readPacket(octets, view, at, end, type === BLOCK.OLD_PACKET);
    return { kind: 'taken', octets: length };
  }

  /** Starts a section: another byte order, no interfaces. False when the order is not told. */
  #open(view: DataView, at: number): boolean {
    this.#little = view.getUint32(at + HEAD_OCTETS, true) === BYTE_ORDER;
    this.#interfaces = [];
    return this.#little || view.getUint32(at + HEAD_OCTETS) === BYTE_ORDER;
  }

  #readInterface(octets: Uint8Array, view: DataView, at: number, end: number): void {
    if (at + 16 > end || this.#interfaces.length >= MAX_INTERFACES) return;
    let unitMs = 1e-3;
    let offsetMs = 0;
    for (let option = at + 16; option + 4 <= end; ) {
      const code = view.getUint16(option, this.#little);
      const length = view.getUint16(option + 2, this.#little);
      const value = option + 4;
      if (code === OPTION.END || value + length > end) break;
      if (code === OPTION.TIME_RESOLUTION && length === 1) unitMs = resolutionMs(octets[value] ?? 0);
      if (code === OPTION.TIME_OFFSET && length === 8) offsetMs = Number(view.getBigInt64(value, this.#little)) * 1000;
      option = value + Math.ceil(length / 4) * 4;
    }
    const linkType = view.getUint16(at + 8, this.#little);
    this.#interfaces.push({ linkType, snapLength: view.getUint32(at + 12, this.#little), unitMs, offsetMs });
  }

  #readPacket(octets: Uint8Array, view: DataView, at: number, end: number, old: boolean): void {
    const data = at + 28;
    const from = this.#interfaces[old ? view.getUint16(at + 8, this.#little) : view.getUint32(at + 8, this.#little)];
    const captured = data > end ? 0 : view.getUint32(at + 20, this.#little);
    if (from === undefined || data + captured > end) {
      this.#sink.problem(from === undefined ? 'a packet of no known interface' : 'a packet longer than its block');
      return;
    }
    const units = view.getUint32(at + 12, this.#little) * 2 ** 32 + view.getUint32(at + 16, this.#little);
    this.#lastMs = units * from.unitMs + from.offsetMs;
    this.#sink.packet({ atMs: this.#lastMs, linkType: from.linkType, octets: octets.subarray(data, data + captured) });
  }

  /** Has no time of its own: the last one that was told stands. */
  #readSimplePacket(octets: Uint8Array, view: DataView, at: number, end: number): void {
    const data = at + 12;
    const from = this.#interfaces[0];
    if (from === undefined || data > end) {
      this.#sink.problem('a packet of no known interface');
      return;
    }
    const original = view.getUint32(at + 8, this.#little);
    const captured = from.snapLength === 0 ? original : Math.min(original, from.snapLength);
    this.#sink.packet({ atMs: this.#lastMs, linkType: from.linkType, octets: octets.subarray(data, Math.min(data + captured, end)) });
  }
}

const WANTED: ReadonlySet<number> = new Set([BLOCK.INTERFACE, BLOCK.OLD_PACKET, BLOCK.SIMPLE_PACKET, BLOCK.ENHANCED_PACKET]);

/** `if_tsresol`: a power of ten, or of two with the top bit set. */
function resolutionMs(resolution: number): number {
  const exponent = resolution & 0x7f;
  return 1000 * ((resolution & 0x80) !== 0 ? 2 ** -exponent : 10 ** -exponent);
}
