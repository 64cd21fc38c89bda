/**
 * `kennel sessions` and `kennel sessions show S`: who asked, how it scored, what it let out. Only asks and prints.
 */
import type { SessionDetailView, SessionView } from '../control/views.ts';
import { askControl, CONTROL_OPTIONS, CONTROL_USAGE, print } from './control-verb.ts';
import type { LocateOptions } from './locate.ts';
import { fields, number, table, time } from './printing.ts';
import { parseVerb, type VerbIo, wrongUsage } from './verb.ts';

export const usage = `usage:
  kennel sessions
  kennel sessions show SESSION

Exit code 1: no such session.

${CONTROL_USAGE}`;

/** Runs the verb; returns the exit code. */
export async function run(args: readonly string[], io: VerbIo): Promise<number> {
  const parsed = parseVerb(args, CONTROL_OPTIONS);
  if (parsed.kind === 'wrong') return wrongUsage(io, usage, parsed.message);
  const { values } = parsed;
  const [action, session, ...rest] = parsed.positionals;
  if (action === undefined) return list(io, values);
  if (action === 'show' && session !== undefined && rest.length === 0) return show(io, values, session);
  return wrongUsage(io, usage, 'sessions: expected nothing, or show SESSION');
}

async function list(io: VerbIo, values: LocateOptions & { readonly json: boolean }): Promise<number> {
  const asked = await askControl<{ sessions: SessionView[] }>(io, values, { method: 'GET', path: '/v1/sessions' });
  if (asked.kind === 'exit') return asked.code;
  print(io, values.json, asked.body, ({ sessions }) => (sessions.length === 0 ? 'No session has asked yet.\n' : listTable(sessions)));
  return 0;
}

async function show(io: VerbIo, values: LocateOptions & { readonly json: boolean }, session: string): Promise<number> {
  const asked = await askControl<SessionDetailView>(io, values, { method: 'GET', path: `/v1/sessions/${encodeURIComponent(session)}` });
  if (asked.kind === 'exit') return asked.code;
  print(io, values.json, asked.body, detailText);
  return 0;
}

function listTable(sessions: readonly SessionView[]): string {
  return table(
    ['SESSION', 'STATE', 'SCORE', 'QUERIES', 'LEAK BITS', 'POLICY', 'LAST SEEN'],
    sessions.map((one) => [
      one.session,
      one.state,
      number(one.score),
      String(one.queries),
      number(one.leakBits),
      one.policy,
      time(one.lastSeen),
    ]),
  );
}

function detailText(one: SessionDetailView): string {
  const head = fields([
    ['session', one.session],
    ['state', one.state],
    ['policy', one.policy],
    ['score', number(one.score)],
    ['queries', String(one.queries)],
    ['leaked', `${number(one.leakBits)}${one.budgetBits === null ? '' : ` of ${number(one.budgetBits)}`} bits below unlisted parents`],
    ['first seen', time(one.firstSeen)],
    ['last seen', time(one.lastSeen)],
    ['epoch', String(one.epoch)],
    ['quarantines', one.quarantines.length === 0 ? 'none' : one.quarantines.join(', ')],
  ]);
  const parents = one.parents.map((parent) => [
    parent.parent,
    String(parent.queries),
    String(parent.uniqueNames),
    number(parent.leakBits),
    budget(parent.budgetBits),
    number(parent.fleetBits),
    budget(parent.fleetBudgetBits),
  ]);
  return `${head}\n${table(['PARENT', 'QUERIES', 'NAMES', 'LEAK BITS', 'BUDGET', 'FLEET BITS', 'FLEET BUDGET'], parents)}`;
}

function budget(bits: number | null): string {
  return bits === null ? 'off' : number(bits);
}
