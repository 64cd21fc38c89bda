/**
 * `kennel quarantine list|show|release`: the review queue of the running server. Only asks and prints; a release is decided
 * and written by the server.
 */
import type { QuarantineDetailView, QuarantineView } from '../control/views.ts';
import { askControl, CONTROL_OPTIONS, CONTROL_USAGE, print } from './control-verb.ts';
import type { LocateOptions } from './locate.ts';
import { fields, number, signalTable, table, time } from './printing.ts';
import { parseVerb, type VerbIo, wrongUsage } from './verb.ts';

export const usage = `usage:
  kennel quarantine list [--all]
  kennel quarantine show ID
  kennel quarantine release ID --reason TEXT [--actor NAME]

list shows the sessions in quarantine and under watch; --all also those that are over.
release gives a session a fresh start; who did it and why stays in its history.
Exit code 1: no such quarantine, or it is over already.

${CONTROL_USAGE}`;

const OPTIONS = {
  ...CONTROL_OPTIONS,
  all: { type: 'boolean', default: false },
  reason: { type: 'string' },
  actor: { type: 'string' },
} as const;

interface QuarantineValues extends LocateOptions {
  readonly json: boolean;
  readonly all: boolean;
  readonly reason?: string | undefined;
  readonly actor?: string | undefined;
}

/** Runs the verb; returns the exit code. */
export async function run(args: readonly string[], io: VerbIo): Promise<number> {
  const parsed = parseVerb(args, OPTIONS);
  if (parsed.kind === 'wrong') return wrongUsage(io, usage, parsed.message);
  const { values } = parsed;
  const [action, id, ...rest] = parsed.positionals;
  if (action === 'list' && id === undefined) return list(io, values);
  if (action === 'show' && id !== undefined && rest.length === 0) return show(io, values, id);
  if (action === 'release' && id !== undefined && rest.length === 0) return release(io, values, id);
  return wrongUsage(io, usage, 'quarantine: expected list, show ID or release ID');
}

async function list(io: VerbIo, values: QuarantineValues): Promise<number> {
  const asked = await askControl<{ quarantines: QuarantineView[] }>(io, values, { method: 'GET', path: '/v1/quarantines' });
  if (asked.kind === 'exit') return asked.code;
  const shown = asked.body.quarantines.filter((quarantine) => values.all || isOpen(quarantine));
  print(io, values.json, { quarantines: shown }, ({ quarantines }) =>
    quarantines.length === 0 ? noneText(values.all) : listTable(quarantines),
  );
  return 0;
}

async function show(io: VerbIo, values: QuarantineValues, id: string): Promise<number> {
  const asked = await askControl<QuarantineDetailView>(io, values, { method: 'GET', path: pathOf(id) });
  if (asked.kind === 'exit') return asked.code;
  print(io, values.json, asked.body, detailText);
  return 0;
}

async function release(io: VerbIo, values: QuarantineValues, id: string): Promise<number> {
  if (values.reason === undefined || values.reason.trim() === '')
    return wrongUsage(io, usage, 'quarantine release: --reason TEXT is needed');
  const actor = values.actor ?? (io.env['SUDO_USER'] || io.env['USER'] || 'unknown');
  const body = { reason: values.reason, actor };
  const asked = await askControl<QuarantineView>(io, values, { method: 'POST', path: `${pathOf(id)}/release`, body });
  if (asked.kind === 'exit') return asked.code;
  print(io, values.json, asked.body, (released) => fields([['released', `${released.session} (${released.id})`]]));
  return 0;
}

function pathOf(id: string): string {
  return `/v1/quarantines/${encodeURIComponent(id)}`;
}

function isOpen(quarantine: QuarantineView): boolean {
  return quarantine.state === 'quarantined' || quarantine.state === 'watch';
}

function noneText(all: boolean): string {
  return all ? 'No session was ever quarantined.\n' : 'No session is in quarantine.\n';
}

function listTable(quarantines: readonly QuarantineView[]): string {
  return table(
    ['ID', 'SESSION', 'STATE', 'SINCE', 'SCORE', 'PARENT', 'REASON'],
    quarantines.map((one) => [one.id, one.session, one.state, time(one.at), number(one.score), one.parent, one.reason]),
  );
}

function detailText(one: QuarantineDetailView): string {
  const head = fields([
    ['quarantine', one.id],
    ['session', one.session],
    ['state', one.expiresAt === null ? one.state : `${one.state} until ${time(one.expiresAt)}`],
    ['since', time(one.at)],
    ['reason', one.reason],
    ['policy', one.policy],
    ['query', `${one.qname} ${one.qtype}`],
    ['parent', one.parent],
    ['score', number(one.score)],
    ['leaked', `${number(one.leakBits)} bits`],
  ]);
  const history = one.history.map((change) => [time(change.at), change.from, change.to, change.actor, change.reason]);
  return `${head}\n${signalTable(one.signals)}\n${table(['AT', 'FROM', 'TO', 'BY', 'REASON'], history)}`;
}
