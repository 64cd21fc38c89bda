/**
 * `kennel healthcheck`: exit code 0 when the running server is ready. For HEALTHCHECK lines and scripts: needs no token.
 */
import { callControl } from '../control/client.ts';
import type { Readiness } from '../control/control-port.ts';
import { plainText } from '../telemetry/plain-text.ts';
import { CONTROL_OPTIONS, CONTROL_USAGE, print, unreachable } from './control-verb.ts';
import { locate } from './locate.ts';
import { parseVerb, type VerbIo, wrongUsage } from './verb.ts';

export const usage = `usage:
  kennel healthcheck

Exit code 0: ready. 1: running, but not ready. 3: nothing answers.

${CONTROL_USAGE}`;

/** Container runtimes give up after a few seconds; the answer must come before. */
const TIMEOUT_MS = 3_000;

/** Runs the verb; returns the exit code. */
export async function run(args: readonly string[], io: VerbIo): Promise<number> {
  const parsed = parseVerb(args, CONTROL_OPTIONS);
  if (parsed.kind === 'wrong') return wrongUsage(io, usage, parsed.message);
  const { values } = parsed;
  if (parsed.positionals.length > 0) return wrongUsage(io, usage, 'healthcheck takes no arguments');
  const located = await locate(values, io.env);
  if (located.kind === 'invalid') return wrongUsage(io, usage, located.message);
  const reply = await callControl(located.endpoint, { method: 'GET', path: '/readyz', token: null, timeoutMs: TIMEOUT_MS });
  const readiness = reply.kind === 'reply' ? readinessOf(reply.body) : null;
  if (readiness === null) {
    const detail = reply.kind === 'unreachable' ? reply.detail : `HTTP status ${reply.status}`;
    io.stderr.write(`${plainText(unreachable(located.address, detail))}\n`);
    return 3;
  }
  print(io, values.json, readiness, readinessText);
  return readiness.ready ? 0 : 1;
}

function readinessOf(body: unknown): (Partial<Readiness> & Pick<Readiness, 'ready'>) | null {
  const isReadiness = typeof body === 'object' && body !== null && 'ready' in body && typeof body.ready === 'boolean';
  return isReadiness ? (body as Readiness) : null;
}

function readinessText({ ready, details }: Partial<Readiness>): string {
  const parts = Object.entries(details ?? {}).map(([part, state]) => `${part}: ${state}`);
  return `${plainText([ready ? 'ready' : 'not ready', ...parts].join('; '))}\n`;
}
