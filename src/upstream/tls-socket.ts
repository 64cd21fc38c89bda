/**
 * Opens a TLS stream to an upstream's pinned address and proves who is there before anything else happens on it. Owns session
 * tickets, of which each is used once. What is said on the stream is DNS over TLS (`tls-upstream.ts`) or HTTP/2 (`https-session.ts`).
 */
import { isIP } from 'node:net';
import tls from 'node:tls';
import type { Clock } from '../pipeline/ports.ts';
import { checkIdentity, createTrust } from './tls-trust.ts';
import type { PinnedUpstream } from './upstream-url.ts';

/** A resumed session is not asked for its certificate again: so a ticket lives no longer than this, nor than the certificate. */
const TICKET_LIFE_MS = 3_600_000;

/** Servers give two tickets a connection; more than these are never needed at once. */
const MAX_TICKETS = 4;

/** An upstream that is proven by its certificate. */
export type CertifiedUpstream = PinnedUpstream & { readonly serverName: string };

/** Throws for the URL of a transport without TLS. */
export function certified(url: PinnedUpstream): CertifiedUpstream {
  const { serverName } = url;
  if (serverName === null) throw new Error(`${url.text} names no certificate`);
  return { ...url, serverName };
}

export class TlsDialer {
  readonly #url: CertifiedUpstream;
  readonly #ca: string | null;
  readonly #clock: Clock;
  readonly #alpn: string[];
  #trust: tls.SecureContext | null = null;
  #tickets: { readonly session: Buffer; readonly untilMs: number }[] = [];

  /** `alpn`: the application protocol the server has to agree to; null: none is named (RFC 7858 has none). */
  constructor(url: CertifiedUpstream, ca: string | null, clock: Clock, alpn: 'h2' | null) {
    this.#url = url;
    this.#ca = ca;
    this.#clock = clock;
    this.#alpn = alpn === null ? [] : [alpn];
  }

  /**
   * Starts a connection. `onReady` runs once the certificate, its name and the protocol are good; in every other case the socket
   * ends with an error. Nothing may be written before: Node would keep it and send it as soon as keys exist.
   */
  open(onReady: () => void): tls.TLSSocket {
    this.#trust ??= createTrust(this.#ca);
    const { address, port, serverName } = this.#url;
    const session = this.#takeTicket();
    const socket = tls.connect({
      host: address,
      port,
      secureContext: this.#trust,
      rejectUnauthorized: true,
      // RFC 6066 §3: an address is not sent as a server name.
      servername: isIP(serverName) === 0 ? serverName : '',
      checkServerIdentity: (_host, certificate) => checkIdentity(serverName, certificate),
      ...(this.#alpn.length > 0 && { ALPNProtocols: this.#alpn }),
      ...(session !== null && { session }),
    });
    socket.setNoDelay(true);
    const early: Buffer[] = [];
    socket.on('session', (ticket: Buffer) => {
      if (socket.authorized) this.#keepTicket(ticket, socket);
      else early.push(ticket);
    });
    socket.once('secureConnect', () => {
      if (!socket.authorized) return void socket.destroy(failed('ERR_TLS_UNAUTHORIZED'));
      if (this.#alpn.length > 0 && socket.alpnProtocol !== this.#alpn[0]) {
        return void socket.destroy(failed('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'));
      }
      socket.disableRenegotiation();
      for (const ticket of early.splice(0)) this.#keepTicket(ticket, socket);
      onReady();
    });
    return socket;
  }

  #keepTicket(session: Buffer, socket: tls.TLSSocket): void {
    const nowMs = this.#clock.wallMs();
    const validTo = socket.getPeerCertificate().valid_to;
    const untilMs = Math.min(nowMs + TICKET_LIFE_MS, validTo === undefined ? nowMs : Date.parse(validTo));
    if (!(untilMs > nowMs)) return;
    this.#tickets = [...this.#tickets, { session, untilMs }].slice(-MAX_TICKETS);
  }

  /** The newest ticket, which nobody gets again: used twice it would tell an observer that both connections are one client's (RFC 8446 §C.4). */
  #takeTicket(): Buffer | null {
    const nowMs = this.#clock.wallMs();
    this.#tickets = this.#tickets.filter(({ untilMs }) => untilMs > nowMs);
    return this.#tickets.pop()?.session ?? null;
  }
}

function failed(code: string): Error {
  return Object.assign(new Error(code), { code });
}
