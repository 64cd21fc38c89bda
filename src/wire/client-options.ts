/**
 * The EDNS options of a client's query that mean something here: its cookie (RFC 7873) and the wish to keep a TCP connection
 * (RFC 7828). All others, known or not, are passed over and never leave (RFC 6891 §6.1.2).
 */
import { EDNS_OPTION } from './codes.ts';
import { copyOctets, readUint16 } from './octets.ts';
import { type ClientCookie, readCookie } from './server-cookie.ts';

export interface ClientOptions {
  readonly cookie: ClientCookie | null;
  /** An empty edns-tcp-keepalive. One that names a time is a server's and means nothing in a query (RFC 7828 §3.2.1). */
  readonly wantsKeepalive: boolean;
}

const OPTION_HEAD_OCTETS = 4;

const NO_OPTIONS: ClientOptions = { cookie: null, wantsKeepalive: false };

/** Reads the options from `start` to `end`, which must fill that exactly; `malformed` names what is wrong. */
export function readClientOptions(packet: Uint8Array, start: number, end: number): ClientOptions | { readonly malformed: string } {
  if (start === end) return NO_OPTIONS;
  let cookie: ClientCookie | null = null;
  let wantsKeepalive = false;
  let at = start;
  while (at + OPTION_HEAD_OCTETS <= end) {
    const code = readUint16(packet, at);
    const value = at + OPTION_HEAD_OCTETS;
    const next = value + readUint16(packet, at + 2);
    if (next > end) break;
    // Of several cookies the one closest to the header counts (RFC 7873 §5.2).
    if (code === EDNS_OPTION.COOKIE && cookie === null) {
      cookie = readCookie(copyOctets(packet, value, next));
      if (cookie === null) return { malformed: 'malformed cookie' };
    }
    if (code === EDNS_OPTION.TCP_KEEPALIVE) wantsKeepalive = value === next;
    at = next;
  }
  return at === end ? { cookie, wantsKeepalive } : { malformed: 'EDNS option lengths do not add up' };
}

/** Of the largest TIMEOUT, in units of 100 ms (RFC 7828 §3.1). */
const MAX_KEEPALIVE_UNITS = 0xffff;

/** The encoded option that tells a client how long its silent TCP connection is kept. */
export function encodeKeepaliveOption(idleSeconds: number): Uint8Array {
  const units = Math.min(Math.floor(idleSeconds * 10), MAX_KEEPALIVE_UNITS);
  return Uint8Array.of(0, EDNS_OPTION.TCP_KEEPALIVE, 0, 2, units >>> 8, units);
}
