/**
 * One call of the control API from another process of the same machine, over TCP or a Unix socket. Owns the transport and its
 * bounds; what a reply means is the verb's.
 */
import http from 'node:http';
import type { ControlEndpoint } from '../config/config.ts';

export interface ControlCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With its query string, encoded. */
  readonly path: string;
  readonly body?: unknown;
  /** Null for the probes, which need none. */
  readonly token: string | null;
  readonly timeoutMs: number;
}

export type ControlReply =
  | { readonly kind: 'reply'; readonly status: number; readonly body: unknown }
  /** Nobody there, no answer in time, or no answer of Kennel's. */
  | { readonly kind: 'unreachable'; readonly detail: string };

const MAX_REPLY_OCTETS = 32 * 1024 * 1024;

/** Makes one call; failures of the network are values. */
export function callControl(endpoint: ControlEndpoint, call: ControlCall): Promise<ControlReply> {
  const body = call.body === undefined ? null : JSON.stringify(call.body);
  const headers: Record<string, string> = { accept: 'application/json', connection: 'close' };
  if (call.token !== null) headers['authorization'] = `Bearer ${call.token}`;
  if (body !== null) headers['content-type'] = 'application/json';
  const where =
    endpoint.kind === 'unix' ? { socketPath: endpoint.path, host: 'localhost' } : { host: endpoint.address, port: endpoint.port };
  return new Promise((resolve) => {
    const request = http.request(
      // The deadline is for the whole call: a server that trickles must not hold the verb.
      { ...where, method: call.method, path: call.path, headers, agent: false, signal: AbortSignal.timeout(call.timeoutMs) },
      (response) => {
        readBody(response).then(
          (text) => resolve(replyOf(response.statusCode ?? 0, text)),
          (error: unknown) => resolve({ kind: 'unreachable', detail: errorText(error) }),
        );
      },
    );
    request.on('error', (error) => resolve({ kind: 'unreachable', detail: errorText(error) }));
    request.end(body ?? undefined);
  });
}

async function readBody(response: http.IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let octets = 0;
  for await (const chunk of response) {
    octets += chunk.length;
    if (octets > MAX_REPLY_OCTETS) throw new Error('the reply is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function replyOf(status: number, text: string): ControlReply {
  try {
    return { kind: 'reply', status, body: JSON.parse(text) };
  } catch {
    return { kind: 'unreachable', detail: 'what answers there is not Kennel' };
  }
}

function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // AbortSignal.timeout aborts with a DOMException of this name, wrapped by http as the cause.
  if (error.name === 'TimeoutError' || (error.cause instanceof Error && error.cause.name === 'TimeoutError')) return 'no answer in time';
  return error.message;
}
