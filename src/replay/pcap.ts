/**
 * The records of a pcap file (draft-ietf-opsawg-pcap): micro- and nanoseconds, both byte orders.
 */
import { MAX_RECORD_OCTETS, MORE, type ReadStep, type StepSink } from './capture-step.ts';

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const HEADER_OCTETS = 24;
const RECORD_OCTETS = 16;

interface Header {
  readonly little: boolean;
  readonly fractionMs: number;
  readonly linkType: number;
}

/** Steps through one file, its header first. */
export function pcapSteps(sink: StepSink): ReadStep {
  let header: Header | null = null;
  return (octets, view, at) => {
    if (header === null) {
      if (octets.length - at < HEADER_OCTETS) return MORE;
      header = readHeader(view, at);
      return { kind: 'taken', octets: HEADER_OCTETS };
    }
    const { little, fractionMs, linkType } = header;
    if (octets.length - at < RECORD_OCTETS) return MORE;
    const captured = view.getUint32(at + 8, little);
    if (captured > MAX_RECORD_OCTETS) return { kind: 'damaged', what: 'the record claims more than a mebibyte' };
    const end = at + RECORD_OCTETS + captured;
    if (end > octets.length) return MORE;
    const atMs = view.getUint32(at, little) * 1000 + view.getUint32(at + 4, little) * fractionMs;
    sink.packet({ atMs, linkType, octets: octets.subarray(at + RECORD_OCTETS, end) });
    return { kind: 'taken', octets: end - at };
  };
}

function readHeader(view: DataView, at: number): Header {
  const magic = view.getUint32(at, true);
  const little = magic === MICROSECONDS || magic === NANOSECONDS;
  const nanoseconds = view.getUint32(at, little) === NANOSECONDS;
  // The upper half of the word may tell the length of frame check sequences.
  return { little, fractionMs: nanoseconds ? 1e-6 : 1e-3, linkType: view.getUint32(at + 20, little) & 0xffff };
}
