/**
 * DNS cookies towards one upstream (RFC 7873 §5.1, §5.3; RFC 9018 §3): a client cookie drawn at random, the server cookie learned with
 * it, and what an answer's cookie says about the answer. The client cookie holds nothing about a client, belongs to one upstream and
 * one address of ours, and lives ten minutes: it is nothing to recognise Kennel by. Sends nothing itself.
 */
import type { Clock } from '../pipeline/ports.ts';
import { RCODE } from '../wire/codes.ts';
import { writeUint16 } from '../wire/octets.ts';
import type { ParsedResponse } from '../wire/response-parse.ts';
import type { Random16 } from './random16.ts';

const CLIENT_COOKIE_OCTETS = 8;
/** With the client cookie: RFC 7873 §4 allows server cookies of 8 to 32 octets. */
const SHORTEST_FULL_OCTETS = 16;
const LONGEST_FULL_OCTETS = 40;

/** A renewal costs one question without server cookie; well below the hour that servers keep theirs valid (RFC 9018 §4.3). */
const COOKIE_LIFE_MS = 600_000;

/**
 * `believed`: the cookie, or its absence, speaks against nothing. `stray`: not our cookie, so not the answer (RFC 7873 §5.3).
 * `missing`: the upstream sends cookies, and this has none. `renewed`: BADCOOKIE with a new server cookie, to be asked again with it.
 */
export type CookieVerdict = 'believed' | 'stray' | 'missing' | 'renewed';

export class CookieJar {
  readonly #random16: Random16;
  readonly #clock: Clock;
  /** Our address that the cookie was made for. */
  #localAddress = '';
  #client = new Uint8Array(CLIENT_COOKIE_OCTETS);
  /** The client cookie and the server cookie behind it; null until one is learned. */
  #full: Uint8Array | null = null;
  #renewAtMs = Number.NEGATIVE_INFINITY;

  constructor(random16: Random16, clock: Clock) {
    this.#random16 = random16;
    this.#clock = clock;
  }

  /** What goes into the COOKIE option of a question sent from this address. */
  cookieFrom(localAddress: string): Uint8Array {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= this.#renewAtMs || localAddress !== this.#localAddress) this.#renew(localAddress, nowMs);
    return this.#full ?? this.#client;
  }

  /** What `response` says by its cookie, for a question that was sent with `sent`. Learns the server cookie. */
  judge(sent: Uint8Array | null, response: ParsedResponse): CookieVerdict {
    // A truncated message is believed in nothing but that TCP has to be asked.
    if (sent === null || response.truncated) return 'believed';
    const { cookie } = response;
    if (cookie === null) return sent.length > CLIENT_COOKIE_OCTETS ? 'missing' : 'believed';
    if (!hasLegalLength(cookie) || !startsWithSame(cookie, sent)) return 'stray';
    if (cookie.length > CLIENT_COOKIE_OCTETS && startsWithSame(cookie, this.#client)) this.#full = cookie;
    return response.rcode === RCODE.BADCOOKIE ? 'renewed' : 'believed';
  }

  /** To be called on evidence that cannot be forged blind: an answer over TCP without a cookie. */
  forgetServerCookie(): void {
    this.#full = null;
  }

  #renew(localAddress: string, nowMs: number): void {
    this.#localAddress = localAddress;
    // A new array: questions under way are judged by the one they were sent with.
    this.#client = new Uint8Array(CLIENT_COOKIE_OCTETS);
    for (let at = 0; at < CLIENT_COOKIE_OCTETS; at += 2) writeUint16(this.#client, at, this.#random16());
    this.#full = null;
    this.#renewAtMs = nowMs + COOKIE_LIFE_MS;
  }
}

function hasLegalLength({ length }: Uint8Array): boolean {
  return length === CLIENT_COOKIE_OCTETS || (length >= SHORTEST_FULL_OCTETS && length <= LONGEST_FULL_OCTETS);
}

/** Whether both begin with the same client cookie. */
function startsWithSame(cookie: Uint8Array, sent: Uint8Array): boolean {
  for (let at = 0; at < CLIENT_COOKIE_OCTETS; at++) if (cookie[at] !== sent[at]) return false;
  return true;
}
