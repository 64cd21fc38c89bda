/**
 * What every transport gives to the pipeline and to `kennel.ts`: the shapes of a running listener and of the events it counts.
 * Owns no socket: those are `udp.ts` and `tcp.ts`.
 */
import type { QuerySource } from '../pipeline/ports.ts';

/**
 * Turns a client's packet into the packet that answers it; null: say nothing. A value instead of a promise is sent in the same
 * tick. The packet belongs to the callee. A throw or a rejection is a bug: it is reported and the client gets no answer.
 */
export type AnswerQuery = (packet: Uint8Array, source: QuerySource) => Uint8Array | null | Promise<Uint8Array | null>;

/** Things worth counting that are not queries. */
export type ListenerEventKind =
  /** `answer` threw or rejected. */
  | 'answer-failed'
  /** The operating system did not take an answer. */
  | 'send-failed'
  /** A query was dropped because too many were pending. */
  | 'overloaded'
  /** The socket itself reported an error. */
  | 'socket-failed'
  /** TCP: the client is not in `clients.allow`. */
  | 'client-refused'
  /** TCP: too many connections, of this client or in all. */
  | 'connection-refused'
  /** TCP: a connection was closed because a client was too slow or silent. */
  | 'connection-expired'
  /** TCP: a trusted proxy sent no PROXY header, or not one of version 2. */
  | 'proxy-refused';

export interface ListenerEvent {
  readonly kind: ListenerEventKind;
  readonly listener: string;
  readonly protocol: 'udp' | 'tcp';
  readonly detail: string;
}

export type OnListenerEvent = (event: ListenerEvent) => void;

/** A bound socket that answers queries. */
export interface Listener {
  readonly kind: 'listener';
  readonly address: string;
  readonly port: number;
  readonly protocol: 'udp' | 'tcp';
  /** Queries taken and not yet answered. */
  pending(): number;
  /** Takes no more queries, waits up to `drainMs` for the pending answers, then closes. Safe to call twice. */
  close(drainMs: number): Promise<void>;
}

const V4_MAPPED = /^::ffff:(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})$/i;

/** The address that identifies a client: without zone, IPv4-mapped as IPv4. The operating system's text is canonical otherwise. */
export function clientAddress(address: string): string {
  if (!address.includes(':')) return address;
  const zone = address.indexOf('%');
  const bare = zone < 0 ? address : address.slice(0, zone);
  return V4_MAPPED.exec(bare)?.[1] ?? bare.toLowerCase();
}

/** Text of anything thrown, for an event. */
export function errorText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
