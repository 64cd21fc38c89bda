/**
 * `kennel cache flush`: lets the running server forget cached answers. Only asks and prints.
 */
import type { FlushView } from '../control/views.ts';
import { askControl, CONTROL_OPTIONS, CONTROL_USAGE, print } from './control-verb.ts';
import { parseVerb, type VerbIo, wrongUsage } from './verb.ts';

export const usage = `usage:
  kennel cache flush NAME… [--below]
  kennel cache flush --all

Forgets what is cached about each NAME, with --below about all names below it too. The next query for one of them is sent, and paid for
by who asks it. How full the cache is: kennel_cache_entries and kennel_cache_octets at /metrics, cacheEntries and cacheOctets at /v1/status.

${CONTROL_USAGE}`;

const OPTIONS = {
  ...CONTROL_OPTIONS,
  below: { type: 'boolean', default: false },
  all: { type: 'boolean', default: false },
} as const;

/** Runs the verb; returns the exit code. */
export async function run(args: readonly string[], io: VerbIo): Promise<number> {
  const parsed = parseVerb(args, OPTIONS);
  if (parsed.kind === 'wrong') return wrongUsage(io, usage, parsed.message);
  const { values } = parsed;
  const [action, ...names] = parsed.positionals;
  if (action !== 'flush') return wrongUsage(io, usage, 'cache: expected flush');
  if (values.all === names.length > 0 || (values.all && values.below)) {
    return wrongUsage(io, usage, 'cache flush: expected names, with --below if all names below them are meant, or --all alone');
  }
  let flushed = 0;
  for (const path of values.all ? ['/v1/cache?all=1'] : names.map((name) => pathOf(name, values.below))) {
    const asked = await askControl<FlushView>(io, values, { method: 'DELETE', path });
    if (asked.kind === 'exit') return asked.code;
    flushed += asked.body.flushed;
  }
  print(io, values.json, { flushed } satisfies FlushView, () => `forgot ${flushed} ${flushed === 1 ? 'answer' : 'answers'}\n`);
  return 0;
}

function pathOf(name: string, below: boolean): string {
  return `/v1/cache?name=${encodeURIComponent(name)}${below ? '&below=1' : ''}`;
}
