/**
 * Which certificates an upstream over TLS may show: the authorities that are believed, the oldest protocol, and the name in the
 * certificate (RFC 8310 §5.1: the strict profile, no answer from a server that is not proven). Opens nothing.
 */
import tls from 'node:tls';

/** RFC 9325 §3.1.1: nothing older than TLS 1.2. Written out because an option of Node could lower its default. */
const OLDEST_VERSION = 'TLSv1.2';

/**
 * Authorities built in, and those of a PEM text beside them, whose certificates the caller has read. With a text it costs some
 * milliseconds: once per upstream, not per connection.
 */
export function createTrust(ca: string | null): tls.SecureContext {
  const authorities = ca === null ? {} : { ca: [...tls.getCACertificates('default'), ca] };
  return tls.createSecureContext({ ...authorities, minVersion: OLDEST_VERSION });
}

/** An error unless a subjectAltName holds the name or address; the subject's common name counts for nothing (RFC 9525 §2). */
export function checkIdentity(serverName: string, certificate: tls.PeerCertificate): Error | undefined {
  if (certificate.subjectaltname !== undefined) return tls.checkServerIdentity(serverName, certificate);
  return Object.assign(new Error('no subjectAltName'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
}

const UNKNOWN_AUTHORITY = 'its certificate is from no authority that is trusted here';

/** By the codes of OpenSSL and Node (`tls` "X509 certificate error codes"). The texts of both may quote the peer. */
const MEANING: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  CERT_REVOKED: 'its certificate has been revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_UNTRUSTED: UNKNOWN_AUTHORITY,
  INVALID_CA: UNKNOWN_AUTHORITY,
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS there',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS there',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it speaks no TLS of version 1.2 or later',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it speaks no TLS of version 1.2 or later',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'it does not speak HTTP/2 there',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
};

/** What an error of a TLS socket means, in words of our own; the peer's certificate and alerts are not quoted. */
export function describeTlsError(error: NodeJS.ErrnoException, serverName: string): string {
  const code = error.code ?? '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `its certificate is not for ${serverName}`;
  const meaning = MEANING[code];
  if (meaning !== undefined) return meaning;
  return /^[A-Z0-9_]{1,60}$/.test(code) ? `the connection failed (${code})` : 'the connection failed';
}
