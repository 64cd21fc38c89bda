/**
 * DNS server cookies (RFC 7873) in the interoperable form of RFC 9018: made and checked here, without a table. Only who receives
 * packets at an address can know the cookie for it. Pure: secrets and time are arguments. Which answers carry one, and what a valid
 * one is good for, is the pipeline's.
 */
import { addressToOctets } from './address.ts';
import { EDNS_OPTION } from './codes.ts';
import { readUint32, writeUint16, writeUint32 } from './octets.ts';
import { type SipKey, sipHash } from './siphash.ts';

/** A COOKIE option as a client sent it. */
export interface ClientCookie {
  readonly client: Uint8Array;
  /** 8-32 octets; null when the client has none yet. */
  readonly server: Uint8Array | null;
}

export const CLIENT_COOKIE_OCTETS = 8;

/** Ours; clients may bring 8-32 octets from elsewhere. */
export const SERVER_COOKIE_OCTETS = 16;

const MIN_SERVER_COOKIE_OCTETS = 8;
const MAX_SERVER_COOKIE_OCTETS = 32;

/** The only version so far (RFC 9018 §4.1). */
const VERSION = 1;

/** RFC 9018 §4.3. */
const MAX_AGE_SECONDS = 3_600;
const MAX_AHEAD_SECONDS = 300;
const RENEW_AFTER_SECONDS = 1_800;

/** `valid`: this address was given it. `renew`: the same, and it is time for a new one. */
export type CookieState = 'valid' | 'renew' | 'invalid';

/** Reads an option's value; null when it is malformed: neither 8 nor 16-40 octets (RFC 7873 §5.2.2). */
export function readCookie(value: Uint8Array): ClientCookie | null {
  if (value.length === CLIENT_COOKIE_OCTETS) return { client: value, server: null };
  const serverOctets = value.length - CLIENT_COOKIE_OCTETS;
  if (serverOctets < MIN_SERVER_COOKIE_OCTETS || serverOctets > MAX_SERVER_COOKIE_OCTETS) return null;
  return { client: value.subarray(0, CLIENT_COOKIE_OCTETS), server: value.subarray(CLIENT_COOKIE_OCTETS) };
}

/**
 * The server cookie (16 octets) for a client cookie at an address.
 *
 * @param address canonical text, IPv4-mapped IPv6 as IPv4. Throws a RangeError when it is no address: sources come from the kernel.
 * @param nowSeconds wall clock since the epoch.
 */
export function makeServerCookie(client: Uint8Array, address: string, nowSeconds: number, secret: SipKey): Uint8Array {
  const cookie = new Uint8Array(SERVER_COOKIE_OCTETS);
  cookie[0] = VERSION;
  writeUint32(cookie, 4, Math.floor(nowSeconds) >>> 0);
  cookie.set(hashOf(client, cookie, address, secret), 8);
  return cookie;
}

/** Whether one of the secrets made this cookie for the address, not longer than an hour ago and not later than in five minutes. */
export function checkServerCookie(
  { client, server }: ClientCookie,
  address: string,
  nowSeconds: number,
  secrets: readonly SipKey[],
): CookieState {
  if (server === null || server.length !== SERVER_COOKIE_OCTETS || server[0] !== VERSION) return 'invalid';
  // Serial number arithmetic (RFC 1982): the timestamp wraps in 2106.
  const ageSeconds = ((Math.floor(nowSeconds) >>> 0) - readUint32(server, 4)) | 0;
  if (ageSeconds > MAX_AGE_SECONDS || ageSeconds < -MAX_AHEAD_SECONDS) return 'invalid';
  const maker = secrets.findIndex((secret) => sameOctets(hashOf(client, server, address, secret), server));
  if (maker < 0) return 'invalid';
  return maker === 0 && ageSeconds <= RENEW_AFTER_SECONDS ? 'valid' : 'renew';
}

/** Client cookie, version, reserved octets as they are, timestamp, address (RFC 9018 §4.4). */
function hashOf(client: Uint8Array, cookie: Uint8Array, address: string, secret: SipKey): Uint8Array {
  const host = addressToOctets(address);
  if (host === null) throw new RangeError(`not an IP address: ${JSON.stringify(address)}`);
  const message = new Uint8Array(CLIENT_COOKIE_OCTETS + 8 + host.length);
  message.set(client);
  message.set(cookie.subarray(0, 8), CLIENT_COOKIE_OCTETS);
  message.set(host, CLIENT_COOKIE_OCTETS + 8);
  return sipHash(secret, message);
}

/** In constant time: how much of a guess was right must not show in how long it took. */
function sameOctets(hash: Uint8Array, cookie: Uint8Array): boolean {
  let different = 0;
  for (let index = 0; index < hash.length; index++) different |= (hash[index] ?? 0) ^ (cookie[8 + index] ?? 0);
  return different === 0;
}

/** The encoded option that goes into an answer: the client's cookie as it came, and ours. */
export function encodeCookieOption(client: Uint8Array, server: Uint8Array): Uint8Array {
  const option = new Uint8Array(4 + client.length + server.length);
  writeUint16(option, 0, EDNS_OPTION.COOKIE);
  writeUint16(option, 2, client.length + server.length);
  option.set(client, 4);
  option.set(server, 4 + client.length);
  return option;
}
