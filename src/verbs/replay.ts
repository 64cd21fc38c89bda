/**
 * `kennel replay`: what Kennel makes of recorded traffic. Captures and query logs go through the pipeline of the running product at
 * the times they were recorded; nothing is sent and nothing is kept but the decisions that are asked for.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import type { SecretMatcher } from '../../scoring/secrets/secret-matcher.ts';
import type { Config } from '../config/config.ts';
import type { Mode } from '../pipeline/ports.ts';
import { requireModel } from '../policy/shipped-file.ts';
import { mergeRecordings, type RecordingEvents, UnreadableRecording } from '../replay/open-recording.ts';
import { ASSUMED_TTL_SECONDS, Replay, type ReplayDecision, UNANSWERED_MS } from '../replay/replay.ts';
import type { ReplaySummary } from '../replay/replay-tally.ts';
import { FORMAT_NAMES } from '../replay/sniff.ts';
import { readConfigured } from '../secrets/read-secret.ts';
import { watchConfigured } from '../secrets/registered-secrets.ts';
import { plainText } from '../telemetry/plain-text.ts';
import { typeName } from '../wire/codes.ts';
import { toPresentation } from '../wire/name.ts';
import { loadConfig } from './load-config.ts';
import { offlineLists } from './offline-lists.ts';
import { fields, jsonText, number, table } from './printing.ts';
import { parseVerb, type VerbIo, wrongUsage } from './verb.ts';

export const usage = `kennel replay FILE… [--config FILE] [--mode observe|enforce] [--decisions OUT.jsonl] [--json]

Runs recorded queries through Kennel as if they were asked now, and says what it would have done. Nothing is sent.
Reads pcap and pcapng, Kennel JSONL, and the query logs of AdGuard Home, Pi-hole or dnsmasq, Blocky (CSV), CoreDNS and Zeek
(dns.log with tabs or as JSON). The content tells the format; gzip is unpacked; - is standard input; several files are merged by time.
Exit code 1 when a query would be refused or a session quarantined, 3 when a file cannot be read.

  --config FILE          policies and lists from this file; without it the defaults. A list with a url is taken from the state folder,
                         never fetched
  --mode MODE            observe or enforce; without it what the config says, without a config enforce
  --decisions OUT.jsonl  one JSON object for every query, in the order of the input
  --port PORT            where servers in a capture listen, may be repeated; default 53
  --json                 the summary as one JSON object

In enforce mode a quarantined session's later queries are refused here too. Every client is served and counts as verified, and
there is no rate limit.
Answers stay in the cache for the recorded TTL (at least 60 s below unlisted parents), for ${ASSUMED_TTL_SECONDS.positive} s where no TTL was recorded and
${ASSUMED_TTL_SECONDS.negative} s if negative. A query without a recorded answer fails after ${UNANSWERED_MS / 1000} s; the same question joins it until then. What answers
hold is not looked at, and ages of domains are unknown.`;

/** Problems of this many lines are printed; the others are counted. */
const PRINTED_PROBLEMS = 10;

/** Parents printed for people; JSON has them all. */
const PRINTED_PARENTS = 10;
const PRINTED_QUARANTINES = 20;

/** Decisions are written in pieces of about this size. */
const WRITTEN_CHARS = 64 * 1024;

/** What was noticed about one file. */
interface FileReport {
  readonly file: string;
  format: string | null;
  problems: number;
  readonly leftOut: Record<string, number>;
}

/** Replays the files and prints what came of it. */
export async function run(args: readonly string[], io: VerbIo): Promise<number> {
  requireModel();
  const options = readOptions(args);
  if (typeof options === 'string') return wrongUsage(io, usage, options);
  const { files, config } = options;
  // Nobody is asked here, so a machine without a resolv.conf can replay, and enforcing harms nobody.
  const sources = {
    config,
    upstreams: config === null ? ['udp://192.0.2.1'] : [],
    mode: options.mode ?? (config === null ? 'enforce' : null),
  };
  const loaded = loadConfig(sources, io.env);
  if (loaded.kind === 'failed') {
    for (const message of loaded.messages) io.stderr.write(`${message}\n`);
    return 2;
  }
  const secrets = secretsOf(loaded.config);
  if ('problem' in secrets) {
    io.stderr.write(`${plainText(secrets.problem)}\n`);
    return 2;
  }
  const output = options.decisions === null ? null : openOutput(options.decisions, files);
  if (output !== null && 'problem' in output) {
    io.stderr.write(`--decisions: ${plainText(output.problem)}\n`);
    return output.exitCode;
  }

  try {
    return await replayAll(
      options,
      new Replay({ config: loaded.config, secrets, lists: await offlineLists(loaded.config, io) }),
      loaded.config.mode,
      output,
      io,
    );
  } catch (error) {
    if (!(error instanceof UnreadableRecording)) throw error;
    io.stderr.write(`${plainText(error.message)}\n`);
    return 3;
  } finally {
    output?.close();
  }
}

/** The secrets that the config names, hashed under a key of this run; those of a state folder stay there. */
function secretsOf(config: Config): SecretMatcher | { readonly problem: string } {
  const read = readConfigured(config.secrets);
  if ('problem' in read) return read;
  const key = randomBytes(8);
  return watchConfigured(read, { low: key.readUInt32LE(0), high: key.readUInt32LE(4) });
}

async function replayAll(
  options: ReplayVerbOptions,
  replay: Replay,
  mode: Mode,
  output: DecisionOutput | null,
  io: VerbIo,
): Promise<number> {
  const { files, ports, json } = options;
  const progress = new Progress(io, files);
  const reports = new Map(files.map((file): [string, FileReport] => [file, { file, format: null, problems: 0, leftOut: {} }]));
  const events = eventsOf(reports, progress, io);
  try {
    for await (const batch of mergeRecordings(files, { ports, nowMs: Date.now() }, events)) {
      for (const query of batch) {
        const asked = replay.ask(query);
        const decision = asked instanceof Promise ? await asked : asked;
        output?.write(decision);
      }
    }
  } finally {
    progress.clear();
  }
  const summary = await replay.finish();
  const whole = { mode, summary, files: [...reports.values()] };
  io.stdout.write(json ? jsonText(summaryJson(whole)) : readable(whole));
  return summary.verdicts.refuse + summary.verdicts.quarantine > 0 ? 1 : 0;
}

interface ReplayVerbOptions {
  readonly files: readonly string[];
  readonly config: string | null;
  readonly mode: string | null;
  readonly decisions: string | null;
  readonly ports: readonly number[];
  readonly json: boolean;
}

function readOptions(args: readonly string[]): ReplayVerbOptions | string {
  const parsed = parseVerb(args, {
    config: { type: 'string' },
    mode: { type: 'string' },
    decisions: { type: 'string' },
    port: { type: 'string', multiple: true },
    json: { type: 'boolean', default: false },
  });
  if (parsed.kind === 'wrong') return parsed.message;
  const { config = null, mode = null, decisions = null, port = ['53'], json } = parsed.values;
  const files = parsed.positionals;
  if (files.length === 0) return 'replay needs at least one file';
  if (new Set(files).size !== files.length) return 'a file is named twice';
  const ports = port.map(Number);
  const wrong = ports.findIndex((one) => !(Number.isInteger(one) && one >= 1 && one <= 0xffff));
  if (wrong >= 0) return `--port: ${JSON.stringify(port[wrong])} is not a port`;
  return { files, config, mode, decisions, ports, json };
}

interface DecisionOutput {
  write(decision: ReplayDecision): void;
  close(): void;
}

/** Queries tell about people, so nobody else may read them. An input is never written over. */
function openOutput(path: string, inputs: readonly string[]): DecisionOutput | { readonly problem: string; readonly exitCode: number } {
  if (inputs.some((input) => isSameFile(input, path))) return { problem: `${path} is one of the files to be replayed`, exitCode: 2 };
  try {
    return decisionOutput(openSync(path, 'w', 0o600));
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error), exitCode: 3 };
  }
}

function isSameFile(a: string, b: string): boolean {
  const one = statSync(a, { throwIfNoEntry: false });
  const other = statSync(b, { throwIfNoEntry: false });
  return one !== undefined && other !== undefined && one.dev === other.dev && one.ino === other.ino;
}

function decisionOutput(file: number): DecisionOutput {
  let text = '';
  const flush = (): void => {
    const octets = Buffer.from(text);
    for (let at = 0; at < octets.length; ) at += writeSync(file, octets, at);
    text = '';
  };
  return {
    write(decision) {
      text += `${JSON.stringify(decisionJson(decision))}\n`;
      if (text.length >= WRITTEN_CHARS) flush();
    },
    close() {
      flush();
      closeSync(file);
    },
  };
}

/** A line of `--decisions`. `verdict` is what enforcing does, `acting` what is done in the mode of the replay. */
function decisionJson(decision: ReplayDecision) {
  const { index, session, parent, score, verdict, forwarded, reason, acting, leakBits, policy } = decision;
  const qname = decision.redacted ?? toPresentation(decision.qname);
  const named = { index, ts: iso(decision.atMs), session, qname, qtype: typeName(decision.qtype), parent };
  return { ...named, score, verdict, forwarded, reason, acting, leakBits, policy };
}

function eventsOf(reports: ReadonlyMap<string, FileReport>, progress: Progress, io: VerbIo): RecordingEvents {
  let printed = 0;
  return {
    opened(file, format) {
      const report = reports.get(file);
      if (report !== undefined) report.format = FORMAT_NAMES[format];
    },
    read: (octets) => progress.advance(octets),
    problem(file, at, what) {
      const report = reports.get(file);
      if (report !== undefined) report.problems += 1;
      printed += 1;
      if (printed > PRINTED_PROBLEMS) return;
      progress.clear();
      io.stderr.write(`${plainText(`${file}:${at}: ${what}`)}\n`);
      if (printed === PRINTED_PROBLEMS) io.stderr.write('further problems are only counted\n');
    },
    leftOut(file, kind) {
      const report = reports.get(file);
      if (report !== undefined) report.leftOut[kind] = (report.leftOut[kind] ?? 0) + 1;
    },
  };
}

interface Whole {
  readonly mode: Mode;
  readonly summary: ReplaySummary;
  readonly files: readonly FileReport[];
}

const CACHE_RULE = {
  ttlSeconds: 'as recorded, at least 60 below unlisted parents',
  unrecordedTtlSeconds: ASSUMED_TTL_SECONDS,
  unansweredSeconds: UNANSWERED_MS / 1000,
} as const;

function summaryJson({ mode, summary, files }: Whole) {
  const { firstMs, lastMs, quarantines, ...rest } = summary;
  return {
    mode,
    ...rest,
    from: firstMs === null ? null : iso(firstMs),
    to: lastMs === null ? null : iso(lastMs),
    quarantines: quarantines.map(({ atMs, ...one }) => ({ ...one, at: iso(atMs) })),
    files,
    cache: CACHE_RULE,
    responses: 'absent',
    domainAges: 'unknown',
  };
}

function readable({ mode, summary, files }: Whole): string {
  const { verdicts, firstMs, lastMs, quarantines, parents } = summary;
  const problems = files.reduce((sum, report) => sum + report.problems, 0);
  const period = firstMs === null || lastMs === null ? '-' : `${iso(firstMs)} to ${iso(lastMs)}`;
  const counts = Object.entries(verdicts).map(([verdict, count]) => `${verdict} ${count}`);
  const head = fields([
    ...files.map((report): [string, string] => ['file', `${report.file} (${report.format ?? 'empty'}${leftOutText(report)})`]),
    ['mode', mode],
    ['queries', `${summary.queries} of ${summary.sessions} sessions, ${period}`],
    ['verdicts', counts.join(', ')],
    ['forwarded', String(summary.forwarded)],
    [
      'cache',
      `recorded TTL (60 s or more below unlisted parents), else ${ASSUMED_TTL_SECONDS.positive} s, negative ${ASSUMED_TTL_SECONDS.negative} s`,
    ],
    ['unanswered', `fails after ${UNANSWERED_MS / 1000} s, the same question joins it until then`],
    ['not looked at', 'what answers hold; ages of domains are unknown'],
    ...(problems === 0 ? [] : [['not readable', `${problems} lines or packets`] as const]),
    ...(summary.outOfOrder === 0
      ? []
      : [['out of order', `${summary.outOfOrder} queries, taken as simultaneous with the one before`] as const]),
    ...(summary.namesNotCounted === 0 ? [] : [['names', `${summary.namesNotCounted} are beyond what is told apart`] as const]),
  ]);
  const held = quarantines.slice(0, PRINTED_QUARANTINES).map((one) => {
    const query = `${one.queryIndex} ${one.qname}`;
    return [one.session, iso(one.atMs), query, one.parent, number(one.score), one.reason, number(one.leakBits)];
  });
  const title = mode === 'observe' ? 'would be quarantined' : 'quarantined';
  const parts = [head];
  if (held.length > 0)
    parts.push(`${title}: ${quarantines.length}\n${table(['SESSION', 'AT', 'QUERY', 'PARENT', 'SCORE', 'REASON', 'BITS OUT'], held)}`);
  const rows = parents
    .slice(0, PRINTED_PARENTS)
    .map((one) => [one.session, one.parent, ...[one.queries, one.uniqueNames, one.forwarded].map(String), number(one.leakBits)]);
  if (rows.length > 0)
    parts.push(
      `most bits out, ${rows.length} of ${parents.length}\n${table(['SESSION', 'PARENT', 'QUERIES', 'NAMES', 'SENT', 'BITS OUT'], rows)}`,
    );
  return parts.join('\n');
}

function leftOutText({ leftOut }: FileReport): string {
  const kinds = Object.entries(leftOut).map(([kind, count]) => `${count} ${kind}`);
  return kinds.length === 0 ? '' : `; left out: ${kinds.join(', ')}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

const BAR_CHARS = 30;
const REDRAW_MS = 200;

/** A bar on standard error, where that is a terminal and the sizes of the files are known. */
class Progress {
  readonly #io: VerbIo;
  readonly #total: number;
  #octets = 0;
  #drawnMs = 0;
  #shown = false;

  constructor(io: VerbIo, files: readonly string[]) {
    this.#io = io;
    const terminal = 'isTTY' in io.stderr && io.stderr.isTTY === true;
    this.#total = terminal ? files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0) : 0;
  }

  advance(octets: number): void {
    this.#octets += octets;
    const nowMs = performance.now();
    if (this.#total === 0 || nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#shown = true;
    const part = Math.min(1, this.#octets / this.#total);
    const bar = '#'.repeat(Math.round(part * BAR_CHARS)).padEnd(BAR_CHARS, '.');
    this.#io.stderr.write(`\r${bar} ${Math.floor(part * 100)} %`);
  }

  clear(): void {
    if (this.#shown) this.#io.stderr.write(`\r${' '.repeat(BAR_CHARS + 6)}\r`);
    this.#shown = false;
  }
}
