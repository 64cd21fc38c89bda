/**
 * What the readers of the two capture formats have in common: one record in, one step further.
 */

/** One captured packet; the octets are valid during the call. */
export interface CapturedPacket {
  readonly atMs: number;
  /** LINKTYPE_ value. */
  readonly linkType: number;
  readonly octets: Uint8Array;
}

/** What reading one record came to: octets taken, octets to be passed over unread, or that more are needed or no more can be read. */
export type Step =
  | { readonly kind: 'taken' | 'skip'; readonly octets: number }
  | { readonly kind: 'more' }
  | { readonly kind: 'damaged'; readonly what: string };

/** What the steps tell about the packets they find. */
export interface StepSink {
  packet(packet: CapturedPacket): void;
  problem(what: string): void;
}

/** Reads the record at `at`. */
export type ReadStep = (octets: Uint8Array, view: DataView, at: number) => Step;

export const MORE: Step = { kind: 'more' };

/** The largest record that is read; tcpdump's own limit is a quarter of it. */
export const MAX_RECORD_OCTETS = 1024 * 1024;
