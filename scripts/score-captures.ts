/**
 * Prints what the scoring library makes of every recording: payload that left, the query that ended it, refusals, highest score.
 * Usage: `node scripts/score-captures.ts FOLDER [--preset NAME] [--unlisted]` or `… FOLDER --singles`; `--unlisted` leaves out the
 * list of popular domains.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PRESETS, type Preset } from '../scoring/presets.ts';
import { RRTYPE } from '../src/wire/codes.ts';
import { fromPresentation } from '../src/wire/name.ts';
import { type Recording, readLines, readRecordings } from './recorded-queries.ts';
import { readPopular, replay, type StandingOf, standingByLists } from './replay-scoring.ts';

interface Row {
  queries: number;
  sent: number;
  payloadOctets: number;
  quarantinedAt: number | null;
  quarantines: number;
  quarantineParent: string;
  refusals: number;
  maxScore: number;
  maxSentScore: number;
}

function measure(recording: Recording, preset: Preset, standingOf: StandingOf): Row {
  const row: Row = {
    queries: 0,
    sent: 0,
    payloadOctets: 0,
    quarantinedAt: null,
    quarantines: 0,
    quarantineParent: '',
    refusals: 0,
    maxScore: 0,
    maxSentScore: 0,
  };
  const payloadOf = new Map<string, number>();
  for (const { qname, payloadOctets } of recording.queries) payloadOf.set(qname, (payloadOf.get(qname) ?? 0) + (payloadOctets ?? 0));
  replay(recording.queries, { ...preset, standingOf }, ({ query, assessment, verdict, sent, parent }) => {
    row.queries++;
    if (verdict.reason !== 'quarantined') row.maxScore = Math.max(row.maxScore, assessment.score);
    if (verdict.kind === 'quarantine') {
      row.quarantines++;
      row.quarantinedAt ??= row.queries;
      row.quarantineParent ||= parent;
    }
    if (verdict.kind === 'refuse') row.refusals++;
    if (!sent) return;
    row.sent++;
    row.maxSentScore = Math.max(row.maxSentScore, assessment.score);
    row.payloadOctets += payloadOf.get(query.qname) ?? 0;
    payloadOf.delete(query.qname);
  });
  return row;
}

/** Each name as the first and only query of a session below a parent nobody knows: how often that alone is held against it. */
function measureSingles(folder: string): void {
  for (const list of ['resolver_subdomains', 'googlevideo', 'mx_hostnames', 'windows_telemetry_hosts', 'umbrella_top20k']) {
    const file = join(folder, 'benign', `${list}.txt.gz`);
    if (!existsSync(file)) continue;
    const kinds = { allow: 0, flag: 0, refuse: 0, quarantine: 0 };
    let total = 0;
    for (const line of readLines(file)) {
      const qname = fromPresentation(list === 'resolver_subdomains' ? `${line}.some-parent.com` : line);
      if (qname === null) continue;
      total++;
      const query = { session: '', atSeconds: 0, qname, qtype: RRTYPE.A, payloadOctets: null };
      replay([query], { ...PRESETS.agent, standingOf: () => 'unlisted' }, ({ verdict }) => {
        kinds[verdict.kind]++;
      });
    }
    process.stdout.write(`${list}: ${total} single names, ${JSON.stringify(kinds)}\n`);
  }
}

function presetNamed(name: string | undefined): Preset {
  return Object.entries(PRESETS).find(([known]) => known === name)?.[1] ?? PRESETS.agent;
}

function print(cells: readonly (string | number)[]): void {
  const widths = [22, 8, 7, 9, 12, 9, 9, 9];
  process.stdout.write(`${cells.map((cell, index) => String(cell).padEnd(widths[index] ?? 10)).join(' ')}\n`);
}

function main(): void {
  const folder = process.argv[2];
  if (folder === undefined) {
    process.stderr.write('usage: node scripts/score-captures.ts FOLDER [--preset NAME] [--unlisted] [--singles]\n');
    process.exitCode = 2;
    return;
  }
  if (process.argv.includes('--singles')) {
    measureSingles(folder);
    return;
  }
  const popular = process.argv.includes('--unlisted') ? new Set<string>() : readPopular(folder);
  const preset = presetNamed(process.argv[process.argv.indexOf('--preset') + 1]);
  print(['recording', 'queries', 'sent', 'payload', 'quarantined', 'refused', 'score', 'sent']);
  for (const recording of readRecordings(folder)) {
    const row = measure(recording, preset, standingByLists(popular));
    const payload = recording.attack ? Math.round(row.payloadOctets * 10) / 10 : '-';
    const at = row.quarantinedAt === null ? 'no' : `@${row.quarantinedAt} (${row.quarantines})`;
    print([recording.name, row.queries, row.sent, payload, at, row.refusals, row.maxScore, row.maxSentScore, row.quarantineParent]);
  }
}

main();
