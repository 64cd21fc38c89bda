/**
 * `kennel explain NAME`: what the running server would do with a query now, and why. Changes nothing there.
 */
import type { Explanation } from '../pipeline/ports.ts';
import { askControl, CONTROL_OPTIONS, CONTROL_USAGE, print } from './control-verb.ts';
import { fields, number, signalTable } from './printing.ts';
import { parseVerb, type VerbIo, wrongUsage } from './verb.ts';

export const usage = `usage:
  kennel explain NAME [--type TYPE] [--session SESSION]

TYPE is A, AAAA, TXT, … or TYPE65; SESSION the client's address (default: this machine's loopback).
Exit code 1: enforcing refuses the query.

${CONTROL_USAGE}`;

const OPTIONS = { ...CONTROL_OPTIONS, type: { type: 'string', default: 'A' }, session: { type: 'string' } } as const;

/** Runs the verb; returns the exit code. */
export async function run(args: readonly string[], io: VerbIo): Promise<number> {
  const parsed = parseVerb(args, OPTIONS);
  if (parsed.kind === 'wrong') return wrongUsage(io, usage, parsed.message);
  const { values } = parsed;
  const [name, ...rest] = parsed.positionals;
  if (name === undefined || rest.length > 0) return wrongUsage(io, usage, 'explain: expected one name');
  const query = new URLSearchParams({ name, type: values.type, ...(values.session === undefined ? {} : { session: values.session }) });
  const asked = await askControl<Explanation>(io, values, { method: 'GET', path: `/v1/explain?${query}` });
  if (asked.kind === 'exit') return asked.code;
  print(io, values.json, asked.body, explanationText);
  return asked.body.verdict === 'refuse' || asked.body.verdict === 'quarantine' ? 1 : 0;
}

function explanationText(one: Explanation): string {
  const head = fields([
    ['query', `${one.qname} ${one.qtype}`],
    ['verdict', one.acting === one.verdict ? one.verdict : `${one.verdict} when enforcing; now: ${one.acting}`],
    ['reason', one.reason],
    ['policy', one.policy],
    ['rule', one.rule ?? 'none'],
    ['parent', one.registrableDomain ?? 'none'],
    ['session', `${one.session} (${one.sessionState})`],
    ['leaks', `${number(one.leakBits)} bits`],
    ['score', `${number(one.score)} of 100`],
  ]);
  // `--json` has the others too.
  const counted = one.signals.filter(({ contribution }) => contribution !== 0);
  return counted.length === 0 ? head : `${head}\n${signalTable(counted)}`;
}
