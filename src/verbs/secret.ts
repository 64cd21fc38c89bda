/**
 * `kennel secret add|list|remove`: secrets and canaries of the running server. The value goes from a file or stdin over the control API
 * and is never printed; the server keeps keyed hashes of it.
 */
import { readFileSync } from 'node:fs';
import type { SecretView } from '../control/views.ts';
import { askControl, CONTROL_OPTIONS, CONTROL_USAGE, print } from './control-verb.ts';
import type { LocateOptions } from './locate.ts';
import { fields, table, time } from './printing.ts';
import { parseVerb, type VerbIo, wrongUsage } from './verb.ts';

export const usage = `usage:
  kennel secret add NAME [--canary] [--file FILE] [--actor NAME]
  kennel secret list
  kennel secret remove NAME [--actor NAME]

add registers what FILE holds, or what stands on stdin: no name that carries it, or enough of it, is sent, and the session that asks for
one is quarantined at once. It is looked for as it is and in hex, base32 and base64. --canary marks bait that nobody has a use for.
The value is kept as keyed hashes only. It needs at least 12 random letters and digits.
Exit code 1: there is no such secret, or one of that name already.

${CONTROL_USAGE}`;

const OPTIONS = {
  ...CONTROL_OPTIONS,
  canary: { type: 'boolean', default: false },
  file: { type: 'string' },
  actor: { type: 'string' },
} as const;

interface SecretValues extends LocateOptions {
  readonly json: boolean;
  readonly canary: boolean;
  readonly file?: string | undefined;
  readonly actor?: string | undefined;
}

/** Reads what the value is piped through. */
const STDIN = 0;

/** Runs the verb; returns the exit code. */
export async function run(args: readonly string[], io: VerbIo): Promise<number> {
  const parsed = parseVerb(args, OPTIONS);
  if (parsed.kind === 'wrong') return wrongUsage(io, usage, parsed.message);
  const { values } = parsed;
  const [action, name, ...rest] = parsed.positionals;
  if (action === 'list' && name === undefined) return list(io, values);
  if (action === 'add' && name !== undefined && rest.length === 0) return add(io, values, name);
  if (action === 'remove' && name !== undefined && rest.length === 0) return remove(io, values, name);
  // Not what was typed: somebody may have put the value there.
  return wrongUsage(io, usage, 'secret: expected add NAME, list or remove NAME; the value comes from --file or stdin');
}

async function add(io: VerbIo, values: SecretValues, name: string): Promise<number> {
  const read = readValue(values.file);
  if ('problem' in read) return wrongUsage(io, usage, `secret add: ${read.problem}`);
  const body = {
    name,
    kind: values.canary ? 'canary' : 'secret',
    value: read.value.toString('base64'),
    encoding: 'base64',
    actor: actorOf(io, values),
  };
  const asked = await askControl<SecretView>(io, values, { method: 'POST', path: '/v1/secrets', body });
  if (asked.kind === 'exit') return asked.code;
  print(io, values.json, asked.body, (added) =>
    fields([
      ['registered', `${added.name} (${added.kind})`],
      ['watched', added.forms.join(', ')],
    ]),
  );
  return 0;
}

async function list(io: VerbIo, values: SecretValues): Promise<number> {
  const asked = await askControl<{ secrets: SecretView[] }>(io, values, { method: 'GET', path: '/v1/secrets' });
  if (asked.kind === 'exit') return asked.code;
  print(io, values.json, asked.body, ({ secrets }) => (secrets.length === 0 ? 'No secret is registered.\n' : listTable(secrets)));
  return 0;
}

async function remove(io: VerbIo, values: SecretValues, name: string): Promise<number> {
  const path = `/v1/secrets/${encodeURIComponent(name)}?actor=${encodeURIComponent(actorOf(io, values))}`;
  const asked = await askControl<SecretView>(io, values, { method: 'DELETE', path });
  if (asked.kind === 'exit') return asked.code;
  print(io, values.json, asked.body, (removed) => fields([['removed', removed.name]]));
  return 0;
}

function listTable(secrets: readonly SecretView[]): string {
  return table(
    ['NAME', 'KIND', 'FROM', 'SINCE', 'BY', 'WATCHED'],
    secrets.map((one) => [one.name, one.kind, one.from, time(one.addedAt), one.actor, one.forms.join(', ')]),
  );
}

function readValue(file: string | undefined): { readonly value: Buffer } | { readonly problem: string } {
  try {
    return { value: readFileSync(file ?? STDIN) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function actorOf(io: VerbIo, values: SecretValues): string {
  return values.actor ?? (io.env['SUDO_USER'] || io.env['USER'] || 'unknown');
}
