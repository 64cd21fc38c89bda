/**
 * The one way to an upstream socket: a permit for exactly one question, used once. Only the charge step makes one, and Kennel's own
 * look-up of registry hosts, whose names come from a fixed table.
 * Every way to send (first try, retry, failover, TC to TCP) works from the permit, never from the client's packet.
 */
import type { QName } from '../wire/name.ts';

const made = new WeakSet<SendPermit>();
const used = new WeakSet<SendPermit>();

export interface SendPermit {
  readonly qname: QName;
  readonly qtype: number;
  /** Upper bound of the bits this send lets out, already charged to every meter it concerns. */
  readonly chargedBits: number;
}

/** Called by `send.ts` and `own-look-up.ts` alone (a test fails for other callers). */
export function grantSend(qname: QName, qtype: number, chargedBits: number): SendPermit {
  const permit: SendPermit = Object.freeze({ qname, qtype, chargedBits });
  made.add(permit);
  return permit;
}

/** Throws unless the permit came from `grantSend` and has not been used: a bug, never an expected outcome. */
export function redeem(permit: SendPermit): void {
  if (!made.has(permit)) throw new Error('a query reached the upstream without a decision');
  if (used.has(permit)) throw new Error('a send permit was used twice');
  used.add(permit);
}
