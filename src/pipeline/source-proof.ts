/**
 * Whether a query comes from where it says: over TCP, from `sessions.verified`, or with a server cookie that was given to its address
 * (RFC 7873). Also the EDNS options that every answer to it carries: the cookie, and the time a TCP connection is kept (RFC 7828).
 * What an unproven source gets is `unverified-source.ts`.
 */
import { encodeKeepaliveOption } from '../wire/client-options.ts';
import { RCODE } from '../wire/codes.ts';
import { encodeCookieReply, type Query } from '../wire/query-decode.ts';
import { type ClientCookie, checkServerCookie, encodeCookieOption, makeServerCookie } from '../wire/server-cookie.ts';
import type { SipKey } from '../wire/siphash.ts';
import type { Pipeline } from './pipeline.ts';
import type { QuerySource } from './ports.ts';

/** The secret that makes cookies now, then those whose cookies are still accepted. */
export type CookieSecrets = (nowSeconds: number) => readonly [SipKey, ...SipKey[]];

export interface SourceProof {
  /** `bad-cookie`: it could be anyone, and has shown that it understands cookies. */
  readonly kind: 'proven' | 'unproven' | 'bad-cookie';
  /** The query with what its answers carry. */
  readonly query: Query;
}

/** Reads the client's cookie, if it is needed, and makes the options of the answer. */
export function proveSource(k: Pipeline, query: Query, source: QuerySource): SourceProof {
  const overTcp = source.protocol === 'tcp';
  const known = overTcp || k.verifiedClients.contains(source.address);
  const { edns } = query;
  if (edns === null) return { kind: known ? 'proven' : 'unproven', query };

  const options: Uint8Array[] = [];
  let kind: SourceProof['kind'] = known ? 'proven' : 'unproven';
  if (edns.cookie !== null && k.cookieSecrets !== null) {
    const { proven, option } = readCookie(k, k.cookieSecrets, edns.cookie, source.address);
    options.push(option);
    if (!known && proven) kind = 'proven';
    if (!known && !proven && edns.cookie.server !== null) kind = 'bad-cookie';
  }
  if (overTcp && edns.wantsKeepalive) options.push(encodeKeepaliveOption(k.limits.tcp.idleSeconds));
  return { kind, query: options.length === 0 ? query : { ...query, answerOptions: new Uint8Array(Buffer.concat(options)) } };
}

/**
 * Answers a query that holds no question and asks for its cookie (RFC 7873 §5.4): BADCOOKIE for a server cookie that is not good. Null
 * where cookies are off: then it is a malformed query as any other.
 */
export function answerCookieQuery(k: Pipeline, packet: Uint8Array, cookie: ClientCookie, source: QuerySource): Uint8Array | null {
  if (k.cookieSecrets === null) return null;
  const { proven, option } = readCookie(k, k.cookieSecrets, cookie, source.address);
  return encodeCookieReply(packet, proven || cookie.server === null ? RCODE.NOERROR : RCODE.BADCOOKIE, option);
}

/** Whether the cookie proves the address, and the option for the answer: the cookie that is good from now on. */
function readCookie(
  k: Pipeline,
  secretsAt: CookieSecrets,
  cookie: ClientCookie,
  address: string,
): { readonly proven: boolean; readonly option: Uint8Array } {
  const nowSeconds = k.clock.wallMs() / 1000;
  const secrets = secretsAt(nowSeconds);
  const state = checkServerCookie(cookie, address, nowSeconds, secrets);
  k.metrics.cookieSeen(cookie.server === null ? 'client-only' : state);
  // One that will be good for a while yet goes back as it came (RFC 9018 §4.3).
  const server =
    state === 'valid' && cookie.server !== null ? cookie.server : makeServerCookie(cookie.client, address, nowSeconds, secrets[0]);
  return { proven: state !== 'invalid', option: encodeCookieOption(cookie.client, server) };
}
