/**
 * What the verbs over the control API have in common: their options, calling the API, and the exit codes of failures
 * (0 done, 1 a finding, 2 wrong usage or config, 3 a runtime failure). What a verb asks for and prints is its own.
 */
import type { ParseArgsOptionsConfig } from 'node:util';
import { type ControlCall, callControl } from '../control/client.ts';
import { readToken } from '../control/token.ts';
import { plainText } from '../telemetry/plain-text.ts';
import { type LocateOptions, locate } from './locate.ts';
import { jsonText } from './printing.ts';
import type { VerbIo } from './verb.ts';

export const CONTROL_OPTIONS = {
  control: { type: 'string' },
  'token-file': { type: 'string' },
  state: { type: 'string' },
  config: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const satisfies ParseArgsOptionsConfig;

export const CONTROL_USAGE = `options:
  --json             print only JSON on stdout
  --control ADDR     where the control API listens: 127.0.0.1:8053, [::1]:8053 or unix:/path
  --token-file FILE  the file with its token (default: control-token in the state folder)
  --state DIR        the state folder
  --config FILE      read both from this config file`;

const TIMEOUT_MS = 15_000;

export type Asked<Body> = { readonly kind: 'answer'; readonly body: Body } | { readonly kind: 'exit'; readonly code: number };

/** Makes a call with the token; whatever is no success is explained on stderr and becomes an exit code. */
export async function askControl<Body>(
  io: VerbIo,
  values: LocateOptions,
  call: Pick<ControlCall, 'method' | 'path' | 'body'>,
): Promise<Asked<Body>> {
  const located = await locate(values, io.env);
  if (located.kind === 'invalid') return exit(io, 2, located.message);
  const token = readToken(located.tokenFile);
  if (token.kind === 'token-error') {
    return exit(io, 3, `${token.message}\nIs Kennel running with this state folder? Name another with --state, --config or --token-file.`);
  }
  const reply = await callControl(located.endpoint, { ...call, token: token.token, timeoutMs: TIMEOUT_MS });
  if (reply.kind === 'unreachable') return exit(io, 3, unreachable(located.address, reply.detail));
  if (reply.status < 300) return { kind: 'answer', body: reply.body as Body };
  return exit(io, exitCodeOf(reply.status), messageOf(reply.status, reply.body, located.tokenFile));
}

/** Why nothing answered, for stderr. */
export function unreachable(address: string, detail: string): string {
  return `no Kennel answers on ${address} (${detail}). Is it running? Start it with "npm start", or name its address with --control.`;
}

/** Prints a result: JSON alone, or what `readable` makes of it. */
export function print<Body>(io: VerbIo, json: boolean, body: Body, readable: (body: Body) => string): void {
  io.stdout.write(json ? jsonText(body) : readable(body));
}

function exit(io: VerbIo, code: number, message: string): { readonly kind: 'exit'; readonly code: number } {
  io.stderr.write(`${message.split('\n').map(plainText).join('\n')}\n`);
  return { kind: 'exit', code };
}

/** Not there and already over are findings; a refused argument is wrong usage; the rest is the server's trouble. */
function exitCodeOf(status: number): number {
  if (status === 404 || status === 409) return 1;
  return status === 400 ? 2 : 3;
}

function messageOf(status: number, body: unknown, tokenFile: string): string {
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : null;
  const message = typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : `HTTP status ${status}`;
  return status === 401 ? `Kennel does not accept the token in ${tokenFile}: is it the one of its state folder?` : message;
}
