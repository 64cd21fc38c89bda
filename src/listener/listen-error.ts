/**
 * Why a socket could not be bound, in words an operator can act on: which address, what the system said, what to do.
 * Pure: it only reads the error. Binding is `udp.ts`, `tcp.ts` and the control API.
 */
import { addressAndPort } from '../wire/address.ts';

export type ListenErrorCode = 'EADDRINUSE' | 'EACCES' | 'EADDRNOTAVAIL' | 'EAFNOSUPPORT' | 'other';

export interface ListenError {
  readonly kind: 'listen-error';
  readonly code: ListenErrorCode;
  readonly protocol: 'udp' | 'tcp';
  /** `127.0.0.1:53` or `[::1]:53`. */
  readonly listener: string;
  /** What failed, why, and what to do about it: one line each. */
  readonly message: string;
}

const FIRST_UNPRIVILEGED_PORT = 1024;

/** Explains the error of a failed bind of `address`:`port`. */
export function listenError(error: unknown, address: string, port: number, protocol: 'udp' | 'tcp'): ListenError {
  const listener = addressAndPort({ address, port });
  const code = codeOf(error);
  const reason = error instanceof Error ? error.message : String(error);
  const message = `cannot listen on ${listener} (${protocol.toUpperCase()}): ${why(code, reason)}\n${whatToDo(code, address, port, protocol)}`;
  return { kind: 'listen-error', code, protocol, listener, message };
}

function codeOf(error: unknown): ListenErrorCode {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  switch (code) {
    case 'EADDRINUSE':
    case 'EACCES':
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return code;
    // Windows and some sandboxes say EPERM where Linux says EACCES.
    case 'EPERM':
      return 'EACCES';
    default:
      return 'other';
  }
}

function why(code: ListenErrorCode, reason: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'another program already uses this address and port';
    case 'EACCES':
      return 'the system does not permit it';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address';
    case 'EAFNOSUPPORT':
      return 'this machine does not support this address family';
    case 'other':
      return reason;
  }
}

function whatToDo(code: ListenErrorCode, address: string, port: number, protocol: 'udp' | 'tcp'): string {
  switch (code) {
    case 'EADDRINUSE': {
      const wildcard = address === '0.0.0.0' || address === '::';
      const shared = wildcard ? ' A wildcard address clashes with every program on that port: name the addresses one by one.' : '';
      return `What to do: find it with "ss -lnp${protocol === 'udp' ? 'u' : 't'} 'sport = :${port}'", stop it or choose another port.${shared}`;
    }
    case 'EACCES':
      if (port >= FIRST_UNPRIVILEGED_PORT) return 'What to do: check the security profile (seccomp, SELinux, AppArmor) Kennel runs under.';
      return (
        `What to do: ports below ${FIRST_UNPRIVILEGED_PORT} need a permission. Use port 5300 and map ${port} to it, ` +
        'or set the sysctl net.ipv4.ip_unprivileged_port_start=0 (containers), ' +
        'or AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit (hosts).'
      );
    case 'EADDRNOTAVAIL':
      return 'What to do: use an address that "ip address" shows (link-local addresses need their zone, as in fe80::1%eth0).';
    case 'EAFNOSUPPORT':
      return 'What to do: listen on IPv4 only, or switch IPv6 on.';
    case 'other':
      return 'What to do: check the address and the port.';
  }
}
