/**
 * `kennel lists`: the list subscriptions of the running server, a look at their sources now, and what a file would do as a list.
 */
import { createReadStream } from 'node:fs';
import type { ListFormat } from '../config/config.ts';
import type { ListsUpdateView, ListsView, ListView } from '../control/views.ts';
import { ListCompiler } from '../lists/compile-list.ts';
import { NameHasher } from '../lists/list-hash.ts';
import type { ListReport } from '../lists/list-report.ts';
import type { ListKind, NotApplied } from '../lists/list-rule.ts';
import { plainText } from '../telemetry/plain-text.ts';
import { askControl, CONTROL_OPTIONS, CONTROL_USAGE, print } from './control-verb.ts';
import type { LocateOptions } from './locate.ts';
import { fields, jsonText, number, table } from './printing.ts';
import { parseVerb, type VerbIo, wrongUsage } from './verb.ts';

export const usage = `usage:
  kennel lists
  kennel lists update [NAME…] [--force]
  kennel lists check FILE… [--format FORMAT] [--kind allow|block]

Shows the lists under "lists" in the config: rules in force, lines without effect, how long ago the source had this content.
update looks at the sources now. A copy that is empty, no list, or a tenth of the one in force is not taken; --force takes it.
check reads files without a server: what each would do as a list, and which lines have no effect. FORMAT is auto (default),
hosts, domains, wildcard, adblock or rpz.
Exit code 1: a source failed, or a file is no list.

${CONTROL_USAGE}`;

const OPTIONS = {
  ...CONTROL_OPTIONS,
  force: { type: 'boolean', default: false },
  format: { type: 'string', default: 'auto' },
  kind: { type: 'string', default: 'block' },
} as const;

const FORMATS: readonly ListFormat[] = ['auto', 'hosts', 'domains', 'wildcard', 'adblock', 'rpz'];

interface ListValues extends LocateOptions {
  readonly json: boolean;
  readonly force: boolean;
}

/** Runs the verb; returns the exit code. */
export async function run(args: readonly string[], io: VerbIo): Promise<number> {
  const parsed = parseVerb(args, OPTIONS);
  if (parsed.kind === 'wrong') return wrongUsage(io, usage, parsed.message);
  const { values } = parsed;
  const [action, ...rest] = parsed.positionals;
  if (action === undefined) return show(io, values);
  if (action === 'update') return update(io, values, rest);
  if (action !== 'check') return wrongUsage(io, usage, 'lists: expected update, check, or nothing');
  const format = FORMATS.find((one) => one === values.format);
  if (format === undefined) return wrongUsage(io, usage, `--format: one of ${FORMATS.join(', ')}`);
  if (values.kind !== 'block' && values.kind !== 'allow') return wrongUsage(io, usage, '--kind: allow or block');
  if (rest.length === 0) return wrongUsage(io, usage, 'lists check needs at least one file');
  return check(io, rest, { format, kind: values.kind }, values.json);
}

async function show(io: VerbIo, values: ListValues): Promise<number> {
  const asked = await askControl<ListsView>(io, values, { method: 'GET', path: '/v1/lists' });
  if (asked.kind === 'exit') return asked.code;
  print(io, values.json, asked.body, listTable);
  return 0;
}

async function update(io: VerbIo, values: ListValues, names: readonly string[]): Promise<number> {
  const body = { ...(names.length === 0 ? {} : { names }), force: values.force };
  const asked = await askControl<ListsUpdateView>(io, values, { method: 'POST', path: '/v1/lists/update', body });
  if (asked.kind === 'exit') return asked.code;
  print(io, values.json, asked.body, listTable);
  if (asked.body.underWay.length > 0) io.stderr.write(`still under way: ${plainText(asked.body.underWay.join(', '))}; see kennel lists\n`);
  return asked.body.lists.some(({ error }) => error !== null) ? 1 : 0;
}

function listTable({ lists }: ListsView): string {
  if (lists.length === 0) return 'The config subscribes to no list.\n';
  return table(
    ['NAME', 'KIND', 'ENTRIES', 'IGNORED', 'FORMAT', 'AGE', 'STATE'],
    lists.map((one) => [
      one.name,
      one.kind,
      number(one.entries),
      number(one.ignored),
      one.format ?? '-',
      one.checkedAt === null ? '-' : age(Date.now() - Date.parse(one.checkedAt)),
      stateText(one),
    ]),
  );
}

function stateText({ state, error }: ListView): string {
  if (state === 'absent') return error === null ? 'never loaded' : `never loaded: ${error}`;
  return error === null ? state : `${state}: ${error}`;
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
] as const;

function age(ms: number): string {
  const unit = UNITS.find(([, unitMs]) => ms >= unitMs);
  return unit === undefined ? `${Math.max(0, Math.floor(ms / 1_000))}s` : `${Math.floor(ms / unit[1])}${unit[0]}`;
}

interface CheckOptions {
  readonly format: ListFormat;
  readonly kind: ListKind;
}

type Checked = { readonly file: string; readonly report: ListReport } | { readonly file: string; readonly problem: string };

async function check(io: VerbIo, files: readonly string[], options: CheckOptions, json: boolean): Promise<number> {
  const checked: Checked[] = [];
  for (const file of files) {
    const one = await checkFile(file, options);
    if ('unreadable' in one) {
      io.stderr.write(`${plainText(one.unreadable)}\n`);
      return 3;
    }
    checked.push(one);
  }
  io.stdout.write(json ? jsonText({ files: checked.map(checkedJson) }) : checked.map(checkedText).join('\n'));
  return checked.some((one) => 'problem' in one) ? 1 : 0;
}

async function checkFile(file: string, { format, kind }: CheckOptions): Promise<Checked | { readonly unreadable: string }> {
  // Any seed will do: nobody asks this list.
  const compiler = new ListCompiler({ kind, format, hasher: new NameHasher(new Uint8Array(32)) });
  try {
    for await (const octets of createReadStream(file)) compiler.push(octets as Buffer);
  } catch (error) {
    return { unreadable: error instanceof Error ? error.message : String(error) };
  }
  const result = compiler.finish();
  return result.kind === 'compiled' ? { file, report: result.list.report } : { file, problem: result.problem };
}

function checkedJson(checked: Checked): object {
  if ('problem' in checked) return { file: checked.file, ok: false, problem: checked.problem };
  return { file: checked.file, ok: true, ...checked.report };
}

function checkedText(checked: Checked): string {
  if ('problem' in checked)
    return fields([
      ['file', checked.file],
      ['not a list', checked.problem],
    ]);
  const { report } = checked;
  const counts: [string, number][] = [
    ['exceptions', report.exceptions],
    ['important', report.important],
    ['with a condition', report.conditional],
    ['repeated', report.duplicates],
    ['voided', report.voided],
  ];
  const head = fields([
    ['file', checked.file],
    ['format', `${report.format} (${report.chosenBy})`],
    ['rules', `${report.entries} in force, in ${report.kind === 'block' ? 'a block list' : 'an allow list'}`],
    ...counts.filter(([, count]) => count > 0).map(([label, count]): [string, string] => [label, String(count)]),
  ]);
  const rows = [
    ...report.notApplied.map(({ why, count, firstLines }) => [WHY[why], String(count), linesText(count, firstLines)]),
    ...(report.topLevels.count === 0
      ? []
      : [
          [
            'in force: a whole top-level domain',
            String(report.topLevels.count),
            linesText(report.topLevels.count, report.topLevels.firstLines),
          ],
        ]),
  ];
  return rows.length === 0 ? head : `${head}${table(['NOT APPLIED', 'LINES', 'WHERE'], rows)}`;
}

function linesText(count: number, firstLines: readonly number[]): string {
  return firstLines.join(', ') + (count > firstLines.length ? ', …' : '');
}

const WHY: Readonly<Record<NotApplied, string>> = {
  'not-a-name': 'no domain name where one belongs',
  address: 'an IP address where a name belongs',
  url: 'a URL, or a name with a path or port',
  'line-too-long': 'longer than a line may be',
  'too-wide': 'would cover every name, or a whole public suffix in an allow list',
  'other-address': 'maps a name to a real address',
  'no-names': 'a hosts line without names',
  cosmetic: 'hides parts of web pages',
  'regular-expression': 'a regular expression',
  'part-of-a-name': 'matches parts of names',
  modifier: 'depends on more than a name and a type',
  rewrite: 'rewrites answers',
  'local-data': 'answers with data of its own',
  'other-trigger': 'triggers on addresses or name servers',
  'other-action': 'an action that Kennel does not take',
  'opposite-effect': 'blocks, in an allow list',
  'out-of-zone': 'outside the RPZ zone',
  syntax: 'cannot be read',
  'too-many-conditions': 'more conditions than are kept',
  'too-many-entries': 'more entries than are kept',
};
