/**
 * `kennel check-config`: every error of a config file at once, with its place; with `--json` the config in effect.
 */
import { secretFileProblem } from '../assembly/server-cookies.ts';
import { caFileProblem } from '../assembly/upstream-groups.ts';
import { configHash } from '../config/config.ts';
import { jsonSchema } from '../config/schema.ts';
import { loadConfig } from './load-config.ts';
import { parseVerb, type VerbIo, wrongUsage } from './verb.ts';

export const usage = `kennel check-config [FILE] [--json] [--schema]

Checks a config file; without one, the defaults of this machine. Exit code 2 when it cannot be used.

  --json     print the config in effect: every default filled in, names and durations in one form
  --schema   print the JSON Schema of the file, for editors`;

export async function run(args: readonly string[], io: VerbIo): Promise<number> {
  const parsed = parseVerb(args, { json: { type: 'boolean', default: false }, schema: { type: 'boolean', default: false } });
  if (parsed.kind === 'wrong') return wrongUsage(io, usage, parsed.message);
  const [file = null, ...more] = parsed.positionals;
  if (more.length > 0) return wrongUsage(io, usage, 'check-config takes one file');
  const { json, schema } = parsed.values;
  if (schema) {
    io.stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
    return 0;
  }
  const loaded = loadConfig({ config: file }, io.env);
  if (loaded.kind === 'failed') return refuse(loaded.messages, json, io);
  for (const warning of loaded.warnings) io.stderr.write(`warning: ${warning}\n`);
  const { config } = loaded;
  // `serve` would end with these too.
  const unreadable = [caFileProblem(config), secretFileProblem(config.serverCookies)].filter((problem) => problem !== null);
  if (unreadable.length > 0) return refuse(unreadable, json, io);
  if (json) io.stdout.write(`${JSON.stringify({ ok: true, hash: configHash(config), config }, null, 2)}\n`);
  else
    io.stdout.write(
      `${file ?? 'the default config'} is usable: ${config.mode} mode, ${config.policies.length} ${config.policies.length === 1 ? 'policy' : 'policies'}\n`,
    );
  return 0;
}

function refuse(messages: readonly string[], json: boolean, io: VerbIo): number {
  for (const message of messages) io.stderr.write(`${message}\n`);
  if (json) io.stdout.write(`${JSON.stringify({ ok: false, errors: messages })}\n`);
  return 2;
}
