/**
 * The OPT pseudo-record (RFC 6891 §6.1): reading a client's, writing ours, and its options: Extended DNS Errors (RFC 8914) towards
 * clients, cookies and padding towards upstreams. A client's options never leave; `client-options.ts` reads the two that matter.
 */
import { type ClientOptions, readClientOptions } from './client-options.ts';
import { EDNS_OPTION, RRTYPE } from './codes.ts';
import { readUint16, writeUint16 } from './octets.ts';

/** What our OPT advertises and the most we send over UDP: the size that DNS flag day 2020 chose to stay below fragmentation. */
export const EDNS_UDP_PAYLOAD_OCTETS = 1232;

/** An OPT without options. */
export const PLAIN_OPT_OCTETS = 11;

/** OPTION-CODE and OPTION-LENGTH (RFC 6891 §6.1.2). */
export const OPTION_HEAD_OCTETS = 4;

const DNSSEC_OK = 0x8000;

export interface ClientEdns extends ClientOptions {
  /** As the client sent it; `udpLimit` puts it between 512 and 1232. */
  readonly udpPayloadSize: number;
  readonly dnssecOk: boolean;
}

/** An Extended DNS Error: INFO-CODE and UTF-8 EXTRA-TEXT (may be empty). */
export interface ExtendedError {
  readonly code: number;
  readonly text: string;
}

export type OptReading =
  | { readonly kind: 'opt'; readonly edns: ClientEdns }
  | { readonly kind: 'bad-version'; readonly edns: ClientEdns }
  /** `edns` where an OPT could be made out: then the error reply has one too (RFC 6891 §6.1.1). */
  | { readonly kind: 'malformed'; readonly detail: string; readonly edns: ClientEdns | null };

/**
 * Reads a query's OPT, which must reach from `offset` exactly to the end of the packet. A foreign version is told before
 * the options are looked at, since only version 0 fixes their form (RFC 6891 §6.1.3).
 */
export function readClientOpt(packet: Uint8Array, offset: number): OptReading {
  if (offset + PLAIN_OPT_OCTETS > packet.length) return { kind: 'malformed', detail: 'additional record cut short', edns: null };
  const head = readOptHead(packet, offset);
  if (head === null) return { kind: 'malformed', detail: 'additional record that is not an OPT at the root', edns: null };
  const optionsStart = offset + PLAIN_OPT_OCTETS;
  const optionsEnd = optionsStart + readUint16(packet, offset + 9);
  if (optionsEnd > packet.length) return { kind: 'malformed', detail: 'OPT longer than the packet', edns: head };
  if (optionsEnd < packet.length) return { kind: 'malformed', detail: 'octets after the message', edns: head };
  if (packet[offset + 6] !== 0) return { kind: 'bad-version', edns: head };
  const options = readClientOptions(packet, optionsStart, optionsEnd);
  if ('malformed' in options) return { kind: 'malformed', detail: options.malformed, edns: head };
  return { kind: 'opt', edns: { ...head, cookie: options.cookie, wantsKeepalive: options.wantsKeepalive } };
}

/** What the fixed part of an OPT says, whatever its options; null when none begins at `offset`. */
export function readOptHead(packet: Uint8Array, offset: number): ClientEdns | null {
  if (offset + PLAIN_OPT_OCTETS > packet.length || packet[offset] !== 0 || readUint16(packet, offset + 1) !== RRTYPE.OPT) return null;
  const dnssecOk = (readUint16(packet, offset + 7) & DNSSEC_OK) !== 0;
  return { udpPayloadSize: readUint16(packet, offset + 3), dnssecOk, cookie: null, wantsKeepalive: false };
}

/** Writes OPTION-CODE and OPTION-LENGTH at `offset`; returns the offset of the content. */
export function writeOptionHead(options: Uint8Array, offset: number, code: number, contentOctets: number): number {
  writeUint16(options, offset, code);
  writeUint16(options, offset + 2, contentOctets);
  return offset + OPTION_HEAD_OCTETS;
}

/** The content of the first option of this code between two offsets, shared with the packet; null without one, or where lengths lie. */
export function findOption(packet: Uint8Array, start: number, end: number, code: number): Uint8Array | null {
  let at = start;
  while (at + OPTION_HEAD_OCTETS <= end) {
    const contentEnd = at + OPTION_HEAD_OCTETS + readUint16(packet, at + 2);
    if (contentEnd > end) return null;
    if (readUint16(packet, at) === code) return packet.subarray(at + OPTION_HEAD_OCTETS, contentEnd);
    at = contentEnd;
  }
  return null;
}

export interface OptContent {
  readonly udpPayloadSize: number;
  /** The upper eight bits of the RCODE. */
  readonly extendedRcode: number;
  readonly dnssecOk: boolean;
  /** Encoded options. */
  readonly options: Uint8Array;
}

/** Writes an OPT of version 0 at `offset`; returns the offset behind it. */
export function writeOpt(packet: Uint8Array, offset: number, content: OptContent): number {
  packet[offset] = 0;
  writeUint16(packet, offset + 1, RRTYPE.OPT);
  writeUint16(packet, offset + 3, content.udpPayloadSize);
  packet[offset + 5] = content.extendedRcode;
  packet[offset + 6] = 0;
  writeUint16(packet, offset + 7, content.dnssecOk ? DNSSEC_OK : 0);
  writeUint16(packet, offset + 9, content.options.length);
  packet.set(content.options, offset + PLAIN_OPT_OCTETS);
  return offset + PLAIN_OPT_OCTETS + content.options.length;
}

/** One EDE option per error, in order (RFC 8914 §2). */
export function encodeExtendedErrors(errors: readonly ExtendedError[]): Uint8Array {
  const texts = errors.map((error) => Buffer.from(error.text, 'utf8'));
  const options = new Uint8Array(texts.reduce((octets, text) => octets + 6 + text.length, 0));
  let at = 0;
  for (const [index, text] of texts.entries()) {
    writeUint16(options, at, EDNS_OPTION.EDE);
    writeUint16(options, at + 2, 2 + text.length);
    writeUint16(options, at + 4, errors[index]?.code ?? 0);
    options.set(text, at + 6);
    at += 6 + text.length;
  }
  return options;
}
