/**
 * DNS messages out of captured TCP segments (RFC 7766 §8: two octets of length, then the message). Segments are taken in order only:
 * one that was sent again is passed over, a gap ends the stream until its next connection. Streams and octets held are bounded.
 */
import { readUint16 } from '../wire/octets.ts';
import type { Datagram } from './packet-layers.ts';

/** Streams of one direction that are followed at once; the one that was quiet longest is dropped. */
const MAX_STREAMS = 1024;

const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;

interface Stream {
  /** Sequence number of the next octet; null after a gap. */
  next: number | null;
  /** What is here of a message that has not ended. */
  rest: Uint8Array;
}

const NOTHING = new Uint8Array(0);

export class TcpStreams {
  readonly #streams = new Map<string, Stream>();

  /** Calls `message` for each message that ends with this segment. False when octets before it are missing. */
  take(segment: Datagram, message: (octets: Uint8Array) => void): boolean {
    const { source, destination, sourcePort, destinationPort, sequence, flags, payload } = segment;
    const key = `${source}${destination}${String.fromCharCode(sourcePort, destinationPort)}`;
    let stream = this.#streams.get(key);
    if ((flags & SYN) !== 0) {
      stream = { next: (sequence + 1) >>> 0, rest: NOTHING };
      this.#keep(key, stream);
    } else if (payload.length > 0) {
      // A capture that begins within a connection most likely begins between two messages.
      stream ??= { next: sequence, rest: NOTHING };
      this.#keep(key, stream);
    }
    const whole = stream === undefined || payload.length === 0 || this.#append(stream, sequence, payload, message);
    if ((flags & (FIN | RST)) !== 0) this.#streams.delete(key);
    return whole;
  }

  #append(stream: Stream, sequence: number, payload: Uint8Array, message: (octets: Uint8Array) => void): boolean {
    if (stream.next === null) return false;
    // Signed distance on the circle of sequence numbers (RFC 9293 §3.4).
    const ahead = (sequence - stream.next) | 0;
    if (ahead > 0) {
      stream.next = null;
      stream.rest = NOTHING;
      return false;
    }
    if (-ahead >= payload.length) return true;
    const fresh = payload.subarray(-ahead);
    stream.next = (stream.next + fresh.length) >>> 0;
    const octets = stream.rest.length === 0 ? fresh : Buffer.concat([stream.rest, fresh]);
    let at = 0;
    while (octets.length - at >= 2) {
      const end = at + 2 + readUint16(octets, at);
      if (end > octets.length) break;
      message(octets.subarray(at + 2, end));
      at = end;
    }
    // A copy of at most one message: the packet's memory is reused.
    stream.rest = at < octets.length ? new Uint8Array(octets.subarray(at)) : NOTHING;
    return true;
  }

  #keep(key: string, stream: Stream): void {
    this.#streams.delete(key);
    this.#streams.set(key, stream);
    if (this.#streams.size <= MAX_STREAMS) return;
    const oldest = this.#streams.keys().next();
    if (!oldest.done) this.#streams.delete(oldest.value);
  }
}
